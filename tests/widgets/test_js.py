"""Laws of the JavaScript modules: each loads alone, none is long, parts do not know each other, names are unique."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import plotly.colors
import pytest
from lab import browser_page
from playwright.sync_api import Page

import trajkit as tk
from trajkit.figures.coloring import PALETTE, REFERENCE, TIME_LIKE
from trajkit.widgets import assets
from trajkit.widgets.manifold_traits import CAMERA

ADDRESS = "http://modules"
FOLDER = Path(tk.widgets.__file__).parent / "js"
MODULES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js"))
SOURCES = {name: (FOLDER / name).read_text() for name in MODULES}
WIDGETS = [name for name in MODULES if "\nexport default { render };\n" in SOURCES[name]]


def imported(name: str) -> list[str]:
    targets = re.findall(r'^import .*? from "(.*?)";$', SOURCES[name], re.MULTILINE | re.DOTALL)
    return [((FOLDER / name).parent / target).resolve().relative_to(FOLDER.resolve()).as_posix() for target in targets]


def test_widgets__are_the_five_that_python_has():
    classes = [tk.widgets.ManifoldView, tk.widgets.FigurePanel]
    assert {str(c._esm) for c in classes} <= {assets.module(name) for name in WIDGETS}
    assert WIDGETS == ["code.js", "figure_panel.js", "manifold_view/view.js", "slicer/slicer.js", "table.js"]


@pytest.mark.parametrize("name", MODULES)
def test_module__is_short_and_says_first_what_it_is(name):
    lines = SOURCES[name].splitlines()
    assert len(lines) <= 300
    assert lines[0].startswith("// ")


@pytest.mark.parametrize("entry", WIDGETS)
def test_names__at_top_level_are_unique_in_what_is_joined(entry):
    # A page adds html_export.js to the widget.
    text = assets.module(entry) + assets.module("html_export.js")
    declared = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", text, re.MULTILINE)
    assert len(declared) == len(re.findall(r"^(?:async|function|class|const|let|var)\b", text, re.MULTILINE))
    assert {name: n for name, n in Counter(declared).items() if n > 1} == {}


def test_parts__know_neither_each_other_nor_the_view():
    """A part is a module with a function of the store; only the view imports parts, and the store imports none."""
    parts = {n for n in MODULES if re.search(r"^export (?:async )?function \w+\(store\b", SOURCES[n], re.MULTILINE)}
    assert len(parts) >= 10
    importers = {name: [part for part in imported(name) if part in parts] for name in MODULES}
    assert {name for name, found in importers.items() if found} == {"manifold_view/view.js"}
    assert not any("manifold_view/view.js" in imported(name) for name in MODULES)


def test_shared_modules__do_not_know_widgets():
    shared = [name for name in MODULES if "/" not in name]
    assert not [name for name in shared for other in imported(name) if "/" in other]


@pytest.mark.parametrize("name", MODULES)
def test_listeners__are_added_so_that_what_they_return_cancels_no_key(name):
    handler = (
        r"""\.on[a-z]+\s*=[^=].*|\[["'`]on[a-z]+["'`]\]\s*=.*|setAttribute\(["'`]on.*|Object\.assign\(.*\bon[a-z]+.*"""
    )
    assert re.findall(handler, SOURCES[name]) == []


def test_constants__that_python_has_are_sent_by_python():
    text = "".join(SOURCES.values()).upper()
    known = [*plotly.colors.sequential.Viridis, *PALETTE, REFERENCE, TIME_LIKE]
    assert [color for color in known if color.upper() in text] == []
    view = tk.widgets.ManifoldView()
    assert view._start_camera == CAMERA == view.camera
    assert view._palette["scale"] == plotly.colors.sequential.Viridis
    assert view._palette["time_like"]["light"] == TIME_LIKE
    assert tk.widgets.FigurePanel()._gray == REFERENCE


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    """A page to which the modules come from the disk."""
    with browser_page(400, 300) as page:
        page.route(f"{ADDRESS}/", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
        page.route(
            f"{ADDRESS}/**/*.js", lambda route: route.fulfill(path=FOLDER / route.request.url[len(ADDRESS) + 1 :])
        )
        yield page


@pytest.fixture
def page(window: Page) -> Page:
    window.goto(f"{ADDRESS}/")
    return window


@pytest.mark.browser
@pytest.mark.parametrize("name", MODULES)
def test_module__loads_alone(page, name):
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    assert page.evaluate("async (path) => Object.keys(await import(path))", f"/{name}")
    assert faults == []


@pytest.mark.browser
@pytest.mark.parametrize("entry", WIDGETS)
def test_widget__joined_is_one_module_that_renders(page, entry):
    render = "async (text) => typeof (await import('data:text/javascript,' + encodeURIComponent(text))).default.render"
    assert page.evaluate(render, assets.module(entry)) == "function"


@pytest.mark.browser
def test_ticks__are_round_and_at_least_three(page):
    ends = [[0.0, 1.0], [-0.31, 0.62], [3.0, 3.0001], [-7e5, 2e6], [1e-9, 4e-9]]
    found = page.evaluate(
        "async (ends) => { const { ticks } = await import('/scales.js'); return ends.map(([a, b]) => ticks(a, b)); }",
        ends,
    )
    for (low, high), given in zip(ends, found, strict=True):
        assert 3 <= len(given["at"]) <= 20, json.dumps(given)
        margin = 1e-6 * (high - low)
        assert all(low - margin <= x <= high + margin for x in given["at"])
        assert f"{given['step']:e}"[0] in "125"
