// The browser's half of trajkit's ManifoldView: an anywidget module without dependencies.
//
// A view is three layers on one stage: a 2D canvas with the box and its axes, a WebGL2 canvas with runs and points, a
// 2D canvas with names, marks and the lasso. State lives in the model's traits (see manifold_view.py); here is what
// follows from it. Positions in the box run from -1 to 1 along each axis. Nothing is drawn unless something changed.
// Whatever is text in the data reaches the page through textContent alone.

// ---------------------------------------------------------------------------------------------- small helpers

const DEGREE = Math.PI / 180;
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const mix = (a, b, t) => a + (b - a) * t;
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** An element with properties, listeners ("onclick"), attributes ("aria-...", "data-...") and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  // JupyterLab would take keys as its own commands, and looks for this on the very element that has the focus.
  if ("tabIndex" in properties || ["button", "select", "input"].includes(tag)) element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children);
  return element;
}

/** An icon of 16 by 16 from the data of its paths. */
function icon(...paths) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  for (const data of paths) {
    const path = document.createElementNS(namespace, "path");
    path.setAttribute("d", data);
    svg.append(path);
  }
  return svg;
}

const ICONS = {
  orbit: ["M8 2.2a5.8 5.8 0 1 0 5.8 5.8", "M1.5 9.3C4 11.8 11.5 11.4 14 7", "M13.8 3.2v3.6h-3.6"],
  pan: ["M8 1.5v13M1.5 8h13", "M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2"],
  lasso: ["M5 11.2C2.6 10.4 1.5 8.8 1.5 7c0-2.600 2.900-4.500 6.500-4.500s6.500 1.900 6.500 4.500-2.900 4.500-6.500 4.500c-.700 0-1.400-.100-2-.200", "M5 11.200a1.300 1.300 0 1 0 .100 2.100c.800-.600.400-1.800-.100-2.100z"],
  box: ["M2 3.500h12v9H2z"],
  reset: ["M2.500 8.500L8 3.200l5.500 5.300", "M4 7.500v5.800h8V7.500"],
  perspective: ["M1.500 4.500h8v8h-8zM4.500 2.200h8.500v8", "M1.500 4.500l3-2.300M9.500 4.500l3.500-2.300M9.500 12.500l3.500-2.300"],
  filter: ["M1.800 2.800h12.400L9.500 8.500v4.700l-3-1.500V8.500z"],
  style: ["M2 4.500h12M2 11.500h12", "M5.500 2.700v3.600M10.500 9.700v3.600"],
  image: ["M8 2v8M4.800 7L8 10.200 11.200 7", "M2.500 11.500v2.200h11v-2.200"],
  play: ["M4.500 2.800v10.400L13 8z"],
  pause: ["M5 3v10M11 3v10"],
};

/** At least three round numbers between two ends, at the largest distance of 1, 2 or 5 times a power of ten. */
function ticks(low, high) {
  const power = 10 ** Math.floor(Math.log10(high - low));
  const count = (step) => Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1;
  const step = [5, 2, 1, 0.5, 0.2, 0.1].map((m) => m * power).find((candidate) => count(candidate) >= 3) ?? power / 10;
  const first = Math.ceil(low / step - 1e-9);
  return { at: Array.from({ length: clamp(count(step), 0, 20) }, (_, k) => (first + k) * step), step };
}

/** A tick in as few digits as tell it from its neighbours. */
function tickText(value, step) {
  if (Math.abs(value) < 1e-9 * step) return "0";
  const size = Math.max(Math.abs(value), step);
  if (size >= 1e5 || step < 1e-4) {
    const digits = Math.max(0, Math.floor(Math.log10(Math.abs(value))) - Math.floor(Math.log10(step)));
    return value.toExponential(Math.min(digits, 8)).replace("e+", "e");
  }
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/** A number for the hover card. */
function numberText(value) {
  if (!Number.isFinite(value)) return "(none)";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

/** A count with thin spaces between thousands. */
const countText = (value) => Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");

// ---------------------------------------------------------------------------------------------- colours

const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const TIME_LIKE = { light: "#c81e1e", dark: "#ff7b72" };
const NONE = "#9aa0a6";
const ONE_COLOR = "#0072b2";
const LIVE = ["#d55e00", "#cc79a7", "#0072b2", "#009e73"];
const INK = {
  light: { text: "#24292f", faint: "#6b7380", grid: "#e1e6ec", face: "#f6f8fa", edge: "#b9c1cb", redGrid: "#f3cfcf", back: "#ffffff", reference: "#333333" },
  dark: { text: "#e6e8eb", faint: "#9aa4b0", grid: "#333a43", face: "#1b2027", edge: "#566170", redGrid: "#57343a", back: "#14181d", reference: "#d7dbe0" },
};

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** A colour as drawn on this theme: dark ones are lifted where the ground is dark. */
function onTheme(color, theme) {
  if (theme === "light") return color;
  const light = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2];
  const lift = clamp((105 - light) / 180, 0, 0.45);
  return color.map((c) => Math.round(mix(c, 255, lift)));
}

/** 256 colours from low to high, as one array. */
function scaleColors(theme) {
  const stops = VIRIDIS.map((hex) => onTheme(rgb(hex), theme));
  const out = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1);
    const k = Math.min(Math.floor(at), stops.length - 2);
    for (let c = 0; c < 3; c++) out[3 * i + c] = mix(stops[k][c], stops[k + 1][c], at - k);
  }
  return out;
}

