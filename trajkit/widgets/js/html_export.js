// An exported page: its views run on a stand-in for the widget model, without a kernel.

/** The part of anywidget's model that views use, over a state that the page holds. */
class StandInModel {
  constructor({ state, buffers }) {
    this.state = state;
    for (const [path, text] of buffers) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const last = path.pop();
      path.reduce((at, key) => at[key], this.state)[last] = new DataView(bytes.buffer);
    }
    this.listeners = new Map();
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    // Without this, two linked models would set each other for ever.
    if (this.state[name] === value) return;
    this.state[name] = value;
    for (const listener of [...(this.listeners.get(`change:${name}`) ?? [])]) listener();
  }

  on(event, listener) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event).add(listener);
  }

  off(event, listener) {
    this.listeners.get(event)?.delete(listener);
  }

  // A page has no kernel.
  save_changes() {}

  send() {}
}

/** Draw all views of the page with their widget, and join those that are linked. */
export async function showPage(widget) {
  const { views, links } = JSON.parse(document.getElementById("data").textContent);
  const models = views.map((view) => new StandInModel(view));
  for (const [i, j, names] of links) {
    for (const name of names) {
      models[i].on(`change:${name}`, () => models[j].set(name, models[i].get(name)));
      models[j].on(`change:${name}`, () => models[i].set(name, models[j].get(name)));
    }
  }
  // For the browser's console: page.models[0].get("camera"), page.close[0]().
  globalThis.page = { models, close: [] };
  for (const model of models) {
    const el = document.createElement("div");
    document.querySelector("main").append(el);
    globalThis.page.close.push(await widget.render({ model, el }));
  }
}
