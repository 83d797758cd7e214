// The camera: directions, scale and projection from the box to pixels of the stage.

// The target stands so many pixels above the middle of the stage, because the axes' titles are below the box.
const LIFT = 16;
// The eye's distance from the target, in half widths of the box. Zooming narrows the view and leaves the eye in place.
const EYE = 5.5;

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** Right, up and towards the eye, as seen from `camera`. */
export function directions({ yaw, pitch }) {
  const [y, p] = [yaw, pitch].map((degrees) => (degrees * Math.PI) / 180);
  const [cy, sy, cp, sp] = [Math.cos(y), Math.sin(y), Math.cos(p), Math.sin(p)];
  return { right: [-sy, cy, 0], up: [-sp * cy, -sp * sy, cp], towards: [cp * cy, cp * sy, sp] };
}

/** Pixels for one unit of the box at the target: at zoom 1 the box and its labels fill the stage. */
export function pixelsPerUnit(camera, width, height) {
  return Math.max(12, Math.min((width - 140) / 3.0, (height - 128) / 2.98)) * camera.zoom;
}

/** Project positions to the stage: the matrix for WebGL, and `at(x, y, z)` -> [x, y, distance to the eye] in pixels. */
export function projectionOf(camera, width, height) {
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

