// The stage: three canvases over each other (the box, WebGL2 with runs and points, marks), and cards over them.

import { make } from "../dom.js";
import { paintBox } from "./axes.js";
import { Scene } from "./scene.js";

const HELP = [
  "Manifold in three dimensions. Arrow keys turn, plus and minus zoom, 1 2 3 look along an axis, r resets, space plays,",
  "Escape clears the selection.",
].join(" ");

/** The stage of a view. `cards` lie over it, `paintMarks` draws on its upper canvas. */
export function buildStage(store, { cards, paintMarks }) {
  const backdrop = make("canvas", { className: "trajkit-layer" });
  const overlay = make("canvas", { className: "trajkit-layer" });
  const message = make("div", { className: "trajkit-message", role: "status", hidden: true }, make("span"));
  const properties = { className: "trajkit-stage", tabIndex: 0, role: "application", "aria-label": HELP };
  const element = make("div", properties, backdrop, overlay, message, cards.element);
  let scene = null, fault = "", visible = false;

  // Out of sight a view keeps no WebGL context: a page has only some sixteen.
  function seen(inSight) {
    visible = inSight;
    if (visible) open();
    else close();
  }

  function open() {
    if (scene) return;
    try {
      scene = new Scene(lost);
      fault = "";
      backdrop.after(scene.canvas);
      upload(["places", "paint"]);
    } catch (error) {
      fault = `The 3D view cannot draw: ${error.message}`;
    }
    store.refresh("picture");
  }

  /** The browser took the context away: draw on a new one. */
  function lost() {
    close();
    setTimeout(() => {
      if (visible && !store.signal.aborted) open();
    }, 300);
  }

  function close() {
    scene?.close();
    scene = null;
  }

  /** Upload the results of these stages to the textures. */
  function upload(stages) {
    if (!scene || !store.placed) return;
    for (const stage of stages) {
      if (stage === "places") {
        scene.upload("places", store.placed.position);
        scene.upload("courses", store.placed.course);
      } else if (stage === "paint" && store.painted) scene.upload("colors", store.painted.color);
    }
  }

  /** Draw what these stages changed: all layers, or only the marks. */
  function draw(stages) {
    upload(stages);
    if (visible) drawLayers(stages.has("picture"));
  }

  function drawLayers(all) {
    if (!store.size.width || !store.size.height) return;
    const problem = obstacle(store, fault);
    message.hidden = !problem;
    message.firstChild.textContent = problem;
    const nothing = !store.placed || Boolean(fault);
    if (all || !store.projection) {
      const context = cleared(backdrop, store.size);
      store.project();
      if (nothing) scene?.begin(1, 1);
      else {
        const { projection, ink, font, placed } = store;
        const timeLike = store.get("_palette").time_like[store.theme];
        paintBox(context, { projection, axes: placed.axes, half: placed.half, ink, timeLike, font });
        drawScene();
      }
    }
    const context = cleared(overlay, store.size);
    if (nothing) {
      cards.clear();
      return;
    }
    paintMarks(context);
    cards.draw();
  }

  function drawScene() {
    if (!scene) return;
    scene.begin(backdrop.width, backdrop.height);
    scene.drawRuns({
      ...{ points: store.points, matrix: store.projection.matrix, pixels: store.size.pixels },
      ...{ opacity: store.get("opacity"), pointSize: store.get("point_size"), lineWidth: store.get("line_width") },
      ...{ now: store.now, heads: store.time < 1, anyDimmed: store.painted.anyDimmed, hurried: store.hurried },
    });
  }

  /** Draw at once, in sight or not: for a picture of the view. */
  function redraw() {
    open();
    store.hurried = false;
    store.update();
    drawLayers(true);
  }

  /** Close a scene that was opened only for a picture. */
  function rest() {
    if (!visible) close();
  }

  const layers = () => [backdrop, ...(scene ? [scene.canvas] : []), overlay];
  return { element, seen, draw, redraw, rest, layers, close };
}

/** A canvas' context in the stage's pixels, with nothing on it. */
function cleared(canvas, { width, height, pixels }) {
  const [wide, high] = [Math.round(width * pixels), Math.round(height * pixels)];
  // Setting the size, even to the same, makes a new bitmap.
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  const context = canvas.getContext("2d");
  context.setTransform(pixels, 0, 0, pixels, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Why there is nothing to see, or "". */
function obstacle({ points, placed, painted }, fault) {
  if (fault) return `${fault}. tk.figures.manifold(embedding) draws the same with plotly.`;
  if (!points.n) return "nothing to show yet: view.show(embedding)";
  if (!placed || !points.networks) return "";
  const some = painted.shown.subarray(0, points.networks).some(Boolean);
  return some ? "" : "no run to draw: every run is filtered out or switched off";
}
