// What lies over the points on a 2D canvas: names of references, rings round hovered and pinned points, the lasso.

import { trace } from "./axes.js";

/** Draw all marks of the store on an empty canvas. */
export function paintMarks(store, context) {
  paintReferences(store, context);
  paintLiveNames(store, context);
  for (const i of [...store.pinned, store.hovered]) {
    if (i >= 0 && store.placed.drawable[i]) paintRing(store, context, i);
  }
  if (store.outline) paintOutline(store, context);
}

/** A diamond with its name for each reference of one point; curves are named in the legend. */
function paintReferences(store, context) {
  const { points, placed, ink } = store;
  for (let r = points.networks; r < points.ownRuns; r++) {
    const [first, last] = [points.offset[r], points.offset[r + 1]];
    if (last - first !== 1 || !placed.drawable[first]) continue;
    const [x, y] = store.at(first);
    context.fillStyle = ink.reference;
    context.strokeStyle = ink.ground;
    context.lineWidth = 1.5;
    trace(context, [[x, y - 6], [x + 6, y], [x, y + 6], [x - 6, y]], true);
    context.fill();
    context.stroke();
    paintLabel(store, context, points.names[r], x, y - 12);
  }
}

/** The name of each run that trains now, at its last point. */
function paintLiveNames(store, context) {
  const { points } = store;
  for (let r = points.ownRuns; r < points.names.length; r++) {
    const last = points.offset[r + 1] - 1;
    if (last < points.offset[r]) continue;
    const [x, y] = store.at(last);
    paintLabel(store, context, points.names[r], x, y - 12);
  }
}

function paintRing(store, context, i) {
  const { ink } = store;
  const [x, y] = store.at(i);
  const radius = Math.max(5.5, 0.5 * store.get("point_size") + 3);
  // A thin dark ring on a broad light one is visible on points of any colour.
  for (const [color, wide] of [[ink.ground, 4], [ink.text, 1.75]]) {
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}

function paintOutline({ outline, ink }, context) {
  context.fillStyle = ink.lasso;
  context.strokeStyle = ink.accent;
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  trace(context, outline, true);
  context.fill();
  context.stroke();
  context.setLineDash([]);
}

/** Text with a halo in the colour of the background, so that it is readable over points. */
function paintLabel({ ink, font }, context, text, x, y) {
  context.font = `600 12px ${font}`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = ink.ground;
  context.strokeText(text, x, y);
  context.fillStyle = ink.reference;
  context.fillText(text, x, y);
}
