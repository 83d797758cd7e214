// Keys: those that move the camera, space, which plays, and Escape, which clears.

import { keepKeys } from "../dom.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Listen to keys inside `root` until the view is closed. `closePopover` says whether there was one to close. */
export function listenToKeys(store, root, { moves, play, closePopover }) {
  function shortcut({ key, shiftKey }) {
    if (key in ARROWS) {
      const [x, y] = ARROWS[key];
      if (shiftKey) moves.shift(20 * x, 20 * y);
      else moves.turn(-5 * x, 5 * y);
    } else if (key === "+" || key === "=") moves.zoom(1.2);
    else if (key === "-") moves.zoom(1 / 1.2);
    else if (["1", "2", "3"].includes(key)) moves.lookAlong(Number(key));
    else if (key === "r") moves.reset();
    else if (key === "p") moves.toggleProjection();
    else if (key === " ") play(!store.get("playing"));
    else return false;
    return true;
  }

  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (!closePopover()) store.set({ selection: [], pinned: [], highlighted: [] });
    } else {
      // Menus, sliders and buttons answer keys themselves.
      const field = event.target.closest("input, select, textarea, button");
      if (field || event.ctrlKey || event.metaKey || event.altKey || !shortcut(event)) return;
    }
    event.preventDefault();
    event.stopPropagation();
  }, { signal: store.signal });
  keepKeys(root, { signal: store.signal });
}
