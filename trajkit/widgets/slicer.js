// The Slicer's controls. `spec` says what there is, `state` what is chosen, `shown` what follows from it: counts, presets, problems.
// Names and values of a dataset are anybody's: they are only ever set as text.

const h = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// A text is taken when the reader leaves it or presses Enter, which not every page takes for a change.
const taken = (input, take) => {
  let last = null;
  const once = () => {
    if (input.value !== last) take();
    last = input.value;
  };
  input.addEventListener("focus", () => (last = null));
  input.addEventListener("change", once);
  input.addEventListener("keydown", (event) => event.key === "Enter" && once());
};

const button = (text, title, onclick, name = "") => h("button", { type: "button", className: name, textContent: text, title, onclick });

// Places on a range's scale, from 0 to 1: the formulas of RangeFacet in facets.py.
const along = ({ scale, low, high, unit }, x) =>
  scale === "linear" ? (x - low) / (high - low)
    : scale === "log" ? Math.log(x / low) / Math.log(high / low)
    : Math.log1p(x / unit) / Math.log1p(high / unit);
const at = ({ scale, low, high, unit, whole }, t) => {
  const x = scale === "linear" ? low + t * (high - low)
    : scale === "log" ? low * (high / low) ** t
    : unit * Math.expm1(t * Math.log1p(high / unit));
  return whole ? Math.round(x) : Number(x.toPrecision(3));
};
const STEPS = 400;

function valuesControl(facet, choose) {
  let chosen = new Set();
  const options = facet.values.map((text, i) => {
    const count = h("span", { className: "count" });
    const element = button("", "", () => {
      if (!chosen.delete(i)) chosen.add(i);
      choose(chosen.size ? { chosen: [...chosen].sort((a, b) => a - b) } : null);
    }, facet.search ? "row" : "chip");
    element.append(h("span", { className: "text", textContent: text }), count);
    return { element, count, text: text.toLowerCase() };
  });
  const list = h("div", { className: facet.search ? "rows" : "chips" }, ...options.map((o) => o.element));
  const body = h("div", {}, list);
  if (facet.search) {
    const nothing = h("div", { className: "note", textContent: "nothing of that name", hidden: true });
    const find = () => {
      const words = search.value.toLowerCase();
      for (const o of options) o.element.hidden = !o.text.includes(words);
      nothing.hidden = options.some((o) => !o.element.hidden);
    };
    const search = h("input", { type: "search", placeholder: `search ${options.length} values`, oninput: find });
    search.setAttribute("aria-label", `search the values of ${facet.name}`);
    body.prepend(search);
    list.append(nothing);
  }
  const update = (choice, counts) => {
    chosen = new Set(choice ? choice.chosen : []);
    options.forEach((o, i) => {
      const count = counts ? counts[i] : "";
      if (o.count.textContent !== String(count)) o.count.textContent = count;
      const on = chosen.has(i);
      o.element.setAttribute("aria-pressed", on);
      o.element.classList.toggle("on", on);
      o.element.classList.toggle("empty", count === 0 && !on);
    });
  };
  return { body, update };
}

