// Which runs are drawn, and the colour and strength of each point.

import { clamp, fraction } from "../scales.js";
import { onTheme, rgb, scaleColors } from "./color.js";
import { DIMMED, DRAWN, HIDDEN, room, STRONG } from "./textures.js";

/** Which runs are drawn: those that Python shows, whose values are ticked, in a category that is switched on. */
export function shownRuns(points, coloring, { given, attributes, filters, hidden }) {
  const ticked = Object.entries(filters).map(([name, values]) => {
    const attribute = attributes.find((a) => a.name === name && a.categories);
    return attribute && [attribute.code, new Set(values.map((v) => attribute.categories.indexOf(v)))];
  });
  const off = new Set(hidden.map((c) => coloring.categories?.indexOf(c)));
  return Uint8Array.from(points.names, (_, r) => {
    if (r >= points.networks) return 1;
    if (given.length && !given[r]) return 0;
    if (ticked.some((f) => f && !f[1].has(f[0][r]))) return 0;
    return coloring.code && off.has(coloring.code[r]) ? 0 : 1;
  });
}

/** Red, green, blue and strength of each point. `strong` are the highlighted runs, `selected` a mask of points. */
export function paintPoints(points, colorOf, { shown, drawable, strong, selected, anySelected }) {
  const color = new Uint8Array(4 * room(points.total));
  // Colour and strength of a point as one number, red in its lowest byte.
  const packed = new Uint32Array(color.buffer);
  for (let r = 0; r < points.names.length; r++) {
    if (!shown[r]) continue;
    const dimmed = r < points.networks && !strong.has(r) && (strong.size > 0 || anySelected);
    for (let i = points.offset[r]; i < points.offset[r + 1]; i++) {
      const strength = !drawable[i] ? HIDDEN : selected[i] ? STRONG : dimmed ? DIMMED : DRAWN;
      packed[i] = (colorOf(r, i) | (strength << 24)) >>> 0;
    }
  }
  return color;
}

/** A function that gives the colour of point i of run r, as one number. */
export function colorOfPoints(points, coloring, palette, theme, ink) {
  const one = ([red, green, blue]) => red | (green << 8) | (blue << 16);
  const drawn = (hex) => one(onTheme(rgb(hex), theme));
  const none = drawn(palette.missing);
  const reference = one(rgb(ink.reference));
  const live = palette.live.map(drawn);
  const notNetwork = (r) => (r < points.ownRuns ? reference : live[(r - points.ownRuns) % live.length]);
  if (coloring.categories) {
    const paint = coloring.paint.map(drawn);
    return (r) => (r < points.networks ? (paint[coloring.code[r]] ?? none) : notNetwork(r));
  }
  const flat = scaleColors(palette.scale, theme);
  const scale = Int32Array.from({ length: 256 }, (_, k) => one(flat.slice(3 * k, 3 * k + 3)));
  const value = coloring.perRun ? (r) => coloring.perRun[r] : (r, i) => coloring.values[i];
  return (r, i) => {
    if (r >= points.networks) return notNetwork(r);
    const part = fraction(coloring, value(r, i));
    return Number.isNaN(part) ? none : scale[Math.round(clamp(part, 0, 1) * 255)];
  };
}
