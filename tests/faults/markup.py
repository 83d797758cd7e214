"""Markup in names and values: every page shows it as text, in a real browser, and nothing in it is executed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from lab import browser_page, settle
from playwright.sync_api import Page

import trajkit as tk
from trajkit.storable import usable_name
from trajkit.widgets.html_export import write_page
from trajkit.widgets.table import RunTable

HIT = "window.hit = 1"
PAYLOADS = (
    f"<script>{HIT}</script>",
    f"</script><script>{HIT}</script>",
    f'<img src=x onerror="{HIT}">',
    f'"><svg onload="{HIT}">',
    f"' onmouseover='{HIT}' x='",
    f'<iframe srcdoc="<script>parent.{HIT}</script>"></iframe>',
    f"javascript:{HIT}",
    f'<a href="javascript:{HIT}">go</a>',
    "<b>bold</b><i>italic</i>",
    "&lt;script&gt; &amp;amp; &#60;b&#62;",
    "%{y} %{customdata[0]} %{text}",
    "{{ 7 * 7 }} {% include 'page.html.j2' %}",
    f"${{{HIT}}} `",
    "<!-- comment --!>",
    "<style>* { display: none }</style>",
    "$x^2$ \\(y\\)",
    "]]> <br><sup>2</sup>",
    "<svg><animate onbegin=window.hit=1 attributeName=x dur=1s>",
)
SHORT, FULL = 6, len(PAYLOADS)
# Elements that only markup from the data can make.
MADE = "iframe, object, embed, img[src=x], [onerror], [onload], [onmouseover], [onbegin], a[href^=javascript]"
# What stands on the page; scripts and their data do not.
TEXT = """() => {
  const texts = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!walk.currentNode.parentElement.closest("script, style")) texts.push(walk.currentNode.data);
  }
  return texts.join("") + [...document.querySelectorAll("[title]")].map((e) => e.title).join("\\n");
}"""


def attack(count: int, folder: Path) -> str:
    """Open every kind of page of a dataset whose names and values are markup."""
    payloads = PAYLOADS[-1 : -count - 1 : -1] if count < FULL else PAYLOADS
    pages = _pages(_dataset(payloads), payloads, folder)
    with browser_page(1400, 1000) as page:
        faults: list[str] = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.context.set_offline(True)
        for name, (path, shown) in pages.items():
            _open(page, path)
            assert not faults, f"{name}: {faults}"
            assert page.evaluate("() => window.hit === undefined"), f"{name} executes markup"
            # Drawn by plotly: its own images are data.
            assert page.locator(MADE).count() == 0, f"{name} makes elements of markup"
            text = page.evaluate(TEXT)
            lost = [payload for payload in shown if payload not in text]
            assert not lost, f"{name} does not show as text: {lost}"
    return (
        f"{count} payloads of markup in names of runs, attributes, classes and samples and in values, on {len(pages)} "
        "pages (views, legends, tables, cards, reports, figures) in Chromium, executed nothing; names of runs and "
        "values were shown as text"
    )


def _dataset(payloads: tuple[str, ...]) -> xr.Dataset:
    n = len(payloads)
    label = np.arange(3 * n) % n
    # From ignorance towards the truth: runs can only be compared where they have progress in common.
    logits = 0.1 * np.random.default_rng(0).normal(size=(2 * n, 5, 3 * n, n)).cumsum(1)
    logits += np.arange(5)[:, None, None] * np.eye(n)[label]
    values = list(payloads) * 2
    runs = {
        "run": [*payloads, *(f"{p} again" for p in payloads)],
        "note": values,
        "architecture": values,
        "seed": [0] * n + [1] * n,
        usable_name(payloads[0]): np.arange(2 * n) % 3,
    }
    samples = [f"{p} {i}" for i in range(3) for p in payloads]
    return tk.from_arrays(logits=logits, label=label, runs=runs, classes=list(payloads), sample=samples)


def _pages(
    ds: xr.Dataset, payloads: tuple[str, ...], folder: Path
) -> dict[str, tuple[Path, tuple[str, ...] | list[str]]]:
    """Write all pages; with each goes what a reader sees of the payloads at first sight."""
    embedding = tk.embed(ds)
    distance = tk.trajectory_distance(ds, n=5)
    named = usable_name(payloads[0])
    tk.report(ds, folder / "report.html", null_draws=2, permutations=9, title=payloads[0], progress_bar=False)
    view = tk.widgets.ManifoldView(embedding, color="note")
    # A card for each.
    view.pinned = [[payload, 2] for payload in payloads]
    explorer = tk.explore(ds)
    explorer.color = "note"
    table = RunTable(columns=["run", payloads[0]], rows=[[run, run] for run in ds["run"].values.tolist()])
    slicer = tk.widgets.Slicer(ds)
    curves = ds.assign(loss=tk.loss(ds), progress=tk.progress(ds))
    figures = {
        "manifold": (tk.figures.manifold(embedding, color="note"), payloads),
        "pair_plot": (tk.figures.pair_plot(embedding, color="note"), payloads),
        "learning_curves": (tk.figures.learning_curves(curves, ["loss"], color="note"), payloads),
        "dendrogram": (tk.figures.dendrogram(tk.cluster(distance), color="note"), payloads),
        "distance_matrix": (tk.figures.distance_matrix(distance), payloads),
        "data_map": (tk.figures.data_map(tk.data_map(ds)), []),
        "compare_groups": (tk.figures.compare_groups(tk.compare_groups(distance, [named], permutations=9)), [named]),
    }
    pages: dict[str, tuple[Path, tuple[str, ...] | list[str]]] = {
        "report": (folder / "report.html", payloads[:1]),
        "ManifoldView": (view.to_html(folder / "view.html", title=payloads[0]), payloads),
        "Explorer": (explorer.to_html(folder / "explorer.html", title=payloads[0]), payloads),
        "table": (write_page(folder / "table.html", [table], title=payloads[0]), payloads),
        "Slicer": (write_page(folder / "slicer.html", [slicer.board], title=payloads[0]), payloads[:1]),
    }
    for name, (figure, shown) in figures.items():
        figure.update_layout(width=1300, height=1600).write_html(folder / f"{name}.html", include_plotlyjs=True)
        pages[f"figure {name}"] = (folder / f"{name}.html", shown)
    return pages


def _open(page: Page, path: Path) -> None:
    """Open a page, wait until it is drawn, and move the mouse over it."""
    page.goto(path.as_uri())
    views = "globalThis.page?.close.length === globalThis.page?.models.length"
    plots = "[...document.querySelectorAll('.plotly-graph-div, figure > div')]"
    drawn = f"{plots}.every((plot) => plot.querySelector('.main-svg'))"
    page.wait_for_function(f"() => {views} && {drawn}", timeout=120_000)
    settle(page)
    for place in ((200, 150), (400, 300), (600, 450), (1200, 250)):
        page.mouse.move(*place)
    settle(page)
