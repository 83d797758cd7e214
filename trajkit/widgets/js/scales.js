// Numbers: limits, round ticks, texts, and linear or logarithmic scales.

export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
export const mix = (a, b, t) => a + (b - a) * t;

/** At least three round numbers between two ends, at the largest distance of 1, 2 or 5 times a power of ten. */
export function ticks(low, high) {
  const power = 10 ** Math.floor(Math.log10(high - low));
  const count = (step) => Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1;
  const step = [5, 2, 1, 0.5, 0.2, 0.1].map((m) => m * power).find((candidate) => count(candidate) >= 3) ?? power / 10;
  const first = Math.ceil(low / step - 1e-9);
  return { at: Array.from({ length: clamp(count(step), 0, 20) }, (_, k) => (first + k) * step), step };
}

/** A tick's text: as few digits as distinguish it from its neighbours. */
export function tickText(value, step) {
  if (Math.abs(value) < 1e-9 * step) return "0";
  const size = Math.max(Math.abs(value), step);
  if (size >= 1e5 || step < 1e-4) {
    const digits = Math.max(0, Math.floor(Math.log10(Math.abs(value))) - Math.floor(Math.log10(step)));
    return value.toExponential(Math.min(digits, 8)).replace("e+", "e");
  }
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/** A number of about four digits. */
export function numberText(value) {
  if (!Number.isFinite(value)) return "(none)";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

/** A count with thin spaces between thousands. */
export const countText = (value) => Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");

/** Where a value lies between `low` and `high` of its scale, from 0 to 1. */
export function fraction(scale, value) {
  if (!scale.logarithmic) return (value - scale.low) / (scale.high - scale.low || 1);
  // log1p, because a logarithmic scale of steps begins at step 0.
  const low = Math.log1p(scale.low);
  return (Math.log1p(value) - low) / (Math.log1p(scale.high) - low || 1);
}

/** The value at a fraction of a scale. */
export function valueAt(scale, part) {
  if (scale.logarithmic) return Math.expm1(mix(Math.log1p(scale.low), Math.log1p(scale.high), part));
  return mix(scale.low, scale.high, part);
}

/** Ticks of a scale: [fraction, text]. */
export function scaleTicks(scale) {
  if (scale.high <= scale.low) return [[0.5, numberText(scale.low)]];
  if (scale.logarithmic) {
    const shown = [0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8].filter((v) => v >= scale.low && v <= scale.high);
    return shown.map((v) => [fraction(scale, v), v >= 1e4 ? v.toExponential(0).replace("e+", "e") : String(v)]);
  }
  const { at, step } = ticks(scale.low, scale.high);
  return at.map((v) => [fraction(scale, v), tickText(v, step)]);
}
