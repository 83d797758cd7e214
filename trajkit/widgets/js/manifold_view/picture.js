// The view as a PNG: its canvases, and over them the legend and cards as the page shows them.

import { make } from "../dom.js";

/** Save the picture, or send it to Python. `parts` gives the elements over and beside the canvases. */
export function buildPicture(store, { stage, parts }) {
  async function picture() {
    stage.redraw();
    const { pixels } = store.size;
    const box = stage.element.parentElement.getBoundingClientRect();
    const canvas = make("canvas", { width: Math.round(box.width * pixels), height: Math.round(box.height * pixels) });
    const context = canvas.getContext("2d");
    context.fillStyle = store.ink.ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    // In the same turn as drawing: after it, the browser clears what WebGL drew.
    for (const layer of stage.layers()) context.drawImage(layer, 0, 0);
    context.scale(pixels, pixels);
    for (const part of parts()) paintElement(context, part, [box.left, box.top]);
    stage.rest();
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  async function save() {
    const address = URL.createObjectURL(await picture());
    make("a", { href: address, download: "manifold.png" }).click();
    // The browser reads the address after the click has returned.
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  async function answer() {
    const bytes = await (await picture()).arrayBuffer();
    store.model.send({ answer: "png" }, undefined, [bytes]);
  }

  store.on("msg:custom", (message) => {
    if (message?.ask === "png") answer();
  });
  return { save };
}

/** Paint what the page shows of an element, at its place: backgrounds, dashes and texts. */
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
