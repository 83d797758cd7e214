// The box behind the points on a 2D canvas: its three far faces with grids, and an axis on an edge for each component.
//
// A `frame` holds what all steps need: { context, projection, axes, half, far, marks, middle, ink, timeLike, font }.

import { ticks, tickText } from "../scales.js";

const AXES = [0, 1, 2];

/** Draw faces, grids, ticks and titles of the box. `half` is half its width along each axis, `timeLike` a colour. */
export function paintBox(context, { projection, axes, half, ink, timeLike, font }) {
  const far = projection.towards.map((f, k) => (f > 0 ? -half[k] : half[k]));
  const marks = axes.map((axis, k) => axisMarks(axis, half[k]));
  const corners = [];
  for (const x of [-half[0], half[0]]) {
    for (const y of [-half[1], half[1]]) corners.push(projection.at(x, y, -half[2]), projection.at(x, y, half[2]));
  }
  const middle = [0, 1].map((i) => corners.reduce((sum, corner) => sum + corner[i], 0) / 8);
  const frame = { context, projection, axes, half, far, marks, middle, ink, timeLike, font };
  for (const k of AXES) paintFace(frame, k);
  for (const k of AXES) paintAxis(frame, k);
}

export function trace(context, points, closed = false) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (closed) context.closePath();
}

/** Places of an axis' round numbers in the box, with their texts. Numbers far from 0 are counted from `axis.from`. */
function axisMarks(axis, half) {
  const { at, step } = ticks(axis.low - axis.from, axis.high - axis.from);
  const place = (value) => half * ((2 * (value + axis.from - axis.low)) / (axis.high - axis.low) - 1);
  return at.map((value) => ({ place: place(value), text: tickText(value, step) }));
}

/** The pixel of the position that is `along` on axis k, and `a` and `b` on the other two axes. */
function onStage(projection, k, along, a, b) {
  const [i, j] = AXES.filter((other) => other !== k);
  const position = [0, 0, 0];
  [position[k], position[i], position[j]] = [along, a, b];
  return projection.at(...position);
}

function paintFace({ context, projection, axes, half, far, marks, ink }, k) {
  const [i, j] = AXES.filter((other) => other !== k);
  const point = (a, b) => onStage(projection, k, far[k], a, b);
  const outline = [point(-half[i], -half[j]), point(half[i], -half[j]), point(half[i], half[j]), point(-half[i], half[j])];
  // A corner behind the eye has no place on the stage.
  if (outline.some((p) => Number.isNaN(p[0]))) return;
  context.fillStyle = ink.face;
  trace(context, outline, true);
  context.fill();
  context.lineWidth = 1;
  for (const [along, other, at] of [[i, j, (m, e) => point(m, e)], [j, i, (m, e) => point(e, m)]]) {
    context.strokeStyle = axes[along].time_like ? ink.redGrid : ink.grid;
    for (const { place } of marks[along]) {
      trace(context, [at(place, -half[other]), at(place, half[other])]);
      context.stroke();
    }
  }
  context.strokeStyle = ink.edge;
  trace(context, outline, true);
  context.stroke();
}

/** The edge that carries axis k, where it covers nothing; undefined if all such edges are behind the eye. */
function edgeOf({ projection, half, far }, k) {
  const [i, j] = AXES.filter((other) => other !== k);
  const edges = [];
  for (const a of [-half[i], half[i]]) {
    for (const b of [-half[j], half[j]]) {
      // An edge of the outline lies between a far face and a near one.
      if ((a === far[i]) === (b === far[j])) continue;
      const at = (along) => onStage(projection, k, along, a, b);
      edges.push({ at, ends: [at(-half[k]), at(half[k])] });
    }
  }
  const upright = edges.every(({ ends: [p, q] }) => Math.abs(p[0] - q[0]) < 0.5 * Math.abs(p[1] - q[1]));
  // Upright axes stand at the left, the others lie below.
  const rank = ({ ends: [p, q] }) => (upright ? p[0] + q[0] : -(p[1] + q[1]));
  return edges.filter(({ ends }) => ends.every((p) => Number.isFinite(p[0]))).sort((a, b) => rank(a) - rank(b))[0];
}

/** Line, ticks and title of axis k. */
function paintAxis(frame, k) {
  const { context, axes, middle, ink, timeLike } = frame;
  const edge = edgeOf(frame, k);
  if (!edge) return;
  const [p, q] = edge.ends;
  const long = Math.hypot(q[0] - p[0], q[1] - p[1]);
  if (long < 45) return;
  const way = [(q[0] - p[0]) / long, (q[1] - p[1]) / long];
  const centre = [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
  let out = [-way[1], way[0]];
  if ((centre[0] - middle[0]) * out[0] + (centre[1] - middle[1]) * out[1] < 0) out = out.map((v) => -v);
  const axis = axes[k];
  context.strokeStyle = context.fillStyle = axis.time_like ? timeLike : ink.axis;
  context.lineWidth = axis.time_like ? 1.5 : 1;
  trace(context, [p, q]);
  context.stroke();
  const reach = paintTicks(frame, k, edge, way, out, long);
  paintTitle(frame, axis, centre, way, out, reach + 5);
}

/** Paint ticks with their numbers; returns how far the numbers reach outwards. */
function paintTicks({ context, marks, font }, k, edge, way, out, long) {
  context.font = `11px ${font}`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  const room = long / marks[k].length;
  let reach = 0;
  marks[k].forEach(({ place, text }, index) => {
    const [x, y] = edge.at(place);
    trace(context, [[x, y], [x + 4 * out[0], y + 4 * out[1]]]);
    context.stroke();
    const wide = context.measureText(text).width;
    const taken = Math.abs(way[0]) * wide + Math.abs(way[1]) * 12;
    // Where numbers would overlap, every other one is left out.
    if (room < taken + 4 && index % 2) return;
    // The text's box just touches the tick's end, whatever the direction.
    const extent = Math.abs(out[0]) * wide / 2 + Math.abs(out[1]) * 6;
    const push = 8 + extent;
    context.fillText(text, x + push * out[0], y + push * out[1]);
    reach = Math.max(reach, push + extent);
  });
  return reach;
}

/** The title's lines along the axis, outside its ticks. */
function paintTitle({ context, ink, timeLike, font }, axis, [x, y], way, out, reach) {
  let angle = Math.atan2(way[1], way[0]);
  if (angle > Math.PI / 2 + 1e-6) angle -= Math.PI;
  if (angle <= -Math.PI / 2 + 1e-6) angle += Math.PI;
  // Rounding puts the angle of an upright title on either side; it is always read from the right.
  if (Math.abs(Math.abs(angle) - Math.PI / 2) < 1e-3) angle = -Math.PI / 2;
  context.save();
  context.translate(x + out[0] * reach, y + out[1] * reach);
  context.rotate(angle);
  // Whether the title is below the axis, in the rotated frame.
  const below = -Math.sin(angle) * out[0] + Math.cos(angle) * out[1] > 0;
  context.textAlign = "center";
  context.textBaseline = "middle";
  axis.title.forEach((line, i) => {
    const row = below ? i : axis.title.length - 1 - i;
    context.font = `${i ? 11 : "600 12"}px ${font}`;
    context.fillStyle = axis.time_like ? timeLike : i ? ink.axis : ink.text;
    context.fillText(line, 0, (below ? 1 : -1) * (7 + 15 * row));
  });
  context.restore();
}
