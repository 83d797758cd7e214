// The state of one view: the model's traits, and what follows from them. It knows no part of the page.
//
// It is computed in stages: points (read), places (positions), paint (colours), picture (camera and time), marks. A trait
// that changes makes its stage and all later stages out of date; they are computed again in the next frame.

import { projectionOf } from "./camera.js";
import { HitGrid, inside } from "./hit_grid.js";
import { colorOfPoints, paintPoints, shownRuns } from "./painting.js";
import { place } from "./placing.js";
import { numbers, readColoring, readPoints, readQuantities } from "./points.js";
import { HIDDEN } from "./textures.js";

const TRAITS_OF = {
  points: [
    ...["_runs", "_axes", "_offset", "_checkpoint", "_step", "_coordinate", "_live", "_live_runs"],
    ...["_attributes", "_quantities", "_values", "_own_attribute", "_own_quantity", "_own_values"],
  ],
  places: ["components", "aspect", "time_axis"],
  paint: ["_shown", "color", "hidden", "filters", "highlighted", "selection", "theme", "toolbar"],
  picture: ["camera", "point_size", "line_width", "opacity", "time", "height"],
  marks: ["hovered", "pinned"],
};
const STAGES = Object.keys(TRAITS_OF);
// Above this number of points, a moving picture shows only lines.
const MANY = 40_000;

export class Store {
  constructor(model) {
    this.model = model;
    this.ending = new AbortController();
    this.signal = this.ending.signal;
    this.stale = new Set();
    // Set by the view: the size of the stage in pixels, and the colours and font of the page.
    this.size = { width: 0, height: 0, pixels: 1 };
    this.theme = "light";
    this.ink = this.font = null;
    // While time plays, this is ahead of the trait.
    this.time = model.get("time");
    this.outline = null;
    this.hurried = false;
    this.placed = this.painted = this.projection = null;
    /** Set by the view: draws, given the names of the stages that were computed again. */
    this.draw = () => {};
    for (const [stage, names] of Object.entries(TRAITS_OF)) {
      for (const name of names) this.on(`change:${name}`, () => this.refresh(stage));
    }
    this.on("change:time", () => {
      this.time = this.get("time");
    });
  }

  // Traits. A change goes to the model at once, and to the kernel at most ten times a second.

  get(name) {
    return this.model.get(name);
  }

  set(values) {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    if (this.saving) return;
    this.saving = setTimeout(() => {
      this.saving = null;
      this.model.save_changes();
    }, 100);
  }

  /** Listen to the model until the view is closed. */
  on(event, listener) {
    this.model.on(event, listener);
    this.signal.addEventListener("abort", () => this.model.off(event, listener));
  }

  // Stages

