// A table of runs: a click on a column's head sorts by it, a click on a row highlights the run.
//
// All rows are one stop of the Tab key, at the current row; arrows, Home and End go from row to row, Enter highlights.

import { make } from "./dom.js";

const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, useGrouping: false });

function textOf(value) {
  if (value === null) return "–";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 ? digits.format(value) : value.toExponential(2);
}

// The row to go to from row i of n.
const STEPS = { ArrowDown: (i) => i + 1, ArrowUp: (i) => i - 1, Home: () => 0, End: (i, n) => n - 1 };

/** Numbers by size, other values as text. */
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Rows in the order of a column; rows without its value come last in both directions. */
function sorted(rows, column, up) {
  const missing = (row) => row[column] === null;
  const inOrder = (a, b) => missing(a) - missing(b) || (missing(a) ? 0 : (up ? 1 : -1) * compare(a[column], b[column]));
  return [...rows].sort(inOrder);
}

function render({ model, el }) {
  el.classList.add("trajkit-table");
  const head = make("thead");
  const body = make("tbody");
  el.append(make("table", { role: "grid", "aria-label": "runs", "aria-multiselectable": "true" }, head, body));
  let by = -1, up = true, current = null;

  function toggle(run, event) {
    const old = model.get("highlighted");
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    const next = old.includes(run) ? old.filter((r) => r !== run) : more ? [...old, run] : [run];
    model.set("highlighted", next);
    model.save_changes();
  }

  function mark() {
    const on = new Set(model.get("highlighted"));
    for (const row of body.rows) {
      row.classList.toggle("on", on.has(row.dataset.run));
      row.setAttribute("aria-selected", on.has(row.dataset.run));
    }
  }

  /** Make a row the one that the Tab key reaches; the first one, if there is no such row any more. */
  function makeCurrent(wanted) {
    const row = wanted ?? body.rows[0];
    for (const each of body.rows) each.tabIndex = each === row ? 0 : -1;
    current = row?.dataset.run ?? null;
  }

  function pressed(event) {
    const row = event.target.closest("tr");
    if (event.key === "Enter" || event.key === " ") toggle(row.dataset.run, event);
    else if (event.key in STEPS) body.rows[STEPS[event.key](row.sectionRowIndex, body.rows.length)]?.focus();
    else return;
    // Otherwise the table scrolls too.
    event.preventDefault();
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
    return make("tr", { title: run, tabIndex: -1, "data-run": run, onclick }, ...cells);
  }

  function draw() {
    const columns = model.get("columns");
    const rows = by >= 0 && by < columns.length ? sorted(model.get("rows"), by, up) : model.get("rows");
    const [inHead, inBody] = [head, body].map((part) => part.contains(document.activeElement));
    head.replaceChildren(make("tr", {}, ...columns.map(heading)));
    body.replaceChildren(...rows.map(row));
    makeCurrent([...body.rows].find((each) => each.dataset.run === current));
    mark();
    // What had the focus was replaced: without this, the next Tab would start at the top of the page.
    if (inHead) head.querySelectorAll("button")[by]?.focus();
    if (inBody) body.querySelector("[tabindex='0']")?.focus();
  }

  body.addEventListener("keydown", pressed);
  body.addEventListener("focusin", (event) => makeCurrent(event.target.closest("tr")));
  draw();
  model.on("change:rows", draw);
  model.on("change:highlighted", mark);
  return () => {
    model.off("change:rows", draw);
    model.off("change:highlighted", mark);
  };
}

export default { render };