function rangeControl(facet, choose) {
  let choice = { low: null, high: null, none: false, single: [] };
  const send = (part) => {
    choice = { ...choice, single: [], ...part };
    const all = choice.low === null && choice.high === null && !choice.none && !choice.single.length;
    choose(all ? null : choice);
  };
  const bars = h("div", { className: "bars" });
  const slider = (which) => {
    const element = h("input", { type: "range", min: 0, max: STEPS, step: 1, className: which });
    element.setAttribute("aria-label", `${which === "low" ? "lowest" : "highest"} ${facet.name}`);
    element.oninput = () => {
      const [a, b] = [Number(low.value), Number(high.value)];
      if (a > b) element.value = which === "low" ? b : a;
      const place = Number(element.value);
      send({ [which]: place === (which === "low" ? 0 : STEPS) ? null : at(facet, place / STEPS) });
    };
    return element;
  };
  const number = (which) => {
    const element = h("input", { type: "text", inputMode: "decimal", className: "number", title: `${which === "low" ? "lowest" : "highest"} value` });
    element.setAttribute("aria-label", element.title + " of " + facet.name);
    taken(element, () => {
      const text = element.value.trim();
      const value = text === "" ? null : Number(text);
      const other = which === "low" ? choice.high : choice.low;
      const wrong = Number.isNaN(value) || (value !== null && other !== null && (which === "low" ? value > other : value < other));
      element.classList.toggle("wrong", wrong);
      if (!wrong) send({ [which]: value });
    });
    return element;
  };
  const [low, high, lowNumber, highNumber] = [slider("low"), slider("high"), number("low"), number("high")];
  const none = facet.missing ? button("(none) ", "runs of which this is not known", () => send({ none: !choice.none }), "chip") : null;
  const noneCount = h("span", { className: "count" });
  none?.append(noneCount);
  const single = h("span", { className: "note" });
  const body = h("div", { className: "range" }, bars, h("div", { className: "sliders" }, low, high),
    h("div", { className: "ends" }, lowNumber, single, highNumber), ...(none ? [none] : []));
  const format = (x) => String(facet.whole ? x : Number(x.toPrecision(4)));
  const update = (given, counts) => {
    choice = given ?? { low: null, high: null, none: false, single: [] };
    const [a, b] = [choice.low ?? facet.low, choice.high ?? facet.high].map((x) => Math.min(1, Math.max(0, along(facet, x))));
    if (document.activeElement !== low || given === null) low.value = a * STEPS;
    if (document.activeElement !== high || given === null) high.value = b * STEPS;
    // At the right end the lower handle would lie hidden under the upper one.
    low.style.zIndex = a > 0.5 ? 2 : "";
    if (document.activeElement !== lowNumber) lowNumber.value = format(choice.low ?? facet.low);
    if (document.activeElement !== highNumber) highNumber.value = format(choice.high ?? facet.high);
    single.textContent = choice.single?.length ? `only ${choice.single.join(", ")}` : "";
    body.style.setProperty("--low", a);
    body.style.setProperty("--high", b);
    if (none) {
      none.classList.toggle("on", choice.none);
      none.setAttribute("aria-pressed", choice.none);
    }
    const bins = counts?.length ? counts.slice(0, -1) : [];
    noneCount.textContent = counts?.length ? counts.at(-1) : "";
    bars.hidden = !bins.length;
    if (bars.childElementCount !== bins.length) bars.replaceChildren(...bins.map(() => h("i")));
    const most = Math.max(1, ...bins);
    bins.forEach((n, i) => {
      const bar = bars.children[i];
      bar.style.height = n ? `${Math.max(6, (100 * n) / most)}%` : "0";
      bar.classList.toggle("out", (i + 1) / bins.length <= a || i / bins.length >= b);
      bar.title = `${n} runs`;
    });
  };
  return { body, update };
}

function section(facet, control, choose) {
  const clear = button("clear", "lift this restriction", () => choose(null), "clear");
  const name = h("span", { className: "name", textContent: facet.name, title: facet.name });
  const element = h("section", { className: "facet" }, h("header", {}, name, clear), control.body);
  element.setAttribute("aria-label", facet.name);
  return { element, clear };
}

