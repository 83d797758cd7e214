"""The quickstart as a reader meets it: a real JupyterLab in a real Chromium.

`TRAJKIT_PICTURE=notebooks/images/explorer.png pytest -m browser` also writes the README's picture.
"""

from __future__ import annotations

import io
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from lab import browser_page, lab, run_notebook, settle, wait_until_idle
from PIL import Image
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
EXPLORER = ".jp-OutputArea-output:has(.js-plotly-plot):has(input[type=checkbox])"
# Where the camera stands, and the number of points drawn for networks, in the Explorer's 3D view.
CAMERA = "plot => { const {x, y, z} = plot._fullLayout.scene._scene.getCamera().eye; return [x, y, z]; }"
POINTS = (
    "plot => plot._fullData.filter(t => t.type === 'scatter3d' && t.mode === 'lines+markers')"
    ".reduce((n, t) => n + Array.from(t.x).filter(Number.isFinite).length, 0)"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The quickstart, all cells run."""
    root, scratch = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("lab")
    shutil.copy(NOTEBOOKS / "01_quickstart.ipynb", root)
    with lab(root, scratch) as address, browser_page() as page:
        page.faults = []
        page.on("pageerror", lambda fault: page.faults.append(str(fault)))
        run_notebook(page, address, "01_quickstart.ipynb")
        page.wait_for_function(
            f"() => document.querySelectorAll({EXPLORER!r} + ' .js-plotly-plot canvas').length > 0", timeout=60_000
        )
        page.locator(EXPLORER).scroll_into_view_if_needed()
        page.wait_for_timeout(1500)
        yield page


@pytest.fixture
def view(page: Page):
    """The Explorer's 3D view, in sight."""
    plot = page.locator(f"{EXPLORER} .js-plotly-plot").first
    plot.scroll_into_view_if_needed()
    settle(page)
    return plot


def pixels(element) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(int)


def colored(image: np.ndarray) -> float:
    """Share of pixels with a strong colour: lines and markers, neither background nor text."""
    return float(((image.max(-1) - image.min(-1)) > 60).mean())


def drawn_points(page: Page, view, *, other_than: int) -> int:
    """The number of points, once the picture has changed from `other_than`."""
    for _ in range(60):
        count = view.evaluate(POINTS)
        if count != other_than:
            break
        page.wait_for_timeout(250)
    return count


def test_quickstart__no_cell_fails_and_no_cell_warns(page):
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    stderr = page.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    assert stderr.all_inner_texts() == []
    # anywidget says so of a view that a busy machine loads late; the tests below see whether views take updates.
    assert [f for f in page.faults if f != "[anywidget] Failed to initialize model."] == []


def test_manifold__is_drawn(page, view):
    assert colored(pixels(view)) > 0.005
    assert view.evaluate(POINTS) > 1000


def test_explorer__plots_fill_their_panels_also_when_the_page_changes(page):
    # The side bar narrows the notebook without resizing the window.
    for toggle in ("", "Control+B", "Control+B"):
        if toggle:
            page.keyboard.press(toggle)
        page.wait_for_timeout(1500)
        widths = page.locator(EXPLORER).evaluate(
            "e => [...e.querySelectorAll('.trajkit-panel')]"
            ".map(panel => [panel.clientWidth, panel.querySelector('.main-svg').clientWidth])"
        )
        assert len(widths) == 3
        for panel, plot in widths:
            assert plot == pytest.approx(panel, abs=4)


def test_picture__shows_the_explorer_as_it_opens(page, tmp_path):
    """Before anything is turned: this is the picture that the README shows."""
    target = Path(os.environ.get("TRAJKIT_PICTURE", tmp_path / "explorer.png")).resolve()
    page.locator(EXPLORER).screenshot(path=target)
    assert colored(np.asarray(Image.open(target).convert("RGB")).astype(int)) > 0.005


def test_slicer__shows_every_value_of_every_attribute(page):
    boxes = page.locator(f"{EXPLORER} input[type=checkbox]")
    panel = page.locator(f"{EXPLORER} .trajkit-slicer").bounding_box()
    places = [boxes.nth(i).bounding_box() for i in range(boxes.count())]
    assert len(places) > 20
    assert all(panel["x"] <= p["x"] < panel["x"] + panel["width"] for p in places)
    # No two boxes lie upon each other, as they do where a row is squeezed.
    assert len({(round(p["x"]), round(p["y"])) for p in places}) == len(places)
    rows = sorted({round(p["y"]) for p in places})
    assert min(b - a for a, b in itertools.pairwise(rows)) >= 20


def test_slicing__changes_the_drawn_runs_and_keeps_the_camera(page, view):
    drag(page, view)
    camera, before = view.evaluate(CAMERA), view.evaluate(POINTS)
    page.locator(EXPLORER).get_by_text("adam (", exact=False).first.click()
    after = drawn_points(page, view, other_than=before)
    assert 0 < after < before
    assert view.evaluate(CAMERA) == pytest.approx(camera, abs=1e-6)
    assert "tk.select(ds, optimizer=['adam'])" in page.locator(f"{EXPLORER} pre").first.inner_text()
    page.locator(EXPLORER).get_by_role("button", name="Reset", exact=True).click()
    assert drawn_points(page, view, other_than=after) == before


def test_dragging__turns_the_manifold(page, view):
    camera, picture = view.evaluate(CAMERA), pixels(view)
    drag(page, view)
    assert np.abs(np.subtract(view.evaluate(CAMERA), camera)).max() > 0.2
    assert (np.abs(pixels(view) - picture).max(-1) > 60).mean() > 0.01


def test_recolouring_and_embedding_another_split__keep_the_camera(page, view):
    camera = view.evaluate(CAMERA)
    page.locator(f"{EXPLORER} select").first.select_option("progress")
    page.wait_for_function(
        "plot => plot._fullData.some(t => t.marker && t.marker.showscale)", arg=view.element_handle()
    )
    page.locator(EXPLORER).get_by_role("button", name="test", exact=True).click()
    page.locator(EXPLORER).get_by_text("on 100 samples", exact=False).wait_for(timeout=60_000)
    wait_until_idle(page)
    assert view.evaluate(CAMERA) == pytest.approx(camera, abs=1e-6)
    assert colored(pixels(view)) > 0.003


def drag(page: Page, view) -> None:
    box = view.bounding_box()
    x, y = box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 140, y + 30, steps=10)
    page.mouse.up()
    page.wait_for_timeout(700)
