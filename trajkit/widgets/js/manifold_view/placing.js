// Where points lie in the box, which runs from -1 to 1 along each axis, and when each is reached.

import { fraction } from "../scales.js";
import { room } from "./textures.js";

/** Positions of the points on the chosen components; null as long as not all traits have arrived. */
export function place(points, quantities, { components, aspect, timeAxis }) {
  const columns = components.map((k) => points.axes.findIndex((axis) => axis.component === k));
  const complete = points.n > 0 && columns.every((a) => a >= 0) && points.coordinates.every((c) => c.length === points.total);
  if (!complete) return null;
  const axes = columns.map((a) => drawnAxis(points.axes[a]));
  const wide = axes.map((axis) => axis.high - axis.low);
  const half = aspect === "equal" ? wide.map((w) => w / Math.max(...wide)) : [1, 1, 1];
  const { position, drawable } = positions(points, columns, half);
  const course = placeInTime(points, position, drawable, quantities.get(timeAxis) ?? quantities.get("step"));
  return { axes, half, position, drawable, course };
}

/** An axis as it is drawn: if all its numbers begin with the same digits, these go to its title. */
function drawnAxis(axis) {
  const middle = (axis.low + axis.high) / 2;
  if (Math.abs(middle) < 1e4 * (axis.high - axis.low)) return { ...axis, from: 0 };
  const [first, ...others] = axis.title;
  const shift = `${middle < 0 ? "+" : "\u2212"} ${Math.abs(middle).toPrecision(10)}`;
  return { ...axis, from: middle, title: [`${first} ${shift}`, ...others] };
}

/** x, y, z of each point, with a fourth number left for its time; and whether all three are known. */
function positions(points, columns, half) {
  const position = new Float32Array(4 * room(points.total));
  columns.forEach((column, k) => {
    const from = points.coordinates[column];
    for (let i = 0; i < points.total; i++) position[4 * i + k] = from[i] * half[k];
  });
  const drawable = new Uint8Array(points.total);
  for (let i = 0; i < points.total; i++) {
    const known = Number.isFinite(position[4 * i] + position[4 * i + 1] + position[4 * i + 2]);
    drawable[i] = known ? 1 : 0;
    // GLSL leaves open what it does with NaN; strength HIDDEN keeps such a point from being drawn.
    if (!known) position.fill(0, 4 * i, 4 * i + 3);
  }
  return { position, drawable };
}

/** Write the time of each point (-1 for references); returns the length of its run so far, -1 where no line follows. */
function placeInTime(points, position, drawable, scale) {
  const course = new Float32Array(room(points.total)).fill(-1);
  for (let r = 0; r < points.names.length; r++) {
    const network = r < points.networks;
    let [time, far] = [network ? 0 : -1, 0];
    for (let i = points.offset[r]; i < points.offset[r + 1]; i++) {
      const now = network ? fraction(scale, scale.values[i]) : -1;
      if (now > time) time = now;
      position[4 * i + 3] = time;
      if (i + 1 === points.offset[r + 1] || !drawable[i] || !drawable[i + 1]) continue;
      course[i] = far;
      const at = 4 * i;
      far += Math.hypot(position[at + 4] - position[at], position[at + 5] - position[at + 1], position[at + 6] - position[at + 2]);
    }
  }
  return course;
}
