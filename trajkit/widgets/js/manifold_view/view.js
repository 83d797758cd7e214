// The browser's half of ManifoldView, an anywidget module: it makes the parts of the page and joins them to one store.
//
// The state is in the model's traits (see manifold_view.py), what is computed from it in store.js. Each part gets the
// store, and callbacks where it needs another part; no part imports another. Only a change causes drawing.

import { make } from "../dom.js";
import { cameraMoves } from "./camera_moves.js";
import { buildCards } from "./cards.js";
import { inkOf, themeOf } from "./color.js";
import { buildControls } from "./controls.js";
import { listenToKeys } from "./keyboard.js";
import { buildLegend } from "./legend.js";
import { paintMarks } from "./marks.js";
import { buildPicture } from "./picture.js";
import { listenToPointers } from "./pointer.js";
import { buildPopovers } from "./popovers.js";
import { buildStage } from "./stage.js";
import { Store } from "./store.js";
import { buildTimeline } from "./timeline.js";

function render({ model, el }) {
  const store = new Store(model);
  const root = make("div", { className: "trajkit-view" });
  const moves = cameraMoves(store, { onProjection: () => controls.drawTools() });
  const cards = buildCards(store);
  const stage = buildStage(store, { cards, paintMarks: (context) => paintMarks(store, context) });
  const legend = buildLegend(store);
  const timeline = buildTimeline(store);
  const popovers = buildPopovers(store, root);
  const parts = () => [legend.element, ...cards.element.children];
  const picture = buildPicture(store, { stage, parts });
  const controls = buildControls(store, { moves, togglePopover: popovers.toggle, savePicture: picture.save });
  listenToPointers(store, stage.element, moves);
  listenToKeys(store, root, { moves, play: timeline.play, closePopover: popovers.close });

  store.draw = (stages) => {
    if (stages.has("paint")) {
      controls.draw();
      timeline.drawMenu();
      legend.draw();
    }
    if (stages.has("picture")) timeline.draw();
    stage.draw(stages);
  };
  const drawTools = () => {
    stage.element.dataset.tool = store.get("tool");
    controls.drawTools();
  };
  store.on("change:tool", drawTools);
  store.on("change:toolbar", () => {
    popovers.close();
    controls.rebuild();
  });

  root.append(controls.element, make("div", { className: "trajkit-middle" }, stage.element, legend.element), timeline.element);
  el.append(root);
  const unwatch = watchPage(store, root, stage);
  drawTools();
  store.refresh("points");
  return () => {
    store.close();
    unwatch();
    stage.close();
    root.remove();
  };
}

/** Follow the theme of the page, the size of the view, and whether it is in sight; returns a function that stops. */
function watchPage(store, root, stage) {
  const restyle = () => {
    store.theme = themeOf(store.model);
    store.ink = inkOf(store.theme);
    root.dataset.theme = store.theme;
    for (const [name, color] of Object.entries(store.ink)) root.style.setProperty(`--${name}`, color);
    root.style.height = `${store.get("height")}px`;
    store.font = getComputedStyle(root).fontFamily;
    store.refresh("paint");
  };
  const resized = () => {
    const { clientWidth: width, clientHeight: height } = stage.element;
    store.size = { width, height, pixels: Math.min(3, devicePixelRatio || 1) };
    root.classList.toggle("trajkit-narrow", root.clientWidth < 720);
    root.classList.toggle("trajkit-small", root.clientWidth < 540);
    // JupyterLab renders a view before it is on the page; until then it has no font.
    store.font = getComputedStyle(root).fontFamily;
    store.refresh("picture");
  };
  restyle();
  store.on("change:height", restyle);
  store.on("change:theme", restyle);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle, { signal: store.signal });
  const body = new MutationObserver(restyle);
  body.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-vscode-theme-kind"] });
  const size = new ResizeObserver(resized);
  size.observe(stage.element);
  const sight = new IntersectionObserver(([entry]) => stage.seen(entry.isIntersecting), { rootMargin: "150px" });
  sight.observe(root);
  return () => {
    for (const watch of [body, size, sight]) watch.disconnect();
  };
}

export default { render };
