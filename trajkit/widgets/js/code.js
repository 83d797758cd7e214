// Lines of Python with a button that copies them.

import { make } from "./dom.js";

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard needs a secure page; elsewhere the browser copies a selected text area.
    const area = make("textarea", { value: text });
    area.style.cssText = "position: fixed; opacity: 0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("the browser does not allow copying");
  }
}

function render({ model, el }) {
  el.classList.add("trajkit-code");
  const title = make("div", { className: "trajkit-code-title" });
  const lines = make("pre", { tabIndex: 0 });
  const button = make("button", {
    type: "button",
    onclick: () => copy(model.get("code")).then(() => say("Copied"), () => say("Select and press Ctrl+C")),
  });
  let waiting = 0;

  function say(text) {
    button.textContent = text;
    clearTimeout(waiting);
    if (text !== "Copy") waiting = setTimeout(() => say("Copy"), 1500);
  }

  function draw() {
    title.textContent = model.get("title");
    title.hidden = !title.textContent;
    lines.textContent = model.get("code");
    el.hidden = !lines.textContent;
  }

  say("Copy");
  draw();
  model.on("change:code", draw);
  model.on("change:title", draw);
  el.append(title, make("div", { className: "trajkit-code-lines" }, lines, button));
  return () => {
    model.off("change:code", draw);
    model.off("change:title", draw);
    clearTimeout(waiting);
  };
}

export default { render };
