// Points found by their place on the stage.

import { clamp } from "../scales.js";

const CELL = 16;

/** Points on the stage in cells of 16 pixels, to find the one under the mouse. */
export class HitGrid {
  constructor(xs, ys, visible, width, height) {
    this.columns = Math.max(1, Math.ceil(width / CELL));
    this.rows = Math.max(1, Math.ceil(height / CELL));
    Object.assign(this, { xs, ys });
    const n = xs.length;
    const cell = new Int32Array(n).fill(-1);
    const start = new Uint32Array(this.columns * this.rows + 1);
    for (let i = 0; i < n; i++) {
      if (!visible(i) || !(xs[i] >= 0 && xs[i] < width && ys[i] >= 0 && ys[i] < height)) continue;
      cell[i] = Math.floor(xs[i] / CELL) + this.columns * Math.floor(ys[i] / CELL);
      start[cell[i] + 1]++;
    }
    for (let c = 0; c < start.length - 1; c++) start[c + 1] += start[c];
    const next = start.slice();
    this.members = new Uint32Array(start[start.length - 1]);
    for (let i = 0; i < n; i++) if (cell[i] >= 0) this.members[next[cell[i]]++] = i;
    this.start = start;
  }

  /** The nearest point within `reach` pixels; of those under the mouse, the one in front. -1 for none. */
  nearest(x, y, reach, radius, depths) {
    let [best, score] = [-1, Infinity];
    const from = (v, most) => clamp(Math.floor((v - reach) / CELL), 0, most - 1);
    const to = (v, most) => clamp(Math.floor((v + reach) / CELL), 0, most - 1);
    for (let row = from(y, this.rows); row <= to(y, this.rows); row++) {
      for (let column = from(x, this.columns); column <= to(x, this.columns); column++) {
        const c = column + this.columns * row;
        for (let k = this.start[c]; k < this.start[c + 1]; k++) {
          const i = this.members[k];
          const away = Math.hypot(this.xs[i] - x, this.ys[i] - y);
          if (away > reach) continue;
          const s = away <= radius ? depths[i] - 1e3 : away;
          if (s < score) [best, score] = [i, s];
        }
      }
    }
    return best;
  }
}

/** Whether a point lies within a closed outline (even-odd). */
export function inside(x, y, outline) {
  let odd = false;
  for (let a = 0, b = outline.length - 1; a < outline.length; b = a++) {
    const [xa, ya] = outline[a];
    const [xb, yb] = outline[b];
    if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) odd = !odd;
  }
  return odd;
}
