// Lines of Python with a button that copies them. The clipboard needs a secure page; elsewhere a selected text area is copied.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.cssText = "position: fixed; opacity: 0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("the browser allows no copying");
  }
}

export default {
  render({ model, el }) {
    el.classList.add("trajkit-code");
    const title = document.createElement("div");
    title.className = "trajkit-code-title";
    const lines = document.createElement("pre");
    lines.tabIndex = 0;
    const button = document.createElement("button");
    button.type = "button";
    let waiting = 0;
    const say = (text) => {
      button.textContent = text;
      clearTimeout(waiting);
      if (text !== "Copy") waiting = setTimeout(() => say("Copy"), 1500);
    };
    button.addEventListener("click", () => copy(model.get("code")).then(() => say("Copied"), () => say("Select and press Ctrl+C")));
    say("Copy");
    const draw = () => {
      title.textContent = model.get("title");
      title.hidden = !title.textContent;
      lines.textContent = model.get("code");
      el.hidden = !lines.textContent;
    };
    model.on("change:code", draw);
    model.on("change:title", draw);
    draw();
    const row = document.createElement("div");
    row.className = "trajkit-code-lines";
    row.append(lines, button);
    el.append(title, row);
    return () => {
      model.off("change:code", draw);
      model.off("change:title", draw);
      clearTimeout(waiting);
    };
  },
};
