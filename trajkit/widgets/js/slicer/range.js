// A control that chooses a range of numbers: bars with counts, two handles, two fields, and "(none)" for missing numbers.

import { make } from "../dom.js";
import { clamp } from "../scales.js";
import { button, onText } from "./inputs.js";

const STEPS = 400;
const EVERYTHING = { low: null, high: null, none: false, single: [] };

/** Where x lies on a range's scale, from 0 to 1: the formulas of RangeFacet in slicer_facets.py. */
function along({ scale, low, high, unit }, x) {
  if (scale === "linear") return (x - low) / (high - low);
  if (scale === "log") return Math.log(x / low) / Math.log(high / low);
  return Math.log1p(x / unit) / Math.log1p(high / unit);
}

/** The number at a place from 0 to 1, rounded as people would write it. */
function numberAt({ scale, low, high, unit, whole }, place) {
  let x;
  if (scale === "linear") x = low + place * (high - low);
  else if (scale === "log") x = low * (high / low) ** place;
  else x = unit * Math.expm1(place * Math.log1p(high / unit));
  return whole ? Math.round(x) : Number(x.toPrecision(3));
}

/** The control of a facet: { body, update }. `choose` hears the choice, null for no restriction. */
export function rangeControl(facet, choose) {
  let choice = EVERYTHING;
  const send = (part) => {
    choice = { ...choice, single: [], ...part };
    const all = choice.low === null && choice.high === null && !choice.none;
    choose(all ? null : choice);
  };
  const [low, high] = ["low", "high"].map((end) => slider(facet, end, () => slid(end)));
  const [lowNumber, highNumber] = ["low", "high"].map((end) => field(facet, end, () => typed(end)));
  const fieldOf = { low: lowNumber, high: highNumber };
  const bars = make("div", { className: "bars" });
  const single = make("span", { className: "note" });
  const none = facet.missing ? noneButton(() => send({ none: !choice.none })) : null;
  const body = make("div", { className: "range" }, bars, make("div", { className: "sliders" }, low, high),
    make("div", { className: "ends" }, lowNumber, single, highNumber), ...(none ? [none.element] : []));

  function slid(end) {
    const [a, b] = [Number(low.value), Number(high.value)];
    const element = end === "low" ? low : high;
    // A handle stops at the other one.
    if (a > b) element.value = end === "low" ? b : a;
    const place = Number(element.value);
    send({ [end]: place === (end === "low" ? 0 : STEPS) ? null : numberAt(facet, place / STEPS) });
  }

  function typed(end) {
    const element = fieldOf[end];
    const text = element.value.trim();
    const value = text === "" ? null : Number(text);
    const other = end === "low" ? choice.high : choice.low;
    const crossed = value !== null && other !== null && (end === "low" ? value > other : value < other);
    const wrong = Number.isNaN(value) || crossed;
    element.classList.toggle("wrong", wrong);
    if (!wrong) send({ [end]: value });
  }

  function update(given, counts) {
    choice = given ?? EVERYTHING;
    const [a, b] = [choice.low ?? facet.low, choice.high ?? facet.high].map((x) => clamp(along(facet, x), 0, 1));
    // The control that has the focus keeps its value, unless the restriction was lifted.
    const free = (element) => document.activeElement !== element;
    if (free(low) || given === null) low.value = a * STEPS;
    if (free(high) || given === null) high.value = b * STEPS;
    // At the right end, the upper handle would cover the lower one.
    low.style.zIndex = a > 0.5 ? 2 : "";
    const format = (x) => String(facet.whole ? x : Number(x.toPrecision(4)));
    if (free(lowNumber)) lowNumber.value = format(choice.low ?? facet.low);
    if (free(highNumber)) highNumber.value = format(choice.high ?? facet.high);
    single.textContent = choice.single?.length ? `only ${choice.single.join(", ")}` : "";
    body.style.setProperty("--low", a);
    body.style.setProperty("--high", b);
    none?.update(choice.none, counts?.length ? counts.at(-1) : "");
    drawBars(bars, counts?.length ? counts.slice(0, -1) : [], a, b);
  }

  return { body, update };
}

const nameOf = (end) => (end === "low" ? "lowest" : "highest");

function slider(facet, end, oninput) {
  const label = `${nameOf(end)} ${facet.name}`;
  return make("input", { type: "range", min: 0, max: STEPS, step: 1, className: end, "aria-label": label, oninput });
}

function field(facet, end, take) {
  const title = `${nameOf(end)} value`;
  const label = `${title} of ${facet.name}`;
  const element = make("input", { type: "text", inputMode: "decimal", className: "number", title, "aria-label": label });
  onText(element, take);
  return element;
}

function noneButton(onclick) {
  const count = make("span", { className: "count" });
  const element = button("(none) ", "runs of which this is not known", onclick, "chip");
  element.append(count);
  const update = (on, number) => {
    element.classList.toggle("on", on);
    element.setAttribute("aria-pressed", on);
    count.textContent = number;
  };
  return { element, update };
}

/** A bar for each count; those outside the range from `low` to `high` are faint. */
function drawBars(bars, counts, low, high) {
  bars.hidden = !counts.length;
  if (bars.childElementCount !== counts.length) bars.replaceChildren(...counts.map(() => make("i")));
  const most = Math.max(1, ...counts);
  counts.forEach((n, i) => {
    const bar = bars.children[i];
    bar.style.height = n ? `${Math.max(6, (100 * n) / most)}%` : "0";
    bar.classList.toggle("out", (i + 1) / counts.length <= low || i / counts.length >= high);
    bar.title = `${n} runs`;
  });
}
