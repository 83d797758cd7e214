// The four shaders. A vertex looks its point up by number in textures, because a corner of a line needs two points;
// instances of four corners took ten times as long where WebGL runs in software.

import { ROW } from "./textures.js";

const COMMON = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D places;  // x, y, z, time
uniform sampler2D colors;  // colour and strength
uniform sampler2D courses;  // length of the run so far; below 0 where no line leads on
uniform mat4 matrix;
uniform vec2 viewport;  // in device pixels
uniform float time, opacity, faded;
// With dimmed runs there are two passes: first the dimmed runs, then the others over them.
uniform bool dimmedPass;
ivec2 cell(int i) { return ivec2(i % ${ROW}, i / ${ROW}); }
bool skipped(float strength) { return strength == 0.0 || dimmedPass != (strength < 0.5); }
const vec4 NOWHERE = vec4(2.0, 2.0, 2.0, 1.0);
`;

export const POINT_VERTEX = `${COMMON}
uniform float size;
// A head shows how far a trajectory has come, between its checkpoints.
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

export const POINT_FRAGMENT = `#version 300 es
precision highp float;
in vec4 paint;
in float radius;
out vec4 result;
void main() {
  float away = length(gl_PointCoord - 0.5) * (2.0 * radius + 1.5);
  float inside = clamp(radius + 0.5 - away, 0.0, 1.0) * min(1.0, radius * 2.0);
  if (inside < 0.08) discard;
  // A slightly darker rim separates points that overlap.
  vec3 shade = paint.rgb * mix(1.0, 0.82, smoothstep(radius - 1.6, radius - 0.2, away) * step(1.8, radius));
  result = vec4(shade, 1.0) * paint.a * inside;
}`;

// Each line from a point to the next has six corners: two triangles.
export const LINE_VERTEX = `${COMMON}
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

export const LINE_FRAGMENT = `#version 300 es
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
