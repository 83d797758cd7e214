// Small parts that the controls of the Slicer share.

import { make } from "../dom.js";

export function button(textContent, title, onclick, className = "") {
  return make("button", { type: "button", className, textContent, title, onclick });
}

/** Call `take` once for each text that the reader has finished, by Enter or by leaving the field. */
export function onText(input, take) {
  // Not every page turns Enter into a "change", and where it does, `take` must not run twice.
  let last = null;
  const once = () => {
    if (input.value !== last) take();
    last = input.value;
  };
  input.addEventListener("focus", () => {
    last = null;
  });
  input.addEventListener("change", once);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") once();
  });
}

/** A section of the board with a name, and a button that lifts its restriction if `lift` is given. */
export function section(name, lift, ...content) {
  const title = make("span", { className: "name", textContent: name, title: name });
  const clear = lift ? button("clear", "lift this restriction", lift, "clear") : null;
  const header = make("header", {}, title, ...(clear ? [clear] : []));
  const element = make("section", { className: "facet", "aria-label": name }, header, ...content);
  return { element, clear };
}
