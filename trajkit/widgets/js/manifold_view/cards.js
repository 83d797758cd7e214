// Cards with the facts about the hovered point and the pinned ones.

import { make } from "../dom.js";
import { clamp, countText, mix, numberText } from "../scales.js";

/** The cards of a view: { element, draw, clear }. */
export function buildCards(store) {
  const element = make("div", { className: "trajkit-cards" });

  function draw() {
    const { hovered } = store;
    const pinned = store.pinned.filter((i) => i >= 0);
    const wanted = hovered < 0 ? pinned : [...pinned, hovered];
    while (element.children.length > wanted.length) element.lastChild.remove();
    wanted.forEach((i, k) => {
      const card = element.children[k] ?? element.appendChild(make("div", { className: "trajkit-card" }));
      const isPinned = k < pinned.length;
      // Filling a card costs a layout of the page, and most frames only move it.
      const shows = [i, isPinned, store.painted.coloring, store.points];
      if (!card.shows?.every((s, n) => s === shows[n])) {
        fill(card, store.name(i)[0], isPinned ? brief(store, i) : facts(store, i));
      }
      card.shows = shows;
      card.classList.toggle("trajkit-pinned", isPinned);
      setBeside(card, store.at(i), isPinned, store.size);
    });
  }

  return { element, draw, clear: () => element.replaceChildren() };
}

/** Two lists of [name, value]: attributes of the run that vary, and the point's step, values and coordinates. */
function facts(store, i) {
  const { points, quantities, placed } = store;
  const { coloring } = store.painted;
  const run = points.run[i] < points.networks ? attributesOf(store, points.run[i]) : [];
  const here = [["checkpoint", String(points.checkpoint[i])]];
  if (Number.isFinite(points.step[i])) here.push(["step", countText(points.step[i])]);
  if (i < points.n) {
    const others = [...quantities.values()].filter((q) => q.name !== "step" && q.name !== "checkpoint");
    for (const q of others) here.push([q.name, numberText(q.values[i])]);
    if (coloring.values && !quantities.has(coloring.name)) here.push([coloring.title, numberText(coloring.values[i])]);
  } else if (Number.isFinite(points.liveValue[i - points.n])) here.push(["value", numberText(points.liveValue[i - points.n])]);
  placed.axes.forEach((axis, k) => {
    const unit = placed.position[4 * i + k] / placed.half[k];
    here.push([`component ${axis.component}`, numberText(mix(axis.low, axis.high, (unit + 1) / 2))]);
  });
  return [run, here];
}

/** A pinned card is short: the attribute that gives the colour, and the point's values without its coordinates. */
function brief(store, i) {
  const [run, here] = facts(store, i);
  return [[...run.filter(([name]) => name === store.painted.coloring.name), ...here.slice(0, here.length - 3)]];
}

function attributesOf(store, r) {
  const varies = (a) => !a.categories || a.code.slice(0, store.points.networks).some((code) => code !== a.code[0]);
  const text = (a) => (a.categories ? (a.categories[a.code[r]] ?? "(none)") : numberText(a.value[r] ?? NaN));
  return store.get("_attributes").filter(varies).map((a) => [a.name, text(a)]);
}

function fill(card, title, lists) {
  const row = ([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })];
  const shown = lists.filter((list) => list.length).map((list) => make("dl", {}, ...list.flatMap(row)));
  card.replaceChildren(make("strong", { textContent: title }), make("div", {}, ...shown));
}

/** Put a card beside a place on the stage, so that all of it stays inside. */
function setBeside(card, [x, y], leftwards, { width, height }) {
  const { offsetWidth: wide, offsetHeight: high } = card;
  const [right, left] = [x + 16, x - 16 - wide];
  const sides = leftwards ? [left, right] : [right, left];
  const fitting = sides.find((at) => at >= 4 && at + wide <= width - 4) ?? right;
  card.style.left = `${clamp(fitting, 4, Math.max(4, width - wide - 4))}px`;
  card.style.top = `${clamp(y - high / 3, 4, Math.max(4, height - high - 4))}px`;
}
