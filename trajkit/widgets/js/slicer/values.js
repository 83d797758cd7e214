// A control that chooses values one by one: chips, or a list with a search where there are many.

import { make } from "../dom.js";
import { button } from "./inputs.js";

/** The control of a facet: { body, update }. `choose` hears the choice, null for no restriction; `single` allows only one. */
export function valuesControl(facet, choose, { single = false } = {}) {
  let chosen = new Set();
  const toggle = (i) => {
    if (single) chosen = new Set([i]);
    else if (!chosen.delete(i)) chosen.add(i);
    choose(chosen.size ? { chosen: [...chosen].sort((a, b) => a - b) } : null);
  };
  const options = facet.values.map((text, i) => {
    const count = make("span", { className: "count" });
    const element = button("", "", () => toggle(i), facet.search ? "row" : "chip");
    element.append(make("span", { className: "text", textContent: text }), count);
    return { element, count, text: text.toLowerCase() };
  });
  const list = make("div", { className: facet.search ? "rows" : "chips" }, ...options.map((o) => o.element));
  const body = make("div", {}, ...(facet.search ? [searchField(facet, options, list)] : []), list);

  function update(choice, counts) {
    chosen = new Set(choice ? choice.chosen : []);
    options.forEach(({ element, count }, i) => {
      const number = counts ? counts[i] : "";
      if (count.textContent !== String(number)) count.textContent = number;
      const on = chosen.has(i);
      element.setAttribute("aria-pressed", on);
      element.classList.toggle("on", on);
      element.classList.toggle("empty", number === 0 && !on);
    });
  }

  return { body, update };
}

/** A field whose text hides the options that do not contain it. */
function searchField(facet, options, list) {
  const nothing = make("div", { className: "note", textContent: "nothing of that name", hidden: true });
  list.append(nothing);
  const find = () => {
    const words = search.value.toLowerCase();
    for (const { element, text } of options) element.hidden = !text.includes(words);
    nothing.hidden = options.some(({ element }) => !element.hidden);
  };
  const search = make("input", {
    ...{ type: "search", placeholder: `search ${options.length} values`, "aria-label": `search the values of ${facet.name}` },
    oninput: find,
  });
  return search;
}
