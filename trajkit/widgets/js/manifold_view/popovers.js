// The two pop-overs of the toolbar: which runs are drawn, and how they are drawn.

import { make } from "../dom.js";
import { clamp } from "../scales.js";

const CONTENT = { filter: filterContent, style: styleContent };

/** Pop-overs of a view, of which one is open at most: { toggle, close }. */
export function buildPopovers(store, root) {
  let open = null;

  function toggle(kind, button) {
    const before = open?.kind;
    close();
    if (before === kind) return;
    const properties = { className: "trajkit-popover", role: "dialog", "aria-label": button.title };
    const panel = make("div", properties, ...CONTENT[kind](store));
    root.append(panel);
    const [a, b] = [button.getBoundingClientRect(), root.getBoundingClientRect()];
    panel.style.top = `${a.bottom - b.top + 4}px`;
    panel.style.maxHeight = `${b.bottom - a.bottom - 16}px`;
    panel.style.left = `${clamp(a.left - b.left, 4, Math.max(4, b.width - panel.offsetWidth - 4))}px`;
    button.setAttribute("aria-expanded", "true");
    open = { kind, panel, button };
  }

  /** Close the open one; says whether there was one. */
  function close() {
    if (!open) return false;
    open.panel.remove();
    open.button.setAttribute("aria-expanded", "false");
    open = null;
    return true;
  }

  document.addEventListener("pointerdown", (event) => {
    // The path, because a shadow root hides the true target of an event.
    if (open && !event.composedPath().some((e) => e === open.panel || e === open.button)) close();
  }, { signal: store.signal });
  return { toggle, close };
}

function filterContent(store) {
  const offered = store.get("_attributes").filter((a) => a.categories?.length > 1);
  if (!offered.length) return [make("p", { textContent: "No attribute has several values to filter by." })];
  const sections = offered.map((attribute) => filterSection(store, attribute));
  const all = make("button", {
    ...{ type: "button", className: "trajkit-wide", textContent: "Show all runs" },
    onclick: () => {
      store.set({ filters: {}, hidden: [] });
      for (const box of sections.flatMap((section) => [...section.querySelectorAll("input")])) box.checked = true;
    },
  });
  return [...sections, all];
}

/** A box for each value of an attribute. */
function filterSection(store, { name, categories }) {
  const ticked = store.get("filters")[name] ?? categories;
  const boxes = categories.map((text) => make("input", { type: "checkbox", value: text, checked: ticked.includes(text) }));
  const labels = boxes.map((box) => make("label", {}, box, make("span", { textContent: box.value })));
  const onchange = () => {
    const values = boxes.filter((box) => box.checked).map((box) => box.value);
    const { [name]: _, ...others } = store.get("filters");
    // With all values ticked there is no filter, so that values of later data are shown too.
    store.set({ filters: values.length === categories.length ? others : { ...others, [name]: values } });
  };
  return make("fieldset", { onchange }, make("legend", { textContent: name }), ...labels);
}

function styleContent(store) {
  const slider = (name, title, max) => {
    const input = make("input", {
      ...{ type: "range", min: 0, max, step: "any", value: store.get(name), "aria-label": title },
      oninput: () => store.set({ [name]: Number(input.value) }),
    });
    return make("label", {}, make("span", { textContent: title }), input);
  };
  const equal = make("input", {
    ...{ type: "checkbox", checked: store.get("aspect") === "equal" },
    onchange: () => store.set({ aspect: equal.checked ? "equal" : "cube" }),
  });
  return [
    slider("point_size", "points", 14),
    slider("line_width", "lines", 6),
    slider("opacity", "opacity", 1),
    make("label", { title: "The same length of axis for the same distance" },
      equal, make("span", { textContent: "axes to one scale" })),
  ];
}
