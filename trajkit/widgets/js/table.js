// A table of runs: a click on a column's head sorts by it, a click on a row highlights the run.

import { make } from "./dom.js";

const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, useGrouping: false });

function textOf(value) {
  if (value === null) return "–";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 ? digits.format(value) : value.toExponential(2);
}

/** Numbers by size, other values as text; missing values come last. */
function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function render({ model, el }) {
  el.classList.add("trajkit-table");
  const head = make("thead");
  const body = make("tbody");
  el.append(make("table", {}, head, body));
  let by = -1, up = true;

  function toggle(run, event) {
    const old = model.get("highlighted");
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    const next = old.includes(run) ? old.filter((r) => r !== run) : more ? [...old, run] : [run];
    model.set("highlighted", next);
    model.save_changes();
  }

  function mark() {
    const on = new Set(model.get("highlighted"));
    for (const row of body.rows) row.classList.toggle("on", on.has(row.dataset.run));
  }

  function sortBy(i) {
    up = i === by ? !up : true;
    by = i;
    draw();
  }

  function heading(name, i) {
    const arrow = i === by ? (up ? " ▴" : " ▾") : "";
    const properties = { type: "button", textContent: name + arrow, title: `sort by ${name}` };
    const button = make("button", { ...properties, onclick: () => sortBy(i) });
    return make("th", { "aria-sort": i === by ? (up ? "ascending" : "descending") : "none" }, button);
  }

  function row(values) {
    const [run] = values;
    const kind = (value) => (typeof value === "number" ? "number" : "");
    const cells = values.map((value) => make("td", { textContent: textOf(value), className: kind(value) }));
    const onclick = (event) => toggle(run, event);
    const onkeydown = (event) => {
      if (event.key === "Enter") toggle(run, event);
    };
    return make("tr", { title: run, tabIndex: 0, "data-run": run, onclick, onkeydown }, ...cells);
  }

  function draw() {
    const columns = model.get("columns");
    const rows = [...model.get("rows")];
    if (by >= 0 && by < columns.length) rows.sort((a, b) => (up ? 1 : -1) * compare(a[by], b[by]));
    head.replaceChildren(make("tr", {}, ...columns.map(heading)));
    body.replaceChildren(...rows.map(row));
    mark();
  }

  draw();
  model.on("change:rows", draw);
  model.on("change:highlighted", mark);
  return () => {
    model.off("change:rows", draw);
    model.off("change:highlighted", mark);
  };
}

export default { render };
