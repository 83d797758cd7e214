// The Slicer's controls. `spec` says which there are, `state` what is chosen, `shown` what follows: counts, presets, problems.

import { keepKeys, make } from "../dom.js";
import { button, onText, section } from "./inputs.js";
import { rangeControl } from "./range.js";
import { valuesControl } from "./values.js";

/** Changes of the state: { change, answered }. While the kernel works on one change, only the last later one is kept. */
function buildSender(model) {
  let serial = 0, last = 0, waits = false;

  function send() {
    serial += 1;
    waits = false;
    model.save_changes();
  }

  function change(part) {
    model.set("state", { ...model.get("state"), ...part, serial: serial + 1 });
    if (serial > last) waits = true;
    else send();
  }

  /** Note the kernel's answer; says whether it is out of date because a later change waits. */
  function answered(number) {
    last = Math.max(last, number ?? 0);
    if (!waits) return false;
    if (serial <= last) send();
    return true;
  }

  return { change, answered };
}

/** How many runs there are, and the buttons that undo, redo and reset. */
function buildHead(ask) {
  const summary = make("div", { className: "summary", role: "status" });
  const [undo, redo] = [["↶", "undo"], ["↷", "redo"]].map(([sign, deed]) => button(sign, deed, () => ask(deed), "tool"));
  undo.setAttribute("aria-label", "undo");
  redo.setAttribute("aria-label", "redo");
  const reset = button("Reset", "select everything", () => ask("reset"), "tool");

  function update(state, shown) {
    summary.replaceChildren(make("b", { textContent: shown.runs ?? "" }), ` of ${shown.of} runs, ${shown.points} checkpoints`);
    undo.disabled = !shown.undo;
    redo.disabled = !shown.redo;
    reset.disabled = state.facets.every((c) => c === null) && !state.where && state.split === null;
  }

  return { element: make("div", { className: "head" }, summary, undo, redo, reset), update };
}

function buildFacet(facet, i, model, change) {
  const choose = (choice) => change({ facets: model.get("state").facets.map((old, j) => (i === j ? choice : old)) });
  const control = (facet.kind === "values" ? valuesControl : rangeControl)(facet, choose);
  const { element, clear } = section(facet.name, () => choose(null), control.body);

  function update(choice, counts) {
    control.update(choice, counts);
    clear.hidden = choice === null;
  }

  return { element, update, window: facet.window };
}

/** All samples or those of one split: exactly one is chosen. */
function buildSamples(spec, change) {
  const splits = ["all", ...spec.splits];
  const choose = ({ chosen: [i] }) => change({ split: i ? splits[i] : null });
  const control = valuesControl({ name: "samples", values: splits }, choose, { single: true });
  const update = (state) => control.update({ chosen: [Math.max(0, splits.indexOf(state.split ?? "all"))] }, null);
  return { element: section("samples", null, control.body).element, update };
}

/** An expression of the run attributes, as pandas reads it. */
function buildWhere(change) {
  const where = make("input", {
    ...{ type: "text", placeholder: "such as  learning_rate > 0.01", spellcheck: false },
    "aria-label": "where: an expression of the run attributes",
  });
  onText(where, () => change({ where: where.value }));
  const problem = make("div", { className: "problem", hidden: true, role: "alert" });
  const { element } = section("where", null, where, problem);
  element.querySelector(".name").title = "an expression of the run attributes, as in pandas";

  function update(state, shown) {
    if (document.activeElement !== where) where.value = state.where;
    problem.textContent = shown.problem ?? "";
    problem.hidden = !problem.textContent;
    where.classList.toggle("wrong", !problem.hidden);
  }

  return { element, update };
}

/** Selections with names: to save, and to select again. */
function buildPresets(ask) {
  const save = () => {
    const name = field.value.trim();
    if (name) ask("save", name);
    field.value = "";
  };
  const onkeydown = (event) => {
    if (event.key === "Enter") save();
  };
  const field = make("input", { type: "text", placeholder: "name of a preset", "aria-label": "name of a preset", onkeydown });
  const chips = make("div", { className: "chips" });
  const line = make("div", { className: "line" }, field, button("Save", "keep this selection under the name", save, "tool"));

  function update(shown) {
    const chip = (name) => button(name, "select this again", () => ask("recall", name), "chip");
    chips.replaceChildren(...(shown.presets ?? []).map(chip));
  }

  return { element: section("presets", null, chips, line).element, update };
}

function render({ model, el }) {
  const spec = model.get("spec");
  const { change, answered } = buildSender(model);
  const ask = (deed, ...given) => model.send({ do: deed, with: given });
  const head = buildHead(ask);
  const samples = buildSamples(spec, change);
  const facets = spec.facets.map((facet, i) => buildFacet(facet, i, model, change));
  const where = buildWhere(change);
  const presets = buildPresets(ask);
  const same = spec.same.length ? `The same in all runs: ${spec.same.join(", ")}` : "";
  const note = make("p", { className: "note", textContent: same });
  el.classList.add("trajkit-board");
  keepKeys(el);
  el.append(
    head.element,
    make("div", { className: "scroll" },
      samples.element,
      ...facets.filter((f) => !f.window).map((f) => f.element),
      make("h4", { textContent: "checkpoints" }),
      ...facets.filter((f) => f.window).map((f) => f.element),
      where.element, presets.element, note),
  );

  function draw() {
    const state = model.get("state"), shown = model.get("shown");
    // The page already shows a later choice, and its answer will come.
    if (answered(shown.serial)) return;
    head.update(state, shown);
    facets.forEach((facet, i) => facet.update(state.facets[i], shown.counts?.[i]));
    samples.update(state);
    where.update(state, shown);
    presets.update(shown);
  }

  draw();
  model.on("change:shown", draw);
  model.on("change:state", draw);
  return () => {
    model.off("change:shown", draw);
    model.off("change:state", draw);
  };
}

export default { render };
