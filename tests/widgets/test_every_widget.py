"""What holds for every widget."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import pytest
from jupyter_core.paths import jupyter_path
from lab import settle
from playwright.sync_api import Page

import trajkit as tk
from trajkit.widgets.code import CodeLine
from trajkit.widgets.table import RunTable


@pytest.mark.parametrize("name", ["FigurePanel", "LiveView", "ManifoldView", "Slicer"])
def test_widgets__leave_nothing_behind_when_closed(ds, embedding, name) -> None:
    arguments = {"LiveView": (embedding, ds), "ManifoldView": (embedding,), "Slicer": (ds,)}.get(name, ())
    widget = getattr(tk.widgets, name)(*arguments)
    gone = weakref.ref(widget)
    widget.close()
    del widget
    gc.collect()
    assert gone() is None


# What an element looks like. The page is as wide with the host's styles as without, so that sizes are equal too. What
# a page says about fingers on its screen may stay.
LOOKS = """() => [...document.querySelectorAll("main > div > *, main > div *")].map((e) => {
  const style = getComputedStyle(e);
  const names = [...style].filter((name) => !/^--|text-size-adjust|tap-highlight/.test(name));
  const place = e.closest("[class]")?.getAttribute("class") ?? "";
  const values = names.map((name) => [name, style.getPropertyValue(name)]);
  return [`${e.tagName.toLowerCase()} in ${place}`, Object.fromEntries(values)];
})"""
# Each kind of element, styled as strongly as hosts do, or more.
KINDS = (
    *(
        "button",
        "canvas",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "h4",
        "header",
        "i",
        "input",
        "label",
        "legend",
        "output",
    ),
    *("p", "pre", "section", "select", "small", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "b"),
)
MADE = "".join(
    f".jp-RenderedHTMLCommon.jp-OutputArea-output tbody {kind}:nth-child(n):not(.other), "
    f".jp-RenderedHTMLCommon.jp-OutputArea-output {kind}:nth-child(n):not(.other) {{ float: left; margin: 7px; "
    "padding: 5px; border: 3px solid red; color: red; background: yellow; font: italic 20px/3 serif; width: 20%; "
    "max-width: 30px; text-align: right; text-transform: uppercase; display: block }}\n"
    for kind in KINDS
)


def style_of_host(name: str) -> str:
    """The style sheet that JupyterLab's and Voila's pages have, or that of the classic notebook (Bootstrap)."""
    found = [Path(folder) / name for folder in jupyter_path("nbconvert", "templates")]
    return next(path for path in found if path.exists()).read_text("utf-8")


def widget_of(name: str, ds: Any, embedding: Any) -> anywidget.AnyWidget:
    if name == "table":
        return RunTable(columns=["run", "loss"], rows=[["A-0", 0.5], ["B-0", 0.25]], highlighted=["A-0"])
    if name == "code":
        return CodeLine(title="of the picture", code="tk.embed(ds)")
    if name == "board":
        return tk.widgets.Slicer(ds).board
    return tk.widgets.ManifoldView(embedding, color="architecture", hovered=["A-0", 3])


@pytest.mark.browser
@pytest.mark.parametrize("name", ["table", "code", "board", "view"])
def test_widgets__look_the_same_whatever_the_page_does_to_its_elements(
    opened: Callable[..., Page], ds, embedding, name
) -> None:
    page = opened(widget_of(name, ds, embedding))
    page.add_style_tag(content="main { display: block !important; width: 700px !important; padding: 0 !important }")
    if name == "view":
        page.get_by_role("button", name="Filter runs by attribute").click()
    settle(page)
    alone = page.evaluate(LOOKS)
    assert len(alone) > 3
    files = ("lab/static/index.css", "classic/static/style.css")
    hosts = {"made": MADE} | {file: style_of_host(file) for file in files}
    for host, css in hosts.items():
        page.evaluate(
            """(css) => {
              const style = document.createElement("style");
              // After the widget's own: whichever comes later wins between rules of the same strength.
              document.head.append(style);
              Object.assign(style, { id: "host", textContent: css });
              document.querySelector("main").className = "jp-OutputArea-output jp-RenderedHTMLCommon rendered_html";
            }""",
            css,
        )
        settle(page)
        inside = page.evaluate(LOOKS)
        page.evaluate(
            "() => { document.querySelector('#host').remove(); document.querySelector('main').className = ''; }"
        )
        other = {
            (element, look): (before[look], after[look])
            for (element, before), (_, after) in zip(alone, inside, strict=True)
            for look in before
            if before[look] != after[look]
        }
        assert other == {}, host
