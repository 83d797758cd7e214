// A plotly figure. plotly.js is large: the first panel of a page asks the kernel for it, and all share that copy.
const SHARED = Symbol.for("trajkit.plotly");

async function unpacked(buffer) {
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(stream).text();
  // A UMD bundle; with a `module` of its own it asks no loader of the page, and leaves no global behind.
  const module = { exports: {} };
  const had = Object.hasOwn(window, "Plotly"), before = window.Plotly;
  new Function("module", "exports", "define", source)(module, module.exports, undefined);
  if (had) window.Plotly = before;
  else delete window.Plotly;
  return module.exports;
}

function library(model) {
  globalThis[SHARED] ??= new Promise((resolve, reject) => {
    const got = (content, buffers) => {
      if (content.library !== "plotly") return;
      model.off("msg:custom", got);
      clearTimeout(late);
      unpacked(buffers[0]).then(resolve, reject);
    };
    // A kernel with cells in its queue answers after the last of them, and that may be long.
    const late = setTimeout(() => reject(new Error("the kernel did not send plotly.js")), 1_800_000);
    model.on("msg:custom", got);
    model.send({ need: "plotly" });
  });
  // Another panel may ask again.
  globalThis[SHARED].catch(() => delete globalThis[SHARED]);
  return globalThis[SHARED];
}

function isDark(element) {
  for (let e = element; e; e = e.parentElement) {
    const [r, g, b, a = 1] = (getComputedStyle(e).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    if (a > 0.5) return 0.3 * r + 0.59 * g + 0.11 * b < 128;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// Figures are made for any page, with one grey for text and references. Here the page is known: they take its ink.
function inked(json, dark) {
  return JSON.parse(json.replaceAll("#767A80", dark ? "#d0d4da" : "#333a44"));
}

// Templates other than trajkit's are light.
function themed(layout, dark) {
  const clear = "rgba(0,0,0,0)";
  const out = { ...layout, paper_bgcolor: clear, plot_bgcolor: clear, uirevision: "trajkit", autosize: true };
  if (!dark) return out;
  out.font = { ...layout.font, color: "#d0d4da" };
  for (const key of Object.keys(out).filter((k) => /^[xy]axis/.test(k))) {
    out[key] = { gridcolor: "#3c4149", zerolinecolor: "#4a505a", linecolor: "#4a505a", ...out[key] };
  }
  if (out.legend) out.legend = { ...out.legend, bgcolor: clear };
  return out;
}

// Thin lines that let the page through are hard to see where that is dark.
function seen(trace, faded, dark) {
  if (faded) return { ...trace, opacity: 0.12 };
  return dark && trace.mode === "lines" && trace.opacity > 0.5 ? { ...trace, opacity: 1 } : trace;
}

function render({ model, el }) {
  el.classList.add("trajkit-panel");
  const place = document.createElement("div");
  const note = document.createElement("div");
  note.className = "trajkit-panel-note";
  note.textContent = "loading plotly ...";
  el.append(note, place);
  let plotly = null, gone = false, drawing = Promise.resolve(), wanted = false;

  const draw = async () => {
    wanted = false;
    if (!plotly || gone || !model.get("_drawn") || !el.clientWidth) return;
    const dark = isDark(el);
    const figure = inked(model.get("_drawn"), dark);
    const marks = inked(model.get("_marks"), dark).data;
    const faded = model.get("_faded");
    const data = figure.data.map((trace) => seen(trace, faded, dark));
    const layout = themed(figure.layout, dark);
    layout.height = model.get("height");
    await plotly.react(place, [...data, ...marks], layout, { responsive: false, displaylogo: false });
    if (!place.dataset.ready) listen();
    place.dataset.ready = "yes";
  };
  // One drawing at a time, and of several changes in one turn only the last.
  const redraw = () => {
    if (wanted) return;
    wanted = true;
    drawing = drawing.then(() => new Promise(requestAnimationFrame)).then(draw).catch((problem) => {
      note.textContent = String(problem);
      note.hidden = false;
    });
  };
  const told = (points) => points.map((p) => ({
    trace: p.curveNumber, point: Number.isInteger(p.pointNumber) ? p.pointNumber : -1, x: p.x ?? null, y: p.y ?? null,
  }));
  const listen = () => {
    let over = "";
    place.on("plotly_click", ({ points, event }) =>
      model.send({ event: "click", points: told(points.slice(0, 1)), more: Boolean(event?.shiftKey || event?.ctrlKey || event?.metaKey) }));
    place.on("plotly_selected", (chosen) => chosen?.points && model.send({ event: "select", points: told(chosen.points), more: true }));
    place.on("plotly_hover", ({ points }) => {
      const [first] = told(points);
      const key = `${first.trace} ${first.point} ${first.x} ${first.y}`;
      if (key !== over) model.send({ event: "hover", points: [first] });
      over = key;
    });
    place.on("plotly_unhover", () => {
      over = "";
      model.send({ event: "leave" });
    });
  };

  const width = new ResizeObserver(() => {
    place.style.minHeight = `${model.get("height")}px`;
    if (!plotly || !el.clientWidth) return;
    if (place.dataset.ready) plotly.Plots.resize(place);
    else redraw();
  });
  width.observe(el);
  // Themes of JupyterLab and of VS Code are attributes of the body; their styles come a moment later.
  const theme = new MutationObserver(() => setTimeout(redraw, 300));
  theme.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"] });
  const names = ["change:_drawn", "change:_marks", "change:_faded", "change:height"];
  for (const name of names) model.on(name, redraw);
  library(model).then((found) => {
    plotly = found;
    note.hidden = true;
    redraw();
  }, (problem) => {
    note.textContent = String(problem);
  });
  return () => {
    gone = true;
    width.disconnect();
    theme.disconnect();
    for (const name of names) model.off(name, redraw);
    if (plotly) plotly.purge(place);
  };
}

export default { render };
