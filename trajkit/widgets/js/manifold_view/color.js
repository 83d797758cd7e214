// Colours: the ink of light and dark pages (text, lines, backgrounds), and Python's palettes adapted to the page.

import { clamp, mix } from "../scales.js";

// The view also writes these to CSS variables, so that each colour is defined only here.
const INKS = {
  light: {
    ...{ text: "#24292f", faint: "#57606a", accent: "#0a5cad", ground: "#ffffff", raised: "#ffffff", soft: "#f1f4f7", line: "#d5dbe1" },
    ...{ axis: "#6b7380", grid: "#e1e6ec", redGrid: "#f3cfcf", face: "#f6f8fa", edge: "#b9c1cb" },
    ...{ reference: "#333333", lasso: "rgba(0, 90, 180, .10)" },
  },
  dark: {
    ...{ text: "#e6e8eb", faint: "#a3adb8", accent: "#7cb7ff", ground: "#14181d", raised: "#1e242b", soft: "#262d35", line: "#38414b" },
    ...{ axis: "#9aa4b0", grid: "#333a43", redGrid: "#57343a", face: "#1b2027", edge: "#566170" },
    ...{ reference: "#d7dbe0", lasso: "rgba(120, 180, 255, .14)" },
  },
};

export const inkOf = (theme) => INKS[theme];

/** Light or dark: forced by the trait, else what the notebook says, else what the system says. */
export function themeOf(model) {
  const forced = model.get("theme");
  if (forced !== "auto") return forced;
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "true" ? "light" : "dark";
  if (vscodeThemeKind) return vscodeThemeKind.includes("dark") || vscodeThemeKind === "vscode-high-contrast" ? "dark" : "light";
  if (document.body.classList.contains("theme-dark")) return "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Red, green and blue, from 0 to 255, of "#rrggbb". */
export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** A colour as drawn on this theme: on a dark page, dark colours become lighter. */
export function onTheme(color, theme) {
  if (theme === "light") return color;
  const light = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2];
  const lift = clamp((105 - light) / 180, 0, 0.45);
  return color.map((c) => Math.round(mix(c, 255, lift)));
}

/** The colour scale between `stops` as 256 colours from low to high, three numbers each, in one array. */
export function scaleColors(stops, theme) {
  const colors = stops.map((hex) => onTheme(rgb(hex), theme));
  const out = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (colors.length - 1);
    const k = Math.min(Math.floor(at), colors.length - 2);
    for (let c = 0; c < 3; c++) out[3 * i + c] = mix(colors[k][c], colors[k + 1][c], at - k);
  }
  return out;
}

export const css = (color) => `rgb(${color.join(" ")})`;
