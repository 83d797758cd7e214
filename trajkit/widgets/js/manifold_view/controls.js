// The toolbar: colour, filter, axes, tools, camera and export. The trait `toolbar` says which of them are there.

import { fillMenu, make } from "../dom.js";
import { button, group } from "./buttons.js";

const TOOLS = {
  orbit: "Turn by dragging",
  pan: "Move by dragging",
  lasso: "Select with a lasso (Shift adds, Alt removes, Escape clears)",
  box: "Select with a box (Shift adds, Alt removes, Escape clears)",
};

/** The toolbar of a view: { element, rebuild, draw, drawTools }. */
export function buildControls(store, { moves, togglePopover, savePicture }) {
  const element = make("div", { className: "trajkit-toolbar", role: "toolbar", "aria-label": "View" });
  const word = (textContent) => make("label", { className: "trajkit-word", textContent });
  const menu = (title, onchange) => make("select", { title, "aria-label": title, onchange });

  const colorMenu = menu("Colour by", () => store.set({ color: colorMenu.value, hidden: [] }));
  const filterButton = button("filter", "Filter runs by attribute", () => togglePopover("filter", filterButton));
  const axisMenus = [0, 1, 2].map((k) => menu(`Component on axis ${k + 1}`, () => pickAxis(k)));
  const axisGroup = group(word("axes"), ...axisMenus);
  const toolButtons = Object.entries(TOOLS).map(([tool, title]) => (
    button(tool, title, () => store.set({ tool }), { "data-tool": tool })
  ));
  const projectionButton = button("perspective", "Perspective, or parallel projection (p)", moves.toggleProjection);
  const alongButtons = [1, 2, 3].map((k) => button(String(k), `Look along axis ${k} (key ${k})`, () => moves.lookAlong(k)));
  const styleButton = button("style", "Sizes, opacity and scale", () => togglePopover("style", styleButton));
  const groups = {
    color: group(word("colour"), colorMenu),
    filter: group(filterButton),
    axes: axisGroup,
    tools: group(...toolButtons),
    camera: group(button("reset", "Reset the camera (r, or double click)", moves.reset), ...alongButtons, projectionButton),
    export: group(styleButton, button("image", "Save as PNG", savePicture)),
  };

  function pickAxis(k) {
    const components = [...store.get("components")];
    components[k] = Number(axisMenus[k].value);
    store.set({ components });
  }

  /** Show the groups that the trait names, always in the same order. */
  function rebuild() {
    const wanted = store.get("toolbar");
    element.replaceChildren(...Object.keys(groups).filter((name) => wanted.includes(name)).map((name) => groups[name]));
  }

  function draw() {
    const { points, quantities } = store;
    const attributes = store.get("_attributes").map((a) => a.name);
    const own = [store.get("_own_attribute"), store.get("_own_quantity")].map((d) => d.name).filter(Boolean);
    const colors = [...new Set(["", ...attributes, ...quantities.keys(), ...own])];
    fillMenu(colorMenu, colors, store.get("color"), (name) => name || "(one colour)");
    const components = points.axes.map((axis) => axis.component);
    axisMenus.forEach((axisMenu, k) => fillMenu(axisMenu, components, store.get("components")[k]));
    // Three components leave nothing to choose.
    axisGroup.hidden = components.length < 4;
    filterButton.classList.toggle("trajkit-on", Object.keys(store.get("filters")).length > 0);
    element.hidden = !points.n || !element.children.length;
    drawTools();
  }

  function drawTools() {
    for (const toolButton of toolButtons) {
      const on = toolButton.dataset.tool === store.get("tool");
      toolButton.classList.toggle("trajkit-on", on);
      toolButton.setAttribute("aria-pressed", on);
    }
    projectionButton.classList.toggle("trajkit-on", store.camera.projection === "orthographic");
  }

  rebuild();
  return { element, rebuild, draw, drawTools };
}
