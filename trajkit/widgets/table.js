// A table of runs: sorted by its heads, highlighted by its rows.
const numbers = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, useGrouping: false });
const shown = (value) => (value === null ? "–" : typeof value !== "number" ? String(value)
  : Number.isInteger(value) ? String(value)
  : Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 ? numbers.format(value) : value.toExponential(2));

const compare = (a, b) => (a === null || b === null ? (a === null) - (b === null)
  : typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));

export default {
  render({ model, el }) {
    el.classList.add("trajkit-table");
    const table = document.createElement("table");
    el.append(table);
    let by = -1, up = true;

    const toggle = (run, event) => {
      const old = model.get("highlighted");
      const more = event.shiftKey || event.ctrlKey || event.metaKey;
      const next = old.includes(run) ? old.filter((r) => r !== run) : more ? [...old, run] : [run];
      model.set("highlighted", next);
      model.save_changes();
    };
    const mark = () => {
      const on = new Set(model.get("highlighted"));
      for (const row of table.tBodies[0]?.rows ?? []) row.classList.toggle("on", on.has(row.dataset.run));
    };
    const draw = () => {
      const columns = model.get("columns");
      const rows = [...model.get("rows")];
      if (by >= 0 && by < columns.length) rows.sort((a, b) => (up ? 1 : -1) * compare(a[by], b[by]));
      const head = document.createElement("tr");
      columns.forEach((name, i) => {
        const cell = document.createElement("th");
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = name + (i === by ? (up ? " ▴" : " ▾") : "");
        button.title = `sort by ${name}`;
        button.onclick = () => {
          up = i === by ? !up : true;
          by = i;
          draw();
        };
        cell.append(button);
        cell.setAttribute("aria-sort", i === by ? (up ? "ascending" : "descending") : "none");
        head.append(cell);
      });
      const body = rows.map((values) => {
        const row = document.createElement("tr");
        row.dataset.run = row.title = values[0];
        row.tabIndex = 0;
        // Enter on a row is no command to JupyterLab.
        row.dataset.lmSuppressShortcuts = "true";
        row.onclick = (event) => toggle(values[0], event);
        row.onkeydown = (event) => event.key === "Enter" && toggle(values[0], event);
        row.append(...values.map((value) => {
          const cell = document.createElement("td");
          cell.textContent = shown(value);
          cell.classList.toggle("number", typeof value === "number");
          return cell;
        }));
        return row;
      });
      const thead = document.createElement("thead");
      thead.append(head);
      const tbody = document.createElement("tbody");
      tbody.append(...body);
      table.replaceChildren(thead, tbody);
      mark();
    };
    model.on("change:rows", draw);
    model.on("change:highlighted", mark);
    draw();
    return () => {
      model.off("change:rows", draw);
      model.off("change:highlighted", mark);
    };
  },
};