  /** Compute a stage and all later ones again in the next frame. */
  refresh(stage) {
    this.outdate(stage);
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.update();
    });
  }

  outdate(stage) {
    for (const s of STAGES.slice(STAGES.indexOf(stage))) this.stale.add(s);
  }

  /** Compute now what is out of date, and draw. */
  update() {
    const fresh = new Set(this.stale);
    this.stale.clear();
    if (fresh.has("points")) this.read();
    if (fresh.has("places")) this.place();
    if (fresh.has("paint") && this.placed) this.paint();
    this.draw(fresh);
  }

  read() {
    this.points = readPoints(this.model);
    this.quantities = readQuantities(this.model, this.points);
  }

  place() {
    const chosen = { components: this.get("components"), aspect: this.get("aspect"), timeAxis: this.get("time_axis") };
    this.placed = place(this.points, this.quantities, chosen);
  }

  paint() {
    const { points, theme, ink } = this;
    const coloring = readColoring(this.model, points, this.quantities);
    const [attributes, filters, hidden] = ["_attributes", "filters", "hidden"].map((name) => this.get(name));
    const given = numbers(this.model, "_shown", Uint8Array);
    const shown = shownRuns(points, coloring, { given, attributes, filters, hidden });
    const strong = new Set(this.get("highlighted").map((name) => points.runOf.get(name)));
    const [selected, anySelected] = [this.selectedPoints(), this.get("selection").length > 0];
    const colorOf = colorOfPoints(points, coloring, this.get("_palette"), theme, ink);
    const color = paintPoints(points, colorOf, { shown, drawable: this.placed.drawable, strong, selected, anySelected });
    this.painted = { coloring, shown, selected, color, anyDimmed: strong.size > 0 || anySelected };
  }

  project() {
    this.projection = projectionOf(this.camera, this.size.width, this.size.height);
  }

  /** While a large picture moves, only its lines are drawn, in half the time; its points come back when it rests. */
  hurry() {
    if (this.points.total < MANY) return;
    this.hurried = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.hurried = false;
      this.refresh("picture");
    }, 250);
  }

  // Questions about points

  get camera() {
    return { ...this.get("_start_camera"), ...this.get("camera") };
  }

  /** The latest time that is drawn. At the end it is beyond 1, so that rounding hides no point. */
  get now() {
    return this.time >= 1 ? 2 : this.time;
  }

  /** Index of the hovered point, -1 for none. */
  get hovered() {
    const pair = this.get("hovered");
    return pair.length ? this.find(pair) : -1;
  }

  /** Index of each pinned point, -1 for those that only a linked view has. */
  get pinned() {
    return this.get("pinned").map((pair) => this.find(pair));
  }

  /** Index of the point [run, checkpoint], -1 if it is not here. */
  find([name, checkpoint]) {
    const { runOf, offset, checkpoint: checkpoints } = this.points;
    const r = runOf.get(name);
    if (r === undefined) return -1;
    let [low, high] = [offset[r], offset[r + 1] - 1];
    while (low <= high) {
      const i = (low + high) >> 1;
      if (checkpoints[i] === checkpoint) return i;
      if (checkpoints[i] < checkpoint) low = i + 1;
      else high = i - 1;
    }
    return -1;
  }

  /** [run, checkpoint] of point i. */
  name(i) {
    return [this.points.names[this.points.run[i]], this.points.checkpoint[i]];
  }

  isDrawn(i) {
    return this.painted.color[4 * i + 3] !== HIDDEN && this.placed.position[4 * i + 3] <= this.now;
  }

  /** Place of point i on the stage, and its distance from the eye. */
  at(i) {
    const { position } = this.placed;
    return this.projection.at(position[4 * i], position[4 * i + 1], position[4 * i + 2]);
  }

  /** Places of all points in cells; made again when camera, points or time have changed. */
  grid() {
    const key = [this.projection, this.now, this.painted.color];
    if (this.cells?.key.every((k, i) => k === key[i])) return this.cells;
    const n = this.points.total;
    const [xs, ys, depths] = [new Float32Array(n), new Float32Array(n), new Float32Array(n)];
    for (let i = 0; i < n; i++) [xs[i], ys[i], depths[i]] = this.at(i);
    const grid = new HitGrid(xs, ys, (i) => this.isDrawn(i), this.size.width, this.size.height);
    this.cells = { key, grid, xs, ys, depths };
    return this.cells;
  }

  /** Index of the point under the mouse, -1 for none. */
  pointAt(x, y) {
    if (!this.placed || !this.projection) return -1;
    const radius = 0.5 * this.get("point_size") + 1;
    const { grid, depths } = this.grid();
    return grid.nearest(x, y, radius + 5, radius, depths);
  }

  selectedPoints() {
    const mask = new Uint8Array(this.points.total);
    for (const i of this.get("selection").map((pair) => this.find(pair))) if (i >= 0) mask[i] = 1;
    return mask;
  }

  /** Select the networks' drawn points within an outline; `how` is "replace", "add" or "remove". */
  select(outline, how) {
    if (!this.placed || !this.projection) return;
    const { points } = this;
    const { xs, ys } = this.grid();
    const [left, right] = [Math.min(...outline.map((p) => p[0])), Math.max(...outline.map((p) => p[0]))];
    const kept = how === "replace" ? new Uint8Array(points.total) : this.painted.selected.slice();
    const end = points.offset[points.networks];
    for (let i = 0; i < end; i++) {
      if (xs[i] < left || xs[i] > right || !this.isDrawn(i)) continue;
      if (inside(xs[i], ys[i], outline)) kept[i] = how === "remove" ? 0 : 1;
    }
    const selection = [];
    kept.forEach((chosen, i) => chosen && selection.push(this.name(i)));
    this.set({ selection });
  }

  /** End listeners and timers, and free the data. */
  close() {
    this.ending.abort();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.saving);
    clearTimeout(this.resting);
    this.points = this.quantities = this.placed = this.painted = this.cells = null;
  }
}
