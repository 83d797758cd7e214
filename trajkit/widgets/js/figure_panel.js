// A plotly figure that keeps its zoom while its data change, in the colours of the page.

import { make } from "./dom.js";
import { plotlyOf } from "./plotly.js";

const CLEAR = "rgba(0,0,0,0)";
const THEME_ATTRIBUTES = ["class", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"];

function isDark(element) {
  for (let e = element; e; e = e.parentElement) {
    const [r, g, b, a = 1] = (getComputedStyle(e).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    if (a > 0.5) return 0.3 * r + 0.59 * g + 0.11 * b < 128;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** A figure from JSON. Figures are made for any page, with one `gray` for text and references; here the page is known. */
function inked(json, gray, dark) {
  return JSON.parse(json.replaceAll(gray, dark ? "#d0d4da" : "#333a44"));
}

/** A layout with a transparent background. On a dark page, figures with other templates, which are light, become dark. */
function themed(layout, dark) {
  const out = { ...layout, paper_bgcolor: CLEAR, plot_bgcolor: CLEAR, uirevision: "trajkit", autosize: true };
  if (!dark) return out;
  out.font = { ...layout.font, color: "#d0d4da" };
  for (const key of Object.keys(out).filter((k) => /^[xy]axis/.test(k))) {
    out[key] = { gridcolor: "#3c4149", zerolinecolor: "#4a505a", linecolor: "#4a505a", ...out[key] };
  }
  if (out.legend) out.legend = { ...out.legend, bgcolor: CLEAR };
  return out;
}

/** A trace as it is drawn here: transparent thin lines are hard to see on a dark page. */
function visible(trace, faded, dark) {
  if (faded) return { ...trace, opacity: 0.12 };
  return dark && trace.mode === "lines" && trace.opacity > 0.5 ? { ...trace, opacity: 1 } : trace;
}

/** Tell Python what happens to which points of the figure at `place`. */
function report(place, model) {
  const told = (points) => points.map(({ curveNumber, pointNumber, x, y }) => (
    { trace: curveNumber, point: Number.isInteger(pointNumber) ? pointNumber : -1, x: x ?? null, y: y ?? null }
  ));
  let over = "";
  place.on("plotly_click", ({ points, event }) => {
    const more = Boolean(event?.shiftKey || event?.ctrlKey || event?.metaKey);
    model.send({ event: "click", points: told(points.slice(0, 1)), more });
  });
  place.on("plotly_selected", (chosen) => {
    if (chosen?.points) model.send({ event: "select", points: told(chosen.points), more: true });
  });
  place.on("plotly_hover", ({ points }) => {
    const [first] = told(points);
    const key = `${first.trace} ${first.point} ${first.x} ${first.y}`;
    // plotly repeats the event while the mouse moves over one point.
    if (key !== over) model.send({ event: "hover", points: [first] });
    over = key;
  });
  place.on("plotly_unhover", () => {
    over = "";
    model.send({ event: "leave" });
  });
}

function render({ model, el }) {
  el.classList.add("trajkit-panel");
  const note = make("div", { className: "trajkit-panel-note", textContent: "loading plotly ..." });
  const place = make("div");
  el.append(note, place);
  let plotly = null, gone = false, ready = false, wanted = false, drawing = Promise.resolve();

  function complain(problem) {
    note.textContent = String(problem);
    note.hidden = false;
  }

  async function draw() {
    wanted = false;
    if (!plotly || gone || !model.get("_drawn") || !el.clientWidth) return;
    const dark = isDark(el);
    const [figure, marks] = ["_drawn", "_marks"].map((name) => inked(model.get(name), model.get("_gray"), dark));
    const data = figure.data.map((trace) => visible(trace, model.get("_faded"), dark));
    const layout = { ...themed(figure.layout, dark), height: model.get("height") };
    await plotly.react(place, [...data, ...marks.data], layout, { responsive: false, displaylogo: false, typesetMath: false });
    if (!ready) report(place, model);
    ready = true;
  }

  /** Draw once in the next frame, after all changes of this turn; never two drawings at the same time. */
  function redraw() {
    if (wanted) return;
    wanted = true;
    drawing = drawing.then(() => new Promise(requestAnimationFrame)).then(draw).catch(complain);
  }

  const width = new ResizeObserver(() => {
    place.style.minHeight = `${model.get("height")}px`;
    if (!plotly || !el.clientWidth) return;
    if (ready) plotly.Plots.resize(place);
    else redraw();
  });
  width.observe(el);
  // Themes of JupyterLab and of VS Code are attributes of the body; their styles come a moment later.
  const theme = new MutationObserver(() => setTimeout(redraw, 300));
  theme.observe(document.body, { attributes: true, attributeFilter: THEME_ATTRIBUTES });
  const names = ["change:_drawn", "change:_marks", "change:_faded", "change:height"];
  for (const name of names) model.on(name, redraw);
  plotlyOf(model).then((found) => {
    plotly = found;
    note.hidden = true;
    redraw();
  }, complain);

  return () => {
    gone = true;
    width.disconnect();
    theme.disconnect();
    for (const name of names) model.off(name, redraw);
    if (plotly) plotly.purge(place);
  };
}

export default { render };
