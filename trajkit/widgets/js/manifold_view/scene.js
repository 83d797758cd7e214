// Runs and points on a WebGL2 canvas.

import { make } from "../dom.js";
import { LINE_FRAGMENT, LINE_VERTEX, POINT_FRAGMENT, POINT_VERTEX } from "./shaders.js";
import { ROW } from "./textures.js";

/** Runs and points on a canvas of their own. Throws where the browser has no WebGL2. */
export class Scene {
  constructor(onLost) {
    this.canvas = make("canvas", { className: "trajkit-layer" });
    const wanted = { antialias: false, alpha: true, premultipliedAlpha: true, preserveDrawingBuffer: false };
    const gl = this.canvas.getContext("webgl2", wanted);
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
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Error(`WebGL2 refused a shader: ${gl.getProgramInfoLog(program)}`);
    }
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

  /** Draw all runs: dimmed networks, networks, reference curves, then runs that train now. */
  drawRuns({ points, matrix, now, opacity, pointSize, lineWidth, pixels, anyDimmed, hurried, heads }) {
    const { gl, canvas } = this;
    const uniforms = {
      ...{ matrix, viewport: [canvas.width, canvas.height], time: now, opacity, faded: 0.16 },
      ...{ size: pointSize * pixels, width: lineWidth * pixels, dash: 0, heads: false, dimmedPass: false },
    };
    const end = points.offset[points.networks];
    for (const dimmedPass of anyDimmed ? [true, false] : [false]) {
      // Dimmed or transparent runs write no depth: they must not hide other runs.
      gl.depthMask(!dimmedPass && opacity >= 0.5);
      const pass = { ...uniforms, dimmedPass };
      if (uniforms.width > 0) this.draw("lines", 0, end, pass);
      if (uniforms.size > 0 && !(hurried && uniforms.width > 0)) this.draw("points", 0, end, pass);
      if (heads) this.draw("points", 0, end, { ...pass, size: Math.max(uniforms.size, 3 * pixels), heads: true });
    }
    gl.depthMask(true);
    const [references, live] = [points.offset[points.ownRuns], points.total];
    this.draw("lines", end, references, { ...uniforms, opacity: 1, width: 2 * pixels, dash: 0.06 });
    this.draw("lines", references, live, { ...uniforms, opacity: 1, width: Math.max(2.5 * pixels, 1.6 * uniforms.width) });
    this.draw("points", references, live, { ...uniforms, opacity: 1, size: Math.max(6 * pixels, 1.5 * uniforms.size) });
  }

  close() {
    const { gl } = this;
    this.gl = null;
    for (const { texture } of Object.values(this.textures)) gl.deleteTexture(texture);
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    this.canvas.remove();
  }
}
