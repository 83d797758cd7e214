// Buttons with icons, for the toolbar and the timeline.

import { make } from "../dom.js";

// Paths in a square of 16 by 16.
const ICONS = {
  orbit: ["M8 2.2a5.8 5.8 0 1 0 5.8 5.8", "M1.5 9.3C4 11.8 11.5 11.4 14 7", "M13.8 3.2v3.6h-3.6"],
  pan: ["M8 1.5v13M1.5 8h13", "M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2"],
  lasso: [
    "M5 11.2C2.6 10.4 1.5 8.8 1.5 7c0-2.6 2.9-4.5 6.5-4.5s6.5 1.9 6.5 4.5-2.9 4.5-6.5 4.5c-.7 0-1.4-.1-2-.2",
    "M5 11.2a1.3 1.3 0 1 0 .1 2.1c.8-.6.4-1.8-.1-2.1z",
  ],
  box: ["M2 3.5h12v9H2z"],
  reset: ["M2.5 8.5L8 3.2l5.5 5.3", "M4 7.5v5.8h8V7.5"],
  perspective: ["M1.5 4.5h8v8h-8zM4.5 2.2h8.5v8", "M1.5 4.5l3-2.3M9.5 4.5l3.5-2.3M9.5 12.5l3.5-2.3"],
  filter: ["M1.8 2.8h12.4L9.5 8.5v4.7l-3-1.5V8.5z"],
  style: ["M2 4.5h12M2 11.5h12", "M5.5 2.7v3.6M10.5 9.7v3.6"],
  image: ["M8 2v8M4.8 7L8 10.2 11.2 7", "M2.5 11.5v2.2h11v-2.2"],
  play: ["M4.5 2.8v10.4L13 8z"],
  pause: ["M5 3v10M11 3v10"],
};

export function icon(name) {
  const svg = svgElement("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
  svg.append(...ICONS[name].map((d) => svgElement("path", { d })));
  return svg;
}

// SVG elements need their own namespace: made as HTML they are not drawn.
function svgElement(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A button with the icon of that name, or with the name itself as its text. */
export function button(name, title, onclick, properties = {}) {
  const content = name in ICONS ? icon(name) : name;
  const usual = { type: "button", className: "trajkit-button", title, "aria-label": title, onclick };
  return make("button", { ...usual, ...properties }, content);
}

export function group(...children) {
  return make("div", { className: "trajkit-group" }, ...children);
}
