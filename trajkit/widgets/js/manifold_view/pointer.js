// Mouse, pen and fingers on the stage: dragging, selecting, hovering, pinching, the wheel.

import { clamp } from "../scales.js";

// A press that travels fewer pixels than this is a click.
const CLICK = 3;

/** Listen to pointers on the stage until the view is closed. */
export function listenToPointers(store, stage, moves) {
  const pointers = new Map();
  let hover = -1;
  // The drag: what it does ("orbit", "pan", "lasso", "box"), its length in pixels, its start, and how it selects.
  let drag = "", travelled = 0, corner = [0, 0], how = "replace";

  const placeOf = (event) => {
    const { left, top } = stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };

  function pressed(event) {
    stage.setPointerCapture(event.pointerId);
    corner = placeOf(event);
    pointers.set(event.pointerId, corner);
    // Two fingers never click.
    travelled = pointers.size > 1 ? Infinity : 0;
    const tool = store.get("tool");
    const selects = event.button === 0 && pointers.size === 1 && (tool === "lasso" || tool === "box");
    drag = selects ? tool : event.button || event.shiftKey || tool === "pan" ? "pan" : "orbit";
    store.outline = selects ? [corner] : null;
    how = event.shiftKey ? "add" : event.altKey ? "remove" : "replace";
  }

  function moved(event) {
    const here = placeOf(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      hoverOver(store.pointAt(...here));
      return;
    }
    const [dx, dy] = [here[0] - before[0], here[1] - before[1]];
    travelled += Math.hypot(dx, dy);
    if (pointers.size === 2) pinched(event.pointerId, before, here);
    pointers.set(event.pointerId, here);
    if (pointers.size > 1 || travelled < CLICK) return;
    if (drag === "orbit") moves.turn(-0.4 * dx, 0.4 * dy);
    else if (drag === "pan") moves.shift(dx, dy);
    else {
      if (drag === "box") store.outline = [corner, [here[0], corner[1]], here, [corner[0], here[1]]];
      else store.outline.push(here);
      store.refresh("marks");
    }
  }

  function released(event) {
    if (!pointers.delete(event.pointerId)) return;
    const { outline } = store;
    store.outline = null;
    store.refresh("marks");
    if (event.type === "pointercancel") return;
    if (travelled < CLICK) clicked(placeOf(event));
    else if (outline?.length > 2) store.select(outline, how);
  }

  /** A click pins the point under the mouse, or lets it go. */
  function clicked(here) {
    const i = store.pointAt(...here);
    if (i < 0) return;
    const [run, checkpoint] = store.name(i);
    const pinned = store.get("pinned");
    const others = pinned.filter(([r, c]) => r !== run || c !== checkpoint);
    store.set({ pinned: others.length < pinned.length ? others : [...pinned, [run, checkpoint]] });
  }

  function hoverOver(i) {
    if (i === hover) return;
    hover = i;
    store.set({ hovered: i < 0 ? [] : store.name(i) });
  }

  function pinched(id, before, here) {
    const [other] = [...pointers].filter(([key]) => key !== id).map(([, place]) => place);
    const wide = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
    moves.zoom(wide(here) / Math.max(1, wide(before)));
    moves.shift((here[0] - before[0]) / 2, (here[1] - before[1]) / 2);
  }

  function wheeled(event) {
    event.preventDefault();
    // Some browsers count lines instead of pixels.
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    moves.zoom(Math.exp(-0.0012 * clamp(pixels, -400, 400)));
  }

  const on = (type, listener, options = {}) => stage.addEventListener(type, listener, { signal: store.signal, ...options });
  on("pointerdown", pressed);
  on("pointermove", moved);
  on("pointerup", released);
  on("pointercancel", released);
  on("pointerleave", () => {
    if (!pointers.size) hoverOver(-1);
  });
  on("wheel", wheeled, { passive: false });
  on("dblclick", moves.reset);
  on("contextmenu", (event) => event.preventDefault());
}
