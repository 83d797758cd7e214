// Elements of the page. Text from the data reaches the page as text only, never as HTML.

/** An element with properties, listeners ("onclick"), attributes ("role", "aria-...", "data-...") and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    // A listener set as a property that returns false cancels the event, and keys such as Tab then do nothing.
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  // JupyterLab takes keys as its own commands unless the element that has the focus carries this attribute.
  const takesFocus = "tabIndex" in properties || ["button", "select", "input"].includes(tag);
  if (takesFocus) element.dataset.lmSuppressShortcuts = "true";
  element.append(...children);
  return element;
}

/** Let every element inside `root` that gets the focus keep its keys, also elements that `make` did not make. */
export function keepKeys(root, options = {}) {
  root.addEventListener("focusin", ({ target }) => {
    target.dataset.lmSuppressShortcuts = "true";
  }, options);
}

/** Offer names in a menu and show `value`; the menu's options are replaced only if the names changed. */
export function fillMenu(menu, names, value, textOf = (name) => name) {
  const key = JSON.stringify(names);
  const option = (name) => make("option", { value: name, textContent: textOf(name) });
  if (menu.dataset.key !== key) menu.replaceChildren(...names.map(option));
  menu.dataset.key = key;
  menu.value = value;
}