function render({ model, el }) {
  const spec = model.get("spec");
  let serial = 0, answered = 0, waits = false;

  // While the kernel is at work on one change, later ones are kept and the last of them is sent.
  const change = (part) => {
    model.set("state", { ...model.get("state"), ...part, serial: serial + 1 });
    if (serial > answered) {
      waits = true;
      return;
    }
    send();
  };
  const send = () => {
    serial += 1;
    waits = false;
    model.save_changes();
  };
  const ask = (deed, ...given) => model.send({ do: deed, with: given });

  const summary = h("div", { className: "summary" });
  summary.setAttribute("role", "status");
  const undo = button("↶", "undo", () => ask("undo"), "tool");
  const redo = button("↷", "redo", () => ask("redo"), "tool");
  const reset = button("Reset", "select everything", () => ask("reset"), "tool");
  undo.setAttribute("aria-label", "undo");
  redo.setAttribute("aria-label", "redo");

  const controls = spec.facets.map((facet, i) => {
    const choose = (choice) => change({ facets: model.get("state").facets.map((old, j) => (i === j ? choice : old)) });
    const control = (facet.kind === "values" ? valuesControl : rangeControl)(facet, choose);
    return { ...control, ...section(facet, control, choose), window: facet.window };
  });
  const splits = ["all", ...spec.splits];
  const samples = valuesControl({ name: "samples", values: splits }, () => {});
  [...samples.body.querySelectorAll("button")].forEach((element, i) => {
    element.onclick = () => change({ split: i ? splits[i] : null });
  });
  samples.element = section({ name: "samples" }, samples, () => {}).element;
  samples.element.querySelector(".clear").remove();

  const where = h("input", { type: "text", placeholder: "such as  learning_rate > 0.01", spellcheck: false });
  where.setAttribute("aria-label", "where: an expression of the run attributes");
  taken(where, () => change({ where: where.value }));
  const problem = h("div", { className: "problem", hidden: true });
  problem.setAttribute("role", "alert");
  const whereSection = h("section", { className: "facet" },
    h("header", {}, h("span", { className: "name", textContent: "where", title: "an expression of the run attributes, as in pandas" })), where, problem);

  const presetName = h("input", { type: "text", placeholder: "name of a preset" });
  presetName.setAttribute("aria-label", "name of a preset");
  const save = button("Save", "keep this selection under the name", () => {
    const name = presetName.value.trim();
    if (name) ask("save", name);
    presetName.value = "";
  }, "tool");
  presetName.onkeydown = (event) => event.key === "Enter" && save.click();
  const presets = h("div", { className: "chips" });
  const presetSection = h("section", { className: "facet" }, h("header", {}, h("span", { className: "name", textContent: "presets" })),
    presets, h("div", { className: "line" }, presetName, save));

  const note = h("p", { className: "note", textContent: spec.same.length ? `The same in all runs: ${spec.same.join(", ")}` : "" });

  el.classList.add("trajkit-board");
  // What is typed here is no command to JupyterLab, which asks the element that has the focus, not those around it.
  el.addEventListener("focusin", ({ target }) => (target.dataset.lmSuppressShortcuts = "true"));
  el.append(
    h("div", { className: "head" }, summary, undo, redo, reset),
    h("div", { className: "scroll" },
      samples.element,
      ...controls.filter((c) => !c.window).map((c) => c.element),
      h("h4", { textContent: "checkpoints" }),
      ...controls.filter((c) => c.window).map((c) => c.element),
      whereSection, presetSection, note),
  );

  const draw = () => {
    const state = model.get("state"), shown = model.get("shown");
    answered = Math.max(answered, shown.serial ?? 0);
    if (waits) {
      // A later choice stands on the screen already; its own answer will come.
      if (serial <= answered) send();
      return;
    }
    summary.replaceChildren(h("b", { textContent: shown.runs ?? "" }), ` of ${shown.of} runs, ${shown.points} checkpoints`);
    undo.disabled = !shown.undo;
    redo.disabled = !shown.redo;
    controls.forEach((control, i) => {
      control.update(state.facets[i], shown.counts?.[i]);
      control.clear.hidden = state.facets[i] === null;
    });
    samples.update({ chosen: [Math.max(0, splits.indexOf(state.split ?? "all"))] }, null);
    reset.disabled = state.facets.every((c) => c === null) && !state.where && state.split === null;
    if (document.activeElement !== where) where.value = state.where;
    problem.textContent = shown.problem ?? "";
    problem.hidden = !problem.textContent;
    where.classList.toggle("wrong", !problem.hidden);
    presets.replaceChildren(...(shown.presets ?? []).map((name) => button(name, "select this again", () => ask("recall", name), "chip")));
  };
  model.on("change:shown", draw);
  model.on("change:state", draw);
  draw();
  return () => {
    model.off("change:shown", draw);
    model.off("change:state", draw);
  };
}

export default { render };
