"""Quickstart, Explorer and ManifoldView as a reader meets them: a real JupyterLab, or Voila, in a real Chromium.

`TRAJKIT_PICTURE=notebooks/images/explorer.png pytest -m browser` also writes the README's picture.
"""

import itertools
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lab import (
    PATIENCE,
    browser_page,
    colored,
    drag,
    free_port,
    lab,
    pixels,
    run_notebook,
    serving,
    settle,
    write_notebook,
)
from PIL import Image
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
EXPLORER = ".trajkit-explorer"

MAKE = """\
import numpy as np
import trajkit as tk

ds = tk.simulate(runs=30, groups=3, spread=0.3, checkpoints=10, samples=40)
ds = ds.assign_coords(
    {
        "learning_rate": ("run", np.logspace(-4, 0, 30)),
        "it's <b>bold": ("run", ["<script>alert(1)</script>", "plain"] * 15),
    }
)
explorer = tk.explore(ds)
explorer
"""
MANY = """\
many = tk.simulate(runs=500, checkpoints=2, samples=4)
slicer = tk.widgets.Slicer(many.assign_coords(name=("run", [f"name {i}" for i in range(500)])))
slicer
"""
TRAIN = """\
import torch

torch.manual_seed(0)
same = {name: ds[name].values for name in ("label", "sample", "split")}
probe = tk.Probe(torch.randn(40, 8), classes=ds["class"].values, **same)
live = tk.widgets.LiveView(tk.embed(ds), ds)
display(live)
model = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, ds.sizes["class"]))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
with tk.Recorder("runs", probe, run="mine", listeners=[live]) as record:
    for step in range(12):
        record(model, step)
        for _ in range(5):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(probe.inputs), torch.as_tensor(probe.label)).backward()
            optimizer.step()
"""
EXPORT = 'explorer.to_html("view.html", title="of the <i>explorer</i>").name'
VIEW = (
    """
import json
import ipywidgets
from IPython.display import display
import trajkit as tk

ds = tk.simulate(runs=12, groups=3, spread=0.3, checkpoints=15, seed=1)
embedding = tk.embed(ds, 4)
view = tk.widgets.ManifoldView(embedding, color="architecture", height=500)
said, button = ipywidgets.Label(), ipywidgets.Button(description="picture")

def say(_):
    said.value = json.dumps([view.camera, view.selection, int(view.selected.sum())])

view.observe(say, ["camera", "selection"])
button.on_click(lambda _: view.to_png("view.png"))
display(view, said, button)
""",
    """
import gc
import psutil

def open_and_close(n):
    for _ in range(n):
        one = tk.widgets.ManifoldView(embedding, color="seed", height=100)
        display(one)
        one.close()
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20

before = open_and_close(3)
print("grew by", round(open_and_close(30) - before), "MB")
""",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("notebooks")
    shutil.copy(NOTEBOOKS / "01_quickstart.ipynb", root)
    write_notebook(root / "explorer.ipynb", MAKE, MANY, TRAIN, EXPORT)
    write_notebook(root / "voila.ipynb", MAKE)
    write_notebook(root / "view.ipynb", *VIEW)
    return root


@pytest.fixture(scope="module")
def address(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lab(root, tmp_path_factory.mktemp("lab")) as address:
        yield address


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    """A notebook with the Explorer of simulated runs, all cells run."""
    with browser_page() as page:
        page.set_default_timeout(PATIENCE)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.faults = []
        page.on("pageerror", lambda fault: page.faults.append(str(fault)))
        page.on("dialog", lambda dialog: (page.faults.append(dialog.message), dialog.dismiss()))
        run_notebook(page, address, "explorer.ipynb")
        drawn(page)
        yield page


@pytest.fixture
def explorer(page: Page) -> Locator:
    found = page.locator(EXPLORER).first
    found.locator(".trajkit-stage").scroll_into_view_if_needed()
    settle(page)
    return found


def drawn(page: Page) -> None:
    page.locator(f"{EXPLORER} .trajkit-stage canvas").first.wait_for()
    page.locator(f"{EXPLORER} .js-plotly-plot .main-svg").first.wait_for()
    settle(page)


def code(explorer: Locator) -> Locator:
    """The Python of the whole Explorer."""
    return explorer.locator(".trajkit-code pre").last


def summary(explorer: Locator) -> Locator:
    return explorer.locator(".trajkit-board .summary")


def chip(explorer: Locator, attribute: str, place: int) -> Locator:
    """The control of one value."""
    return explorer.locator(f".trajkit-board section[aria-label={attribute}] .chip").nth(place)


def test_notebook__no_cell_fails_and_no_name_is_taken_for_html(page: Page, explorer: Locator) -> None:
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert [f for f in page.faults if f != "[anywidget] Failed to initialize model."] == []
    board = explorer.locator(".trajkit-board")
    expect(board.get_by_text("it's <b>bold", exact=True)).to_be_visible()
    expect(board.get_by_text("<script>alert(1)</script>", exact=True)).to_be_visible()
    assert board.locator("b", has_text="bold").count() == 0


def test_explorer__has_room_for_everything_when_the_page_is_wide_and_when_it_is_narrow(page, explorer) -> None:
    parts = [".trajkit-board", ".trajkit-stage", ".js-plotly-plot >> visible=true", ".trajkit-code >> visible=true"]
    is_cut = "e => [...e.querySelectorAll('button')].map(b => b.scrollWidth > b.clientWidth + 1 && b.textContent)"
    for width in (1100, 1500):
        page.set_viewport_size({"width": width, "height": 1250})
        settle(page)
        page.wait_for_timeout(800)
        outer = explorer.bounding_box()
        for part in parts:
            box = explorer.locator(part).first.bounding_box()
            assert outer["x"] - 1 <= box["x"]
            assert box["x"] + box["width"] <= outer["x"] + outer["width"] + 1, part
        for panel in explorer.locator(".trajkit-panel >> visible=true").all():
            plot = panel.locator(".main-svg").first
            assert plot.bounding_box()["width"] == pytest.approx(panel.bounding_box()["width"], abs=6)
        assert not any(explorer.evaluate(is_cut))
    chips = [chip.bounding_box() for chip in explorer.locator(".trajkit-board .chip >> visible=true").all()]
    assert not [1 for a, b in itertools.combinations(chips, 2) if overlap(a, b)]


def overlap(a: dict[str, float], b: dict[str, float]) -> bool:
    across = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
    down = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
    return across > 1 and down > 1


def test_dragging__turns_the_manifold_and_a_filter_leaves_it_so(page: Page, explorer: Locator) -> None:
    stage = explorer.locator(".trajkit-stage")
    before = pixels(stage)
    assert colored(before).mean() > 0.002
    drag(stage, (300, 250), (370, 275))
    expect(code(explorer)).to_contain_text("camera={'yaw'")
    assert (np.abs(pixels(stage) - before).max(-1) > 60).mean() > 0.002
    camera = code(explorer).inner_text().split("camera=")[1].split("}")[0]
    chip(explorer, "architecture", 0).click()
    expect(summary(explorer)).to_contain_text("10 of 30 runs")
    expect(code(explorer)).to_contain_text("architecture=['A']")
    expect(code(explorer)).to_contain_text(camera)
    # By the keyboard, and what was done is undone.
    explorer.get_by_role("button", name="undo").focus()
    page.keyboard.press("Enter")
    expect(summary(explorer)).to_contain_text("30 of 30 runs")


def test_ranges__are_moved_by_keys_and_by_numbers(page: Page, explorer: Locator) -> None:
    low = explorer.get_by_label("lowest value of learning_rate")
    low.fill("0.01")
    low.press("Enter")
    expect(summary(explorer)).to_contain_text("15 of 30 runs")
    expect(code(explorer)).to_contain_text("learning_rate=(0.01, None)")
    explorer.get_by_label("highest learning_rate", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    expect(summary(explorer)).to_contain_text("14 of 30 runs")
    explorer.get_by_role("button", name="Reset", exact=True).click()
    expect(summary(explorer)).to_contain_text("30 of 30 runs")


def test_where__says_beside_the_box_what_is_wrong(page: Page, explorer: Locator) -> None:
    box = explorer.get_by_label("where: an expression of the run attributes")
    box.fill("sede > 3")
    box.press("Enter")
    expect(explorer.locator(".problem")).to_contain_text("sede")
    expect(summary(explorer)).to_contain_text("30 of 30 runs")
    box.fill("seed > 3 and seed < 3")
    box.press("Enter")
    expect(explorer.locator(".problem")).to_be_hidden()
    expect(explorer).to_contain_text("nothing meets all conditions")
    box.fill("")
    box.press("Enter")
    expect(summary(explorer)).to_contain_text("30 of 30 runs")


def test_copy__puts_the_code_on_the_clipboard(page: Page, explorer: Locator) -> None:
    explorer.get_by_role("button", name="Copy").last.click()
    expect(explorer.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == code(explorer).inner_text()


def test_lasso__highlights_the_runs_in_every_panel(page: Page, explorer: Locator) -> None:
    explorer.locator(".trajkit-toolbar").get_by_title("Select with a lasso").first.click()
    stage = explorer.locator(".trajkit-stage")
    size = stage.evaluate("e => [e.clientWidth, e.clientHeight]")
    drag(stage, *np.multiply(size, [(0.2, 0.1), (0.8, 0.1), (0.8, 0.9), (0.2, 0.9), (0.2, 0.12)]).tolist())
    expect(explorer.get_by_text("30 highlighted")).to_be_visible()
    expect(code(explorer)).to_contain_text("highlighted=[")
    explorer.get_by_role("button", name="Clear", exact=True).click()
    expect(code(explorer)).not_to_contain_text("highlighted=[")
    page.keyboard.press("Escape")


def test_click__on_a_line_of_progress_marks_the_run_in_the_manifold(page: Page, explorer: Locator) -> None:
    plot = explorer.locator(".js-plotly-plot >> visible=true").first
    plot.scroll_into_view_if_needed()
    settle(page)
    # The last point of the first line, where it lies on the page.
    x, y = plot.evaluate(
        """p => {
          const t = p._fullData[0], { xaxis, yaxis } = p._fullLayout, box = p.getBoundingClientRect();
          const i = Array.from(t.y).findIndex((v, k) => !Number.isFinite(t.y[k + 1])) - 2;
          return [box.x + xaxis._offset + xaxis.d2p(t.x[i]), box.y + yaxis._offset + yaxis.d2p(t.y[i])];
        }"""
    )
    for _ in range(10):
        # plotly takes a click for the point that it found under the mouse before, which a busy machine does late.
        page.mouse.move(x - 3, y)
        page.mouse.move(x, y, steps=3)
        page.wait_for_timeout(300)
        page.mouse.click(x, y)
        page.wait_for_timeout(700)
        if explorer.get_by_text("1 highlighted").is_visible():
            break
    expect(explorer.get_by_text("1 highlighted")).to_be_visible()
    explorer.get_by_role("button", name="Clear", exact=True).click()


def test_legend__hides_and_recolouring_keeps_the_camera(page: Page, explorer: Locator) -> None:
    explorer.locator(".trajkit-entry").first.click()
    expect(code(explorer)).to_contain_text("hidden=['A']")
    explorer.get_by_label("Colour by").select_option("progress")
    expect(code(explorer)).to_contain_text("color='progress'")
    expect(code(explorer)).to_contain_text("camera={'yaw'")
    explorer.get_by_label("Colour by").select_option("architecture")
    expect(code(explorer)).to_contain_text("color='architecture'")


def test_frame__of_a_selection_is_aligned_with_that_of_all_and_the_picture_keeps_its_place(page, explorer) -> None:
    stage = explorer.locator(".trajkit-stage")
    chip(explorer, "architecture", 1).click()
    expect(summary(explorer)).to_contain_text("10 of 30 runs")
    before = middle(pixels(stage))
    explorer.get_by_role("button", name="selection", exact=True).click()
    expect(explorer).to_contain_text("aligned with all runs")
    settle(page)
    after = middle(pixels(stage))
    assert np.linalg.norm(np.subtract(after, before)) < 0.06
    explorer.get_by_role("button", name="all runs", exact=True).click()
    expect(explorer).to_contain_text("InPCA of all runs")
    explorer.get_by_role("button", name="Reset", exact=True).click()
    expect(summary(explorer)).to_contain_text("30 of 30 runs")


def middle(image: np.ndarray) -> np.ndarray:
    """Middle of what is coloured, in shares of the picture."""
    return np.mean(np.nonzero(colored(image)), axis=1) / image.shape[:2]


def test_tabs__measure_when_they_are_opened(page: Page, explorer: Locator) -> None:
    explorer.get_by_role("tab", name="Distances").click()
    expect(explorer.locator(".trajkit-code pre", has_text="tk.figures.distance_matrix")).to_be_visible()
    explorer.get_by_role("tab", name="Runs").click()
    expect(explorer.locator(".trajkit-table tbody tr")).to_have_count(30)
    explorer.locator(".trajkit-table tbody tr").nth(2).click()
    expect(explorer.get_by_text("1 highlighted")).to_be_visible()
    explorer.get_by_role("button", name="Clear", exact=True).click()
    explorer.get_by_role("tab", name="Progress").click()


def test_slicer__of_500_values_is_searched(page: Page) -> None:
    board = page.locator(".trajkit-board").nth(1)
    board.scroll_into_view_if_needed()
    board.get_by_label("search the values of name").fill("name 7")
    rows = board.locator("section[aria-label=name] .row >> visible=true")
    expect(rows).to_have_count(11)
    rows.nth(1).click()
    expect(board.locator(".summary")).to_contain_text("1 of 500 runs")


def test_live__draws_the_run_that_was_trained(page: Page) -> None:
    live = page.locator(".trajkit-live")
    live.scroll_into_view_if_needed()
    expect(live).to_contain_text("12 checkpoints of 1 run;", timeout=PATIENCE)
    live.locator(".js-plotly-plot .main-svg").first.wait_for()
    assert colored(pixels(live.locator(".trajkit-stage"))).mean() > 0.002


def test_export__opens_from_disk_without_network(page: Page, root: Path) -> None:
    # A context of its own: JupyterLab keeps its connection.
    context = page.context.browser.new_context(offline=True, viewport={"width": 1300, "height": 1000})
    other = context.new_page()
    faults: list[str] = []
    other.on("pageerror", lambda fault: faults.append(str(fault)))
    other.on("request", lambda r: r.url.startswith(("file:", "blob:", "data:")) or faults.append(r.url))
    try:
        other.goto((root / "view.html").as_uri())
        other.wait_for_function("() => globalThis.page?.close.length === 2", timeout=PATIENCE)
        other.get_by_label("Colour by").first.select_option("seed")
        # The progress plot follows the manifold.
        other.wait_for_function("() => page.models[1].get('color') === 'seed'", timeout=PATIENCE)
        stages = other.locator(".trajkit-stage")
        expect(stages).to_have_count(2)
        for k in range(2):
            stages.nth(k).scroll_into_view_if_needed()
            settle(other)
            assert colored(pixels(stages.nth(k))).mean() > 0.001
    finally:
        context.close()
    assert faults == []


@contextmanager
def another(page: Page, address: str, name: str) -> Iterator[Page]:
    """Open a notebook in a page of its own and run all its cells."""
    other = page.context.new_page()
    other.set_default_timeout(PATIENCE)
    run_notebook(other, address, name)
    yield other
    other.close()


@pytest.fixture(scope="module")
def quickstart(address: str, page: Page) -> Iterator[Page]:
    with another(page, address, "01_quickstart.ipynb") as other:
        drawn(other)
        other.wait_for_timeout(1500)
        yield other


def test_quickstart__no_cell_fails_and_no_cell_warns(quickstart: Page) -> None:
    assert quickstart.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    stderr = quickstart.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    assert stderr.all_inner_texts() == []


def test_picture__shows_the_explorer_as_it_opens(quickstart: Page, tmp_path: Path) -> None:
    """Before anything is turned: this is the picture that the README shows."""
    target = Path(os.environ.get("TRAJKIT_PICTURE", tmp_path / "explorer.png")).resolve()
    explorer = quickstart.locator(EXPLORER)
    for _ in range(60):
        explorer.scroll_into_view_if_needed()
        settle(quickstart)
        # On a busy machine the view, which draws only while it is seen, comes later than the rest.
        if (share := colored(pixels(explorer, target)).mean()) > 0.005:
            break
        quickstart.wait_for_timeout(500)
    assert share > 0.005


def test_voila__shows_the_explorer_and_slices(root: Path, tmp_path: Path, page: Page) -> None:
    port = free_port()
    command = [sys.executable, "-m", "voila", "voila.ipynb", "--no-browser", f"--port={port}", "--show_tracebacks=True"]
    with serving(command, f"http://127.0.0.1:{port}/static/", tmp_path / "voila.log", cwd=root):
        other = page.context.new_page()
        other.set_default_timeout(PATIENCE)
        other.goto(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
        drawn(other)
        explorer = other.locator(EXPLORER)
        chip(explorer, "architecture", 0).click()
        expect(summary(explorer)).to_contain_text("10 of 30 runs")
        other.close()


@pytest.fixture(scope="module")
def view(address: str, page: Page) -> Iterator[Page]:
    with another(page, address, "view.ipynb") as other:
        yield other


@pytest.fixture
def stage(view: Page) -> Locator:
    stage = view.locator(".trajkit-stage").first
    stage.locator("canvas").first.wait_for()
    stage.scroll_into_view_if_needed()
    settle(view)
    return stage


def said(page: Page, ready: str) -> Any:
    """What the kernel last said, once that is `ready`."""
    label = ".widget-label"
    page.wait_for_function(
        f"() => [...document.querySelectorAll({label!r})].some((e) => {{ try {{ const [camera, selection, n] = "
        f"JSON.parse(e.textContent); return {ready}; }} catch {{ return false; }} }})",
        timeout=60_000,
    )
    return json.loads(next(t for t in page.locator(label).all_inner_texts() if t.startswith("[")))


def test_view__dragging_and_lassoing_reach_python(view: Page, stage: Locator) -> None:
    drag(stage, (300, 150), (375, 150))
    camera, _, _ = said(view, "camera.yaw < -80")
    assert camera["yaw"] == pytest.approx(-52 - 0.4 * 75)
    view.get_by_label("Select with a lasso").first.click()
    drag(stage, (500, 60), (720, 90), (700, 380), (500, 360), (480, 100))
    _, selection, n = said(view, "n > 0")
    assert n == len(selection) > 5


def test_view__labels_have_the_font_of_the_page(view: Page, stage: Locator) -> None:
    """JupyterLab renders a view before it stands on the page, where it has no font yet."""
    wanted = view.locator(".trajkit-view").first.evaluate("e => getComputedStyle(e).fontFamily.split(',')[0]")
    font = stage.locator("canvas").first.evaluate("e => e.getContext('2d').font")
    assert font.startswith(("11px ", "600 12px "))
    assert wanted in font


def test_view__writes_the_picture_that_python_asks_for(view: Page, root: Path) -> None:
    target = root / "view.png"
    view.get_by_role("button", name="picture").click()
    for _ in range(240):
        if target.exists() and target.stat().st_size:
            break
        view.wait_for_timeout(250)
    assert colored(np.asarray(Image.open(target).convert("RGB")).astype(int)).mean() > 0.005


def test_view__follows_the_theme_and_leaves_keys_to_the_view(view: Page, stage: Locator) -> None:
    page, drawing = view, view.locator(".trajkit-view").first
    expect(drawing).to_have_attribute("data-theme", "light")
    page.evaluate("() => { document.body.dataset.jpThemeLight = 'false' }")
    expect(drawing).to_have_attribute("data-theme", "dark")
    page.evaluate("() => { document.body.dataset.jpThemeLight = 'true' }")
    cells = page.locator(".jp-Cell").count()
    stage.focus()
    for key in ("b", "1", "d", "d", "3"):
        page.keyboard.press(key)
    camera, _, _ = said(page, "camera.pitch === 90")
    assert camera["yaw"] == -90
    expect(page.locator(".jp-Cell")).to_have_count(cells)
    expect(page.locator(".jp-MarkdownCell")).to_have_count(0)


def test_view__thirty_views_opened_and_closed_leave_the_kernel_as_it_was(view: Page) -> None:
    text = view.locator("[data-mime-type='application/vnd.jupyter.stdout']").last.inner_text()
    assert float(text.split()[-2]) < 50
