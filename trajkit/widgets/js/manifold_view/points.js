// The points that Python sent: typed arrays over the model's bytes, in the order of their runs.

/** A typed array over a model's bytes; copied only where they are not aligned. */
export function numbers(model, name, Type) {
  const bytes = model.get(name);
  if (!bytes || !bytes.byteLength) return new Type(0);
  const { buffer, byteOffset, byteLength } = bytes;
  const size = Type.BYTES_PER_ELEMENT;
  if (byteOffset % size === 0) return new Type(buffer, byteOffset, byteLength / size);
  return new Type(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** All points one after another: networks, references, then those appended while a network trains. */
export function readPoints(model) {
  const { name, networks } = model.get("_runs");
  const axes = model.get("_axes");
  const own = numbers(model, "_offset", Uint32Array);
  const n = own.length ? own[own.length - 1] : 0;
  const live = readLive(model, axes.length);
  const total = n + live.rows.length;
  const names = [...name, ...live.names];
  const offset = new Uint32Array(names.length + 1);
  offset.set(own);
  live.counts.forEach((count, i) => (offset[name.length + i + 1] = offset[name.length + i] + count));
  const run = new Uint32Array(total);
  for (let r = 0; r < names.length; r++) run.fill(r, offset[r], offset[r + 1]);
  const checkpoint = extended(numbers(model, "_checkpoint", Uint32Array), live.rows.map((row) => row[1]));
  const step = extended(numbers(model, "_step", Float64Array), live.rows.map(() => NaN));
  const coordinate = numbers(model, "_coordinate", Float32Array);
  const along = (k) => extended(coordinate.subarray(k * n, (k + 1) * n), live.rows.map((row) => row[3 + k]));
  return {
    ...{ names, networks, ownRuns: name.length, offset, run, checkpoint, step, axes, n, total },
    coordinates: axes.map((_, k) => along(k)),
    liveValue: live.rows.map((row) => row[2]),
    runOf: new Map(names.map((text, r) => [text, r])),
  };
}

function extended(array, more) {
  if (!more.length) return array;
  const out = new array.constructor(array.length + more.length);
  out.set(array);
  out.set(more, array.length);
  return out;
}

/** Appended points, each [run, checkpoint, value, coordinates...], sorted by run and checkpoint. */
function readLive(model, width) {
  const flat = numbers(model, "_live", Float32Array);
  const names = model.get("_live_runs");
  const rows = [];
  for (let i = 0; i + 3 + width <= flat.length; i += 3 + width) rows.push(Array.from(flat.subarray(i, i + 3 + width)));
  rows.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return { names, rows, counts: names.map((_, r) => rows.filter((row) => row[0] === r).length) };
}

/** Per-point quantities by name: range and values. Step and checkpoint are always among them. */
export function readQuantities(model, points) {
  const flat = numbers(model, "_values", Float32Array);
  const out = new Map();
  model.get("_quantities").forEach((q, i) => out.set(q.name, { ...q, values: flat.subarray(i * points.n, (i + 1) * points.n) }));
  for (const [name, values] of [["checkpoint", points.checkpoint], ["step", points.step]]) {
    if (out.has(name)) continue;
    const end = points.offset[points.networks];
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < end; i++) [low, high] = [Math.min(low, values[i]), Math.max(high, values[i])];
    if (end) out.set(name, { name, low, high, values, logarithmic: name === "step" });
  }
  return out;
}

/** What the present colour means: categories with a code per run, or a value per point or run. */
export function readColoring(model, points, quantities) {
  const name = model.get("color");
  const [ownAttribute, ownQuantity] = [model.get("_own_attribute"), model.get("_own_quantity")];
  if (name && ownQuantity.name === name) {
    return { ...ownQuantity, title: name, values: numbers(model, "_own_values", Float32Array) };
  }
  const attribute = name && ownAttribute.name === name ? ownAttribute : model.get("_attributes").find((a) => a.name === name);
  if (attribute) return attribute.categories ? attribute : { ...attribute, perRun: attribute.value.map((v) => v ?? NaN) };
  if (quantities.has(name)) return { ...quantities.get(name), title: name };
  const code = points.names.map((_, r) => (r < points.networks ? 0 : -1));
  return { name: "", title: "", categories: ["networks"], paint: [model.get("_palette").one], code };
}
