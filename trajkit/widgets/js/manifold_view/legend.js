// The legend: categories with counts of runs, which a click switches off, or a colour scale; then reference curves.

import { make } from "../dom.js";
import { scaleTicks } from "../scales.js";
import { css, onTheme, rgb, scaleColors } from "./color.js";

/** The legend of a view: { element, draw }. */
export function buildLegend(store) {
  const element = make("div", { className: "trajkit-legend" });
  let isolated = null;

  function draw() {
    if (!store.placed || !store.get("toolbar").includes("legend")) {
      element.replaceChildren();
      element.dataset.key = "";
      element.hidden = true;
      return;
    }
    const { coloring } = store.painted;
    const [entries, curves] = [entriesOf(store), curvesOf(store)];
    // Entries are rebuilt only after a change: a double click needs the same element for both clicks.
    const key = JSON.stringify([coloring.title, entries, curves, store.theme, coloring.low, coloring.high]);
    if (element.dataset.key !== key) {
      element.dataset.key = key;
      const parts = coloring.title ? [make("div", { className: "trajkit-title", textContent: coloring.title })] : [];
      if (coloring.categories) parts.push(make("div", { className: "trajkit-entries" }, ...entries.map(entry)));
      else parts.push(colorBar(store));
      parts.push(...curves.map(curve));
      element.replaceChildren(...parts);
      element.hidden = parts.length === 0;
    }
    const hidden = new Set(store.get("hidden"));
    for (const each of element.querySelectorAll(".trajkit-entry")) {
      each.setAttribute("aria-checked", String(!hidden.has(each.category)));
    }
  }

  function entry({ text, color, count }) {
    const swatch = make("i");
    swatch.style.background = color;
    return make("button", {
      ...{ type: "button", className: "trajkit-entry", role: "switch", category: text },
      title: `${text}: click to hide or show, double click to show it alone`,
      onclick: () => toggle(text),
      ondblclick: () => isolate(text),
    }, swatch, make("span", { textContent: text }), make("small", { textContent: String(count) }));
  }

  function toggle(text) {
    const hidden = store.get("hidden");
    store.set({ hidden: hidden.includes(text) ? hidden.filter((h) => h !== text) : [...hidden, text] });
  }

  function isolate(text) {
    const others = store.painted.coloring.categories.filter((c) => c !== text);
    const alone = others.every((c) => isolated === text && store.get("hidden").includes(c));
    isolated = alone ? null : text;
    store.set({ hidden: alone ? [] : others });
  }

  return { element, draw };
}

/** Categories with their colour and the number of their runs, "(none)" last. */
function entriesOf({ points, painted, theme }) {
  const { coloring } = painted;
  if (!coloring.categories || !coloring.title) return [];
  const counts = new Map();
  for (const code of coloring.code.slice(0, points.networks)) counts.set(code, (counts.get(code) ?? 0) + 1);
  const color = (code) => css(onTheme(rgb(coloring.paint[code]), theme));
  const entries = coloring.categories.map((text, code) => ({ text, color: color(code), count: counts.get(code) ?? 0 }));
  return entries.sort((a, b) => (a.text === "(none)") - (b.text === "(none)"));
}

/** Names of the references that are curves; single points have their names beside them. */
function curvesOf({ points }) {
  const references = points.names.slice(points.networks, points.ownRuns);
  return references.filter((_, k) => points.offset[points.networks + k + 1] - points.offset[points.networks + k] > 1);
}

function curve(name) {
  return make("div", { className: "trajkit-curve", title: name }, make("i"), make("span", { textContent: name }));
}

function colorBar(store) {
  const scale = scaleColors(store.get("_palette").scale, store.theme);
  const stops = [0, 28, 57, 85, 113, 142, 170, 198, 227, 255].map((i) => css(scale.slice(3 * i, 3 * i + 3)));
  // `stops` is for the picture: a canvas cannot paint a gradient from its CSS.
  const strip = make("div", { className: "trajkit-strip", stops });
  strip.style.background = `linear-gradient(to top, ${stops.join(", ")})`;
  const marks = scaleTicks(store.painted.coloring).map(([part, text]) => {
    const mark = make("span", { textContent: text });
    mark.style.bottom = `${100 * part}%`;
    return mark;
  });
  return make("div", { className: "trajkit-bar" }, strip, make("div", { className: "trajkit-marks" }, ...marks));
}