/** Light or dark: forced by the trait, else what the notebook says, else what the system says. */
function themeOf(model) {
  const forced = model.get("theme");
  if (forced !== "auto") return forced;
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "true" ? "light" : "dark";
  if (vscodeThemeKind) return vscodeThemeKind.includes("dark") || vscodeThemeKind === "vscode-high-contrast" ? "dark" : "light";
  if (document.body.classList.contains("theme-dark")) return "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

// ---------------------------------------------------------------------------------------------- data

/** A typed array over a model's bytes; copied only where they are not aligned. */
function numbers(model, name, Type) {
  const bytes = model.get(name);
  if (!bytes || !bytes.byteLength) return new Type(0);
  const { buffer, byteOffset, byteLength } = bytes;
  const size = Type.BYTES_PER_ELEMENT;
  if (byteOffset % size === 0) return new Type(buffer, byteOffset, byteLength / size);
  return new Type(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** All points one after another: networks, references, then those appended while a network trains. */
function readPoints(model) {
  const { name, networks } = model.get("_runs");
  const axes = model.get("_axes");
  const own = numbers(model, "_offset", Uint32Array);
  const n = own.length ? own[own.length - 1] : 0;
  const live = readLive(model, axes.length, name.length);
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

/** Appended points, each [run, checkpoint, value, coordinates...], brought into the order of their runs. */
function readLive(model, width) {
  const flat = numbers(model, "_live", Float32Array);
  const names = model.get("_live_runs");
  const rows = [];
  for (let i = 0; i + 3 + width <= flat.length; i += 3 + width) rows.push(Array.from(flat.subarray(i, i + 3 + width)));
  rows.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return { names, rows, counts: names.map((_, r) => rows.filter((row) => row[0] === r).length) };
}

/** Per-point quantities by name: range and values; the one given for colouring alone is `own`. */
function readQuantities(model, points) {
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
function readColoring(model, points, quantities) {
  const name = model.get("color");
  const attributes = model.get("_attributes");
  const own = [model.get("_own_attribute"), model.get("_own_quantity")];
  if (own[1].name === name && name) return { ...own[1], title: name, values: numbers(model, "_own_values", Float32Array) };
  const attribute = own[0].name === name && name ? own[0] : attributes.find((a) => a.name === name);
  if (attribute) return attribute.categories ? attribute : { ...attribute, perRun: attribute.value.map((v) => v ?? NaN) };
  if (quantities.has(name)) return { ...quantities.get(name), title: name };
  return { name: "", title: "", categories: ["networks"], paint: [ONE_COLOR], code: points.names.map((_, r) => (r < points.networks ? 0 : -1)) };
}

/** Where a value lies between low and high of its scale, 0 to 1. */
function fraction(scale, value) {
  if (scale.logarithmic) return (Math.log1p(value) - Math.log1p(scale.low)) / (Math.log1p(scale.high) - Math.log1p(scale.low) || 1);
  return (value - scale.low) / (scale.high - scale.low || 1);
}

/** The value at a fraction of a scale. */
function valueAt(scale, part) {
  if (scale.logarithmic) return Math.expm1(mix(Math.log1p(scale.low), Math.log1p(scale.high), part));
  return mix(scale.low, scale.high, part);
}

/** Marks of a scale: [fraction, text]. */
function scaleTicks(scale) {
  if (scale.high <= scale.low) return [[0.5, numberText(scale.low)]];
  if (scale.logarithmic) {
    const out = [];
    for (const v of [0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]) if (v >= scale.low && v <= scale.high) out.push([fraction(scale, v), v >= 1e4 ? v.toExponential(0).replace("e+", "e") : String(v)]);
    return out;
  }
  const { at, step } = ticks(scale.low, scale.high);
  return at.map((v) => [fraction(scale, v), tickText(v, step)]);
}

// ---------------------------------------------------------------------------------------------- camera

// The target stands so many pixels above the middle of the stage, for the axes' titles are below.
const LIFT = 16;
// The eye's distance from the target, in half widths of the box. Zooming narrows the view and leaves the eye in place.
const EYE = 5.5;
const MANY = 40_000;

const START = { yaw: -52, pitch: 20, zoom: 1, target: [0, 0, 0], projection: "perspective" };

/** Right, up and towards the eye, as seen from `camera`. */
function directions({ yaw, pitch }) {
  const [cy, sy, cp, sp] = [Math.cos(yaw * DEGREE), Math.sin(yaw * DEGREE), Math.cos(pitch * DEGREE), Math.sin(pitch * DEGREE)];
  return { right: [-sy, cy, 0], up: [-sp * cy, -sp * sy, cp], towards: [cp * cy, cp * sy, sp] };
}

/** Pixels for one unit of the box at the target: at zoom 1 the box and what is written beside it fill the stage. */
const pixelsPerUnit = (camera, width, height) => Math.max(12, Math.min((width - 140) / 3.0, (height - 128) / 2.98)) * camera.zoom;

/** Project positions to the stage: the matrix for WebGL, and `at(x, y, z)` -> [x, y, distance to the eye] in pixels. */
function projectionOf(camera, width, height) {
  const { right, up, towards } = directions(camera);
  const { target } = camera;
  const scale = pixelsPerUnit(camera, width, height);
  const [r0, u0, t0] = [dot(right, target), dot(up, target), dot(towards, target)];
  const perspective = camera.projection === "perspective";
  const [near, far] = [0.05, 40];
  const at = (x, y, z) => {
    const away = EYE - (towards[0] * x + towards[1] * y + towards[2] * z - t0);
    const s = perspective ? (away > near ? (scale * EYE) / away : NaN) : scale;
    return [
      width / 2 + s * (right[0] * x + right[1] * y + right[2] * z - r0),
      height / 2 - LIFT - s * (up[0] * x + up[1] * y + up[2] * z - u0),
      away,
    ];
  };
  // Rows of clip coordinates as functions of (x, y, z, 1); w is the distance from the eye in perspective, else 1.
  const row = (v, factor, constant) => [v[0] * factor, v[1] * factor, v[2] * factor, constant];
  const clipX = row(right, (2 * scale) / width, (-2 * scale * r0) / width);
  const clipY = row(up, (2 * scale) / height, (-2 * scale * u0) / height);
  const depth = perspective ? (far + near) / (far - near) : 2 / (far - near);
  const clipZ = perspective
    ? row(towards, -depth / EYE, ((EYE + t0) * depth - (2 * far * near) / (far - near)) / EYE)
    : row(towards, -depth, (EYE + t0) * depth - (far + near) / (far - near));
  const clipW = perspective ? row(towards, -1 / EYE, (EYE + t0) / EYE) : [0, 0, 0, 1];
  clipW.forEach((w, i) => (clipY[i] += ((2 * LIFT) / height) * w));
  const matrix = new Float32Array(16);
  [clipX, clipY, clipZ, clipW].forEach((values, i) => values.forEach((v, j) => (matrix[4 * j + i] = v)));
  return { matrix, at, right, up, towards, scale, width, height };
}

// ---------------------------------------------------------------------------------------------- WebGL

// A point's colour has its strength as alpha: 0 hidden, below a half dimmed, above a half drawn, 1 selected.
const HIDDEN = 0, DIMMED = 70, DRAWN = 190, STRONG = 255;

// A vertex looks its point up by number in textures: a line's corner needs two points, and instances of four corners
// took ten times as long where WebGL runs in software.
const ROW = 2048;

const SHARED = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D places;  // x, y, z, time
uniform sampler2D colors;  // colour and strength
uniform sampler2D courses;  // length of the run so far; below 0 where no line leads on
uniform mat4 matrix;
uniform vec2 viewport;  // in device pixels
uniform float time, opacity, faded;
// With dimmed runs there are two passes: the dimmed, then upon them what is drawn strongly.
uniform bool dimmedPass;
ivec2 cell(int i) { return ivec2(i % ${ROW}, i / ${ROW}); }
bool skipped(float strength) { return strength == 0.0 || dimmedPass != (strength < 0.5); }
const vec4 NOWHERE = vec4(2.0, 2.0, 2.0, 1.0);
`;

const POINT_VERTEX = `${SHARED}
uniform float size;
// Heads are drawn where a trajectory has got to, between its checkpoints.
uniform bool heads;
out vec4 paint;
out float radius;
void main() {
  gl_PointSize = 1.0;
  gl_Position = NOWHERE;
  vec4 color = texelFetch(colors, cell(gl_VertexID), 0);
  if (skipped(color.a)) return;
  vec4 place = texelFetch(places, cell(gl_VertexID), 0);
  if (place.w > time) return;
  vec3 at = place.xyz;
  if (heads) {
    vec4 next = texelFetch(places, cell(gl_VertexID + 1), 0);
    if (next.w <= time || texelFetch(courses, cell(gl_VertexID), 0).r < 0.0) return;
    at = mix(at, next.xyz, (time - place.w) / (next.w - place.w));
  }
  gl_Position = matrix * vec4(at, 1.0);
  radius = 0.5 * size * (heads ? 1.6 : color.a == 1.0 ? 1.7 : 1.0);
  gl_PointSize = 2.0 * radius + 1.5;
  paint = vec4(color.rgb, heads ? 1.0 : opacity * (dimmedPass ? faded : 1.0));
}`;

const POINT_FRAGMENT = `#version 300 es
precision highp float;
in vec4 paint;
in float radius;
out vec4 result;
void main() {
  float away = length(gl_PointCoord - 0.5) * (2.0 * radius + 1.5);
  float inside = clamp(radius + 0.5 - away, 0.0, 1.0) * min(1.0, radius * 2.0);
  if (inside < 0.08) discard;
  // A slightly darker rim keeps points apart that lie upon each other.
  vec3 shade = paint.rgb * mix(1.0, 0.82, smoothstep(radius - 1.6, radius - 0.2, away) * step(1.8, radius));
  result = vec4(shade, 1.0) * paint.a * inside;
}`;

// Six corners, two triangles, for each line from a point to the next.
const LINE_VERTEX = `${SHARED}
uniform float width;
uniform int first;
out vec4 paint;
out float across, along;
void main() {
  gl_Position = NOWHERE;
  int i = first + gl_VertexID / 6, corner = gl_VertexID % 6;
  float course = texelFetch(courses, cell(i), 0).r;
  if (course < 0.0) return;
  vec4 color = texelFetch(colors, cell(i), 0);
  if (skipped(color.a)) return;
  vec4 place = texelFetch(places, cell(i), 0);
  if (place.w > time) return;
  vec4 next = texelFetch(places, cell(i + 1), 0);
  float part = next.w > time ? (time - place.w) / (next.w - place.w) : 1.0;
  vec4 from = matrix * vec4(place.xyz, 1.0);
  vec4 to = matrix * vec4(mix(place.xyz, next.xyz, part), 1.0);
  if (from.w < 0.01 || to.w < 0.01) return;
  vec2 way = (to.xy / to.w - from.xy / from.w) * viewport;
  float far = length(way);
  vec2 normal = far > 1e-4 ? vec2(-way.y, way.x) / far : vec2(0.0, 1.0);
  bool atEnd = corner == 2 || corner == 4 || corner == 5;
  across = (corner == 1 || corner == 3 || corner == 4 ? 1.0 : -1.0) * (0.5 * max(width, 1.0) + 0.75);
  vec4 end = atEnd ? to : from;
  gl_Position = end + vec4(normal * across * 2.0 / viewport * end.w, 0.0, 0.0);
  along = course + (atEnd ? part * length(next.xyz - place.xyz) : 0.0);
  vec3 here = atEnd ? mix(color.rgb, texelFetch(colors, cell(i + 1), 0).rgb, part) : color.rgb;
  paint = vec4(here, opacity * (dimmedPass ? faded : 1.0) * min(width, 1.0));
}`;

const LINE_FRAGMENT = `#version 300 es
precision highp float;
in vec4 paint;
in float across, along;
uniform float width, dash;
out vec4 result;
void main() {
  if (dash > 0.0 && fract(along / dash) > 0.6) discard;
  float inside = clamp(0.5 * max(width, 1.0) + 0.5 - abs(across), 0.0, 1.0);
  if (inside < 0.08) discard;
  result = vec4(paint.rgb, 1.0) * paint.a * inside;
}`;

/** Runs and points on a canvas of their own. Throws where the browser has no WebGL2. */
class Scene {
  constructor(onLost) {
    this.canvas = make("canvas", { className: "trajkit-layer" });
    const gl = this.canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true, preserveDrawingBuffer: false });
    if (!gl) throw new Error("this browser gives no WebGL2");
    this.gl = gl;
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      if (this.gl) onLost();
    });
    this.points = this.program(POINT_VERTEX, POINT_FRAGMENT);
    this.lines = this.program(LINE_VERTEX, LINE_FRAGMENT);
    this.textures = {
      places: this.texture(0, gl.RGBA32F, gl.RGBA, gl.FLOAT),
      colors: this.texture(1, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE),
      courses: this.texture(2, gl.R32F, gl.RED, gl.FLOAT),
    };
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
  }

  program(vertex, fragment) {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`WebGL2 refused a shader: ${gl.getProgramInfoLog(program)}`);
    const places = new Map();
    for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
      const { name } = gl.getActiveUniform(program, i);
      places.set(name, gl.getUniformLocation(program, name));
    }
    return { program, places };
  }

  texture(unit, inside, format, type) {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
    return { unit, texture, inside, format, type };
  }

  /** Give a texture new content: an array that fills whole rows. */
  upload(name, array) {
    const { gl } = this;
    const { unit, inside, format, type } = this.textures[name];
    gl.activeTexture(gl.TEXTURE0 + unit);
    const each = format === gl.RED ? 1 : 4;
    gl.texImage2D(gl.TEXTURE_2D, 0, inside, ROW, array.length / each / ROW, 0, format, type, array);
  }

  begin(width, height) {
    const { gl, canvas } = this;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.depthMask(true);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  }

  /** Draw points [first, last) as lines or points with these uniforms. */
  draw(kind, first, last, uniforms) {
    const { gl } = this;
    if (last <= first) return;
    const { program, places } = this[kind];
    gl.useProgram(program);
    for (const [name, value] of Object.entries(uniforms)) {
      const place = places.get(name);
      if (place === undefined) continue;
      if (name === "matrix") gl.uniformMatrix4fv(place, false, value);
      else if (typeof value === "boolean") gl.uniform1i(place, value ? 1 : 0);
      else if (Array.isArray(value)) gl.uniform2f(place, ...value);
      else gl.uniform1f(place, value);
    }
    for (const [name, { unit }] of Object.entries(this.textures)) gl.uniform1i(places.get(name), unit);
    if (kind === "points") gl.drawArrays(gl.POINTS, first, last - first);
    else {
      gl.uniform1i(places.get("first"), first);
      gl.drawArrays(gl.TRIANGLES, 0, 6 * (last - first));
    }
  }

  close() {
    const { gl } = this;
    this.gl = null;
    for (const { texture } of Object.values(this.textures)) gl.deleteTexture(texture);
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    this.canvas.remove();
  }
}

// ---------------------------------------------------------------------------------------------- box and axes

/** The box behind the points: its three far faces with grids, ticks and titles on edges of its outline. */
function paintBox(context, projection, axes, half, ink, redText, font) {
  const facing = projection.towards;
  const far = facing.map((f, k) => (f > 0 ? -half[k] : half[k]));
  const marks = axes.map((axis, k) => axisMarks(axis, half[k]));
  for (let k = 0; k < 3; k++) paintFace(context, projection, k, far, half, marks, axes, ink);
  const corners = [];
  for (const x of [-1, 1]) for (const y of [-1, 1]) for (const z of [-1, 1]) corners.push(projection.at(x * half[0], y * half[1], z * half[2]));
  const middle = [0, 1].map((i) => corners.reduce((sum, corner) => sum + corner[i], 0) / 8);
  for (let k = 0; k < 3; k++) paintAxis(context, projection, k, far, half, marks[k], axes[k], ink, redText, middle, font);
}

/** Places of an axis' round numbers in the box, with their texts; of numbers far from 0, how far from `axis.from`. */
function axisMarks(axis, half) {
  const { at, step } = ticks(axis.low - axis.from, axis.high - axis.from);
  const place = (value) => half * ((2 * (value + axis.from - axis.low)) / (axis.high - axis.low) - 1);
  return at.map((value) => ({ place: place(value), text: tickText(value, step) }));
}

/** An axis as it is drawn: where all its numbers begin with the same digits, these go to its title. */
function drawnAxis(axis) {
  const middle = (axis.low + axis.high) / 2;
  if (Math.abs(middle) < 1e4 * (axis.high - axis.low)) return { ...axis, from: 0 };
  const [first, ...others] = axis.title;
  return { ...axis, from: middle, title: [`${first} ${middle < 0 ? "+" : "\u2212"} ${Math.abs(middle).toPrecision(10)}`, ...others] };
}

function paintFace(context, projection, k, far, half, marks, axes, ink) {
  const [i, j] = [0, 1, 2].filter((other) => other !== k);
  const point = (a, b) => {
    const position = [0, 0, 0];
    [position[k], position[i], position[j]] = [far[k], a, b];
    return projection.at(...position);
  };
  const outline = [point(-half[i], -half[j]), point(half[i], -half[j]), point(half[i], half[j]), point(-half[i], half[j])];
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

function trace(context, points, closed = false) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (closed) context.closePath();
}

/** Ticks and title of axis k, on the edge of the outline where they are in nobody's way. */
function paintAxis(context, projection, k, far, half, marks, axis, ink, redText, middle, font) {
  const [i, j] = [0, 1, 2].filter((other) => other !== k);
  const edges = [];
  for (const a of [-half[i], half[i]]) {
    for (const b of [-half[j], half[j]]) {
      // An edge of the outline lies between a far face and a near one.
      if ((a === far[i]) === (b === far[j])) continue;
      const at = (along) => {
        const position = [0, 0, 0];
        [position[k], position[i], position[j]] = [along, a, b];
        return projection.at(...position);
      };
      edges.push({ at, ends: [at(-half[k]), at(half[k])] });
    }
  }
  const upright = edges.every(({ ends: [p, q] }) => Math.abs(p[0] - q[0]) < 0.5 * Math.abs(p[1] - q[1]));
  // Upright axes stand at the left, the others lie below.
  const rank = ({ ends: [p, q] }) => (upright ? p[0] + q[0] : -(p[1] + q[1]));
  const edge = edges.filter(({ ends }) => ends.every((p) => Number.isFinite(p[0]))).sort((a, b) => rank(a) - rank(b))[0];
  if (!edge) return;
  const [p, q] = edge.ends;
  const way = [q[0] - p[0], q[1] - p[1]];
  const long = Math.hypot(...way);
  if (long < 45) return;
  let out = [-way[1] / long, way[0] / long];
  const centre = [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
  if ((centre[0] - middle[0]) * out[0] + (centre[1] - middle[1]) * out[1] < 0) out = out.map((v) => -v);
  context.strokeStyle = context.fillStyle = axis.time_like ? redText : ink.faint;
  context.lineWidth = axis.time_like ? 1.5 : 1;
  trace(context, [p, q]);
  context.stroke();
  context.font = `11px ${font}`;
  context.textBaseline = "middle";
  const room = long / marks.length;
  let reach = 0;
  marks.forEach(({ place, text }, index) => {
    const [x, y] = edge.at(place);
    trace(context, [[x, y], [x + 4 * out[0], y + 4 * out[1]]]);
    context.stroke();
    const wide = context.measureText(text).width;
    const taken = Math.abs(way[0] / long) * wide + Math.abs(way[1] / long) * 12;
    if (room < taken + 4 && index % 2) return;
    // The text's box just touches the tick's end, whatever the direction.
    context.textAlign = "center";
    const push = 8 + Math.abs(out[0]) * wide / 2 + Math.abs(out[1]) * 6;
    context.fillText(text, x + push * out[0], y + push * out[1]);
    reach = Math.max(reach, push + Math.abs(out[0]) * wide / 2 + Math.abs(out[1]) * 6);
  });
  paintTitle(context, axis.title, centre, way, out, reach + 5, long, axis.time_like ? redText : ink.text, ink, font);
}

/** The title's lines along the axis, outside its ticks. */
function paintTitle(context, lines, [x, y], way, out, reach, long, color, ink, font) {
  let angle = Math.atan2(way[1], way[0]);
  if (angle > Math.PI / 2 + 1e-6) angle -= Math.PI;
  if (angle <= -Math.PI / 2 + 1e-6) angle += Math.PI;
  if (Math.abs(Math.abs(angle) - Math.PI / 2) < 1e-3) angle = -Math.PI / 2;
  context.save();
  context.translate(x + out[0] * reach, y + out[1] * reach);
  context.rotate(angle);
  // Below the axis in its own turned frame, or above.
  const below = -Math.sin(angle) * out[0] + Math.cos(angle) * out[1] > 0;
  context.textAlign = "center";
  context.textBaseline = "middle";
  lines.forEach((line, i) => {
    const row = below ? i : lines.length - 1 - i;
    context.font = `${i ? 11 : "600 12"}px ${font}`;
    context.fillStyle = i ? (color === ink.text ? ink.faint : color) : color;
    context.fillText(line, 0, (below ? 1 : -1) * (7 + 15 * row));
  });
  context.restore();
}

/** Text that can be read on anything: a halo of the ground's colour round it. */
function paintLabel(context, text, x, y, ink, font, weight = 600) {
  context.font = `${weight} 12px ${font}`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = ink.back;
  context.strokeText(text, x, y);
  context.fillStyle = ink.reference;
  context.fillText(text, x, y);
}

/** Paint what the page shows of an element into a picture: grounds, dashes and texts, where they are. */
function paintElement(context, element, [left, top]) {
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  if (!box.width || style.visibility === "hidden") return;
  context.save();
  context.globalAlpha *= Number(style.opacity);
  context.beginPath();
  context.roundRect(box.left - left, box.top - top, box.width, box.height, parseFloat(style.borderTopLeftRadius) || 0);
  if (element.stops) {
    context.fillStyle = context.createLinearGradient(0, box.bottom - top, 0, box.top - top);
    element.stops.forEach((color, i) => context.fillStyle.addColorStop(i / (element.stops.length - 1), color));
    context.fill();
  } else if (style.backgroundColor !== "rgba(0, 0, 0, 0)") {
    context.fillStyle = style.backgroundColor;
    context.fill();
  }
  const edge = parseFloat(style.borderTopWidth);
  if (edge && style.borderTopStyle !== "none") {
    context.strokeStyle = style.borderTopColor;
    context.lineWidth = edge;
    if (style.borderTopStyle === "dashed") {
      context.setLineDash([5, 3]);
      context.beginPath();
      context.moveTo(box.left - left, box.top - top + 1);
      context.lineTo(box.right - left, box.top - top + 1);
    }
    context.stroke();
    context.setLineDash([]);
  }
  if (style.overflowX !== "visible") {
    context.beginPath();
    context.rect(box.left - left, box.top - top, box.width, box.height);
    context.clip();
  }
  for (const node of element.childNodes) {
    if (node.nodeType === Node.ELEMENT_NODE) paintElement(context, node, [left, top]);
    else if (node.nodeType === Node.TEXT_NODE) paintText(context, node, style, [left, top]);
  }
  context.restore();
}

function paintText(context, node, style, [left, top]) {
  const range = document.createRange();
  range.selectNodeContents(node);
  const box = range.getBoundingClientRect();
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(node.textContent, box.left - left, box.top + box.height / 2 - top);
}

// ---------------------------------------------------------------------------------------------- finding points

const CELL = 16;

/** Points on the stage in cells of 16 pixels, for finding the one under the mouse; made once for each camera. */
class Grid {
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
function inside(x, y, outline) {
  let odd = false;
  for (let a = 0, b = outline.length - 1; a < outline.length; b = a++) {
    const [xa, ya] = outline[a];
    const [xb, yb] = outline[b];
    if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) odd = !odd;
  }
  return odd;
}

// ---------------------------------------------------------------------------------------------- the view

// What must be done again when a trait changes; a stage includes those after it.
const STAGES = ["points", "places", "paint", "picture", "marks"];
const STAGE_OF = {
  points: ["_runs", "_axes", "_offset", "_checkpoint", "_step", "_coordinate", "_live", "_live_runs", "_attributes", "_quantities", "_values", "_own_attribute", "_own_quantity", "_own_values"],
  places: ["components", "aspect", "time_axis"],
  paint: ["_shown", "color", "hidden", "filters", "highlighted", "selection", "theme"],
  picture: ["camera", "point_size", "line_width", "opacity", "time", "height"],
  marks: ["hovered", "pinned"],
};

class View {
  constructor(model, el) {
    Object.assign(this, { model, el });
    this.stale = new Set();
    this.ending = new AbortController();
    this.pointers = new Map();
    this.outline = null;
    this.hover = -1;
    this.time = model.get("time");
    this.build();
    this.listen();
    this.restyle();
    this.refresh("points");
  }

  // State: what the reader does goes to the model at once, and to the kernel a few times a second.

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

  /** Note what is out of date and draw in the next frame. */
  refresh(stage) {
    for (const s of STAGES.slice(STAGES.indexOf(stage))) this.stale.add(s);
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.update();
    });
  }

  update() {
    const { stale } = this;
    if (stale.has("points")) this.readPoints();
    if (stale.has("places")) this.place();
    if (stale.has("paint")) this.paint();
    if (stale.has("paint")) this.drawControls();
    const all = stale.has("picture");
    stale.clear();
    if (all) this.drawTime();
    if (this.visible) this.draw(all);
  }

  readPoints() {
    this.points = readPoints(this.model);
    this.quantities = readQuantities(this.model, this.points);
  }

  /** Positions in the box, and how far along its run each point is. */
  place() {
    const { points } = this;
    const components = this.get("components");
    const axes = components.map((k) => points.axes.findIndex((axis) => axis.component === k));
    this.axes = axes.map((a) => points.axes[a] && drawnAxis(points.axes[a]));
    // Traits arrive one by one: until all are there, nothing is drawn.
    this.complete = points.n > 0 && axes.every((a) => a >= 0) && points.coordinates.every((c) => c.length === points.total);
    if (!this.complete) return;
    const wide = this.axes.map((axis) => axis.high - axis.low);
    this.half = this.get("aspect") === "equal" ? wide.map((w) => w / Math.max(...wide)) : [1, 1, 1];
    const n = points.total;
    this.position = new Float32Array(4 * this.room());
    axes.forEach((a, k) => {
      const from = points.coordinates[a];
      for (let i = 0; i < n; i++) this.position[4 * i + k] = from[i] * this.half[k];
    });
    this.drawable = new Uint8Array(n);
    const { position } = this;
    for (let i = 0; i < 4 * n; i += 4) {
      const known = Number.isFinite(position[i] + position[i + 1] + position[i + 2]);
      this.drawable[i / 4] = known ? 1 : 0;
      if (!known) position.fill(0, i, i + 3);
    }
    this.placeInTime();
    this.scene?.upload("places", position);
    this.scene?.upload("courses", this.course);
  }

  /** Room for all points and one more, in whole rows of a texture. */
  room() {
    return ROW * Math.ceil((this.points.total + 1) / ROW);
  }

  /** When each point is reached (references always), and the length of its run so far, -1 where no line leads on. */
  placeInTime() {
    const { points, position, drawable } = this;
    const scale = this.quantities.get(this.get("time_axis")) ?? this.quantities.get("step");
    this.course = new Float32Array(this.room()).fill(-1);
    for (let r = 0; r < points.names.length; r++) {
      const network = r < points.networks;
      let [time, far] = [network ? 0 : -1, 0];
      for (let i = points.offset[r]; i < points.offset[r + 1]; i++) {
        const now = network ? fraction(scale, scale.values[i]) : -1;
        if (now > time) time = now;
        position[4 * i + 3] = time;
        if (i + 1 === points.offset[r + 1] || !drawable[i] || !drawable[i + 1]) continue;
        this.course[i] = far;
        far += Math.hypot(position[4 * i + 4] - position[4 * i], position[4 * i + 5] - position[4 * i + 1], position[4 * i + 6] - position[4 * i + 2]);
      }
    }
  }

  /** Which runs are drawn: those that Python shows, whose values are ticked, in a category that is switched on. */
  shownRuns() {
    const { points, coloring } = this;
    const given = numbers(this.model, "_shown", Uint8Array);
    const filters = Object.entries(this.get("filters")).map(([name, values]) => {
      const attribute = this.get("_attributes").find((a) => a.name === name && a.categories);
      return attribute && [attribute.code, new Set(values.map((v) => attribute.categories.indexOf(v)))];
    });
    const off = new Set(this.get("hidden").map((c) => coloring.categories?.indexOf(c)));
    return Uint8Array.from(points.names, (_, r) => {
      if (r >= points.networks) return 1;
      if (given.length && !given[r]) return 0;
      if (filters.some((f) => f && !f[1].has(f[0][r]))) return 0;
      return coloring.code && off.has(coloring.code[r]) ? 0 : 1;
    });
  }

  /** The colour of each point, with its strength as alpha. */
  paint() {
    const { points } = this;
    if (!this.complete) return;
    this.theme = themeOf(this.model);
    this.coloring = readColoring(this.model, points, this.quantities);
    this.shown = this.shownRuns();
    this.selected = this.selectedPoints();
    const strong = new Set(this.get("highlighted").map((name) => points.runOf.get(name)));
    const anySelected = this.get("selection").length > 0;
    const paintOf = this.paints();
    this.anyDimmed = strong.size > 0 || anySelected;
    this.color = new Uint8Array(4 * this.room());
    // Colour and strength of a point as one number, red in its lowest byte.
    const packed = new Uint32Array(this.color.buffer);
    for (let r = 0; r < points.names.length; r++) {
      if (!this.shown[r]) continue;
      const network = r < points.networks;
      const usual = network && ((strong.size && !strong.has(r)) || (anySelected && !strong.has(r))) ? DIMMED : DRAWN;
      for (let i = points.offset[r]; i < points.offset[r + 1]; i++) {
        const strength = !this.drawable[i] ? HIDDEN : this.selected[i] ? STRONG : usual;
        packed[i] = (paintOf(r, i) | (strength << 24)) >>> 0;
      }
    }
    this.scene?.upload("colors", this.color);
  }

  /** A function that gives the colour of point i of run r, as one number. */
  paints() {
    const { points, coloring, theme } = this;
    const one = ([red, green, blue]) => red | (green << 8) | (blue << 16);
    const none = one(onTheme(rgb(NONE), theme));
    const reference = one(rgb(INK[theme].reference));
    const live = LIVE.map((hex) => one(onTheme(rgb(hex), theme)));
    const apart = (r) => (r < points.ownRuns ? reference : live[(r - points.ownRuns) % live.length]);
    if (coloring.categories) {
      const palette = coloring.paint.map((hex) => one(onTheme(rgb(hex), theme)));
      return (r) => (r < points.networks ? (palette[coloring.code[r]] ?? none) : apart(r));
    }
    const flat = scaleColors(theme);
    const scale = Int32Array.from({ length: 256 }, (_, k) => one(flat.slice(3 * k, 3 * k + 3)));
    const value = coloring.perRun ? (r) => coloring.perRun[r] : (r, i) => coloring.values[i];
    return (r, i) => {
      if (r >= points.networks) return apart(r);
      const part = fraction(coloring, value(r, i));
      return Number.isNaN(part) ? none : scale[Math.round(clamp(part, 0, 1) * 255)];
    };
  }

  selectedPoints() {
    const mask = new Uint8Array(this.points.total);
    for (const pair of this.get("selection")) {
      const i = this.find(pair);
      if (i >= 0) mask[i] = 1;
    }
    return mask;
  }

  /** Index of the point [run, checkpoint], -1 if it is not there. */
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

  name(i) {
    return [this.points.names[this.points.run[i]], this.points.checkpoint[i]];
  }

  /** Points up to now; at 1 all, whatever rounding says. */
  get now() {
    return this.time >= 1 ? 2 : this.time;
  }

  isDrawn(i) {
    return this.color[4 * i + 3] !== HIDDEN && this.position[4 * i + 3] <= this.now;
  }

  // Drawing

  get camera() {
    return { ...START, ...this.get("camera") };
  }

  /** Draw all layers, or the marks upon them alone. */
  draw(all = true) {
    const { width, height, theme } = this;
    if (!width || !height) return;
    const message = this.obstacle();
    this.message.hidden = !message;
    this.message.firstChild.textContent = message;
    const nothing = !this.complete || Boolean(this.fault);
    if (all || !this.projection) {
      const behind = this.cleared(this.backdrop);
      this.projection = projectionOf(this.camera, width, height);
      if (nothing) this.scene?.begin(1, 1);
      else {
        paintBox(behind, this.projection, this.axes, this.half, INK[theme], TIME_LIKE[theme], this.font);
        this.drawScene();
      }
    }
    const before = this.cleared(this.overlay);
    if (nothing) return this.cards.replaceChildren();
    this.drawMarks(before);
    this.drawCards();
  }

  /** A canvas' context, in the stage's pixels, with nothing on it. */
  cleared(canvas) {
    const [wide, high] = [this.width, this.height].map((length) => Math.round(length * this.pixels));
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    const context = canvas.getContext("2d");
    context.setTransform(this.pixels, 0, 0, this.pixels, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    return context;
  }

  /** Why there is nothing to see, or "". */
  obstacle() {
    if (this.fault) return `${this.fault}. tk.figures.manifold(embedding) draws the same with plotly.`;
    if (!this.points.n) return "nothing to show yet: view.show(embedding)";
    if (!this.complete) return "";
    if (!this.points.networks) return "";
    return this.shown.subarray(0, this.points.networks).some(Boolean) ? "" : "no run to draw: every run is filtered out or switched off";
  }

  drawScene() {
    const { scene, points, projection } = this;
    if (!scene) return;
    const pixels = this.pixels;
    scene.begin(this.backdrop.width, this.backdrop.height);
    const opacity = this.get("opacity");
    const uniforms = {
      ...{ matrix: projection.matrix, viewport: [this.backdrop.width, this.backdrop.height], time: this.now, opacity, faded: 0.16 },
      ...{ size: this.get("point_size") * pixels, width: this.get("line_width") * pixels, dash: 0, heads: false, dimmedPass: false },
    };
    const end = points.offset[points.networks];
    const { gl } = scene;
    // What is dimmed comes first and leaves no depth: nothing of it covers what is not.
    const passes = this.anyDimmed ? [true, false] : [false];
    for (const dimmedPass of passes) {
      // Nor must anything hide what lies behind it where all is faint.
      gl.depthMask(!dimmedPass && opacity >= 0.5);
      const pass = { ...uniforms, dimmedPass };
      if (uniforms.width > 0) scene.draw("lines", 0, end, pass);
      if (uniforms.size > 0 && !(this.hurried && uniforms.width > 0)) scene.draw("points", 0, end, pass);
      if (this.time < 1) scene.draw("points", 0, end, { ...pass, size: Math.max(uniforms.size, 3 * pixels), heads: true });
    }
    gl.depthMask(true);
    const [references, live] = [points.offset[points.ownRuns], points.total];
    scene.draw("lines", end, references, { ...uniforms, opacity: 1, width: 2 * pixels, dash: 0.06 });
    scene.draw("lines", references, live, { ...uniforms, opacity: 1, width: Math.max(2.5 * pixels, 1.6 * uniforms.width) });
    scene.draw("points", references, live, { ...uniforms, opacity: 1, size: Math.max(6 * pixels, 1.5 * uniforms.size) });
  }

  at(i) {
    return this.projection.at(this.position[4 * i], this.position[4 * i + 1], this.position[4 * i + 2]);
  }

  /** Names of references, rings round hovered and pinned points, the lasso. */
  drawMarks(context) {
    const { points, theme } = this;
    const ink = INK[theme];
    for (let r = points.networks; r < points.ownRuns; r++) {
      const [first, last] = [points.offset[r], points.offset[r + 1]];
      if (last - first !== 1 || !this.drawable[first]) continue;
      const [x, y] = this.at(first);
      context.fillStyle = ink.reference;
      context.strokeStyle = ink.back;
      context.lineWidth = 1.5;
      trace(context, [[x, y - 6], [x + 6, y], [x, y + 6], [x - 6, y]], true);
      context.fill();
      context.stroke();
      paintLabel(context, points.names[r], x, y - 12, ink, this.font);
    }
    for (let r = points.ownRuns; r < points.names.length; r++) {
      const last = points.offset[r + 1] - 1;
      if (last < points.offset[r]) continue;
      const [x, y] = this.at(last);
      paintLabel(context, points.names[r], x, y - 12, ink, this.font);
    }
    const pinned = this.get("pinned").map((pair) => this.find(pair));
    const hovered = this.get("hovered");
    const here = hovered.length ? this.find(hovered) : -1;
    for (const i of [...pinned, here]) {
      if (i < 0 || !this.drawable[i]) continue;
      const [x, y] = this.at(i);
      const radius = Math.max(5.5, 0.5 * this.get("point_size") + 3);
      for (const [color, wide] of [[ink.back, 4], [ink.text, 1.75]]) {
        context.strokeStyle = color;
        context.lineWidth = wide;
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.stroke();
      }
    }
    if (this.outline) {
      context.fillStyle = theme === "dark" ? "rgba(120, 180, 255, .14)" : "rgba(0, 90, 180, .10)";
      context.strokeStyle = theme === "dark" ? "#7cb7ff" : "#0a5cad";
      context.lineWidth = 1.5;
      context.setLineDash([5, 4]);
      trace(context, this.outline, true);
      context.fill();
      context.stroke();
      context.setLineDash([]);
    }
  }

  // Finding points

  /** Screen positions of all points, in cells; made again when camera, points or time have changed. */
  grid() {
    const { projection, points, now, color } = this;
    const key = [projection, now, color];
    if (this.gridKey?.every((k, i) => k === key[i])) return this.cells;
    const n = points.total;
    const [xs, ys] = [new Float32Array(n), new Float32Array(n)];
    this.depths = new Float32Array(n);
    for (let i = 0; i < n; i++) [xs[i], ys[i], this.depths[i]] = this.at(i);
    this.gridKey = key;
    this.cells = new Grid(xs, ys, (i) => this.isDrawn(i), this.width, this.height);
    return this.cells;
  }

  pointAt(x, y) {
    if (!this.complete || !this.projection) return -1;
    const radius = 0.5 * this.get("point_size") + 1;
    return this.grid().nearest(x, y, radius + 5, radius, this.depths);
  }

  /** Select the drawn networks' points within an outline; `how` is "replace", "add" or "remove". */
  select(outline, how) {
    const { xs, ys } = this.grid();
    const { points } = this;
    const end = points.offset[points.networks];
    const [left, right] = [0, 1].map((m) => (m ? Math.max : Math.min)(...outline.map((p) => p[0])));
    const kept = how === "replace" ? new Uint8Array(points.total) : this.selected.slice();
    for (let i = 0; i < end; i++) {
      if (xs[i] < left || xs[i] > right || !this.isDrawn(i)) continue;
      if (inside(xs[i], ys[i], outline)) kept[i] = how === "remove" ? 0 : 1;
    }
    const selection = [];
    kept.forEach((chosen, i) => chosen && selection.push(this.name(i)));
    this.set({ selection });
  }

  // Cards

  /** What there is to say about a point: attributes of its run that vary, and its place in training and values. */
  facts(i) {
    const { points, quantities } = this;
    const run = points.run[i] < points.networks ? this.attributesOf(points.run[i]) : [];
    const here = [["checkpoint", String(points.checkpoint[i])]];
    if (Number.isFinite(points.step[i])) here.push(["step", countText(points.step[i])]);
    if (i < points.n) {
      for (const q of quantities.values()) if (q.name !== "step" && q.name !== "checkpoint") here.push([q.name, numberText(q.values[i])]);
      const own = this.coloring;
      if (own.values && !quantities.has(own.name)) here.push([own.title, numberText(own.values[i])]);
    } else if (Number.isFinite(points.liveValue[i - points.n])) here.push(["value", numberText(points.liveValue[i - points.n])]);
    this.axes.forEach((axis, k) => {
      const unit = this.position[4 * i + k] / this.half[k];
      here.push([`component ${axis.component}`, numberText(mix(axis.low, axis.high, (unit + 1) / 2))]);
    });
    return [run, here];
  }

  attributesOf(r) {
    const varies = (a) => !a.categories || a.code.slice(0, this.points.networks).some((code) => code !== a.code[0]);
    const text = (a) => (a.categories ? (a.categories[a.code[r]] ?? "(none)") : numberText(a.value[r] ?? NaN));
    return this.get("_attributes").filter(varies).map((a) => [a.name, text(a)]);
  }

  /** A pinned card is short: what gives the colour, and the point's values. */
  brief(i) {
    const [run, here] = this.facts(i);
    return [[...run.filter(([name]) => name === this.coloring.name), ...here.slice(0, here.length - 3)]];
  }

  fill(card, i, facts) {
    const lists = facts.filter((facts) => facts.length).map((facts) =>
      make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })])),
    );
    card.replaceChildren(make("strong", { textContent: this.name(i)[0] }), make("div", {}, ...lists));
  }

  /** Put a card beside a place on the stage, so that all of it stays inside. */
  setBeside(card, [x, y], leftwards) {
    const { offsetWidth: wide, offsetHeight: high } = card;
    const [right, left] = [x + 16, x - 16 - wide];
    const fits = [leftwards ? left : right, leftwards ? right : left].find((at) => at >= 4 && at + wide <= this.width - 4) ?? right;
    card.style.left = `${clamp(fits, 4, Math.max(4, this.width - wide - 4))}px`;
    card.style.top = `${clamp(y - high / 3, 4, Math.max(4, this.height - high - 4))}px`;
  }

  drawCards() {
    const hovered = this.get("hovered");
    const here = hovered.length ? this.find(hovered) : -1;
    const pinned = this.get("pinned").map((pair) => this.find(pair)).filter((i) => i >= 0);
    const wanted = here < 0 ? pinned : [...pinned, here];
    while (this.cards.children.length > wanted.length) this.cards.lastChild.remove();
    wanted.forEach((i, k) => {
      const card = this.cards.children[k] ?? this.cards.appendChild(make("div", { className: "trajkit-card" }));
      const isPinned = k < pinned.length;
      const shows = [i, isPinned, this.coloring, this.points];
      if (!card.shows?.every((s, n) => s === shows[n])) this.fill(card, i, isPinned ? this.brief(i) : this.facts(i));
      card.shows = shows;
      card.classList.toggle("trajkit-pinned", isPinned);
      this.setBeside(card, this.at(i), isPinned);
    });
  }

  // The page's elements

  build() {
    const { el } = this;
    this.root = make("div", { className: "trajkit-view" });
    this.backdrop = make("canvas", { className: "trajkit-layer" });
    this.overlay = make("canvas", { className: "trajkit-layer" });
    this.cards = make("div", { className: "trajkit-cards" });
    this.message = make("div", { className: "trajkit-message", role: "status", hidden: true }, make("span"));
    this.stage = make("div", {
      className: "trajkit-stage", tabIndex: 0, role: "application",
      "aria-label": "Manifold in three dimensions. Arrow keys turn, plus and minus zoom, 1 2 3 look along an axis, r resets, space plays, Escape clears the selection.",
    }, this.backdrop, this.overlay, this.message, this.cards);
    this.toolbar = make("div", { className: "trajkit-toolbar", role: "toolbar", "aria-label": "View" });
    this.legend = make("div", { className: "trajkit-legend" });
    this.timeline = make("div", { className: "trajkit-time" });
    this.root.append(this.toolbar, make("div", { className: "trajkit-middle" }, this.stage, this.legend), this.timeline);
    el.append(this.root);
    this.buildToolbar();
    this.buildTimeline();
  }

  button(name, title, onclick, properties = {}) {
    return make("button", { type: "button", className: "trajkit-button", title, "aria-label": title, onclick, ...properties }, ICONS[name] ? icon(...ICONS[name]) : name);
  }

  group(...children) {
    return make("div", { className: "trajkit-group" }, ...children);
  }

  buildToolbar() {
    const groups = {
      color: () => {
        this.colorMenu = make("select", { title: "Colour by", "aria-label": "Colour by", onchange: () => this.set({ color: this.colorMenu.value, hidden: [] }) });
        return this.group(make("label", { className: "trajkit-word", textContent: "colour" }), this.colorMenu);
      },
      filter: () => this.group((this.filterButton = this.button("filter", "Filter runs by attribute", () => this.togglePopover("filter", this.filterButton)))),
      axes: () => {
        this.axisMenus = [0, 1, 2].map((k) =>
          make("select", { title: `Component on axis ${k + 1}`, "aria-label": `Component on axis ${k + 1}`, onchange: () => this.pickAxis(k) }),
        );
        this.axisGroup = this.group(make("label", { className: "trajkit-word", textContent: "axes" }), ...this.axisMenus);
        return this.axisGroup;
      },
      tools: () => {
        const titles = {
          orbit: "Turn by dragging",
          pan: "Move by dragging",
          lasso: "Select with a lasso (Shift adds, Alt removes, Escape clears)",
          box: "Select with a box (Shift adds, Alt removes, Escape clears)",
        };
        this.toolButtons = Object.entries(titles).map(([tool, title]) => this.button(tool, title, () => this.set({ tool }), { "data-tool": tool }));
        return this.group(...this.toolButtons);
      },
      camera: () => {
        this.projectionButton = this.button("perspective", "Perspective, or parallel projection (p)", () => this.toggleProjection());
        const along = [1, 2, 3].map((k) => this.button(String(k), `Look along axis ${k} (key ${k})`, () => this.lookAlong(k)));
        return this.group(this.button("reset", "Reset the camera (r, or double click)", () => this.resetCamera()), ...along, this.projectionButton);
      },
      export: () =>
        this.group(
          (this.styleButton = this.button("style", "Sizes, opacity and scale", () => this.togglePopover("style", this.styleButton))),
          this.button("image", "Save as PNG", () => this.savePicture()),
        ),
    };
    const wanted = this.get("toolbar");
    for (const [name, build] of Object.entries(groups)) if (wanted.includes(name)) this.toolbar.append(build());
  }

  buildTimeline() {
    this.playButton = this.button("play", "Play (space)", () => this.play(!this.get("playing")));
    this.timeMenu = make("select", { title: "What time is", "aria-label": "What time is", onchange: () => this.set({ time_axis: this.timeMenu.value }) });
    this.slider = make("input", { type: "range", min: 0, max: 1, step: "any", "aria-label": "Time", title: "Draw trajectories up to here" });
    this.slider.oninput = () => {
      this.play(false);
      this.set({ time: Number(this.slider.value) });
    };
    this.timeText = make("output", { className: "trajkit-number" });
    this.timeline.append(this.playButton, this.timeMenu, this.slider, this.timeText);
  }

  options(menu, names, value, textOf = (name) => name) {
    const key = JSON.stringify(names);
    if (menu.dataset.key !== key) menu.replaceChildren(...names.map((name) => make("option", { value: name, textContent: textOf(name) })));
    menu.dataset.key = key;
    menu.value = value;
  }

  drawControls() {
    const attributes = this.get("_attributes").map((a) => a.name);
    const own = [this.get("_own_attribute"), this.get("_own_quantity")].map((d) => d.name).filter(Boolean);
    const known = [...this.quantities.keys()];
    if (this.colorMenu) this.options(this.colorMenu, [...new Set(["", ...attributes, ...known, ...own])], this.get("color"), (name) => name || "(one colour)");
    this.toolbar.hidden = !this.points.n || !this.toolbar.children.length;
    this.timeline.hidden = !this.points.n || !this.get("toolbar").includes("time");
    this.options(this.timeMenu, known.filter((name) => name !== "checkpoint").concat(["checkpoint"]), this.get("time_axis"));
    if (this.axisMenus) {
      this.axisGroup.hidden = this.points.axes.length < 4;
      this.axisMenus.forEach((menu, k) => this.options(menu, this.points.axes.map((axis) => axis.component), this.get("components")[k]));
    }
    if (this.filterButton) {
      const filtered = Object.keys(this.get("filters")).length > 0;
      this.filterButton.classList.toggle("trajkit-on", filtered);
    }
    this.drawTools();
    this.drawLegend();
  }

  drawTools() {
    for (const button of this.toolButtons ?? []) {
      const on = button.dataset.tool === this.get("tool");
      button.classList.toggle("trajkit-on", on);
      button.setAttribute("aria-pressed", on);
    }
    this.projectionButton?.classList.toggle("trajkit-on", this.camera.projection === "orthographic");
    this.stage.dataset.tool = this.get("tool");
  }

  drawTime() {
    const playing = this.get("playing");
    if (this.playButton.dataset.playing !== String(playing)) {
      this.playButton.dataset.playing = playing;
      this.playButton.replaceChildren(icon(...ICONS[playing ? "pause" : "play"]));
      this.playButton.title = playing ? "Pause (space)" : "Play (space)";
      this.playButton.setAttribute("aria-label", this.playButton.title);
    }
    this.slider.value = this.time;
    const scale = this.quantities.get(this.get("time_axis"));
    this.timeText.textContent = scale ? this.timeReading(scale) : "";
  }

  timeReading(scale) {
    const value = valueAt(scale, this.time);
    return scale.name === "step" || scale.name === "checkpoint" ? countText(value) : numberText(value);
  }

  // Legend

  /** Entries of the legend: categories with counts of shown runs, or a colour scale; then reference curves. */
  legendEntries() {
    const { points, coloring, theme } = this;
    const counts = new Map();
    for (let r = 0; r < points.networks; r++) {
      const code = coloring.code?.[r];
      if (code >= 0) counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    const css = (c) => `rgb(${c.join(" ")})`;
    const categories = coloring.categories && coloring.title ? coloring.categories : [];
    const entries = categories.map((text, code) => ({ text, color: css(onTheme(rgb(coloring.paint[code]), theme)), count: counts.get(code) ?? 0 }));
    entries.sort((a, b) => (a.text === "(none)") - (b.text === "(none)"));
    const curves = [];
    for (let r = points.networks; r < points.ownRuns; r++) if (points.offset[r + 1] - points.offset[r] > 1) curves.push(points.names[r]);
    return { entries, curves };
  }

  drawLegend() {
    if (!this.complete || !this.get("toolbar").includes("legend")) {
      this.legend.replaceChildren();
      this.legend.hidden = true;
      return;
    }
    const { coloring } = this;
    const { entries, curves } = this.legendEntries();
    const hidden = new Set(this.get("hidden"));
    const key = JSON.stringify([coloring.title, entries, curves, this.theme, coloring.low, coloring.high]);
    if (this.legend.dataset.key !== key) {
      this.legend.dataset.key = key;
      const parts = coloring.title ? [make("div", { className: "trajkit-title", textContent: coloring.title })] : [];
      if (coloring.categories) parts.push(make("div", { className: "trajkit-entries" }, ...entries.map((entry) => this.legendEntry(entry))));
      else parts.push(this.colorBar());
      for (const text of curves) parts.push(make("div", { className: "trajkit-curve", title: text }, make("i", {}), make("span", { textContent: text })));
      this.legend.replaceChildren(...parts);
      this.legend.hidden = parts.length === 0;
    }
    for (const entry of this.legend.querySelectorAll(".trajkit-entry")) entry.setAttribute("aria-checked", String(!hidden.has(entry.category)));
  }

  legendEntry({ text, color, count }) {
    const swatch = make("i", {});
    swatch.style.background = color;
    const entry = make("button", {
      type: "button", className: "trajkit-entry", role: "switch", title: `${text}: click to hide or show, double click to show it alone`, category: text,
      onclick: () => this.toggleCategory(text), ondblclick: () => this.isolate(text),
    }, swatch, make("span", { textContent: text }), make("small", { textContent: String(count) }));
    return entry;
  }

  toggleCategory(text) {
    const hidden = this.get("hidden");
    this.set({ hidden: hidden.includes(text) ? hidden.filter((h) => h !== text) : [...hidden, text] });
  }

  isolate(text) {
    const others = this.coloring.categories.filter((c) => c !== text);
    const alone = others.every((c) => this.isolated === text && this.get("hidden").includes(c));
    this.isolated = alone ? null : text;
    this.set({ hidden: alone ? [] : others });
  }

  colorBar() {
    const bar = make("div", { className: "trajkit-bar" });
    const scale = scaleColors(this.theme);
    const stops = [0, 28, 57, 85, 113, 142, 170, 198, 227, 255].map((i) => `rgb(${scale.slice(3 * i, 3 * i + 3).join(" ")})`);
    const strip = make("div", { className: "trajkit-strip" });
    strip.stops = stops;
    strip.style.background = `linear-gradient(to top, ${stops.join(", ")})`;
    const marks = scaleTicks(this.coloring).map(([part, text]) => {
      const mark = make("span", { textContent: text });
      mark.style.bottom = `${100 * part}%`;
      return mark;
    });
    bar.append(strip, make("div", { className: "trajkit-marks" }, ...marks));
    return bar;
  }

  // Pop-overs

  togglePopover(kind, button) {
    const open = this.popover;
    this.closePopover();
    if (open?.kind === kind) return;
    const content = kind === "filter" ? this.filterContent() : this.styleContent();
    const panel = make("div", { className: "trajkit-popover", role: "dialog", "aria-label": button.title, kind }, ...content);
    this.root.append(panel);
    const [a, b] = [button.getBoundingClientRect(), this.root.getBoundingClientRect()];
    panel.style.top = `${a.bottom - b.top + 4}px`;
    panel.style.maxHeight = `${b.bottom - a.bottom - 16}px`;
    panel.style.left = `${clamp(a.left - b.left, 4, Math.max(4, b.width - panel.offsetWidth - 4))}px`;
    button.setAttribute("aria-expanded", "true");
    this.popover = { kind, panel, button };
  }

  closePopover() {
    this.popover?.panel.remove();
    this.popover?.button.setAttribute("aria-expanded", "false");
    this.popover = null;
  }

  filterContent() {
    const parts = [];
    for (const a of this.get("_attributes")) {
      if (!a.categories || a.categories.length < 2) continue;
      const boxes = a.categories.map((text) => {
        const box = make("input", { type: "checkbox", value: text, checked: (this.get("filters")[a.name] ?? a.categories).includes(text) });
        return make("label", {}, box, make("span", { textContent: text }));
      });
      const section = make("fieldset", {}, make("legend", { textContent: a.name }), ...boxes);
      section.onchange = () => {
        const ticked = [...section.querySelectorAll("input")].filter((box) => box.checked).map((box) => box.value);
        const { [a.name]: _, ...others } = this.get("filters");
        this.set({ filters: ticked.length === a.categories.length ? others : { ...others, [a.name]: ticked } });
      };
      parts.push(section);
    }
    if (!parts.length) return [make("p", { textContent: "No attribute has several values to filter by." })];
    const all = make("button", { type: "button", className: "trajkit-wide", textContent: "Show all runs", onclick: () => {
      this.set({ filters: {}, hidden: [] });
      for (const box of this.popover.panel.querySelectorAll("input")) box.checked = true;
    } });
    return [...parts, all];
  }

  styleContent() {
    const slider = (name, title, high) => {
      const input = make("input", { type: "range", min: 0, max: high, step: "any", value: this.get(name), "aria-label": title });
      input.oninput = () => this.set({ [name]: Number(input.value) });
      return make("label", {}, make("span", { textContent: title }), input);
    };
    const equal = make("input", { type: "checkbox", checked: this.get("aspect") === "equal" });
    equal.onchange = () => this.set({ aspect: equal.checked ? "equal" : "cube" });
    return [
      slider("point_size", "points", 14),
      slider("line_width", "lines", 6),
      slider("opacity", "opacity", 1),
      make("label", { title: "The same length of axis for the same distance" }, equal, make("span", { textContent: "axes to one scale" })),
    ];
  }

  // What the reader does

  listen() {
    const { signal } = this.ending;
    for (const [stage, names] of Object.entries(STAGE_OF)) {
      for (const name of names) this.onModel(`change:${name}`, () => this.refresh(stage));
    }
    this.onModel("change:time", () => (this.time = this.get("time")));
    this.onModel("change:playing", () => this.run());
    this.onModel("change:tool", () => this.drawTools());
    this.onModel("change:height", () => this.restyle());
    this.onModel("change:theme", () => this.restyle());
    this.onModel("change:toolbar", () => this.rebuild());
    this.onModel("msg:custom", (message) => message?.ask === "png" && this.answerPicture());
    const { stage } = this;
    const on = (type, handler, options = {}) => stage.addEventListener(type, handler, { signal, ...options });
    on("pointerdown", (event) => this.pressed(event));
    on("pointermove", (event) => this.moved(event));
    on("pointerup", (event) => this.released(event));
    on("pointercancel", (event) => this.released(event));
    on("pointerleave", () => this.pointers.size || this.hoverOver(-1));
    on("wheel", (event) => this.wheeled(event), { passive: false });
    on("dblclick", () => this.resetCamera());
    on("contextmenu", (event) => event.preventDefault());
    this.root.addEventListener("keydown", (event) => this.typed(event), { signal });
    // What is typed here is no command to JupyterLab, which asks the element that has the focus, not those around it.
    this.root.addEventListener("focusin", ({ target }) => (target.dataset.lmSuppressShortcuts = "true"), { signal });
    document.addEventListener("pointerdown", (event) => {
      if (this.popover && !event.composedPath().some((e) => e === this.popover.panel || e === this.popover.button)) this.closePopover();
    }, { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.restyle(), { signal });
    this.bodyWatch = new MutationObserver(() => this.restyle());
    this.bodyWatch.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-vscode-theme-kind"] });
    this.sizeWatch = new ResizeObserver(() => this.resized());
    this.sizeWatch.observe(this.stage);
    this.sightWatch = new IntersectionObserver(([entry]) => this.seen(entry.isIntersecting), { rootMargin: "150px" });
    this.sightWatch.observe(this.root);
  }

  onModel(event, listener) {
    this.model.on(event, listener);
    this.ending.signal.addEventListener("abort", () => this.model.off(event, listener));
  }

  place2(event) {
    const { left, top } = this.stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  pressed(event) {
    this.stage.setPointerCapture(event.pointerId);
    const here = this.place2(event);
    this.pointers.set(event.pointerId, here);
    this.travelled = this.pointers.size > 1 ? Infinity : 0;
    const tool = this.get("tool");
    const selects = event.button === 0 && this.pointers.size === 1 && (tool === "lasso" || tool === "box");
    this.drag = selects ? tool : event.button || event.shiftKey || tool === "pan" ? "pan" : "orbit";
    this.outline = selects ? [here] : null;
    this.corner = here;
    this.how = event.shiftKey ? "add" : event.altKey ? "remove" : "replace";
  }

  moved(event) {
    const here = this.place2(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.hoverOver(this.pointAt(...here));
    const [dx, dy] = [here[0] - before[0], here[1] - before[1]];
    this.travelled += Math.hypot(dx, dy);
    if (this.pointers.size === 2) this.pinched(event.pointerId, before, here);
    this.pointers.set(event.pointerId, here);
    if (this.pointers.size > 1 || this.travelled < 3) return;
    if (this.drag === "orbit") this.turn(-0.4 * dx, 0.4 * dy);
    else if (this.drag === "pan") this.shift(dx, dy);
    else {
      if (this.drag === "box") this.outline = [this.corner, [here[0], this.corner[1]], here, [this.corner[0], here[1]]];
      else this.outline.push(here);
      this.refresh("marks");
    }
  }

  released(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { outline } = this;
    this.outline = null;
    if (event.type === "pointercancel") return this.refresh("marks");
    if (this.travelled < 3) return this.clicked(this.place2(event));
    if (outline?.length > 2) this.select(outline, this.how);
    if (outline) this.refresh("marks");
  }

  /** A click pins the point under the mouse, or lets it go. */
  clicked(here) {
    const i = this.pointAt(...here);
    if (i < 0) return this.refresh("marks");
    const [run, checkpoint] = this.name(i);
    const pinned = this.get("pinned");
    const others = pinned.filter(([r, c]) => r !== run || c !== checkpoint);
    this.set({ pinned: others.length < pinned.length ? others : [...pinned, [run, checkpoint]] });
  }

  hoverOver(i) {
    if (i === this.hover) return;
    this.hover = i;
    this.set({ hovered: i < 0 ? [] : this.name(i) });
  }

  pinched(id, before, here) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, place]) => place);
    const wide = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
    this.zoom(wide(here) / Math.max(1, wide(before)));
    this.shift((here[0] - before[0]) / 2, (here[1] - before[1]) / 2);
  }

  wheeled(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-0.0012 * clamp(event.deltaY * lines, -400, 400)));
  }

  move(change) {
    this.hurry();
    this.set({ camera: { ...this.camera, ...change } });
  }

  /** While a large picture moves, its lines alone are drawn, in half the time; its points again once it rests. */
  hurry() {
    if (this.points.total < MANY) return;
    this.hurried = true;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.hurried = false;
      this.refresh("picture");
    }, 250);
  }

  turn(yaw, pitch) {
    const camera = this.camera;
    this.move({ yaw: ((camera.yaw + yaw + 540) % 360) - 180, pitch: clamp(camera.pitch + pitch, -90, 90) });
  }

  shift(dx, dy) {
    const camera = this.camera;
    const { right, up } = directions(camera);
    const scale = pixelsPerUnit(camera, this.width, this.height);
    this.move({ target: camera.target.map((t, k) => clamp(t - (right[k] * dx - up[k] * dy) / scale, -3, 3)) });
  }

  zoom(factor) {
    this.move({ zoom: clamp(this.camera.zoom * factor, 0.2, 200) });
  }

  /** Look along axis k: the plane of the other two. */
  lookAlong(k) {
    const [yaw, pitch] = [[0, 0], [-90, 0], [-90, 90]][k - 1];
    this.move({ yaw, pitch, target: [0, 0, 0] });
  }

  resetCamera() {
    this.move({ ...START, projection: this.camera.projection });
  }

  toggleProjection() {
    this.move({ projection: this.camera.projection === "perspective" ? "orthographic" : "perspective" });
    this.drawTools();
  }

  typed(event) {
    const field = event.target.closest("input, select, textarea, button");
    if (event.key === "Escape") {
      if (this.popover) this.closePopover();
      else this.set({ selection: [], pinned: [], highlighted: [] });
    } else if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (!this.shortcut(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  shortcut({ key, shiftKey }) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (arrows[key]) {
      const [x, y] = arrows[key];
      if (shiftKey) this.shift(20 * x, 20 * y);
      else this.turn(-5 * x, 5 * y);
    } else if (key === "+" || key === "=") this.zoom(1.2);
    else if (key === "-") this.zoom(1 / 1.2);
    else if (["1", "2", "3"].includes(key)) this.lookAlong(Number(key));
    else if (key === "r") this.resetCamera();
    else if (key === "p") this.toggleProjection();
    else if (key === " ") this.play(!this.get("playing"));
    else return false;
    return true;
  }

  pickAxis(k) {
    const components = [...this.get("components")];
    components[k] = Number(this.axisMenus[k].value);
    this.set({ components });
  }

  // Time

  play(playing) {
    if (playing === this.get("playing")) return;
    const time = playing && this.time >= 1 ? 0 : this.time;
    this.time = time;
    this.set({ time, playing });
  }

  /** Let time run in the browser; the model hears of it when it stops. */
  run() {
    this.refresh("picture");
    if (!this.get("playing") || this.running) return;
    this.running = true;
    let before = null;
    const step = (now) => {
      if (this.ending.signal.aborted) return;
      if (!this.get("playing")) {
        this.running = false;
        return this.set({ time: this.time });
      }
      this.time = Math.min(1, this.time + (now - (before ?? now)) / 1000 / this.get("duration"));
      before = now;
      this.hurry();
      this.stale.add("picture");
      this.update();
      if (this.time < 1) return requestAnimationFrame(step);
      this.running = false;
      this.set({ time: 1, playing: false });
    };
    requestAnimationFrame(step);
  }

  // Pictures

  /** The stage and its legend as the reader sees them, as PNG. */
  async picture() {
    this.open();
    this.hurried = false;
    this.update();
    this.draw();
    const { pixels } = this;
    const box = this.stage.parentElement.getBoundingClientRect();
    const canvas = make("canvas", { width: Math.round(box.width * pixels), height: Math.round(box.height * pixels) });
    const context = canvas.getContext("2d");
    context.fillStyle = INK[themeOf(this.model)].back;
    context.fillRect(0, 0, canvas.width, canvas.height);
    // In the same turn as drawing: the browser then still has what WebGL drew.
    for (const layer of [this.backdrop, this.scene?.canvas, this.overlay]) if (layer) context.drawImage(layer, 0, 0);
    context.scale(pixels, pixels);
    for (const part of [this.legend, ...this.cards.children]) paintElement(context, part, [box.left, box.top]);
    if (!this.visible) this.closeScene();
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  async savePicture() {
    const address = URL.createObjectURL(await this.picture());
    make("a", { href: address, download: "manifold.png" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  async answerPicture() {
    const bytes = await (await this.picture()).arrayBuffer();
    this.model.send({ answer: "png" }, undefined, [bytes]);
  }

  // Size, theme, coming and going

  restyle() {
    this.root.dataset.theme = themeOf(this.model);
    this.root.style.height = `${this.get("height")}px`;
    this.font = getComputedStyle(this.root).fontFamily;
    if (this.points) this.refresh("paint");
  }

  resized() {
    [this.width, this.height] = [this.stage.clientWidth, this.stage.clientHeight];
    this.pixels = Math.min(3, devicePixelRatio || 1);
    this.root.classList.toggle("trajkit-narrow", this.root.clientWidth < 720);
    this.root.classList.toggle("trajkit-small", this.root.clientWidth < 540);
    if (this.points) this.refresh("picture");
  }

  /** Out of sight a view keeps no WebGL context: a page has only some sixteen. */
  seen(visible) {
    this.visible = visible;
    if (visible) this.open();
    else this.closeScene();
  }

  open() {
    if (this.scene) return;
    try {
      this.scene = new Scene(() => this.lost());
      this.fault = "";
      this.backdrop.after(this.scene.canvas);
      const { position, color, course } = this;
      for (const [name, array] of Object.entries({ places: position, colors: color, courses: course })) if (array) this.scene.upload(name, array);
    } catch (error) {
      this.fault = `The 3D view cannot draw: ${error.message}`;
    }
    if (this.points) this.refresh("picture");
  }

  /** The browser took the context away: draw on a new one. */
  lost() {
    this.closeScene();
    setTimeout(() => this.visible && !this.ending.signal.aborted && this.open(), 300);
  }

  closeScene() {
    this.scene?.close();
    this.scene = null;
  }

  rebuild() {
    this.closePopover();
    this.colorMenu = this.axisMenus = this.filterButton = this.toolButtons = this.projectionButton = null;
    this.toolbar.replaceChildren();
    this.timeline.replaceChildren();
    this.buildToolbar();
    this.buildTimeline();
    this.refresh("paint");
  }

  close() {
    this.ending.abort();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.saving);
    clearTimeout(this.resting);
    for (const watch of [this.bodyWatch, this.sizeWatch, this.sightWatch]) watch.disconnect();
    this.closeScene();
    this.root.remove();
    for (const name of ["points", "quantities", "position", "course", "color", "cells", "gridKey"]) this[name] = null;
  }
}

const widget = {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};

export default widget;
