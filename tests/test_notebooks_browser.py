"""Each tutorial in a real JupyterLab in a real Chromium: all cells run and every widget is drawn.

`TRAJKIT_PAGES=FOLDER pytest -m browser tests/test_notebooks_browser.py` keeps a picture of each screenful;
`TRAJKIT_THEME=dark` takes the dark theme.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import browser_page, lab, pixels, put, run_notebook
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
# The others take minutes together: `pytest -m slow`. tests/widgets/test_jupyterlab.py opens the quickstart.
QUICK = ("02_prediction_space",)
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb") if path.stem != "00_glossary")
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root, scratch = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("lab")
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, root)
    with lab(root, scratch) as address:
        # Put all cells on the page, also those out of sight.
        put(scratch, "notebook-extension/tracker", {"windowingMode": "none"})
        put(scratch, "apputils-extension/themes", {"theme": THEMES[os.environ.get("TRAJKIT_THEME", "light")]})
        yield address


def screenfuls(page: Page) -> Iterator[int]:
    """Scroll the notebook from top to bottom, a screen at a time."""
    scroller = page.locator(".jp-WindowedPanel-outer")
    height, total = scroller.evaluate("e => [e.clientHeight, e.scrollHeight]")
    for k in range(-(-total // (height - 40))):
        scroller.evaluate("(e, y) => e.scrollTo(0, y)", k * (height - 40))
        page.wait_for_timeout(1200)
        yield k


def open_solutions(page: Page, name: str) -> None:
    """Check that all cells have run and the solutions are folded, then open each solution with one click."""
    of_solution = re.compile(r"^Solution [12]\b")
    headings = page.locator(".jp-MarkdownCell", has=page.get_by_role("heading", name=of_solution))
    expect(headings).to_have_count(2)
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    solutions = [k for k, cell in enumerate(cells) if "solution" in cell["metadata"].get("tags", [])]
    # Each is a heading and a cell of code.
    for k, place in enumerate(solutions[1::2]):
        solution = page.locator(".jp-Notebook-cell").nth(place)
        expect(solution.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"))
        expect(solution).to_be_hidden()
        headings.nth(k).locator(".jp-showHiddenCellsButton").click()
        expect(solution.locator(".jp-InputArea-editor")).to_be_visible()
        expect(solution.locator(".jp-OutputArea-output").first).to_be_visible()


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_tutorial__runs_and_draws_in_jupyterlab(name: str, address: str) -> None:
    with browser_page(width=1280, height=1000) as page:
        run_notebook(page, address, f"{name}.ipynb")
        open_solutions(page, name)
        for k in screenfuls(page):
            if kept := os.environ.get("TRAJKIT_PAGES"):
                page.screenshot(path=Path(kept) / f"{name}-{k:02d}.png")
        assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
        assert page.locator(".jp-OutputArea-output:has-text('Error displaying widget')").count() == 0
        assert page.locator(".trajkit-panel").get_by_text(re.compile(r"\bError\b|did not send")).count() == 0
        # A picture of each plotly figure and each view shows more than one colour.
        drawn = page.locator(".js-plotly-plot, .trajkit-view")
        assert drawn.count() > 0
        for element in drawn.all():
            element.scroll_into_view_if_needed()
            page.wait_for_timeout(500)
            assert pixels(element).std(axis=(0, 1)).max() > 2
