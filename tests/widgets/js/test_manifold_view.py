"""The 3D view in a real Chromium, as an exported page that is opened from disk without network.

The page's `page.models[0]` is the stand-in for the widget model: traits are read and set as Python would.
`TRAJKIT_ANIMATION=notebooks/images/manifold.gif pytest -m browser -k animation` also writes the README's animation.
"""

import io
import itertools
import json
import os
from typing import Any

import lab
import numpy as np
import pytest
import xarray as xr
from lab import settle
from made_embeddings import made_embedding
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

import trajkit as tk
from trajkit.widgets.manifold_view import ManifoldView

pytestmark = pytest.mark.browser

STAGE = ".trajkit-stage"
BLUE, GRAY = (0x00, 0x72, 0xB2), (0x9A, 0xA0, 0xA6)


@pytest.fixture(scope="module")
def embedding() -> xr.Dataset:
    ds = tk.simulate(runs=12, groups=3, spread=0.3, checkpoints=15, seed=1)
    return tk.embed(ds.assign(progress=tk.progress(ds)), 4)


def get(page: Page, name: str) -> Any:
    return page.evaluate("name => page.models[0].get(name)", name)


def set_traits(page: Page, **traits: Any) -> None:
    page.evaluate("traits => { for (const [name, v] of Object.entries(traits)) page.models[0].set(name, v); }", traits)
    settle(page)


def pixels(page: Page, selector: str = STAGE) -> NDArray[np.int64]:
    settle(page)
    return lab.pixels(page.locator(selector).first)


def strong(image: NDArray[np.int64]) -> float:
    """Share of pixels with a strong colour."""
    return float(lab.colored(image).mean())


def near(image: NDArray[np.int64], color: tuple[int, int, int], by: int = 30) -> NDArray[np.bool_]:
    return np.abs(image - color).max(-1) < by


def drag(page: Page, *places: tuple[float, float], button: str = "left") -> None:
    lab.drag(page.locator(STAGE).first, *places, button=button)


def projected(view: ManifoldView, page: Page) -> tuple[list[list[Any]], NDArray[np.float64]]:
    """Names of the networks' points and their places on the stage, from the definition of the camera."""
    e = view.embedding.isel(run=view.embedding.kind.values == "network")
    box = np.array([view._box[k] for k in view.components])
    xyz = np.stack([e.coordinate.sel(component=k).transpose("run", "checkpoint").values for k in view.components], -1)
    unit = 2 * (xyz - box[:, 0]) / (box[:, 1] - box[:, 0]) - 1
    camera = get(page, "camera")
    yaw, pitch = np.radians([camera["yaw"], camera["pitch"]])
    right = np.array([-np.sin(yaw), np.cos(yaw), 0])
    towards = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
    up = np.cross(towards, right)
    width, height = page.locator(STAGE).first.evaluate("e => [e.clientWidth, e.clientHeight]")
    scale = min((width - 140) / 3.0, (height - 128) / 2.98) * camera["zoom"]
    seen = unit - np.array(camera["target"])
    away = 5.5 - seen @ towards
    scale = scale * (5.5 / away if camera["projection"] == "perspective" else np.ones_like(away))
    place = np.stack([width / 2 + scale * (seen @ right), height / 2 - 16 - scale * (seen @ up)], -1)
    names = [[r, int(c)] for r in e.run.values.tolist() for c in e.checkpoint.values]
    recorded = (e.step.transpose("run", "checkpoint").values >= 0).ravel()
    return [n for n, there in zip(names, recorded, strict=True) if there], place.reshape(-1, 2)[recorded]


def within(places: NDArray[np.float64], outline: list[tuple[float, float]]) -> NDArray[np.bool_]:
    """Which places an outline, which does not cross itself, goes round: those of a winding number."""
    corner = np.array([*outline, outline[0]])[None] - places[:, None]
    angle = np.arctan2(corner[..., 1], corner[..., 0])
    turn = np.diff(angle, axis=1)
    return np.abs(((turn + np.pi) % (2 * np.pi) - np.pi).sum(1)) > np.pi


def test_page__draws_without_network_or_fault(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture"), title="<b>digits</b>")
    assert page.title() == "<b>digits</b>"
    image = pixels(page)
    assert strong(image) > 0.01
    for color in (BLUE, (0xE6, 0x9F, 0x00), (0x00, 0x9E, 0x73)):
        assert near(image, color).sum() > 50
    expect(page.locator(".trajkit-entry span")).to_have_text(["A", "B", "C"])
    expect(page.locator(".trajkit-curve")).to_have_text(["geodesic"])


def test_points__are_drawn_where_the_camera_says(opened):
    """One dot, seen alone: the middle of its pixels is its projection."""
    made = made_embedding(1, 2).isel(component=slice(0, 3))
    made["coordinate"][:] = np.array([[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]])
    for camera in ({"yaw": 20, "pitch": 35}, {"yaw": -100, "pitch": -20, "zoom": 1.4, "projection": "orthographic"}):
        view = ManifoldView(made, camera=camera, line_width=0, point_size=10)
        page = opened(view)
        rows, columns = np.nonzero(near(pixels(page), BLUE, 70))
        for place in projected(view, page)[1]:
            mine = np.hypot(columns + 0.5 - place[0], rows + 0.5 - place[1]) < 9
            assert mine.sum() > 40
            assert [columns[mine].mean() + 0.5, rows[mine].mean() + 0.5] == pytest.approx(place, abs=0.7)


def test_lines__join_points_of_a_run_alone_and_break_at_missing_points(opened):
    made = made_embedding(2, 3, groups=2).isel(component=slice(0, 3))
    made["coordinate"][:, :, 0] = [[-1, 0, 1], [-1, 0, 1]]
    made["coordinate"][:, :, 1] = 0.0
    made["coordinate"][:, :, 2] = [[1, 1, 1], [-1, -1, -1]]
    look = {"yaw": -90, "pitch": 0, "projection": "orthographic"}
    page = opened(ManifoldView(made, camera=look, point_size=0, line_width=3))

    blue = near(pixels(page), BLUE, 70)
    whole = np.flatnonzero(blue.any(0))
    across = slice(whole[0], whole[-1])
    assert (blue.sum(0)[across] >= 4).mean() > 0.95
    assert blue.any(1).sum() < 10  # two level lines, none between them
    made["coordinate"][0, 1] = np.nan
    page = opened(ManifoldView(made, camera=look, point_size=0, line_width=3))
    assert np.median(near(pixels(page), BLUE, 70).sum(0)[across]) == pytest.approx(3, abs=1)


def test_reference__names_stand_beside_their_points(opened, embedding, tmp_path):
    page = opened(ManifoldView(embedding, color="architecture"))
    page.evaluate("() => { window.seen = []; CanvasRenderingContext2D.prototype.fillText = (t) => seen.push(t); }")
    set_traits(page, camera={**ManifoldView().camera, "yaw": 0})
    titles = [part for axis in ManifoldView(embedding)._axes[:3] for part in axis["title"]]
    assert {"ignorance", "truth", *titles} <= set(page.evaluate("() => seen"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_theme__is_the_readers_unless_forced(opened, embedding, theme):
    page = opened(ManifoldView(embedding, color="progress"))
    page.emulate_media(color_scheme=theme)
    image = pixels(page)
    assert (image[3, 3].mean() > 200) == (theme == "light")
    page.evaluate("theme => { document.body.dataset.jpThemeLight = String(theme !== 'light') }", theme)
    assert (pixels(page)[3, 3].mean() > 200) == (theme != "light")
    set_traits(page, theme=theme)
    assert (pixels(page)[3, 3].mean() > 200) == (theme == "light")
    page.emulate_media(color_scheme="light")


def test_mouse__turns_pans_and_zooms_and_double_click_resets(opened, embedding):
    page = opened(ManifoldView(embedding))
    start, before = get(page, "camera"), pixels(page)
    drag(page, (300, 200), (350, 220))
    turned = get(page, "camera")
    assert turned["yaw"] == pytest.approx(start["yaw"] - 0.4 * 50)
    assert turned["pitch"] == pytest.approx(start["pitch"] + 0.4 * 20)
    assert (np.abs(pixels(page) - before).max(-1) > 60).mean() > 0.005
    drag(page, (300, 200), (350, 200), button="right")
    assert get(page, "camera")["target"] != [0, 0, 0]
    page.mouse.wheel(0, -300)
    page.wait_for_function("() => page.models[0].get('camera').zoom > 1.1")
    page.mouse.dblclick(500, 300)
    assert get(page, "camera") == start


@pytest.mark.parametrize("tool", ["orbit", "lasso"])
def test_fingers__turn_with_one_and_zoom_and_move_with_two(opened, embedding, tool):
    page = opened(ManifoldView(embedding, camera={"projection": "orthographic"}, tool=tool))
    box = page.locator(STAGE).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    devtools = page.context.new_cdp_session(page)

    def gesture(*frames: list[tuple[float, float]]) -> dict[str, Any]:
        """Put fingers down, move them and lift them; give the camera after it."""
        for k, fingers in enumerate([*frames, []]):
            kind = "touchEnd" if not fingers else "touchMove" if k else "touchStart"
            places = [{"x": x + a, "y": y + b, "id": i} for i, (a, b) in enumerate(fingers)]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
            settle(page)
        return get(page, "camera")

    before = get(page, "camera")
    after = gesture(*([(-wide, 0), (wide, 0)] for wide in (50, 60, 80, 100)))
    # Twice as far apart is twice as large, and what lay between the fingers still does.
    assert after["zoom"] / before["zoom"] == pytest.approx(2, rel=1e-6)
    np.testing.assert_allclose(after["target"], before["target"], atol=0.02)
    assert (after["yaw"], after["pitch"]) == (before["yaw"], before["pitch"])
    moved = gesture(*([(far - 50, 0), (far + 50, 0)] for far in (0, 20, 40)))
    assert moved["zoom"] == pytest.approx(after["zoom"], rel=1e-6)
    assert np.abs(np.subtract(moved["target"], after["target"])).max() > 0.01
    if tool == "orbit":
        turned = gesture(*([(far, 0)] for far in (0, 10, 30)))
        assert turned["yaw"] == pytest.approx(moved["yaw"] - 0.4 * 30, abs=1e-6)
    assert (get(page, "pinned"), get(page, "selection")) == ([], [])
    devtools.detach()


def test_views__that_are_linked_turn_together(opened, embedding):
    views = [ManifoldView(embedding, components=k, height=300) for k in ((1, 2, 3), (2, 3, 4))]
    page = opened(*views, links=[(0, 1, ["camera", "selection"])], columns=2)
    drag(page, (200, 100), (260, 120))
    settle(page)
    cameras = [page.evaluate("k => page.models[k].get('camera')", k) for k in (0, 1)]
    assert cameras[0] == cameras[1] != ManifoldView().camera


def test_keyboard__turns_zooms_looks_along_axes_and_resets(opened, embedding):
    page = opened(ManifoldView(embedding))
    start = get(page, "camera")
    page.locator(STAGE).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    assert get(page, "camera")["yaw"] == start["yaw"] - 5
    assert get(page, "camera")["zoom"] == pytest.approx(1.2)
    for key, way in (("1", (0, 0)), ("2", (-90, 0)), ("3", (-90, 90))):
        page.keyboard.press(key)
        assert (get(page, "camera")["yaw"], get(page, "camera")["pitch"]) == way
    page.keyboard.press("p")
    assert get(page, "camera")["projection"] == "orthographic"
    page.keyboard.press("r")
    assert get(page, "camera") == {**start, "projection": "orthographic"}


def test_data__that_change_leave_the_camera(opened, embedding):
    page = opened(ManifoldView(embedding, camera={"yaw": 77, "zoom": 1.3}))
    camera = get(page, "camera")
    set_traits(page, color="progress", components=[2, 3, 4], _shown=None)
    assert get(page, "camera") == camera


LASSO = [(260.0, 90.0), (420.0, 120.0), (520.0, 330.0), (330.0, 380.0), (230.0, 250.0)]


ORTHOGRAPHIC = {"pitch": 60, "projection": "orthographic", "target": [0.2, 0, 0]}


@pytest.mark.parametrize("camera", [{}, {"yaw": 130, "pitch": -30, "zoom": 1.5}, ORTHOGRAPHIC], ids=str)
def test_lasso__selects_the_points_that_numpy_finds_inside(opened, embedding, camera):
    view = ManifoldView(embedding, color="architecture", tool="lasso", camera=camera)
    page = opened(view)
    names, places = projected(view, page)
    drag(page, *LASSO)
    # The stage gets whole pixels.
    expected = [n for n, inside in zip(names, within(places, LASSO), strict=True) if inside]
    assert 10 < len(expected) < len(names)
    assert get(page, "selection") == expected
    view.selection = expected
    assert int(view.selected.sum()) == len(expected)


def test_box__adds_with_shift_removes_with_alt_and_escape_clears(opened, embedding):
    view = ManifoldView(embedding, tool="box")
    page = opened(view)
    names, places = projected(view, page)

    def inside(a: tuple[float, float], b: tuple[float, float]) -> set[str]:
        there = ((places > np.minimum(a, b)) & (places < np.maximum(a, b))).all(1)
        return {json.dumps(n) for n, yes in zip(names, there, strict=True) if yes}

    left, right, middle = ((150, 50), (360, 450)), ((360, 50), (700, 450)), ((300, 50), (400, 450))
    drag(page, *left)
    wanted = inside(*left)
    for key, area in (("Shift", right), ("Alt", middle)):
        page.keyboard.down(key)
        drag(page, *area)
        page.keyboard.up(key)
        wanted = wanted | inside(*area) if key == "Shift" else wanted - inside(*area)
        assert {json.dumps(n) for n in get(page, "selection")} == wanted != set()
    page.keyboard.press("Escape")
    assert get(page, "selection") == []


def test_selection__leaves_out_what_is_not_drawn(opened, embedding):
    view = ManifoldView(embedding, color="architecture", tool="box", hidden=["A"], time_axis="checkpoint", time=0.5)
    page = opened(view)
    drag(page, (5, 5), (780, 480))
    chosen = get(page, "selection")
    assert {run[0] for run, _ in chosen} == {"B", "C"}
    assert {checkpoint for _, checkpoint in chosen} == set(range(8))


def test_hovering__shows_a_card_inside_the_stage_and_a_click_pins_it(opened, embedding):
    view = ManifoldView(embedding, color="architecture", camera={"zoom": 1.6})
    page = opened(view)
    names, places = projected(view, page)
    width, height = page.locator(STAGE).evaluate("e => [e.clientWidth, e.clientHeight]")
    box = page.locator(STAGE).bounding_box()
    seen = 0
    for k in np.argsort(places[:, 0])[:: len(places) // 8]:
        x, y = places[k]
        if not (5 < x < width - 5 and 5 < y < height - 5):
            continue
        page.mouse.move(box["x"] + x, box["y"] + y)
        settle(page)
        run, checkpoint = get(page, "hovered")
        other = places[names.index([run, checkpoint])]
        assert np.hypot(*(other - places[k])) < 4  # it, or one that covers it
        card = page.locator(".trajkit-card")
        inner = card.bounding_box()
        for low, size in (("x", "width"), ("y", "height")):
            assert box[low] <= inner[low] <= inner[low] + inner[size] <= box[low] + box[size]
        expect(card.locator("strong")).to_have_text(run)
        facts = dict(zip(card.locator("dt").all_inner_texts(), card.locator("dd").all_inner_texts(), strict=True))
        here = embedding.sel(run=run, checkpoint=checkpoint)
        assert facts["architecture"] == str(here.architecture.values)
        assert facts["checkpoint"] == str(checkpoint)
        assert facts["step"].replace("\u202f", "") == str(int(here.step))
        for name, value in (("progress", here.progress), ("component 1", here.coordinate.sel(component=1))):
            assert float(facts[name]) == pytest.approx(float(value), rel=1e-3, abs=1e-6)
        seen += 1
    assert seen >= 4
    page.mouse.down()
    page.mouse.up()
    pinned = get(page, "hovered")
    assert get(page, "pinned") == [pinned]
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    settle(page)
    expect(page.locator(".trajkit-pinned strong")).to_have_text([pinned[0]])


def test_legend__hides_and_isolates_categories(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture"))
    before = near(pixels(page), BLUE).sum()
    page.locator(".trajkit-entry", has_text="A").click()
    assert get(page, "hidden") == ["A"]
    assert near(pixels(page), BLUE).sum() < 0.1 * before
    page.locator(".trajkit-entry", has_text="A").click()
    assert get(page, "hidden") == []
    page.locator(".trajkit-entry", has_text="B").dblclick()
    assert sorted(get(page, "hidden")) == ["A", "C"]


def test_menus__recolour_and_filter_without_python(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture"))
    before = strong(pixels(page))
    page.get_by_label("Colour by").select_option("progress")
    assert get(page, "color") == "progress"
    expect(page.locator(".trajkit-strip")).to_have_count(1)
    expect(page.locator(".trajkit-marks span").get_by_text("0.5", exact=True)).to_have_count(1)
    page.get_by_title("Filter runs by attribute").click()
    for name in ("A", "B"):
        page.locator(".trajkit-popover label", has_text=name).first.click()
    assert get(page, "filters") == {"architecture": ["C"]}
    assert 0 < strong(pixels(page)) < 0.7 * before
    page.get_by_text("Show all runs").click()
    assert get(page, "filters") == {}


def test_legend__comes_back_when_the_toolbar_has_it_again(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture"))
    for toolbar, entries in ((["tools"], 0), (["tools", "legend"], 3)):
        set_traits(page, toolbar=toolbar)
        expect(page.locator(".trajkit-entry:visible")).to_have_count(entries)


def test_runs__that_are_highlighted_stand_out(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture"))
    before = strong(pixels(page))
    set_traits(page, highlighted=["A-0"])
    assert strong(pixels(page)) < 0.6 * before


def test_legend__of_500_values_scrolls(opened):
    made = made_embedding(500, 4)
    names = [f"value {i}" for i in range(500)]
    page = opened(ManifoldView(made.assign_coords(name=("run", names)), color="name"))
    entries = page.locator(".trajkit-entries")
    expect(entries.locator(".trajkit-entry")).to_have_count(500)
    high, inner = entries.evaluate("e => [e.clientHeight, e.scrollHeight]")
    assert high < 640 < inner
    colors = entries.locator("i").evaluate_all("all => all.map((e) => getComputedStyle(e).backgroundColor)")
    assert len(set(colors[:36])) == 36
    entries.locator(".trajkit-entry").nth(499).click()
    assert get(page, "hidden") == ["value 499"]


def test_attributes__that_are_missing_are_gray_and_last(opened):
    made = made_embedding(30, 6)
    rate = np.where(np.arange(30) % 3 == 0, np.nan, np.arange(30.0))
    text = np.where(np.arange(30) % 3 == 0, "", "some")
    made = made.assign_coords(rate=("run", rate), text=("run", text))
    page = opened(ManifoldView(made, color="text"))
    expect(page.locator(".trajkit-entry span")).to_have_text(["some", "(none)"])
    assert near(pixels(page), GRAY).sum() > 100
    set_traits(page, color="rate")
    assert near(pixels(page), GRAY).sum() > 100


def test_names__with_html_are_shown_and_not_run(opened):
    made = made_embedding(6, 5)
    bad = '<img src=x onerror="window.hit = 1"> "q" </script><script>window.hit = 1</script>'
    runs = [f"{bad}{i}" for i in range(6)]
    made = made.assign_coords(run=runs, **{bad: ("run", [bad, "a & b 'c'"] * 3)})
    page = opened(ManifoldView(made, color=bad, pinned=[[runs[0], 2]], hovered=[runs[1], 2]), title=bad)
    page.get_by_title("Filter runs by attribute").click()
    settle(page)
    assert page.evaluate("() => window.hit") is None
    assert page.title() == bad
    expect(page.locator(".trajkit-entry span").first).to_have_text(bad)
    expect(page.locator(".trajkit-card strong")).to_have_text(runs[:2])
    expect(page.locator(".trajkit-view img, .trajkit-view script")).to_have_count(0)


def test_playing__draws_trajectories_up_to_now_and_stops_at_the_end(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture", time_axis="progress", duration=1.5))
    whole = strong(pixels(page))
    set_traits(page, time=0.2)
    early = strong(pixels(page))
    assert 0 < early < 0.7 * whole
    page.evaluate(
        """() => {
        const note = () => {
            (window.times ??= []).push(Number(document.querySelector("input[type=range]").value));
            if (page.models[0].get("playing")) requestAnimationFrame(note);
        };
        page.models[0].set("playing", true);
        note();
        }"""
    )
    page.wait_for_function("() => !page.models[0].get('playing')", timeout=60_000)
    times = page.evaluate("() => times")
    assert any(0.2 < time < 1 for time in times)
    assert all(a <= b for a, b in itertools.pairwise(times))
    assert get(page, "time") == 1
    assert strong(pixels(page)) == pytest.approx(whole, rel=0.05)


def test_slider__stops_playing_and_sets_time(opened, embedding):
    page = opened(ManifoldView(embedding, time_axis="step", duration=100))
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(200)
    slider = page.get_by_label("Time", exact=True)
    slider.fill("0.5")
    settle(page)
    assert not get(page, "playing")
    assert get(page, "time") == 0.5
    last = int(embedding.step.where(embedding.kind == "network").max())
    reading = float(page.locator(".trajkit-time output").inner_text().replace("\u202f", ""))
    assert reading == pytest.approx(np.expm1(0.5 * np.log1p(last)), abs=0.51)


def test_png__holds_picture_axes_and_legend(opened, embedding, tmp_path):
    page = opened(ManifoldView(embedding, color="progress", pinned=[["A-0", 3]]))
    middle = page.locator(".trajkit-middle").bounding_box()
    with page.expect_download() as download:
        page.get_by_title("Save as PNG").click()
    download.value.save_as(tmp_path / "picture.png")
    picture = Image.open(tmp_path / "picture.png").convert("RGB")
    assert picture.size == pytest.approx((middle["width"], middle["height"]), abs=1)
    shown = pixels(page, ".trajkit-middle")
    saved = np.asarray(picture).astype(int)[: shown.shape[0], : shown.shape[1]]
    shown = shown[: saved.shape[0], : saved.shape[1]]
    assert (np.abs(saved - shown).max(-1) > 60).mean() < 0.01


def test_view__of_150_000_points_draws_recolours_and_selects(opened):
    made = made_embedding(3000, 50)
    view = ManifoldView(made, color="architecture", tool="lasso", height=420)
    page = opened(view)
    assert strong(pixels(page)) > 0.02
    names, places = projected(view, page)
    drag(page, *LASSO)
    page.wait_for_function("() => page.models[0].get('selection').length > 0", timeout=60_000)
    chosen = {json.dumps(n) for n in get(page, "selection")}
    expected = {json.dumps(n) for n, yes in zip(names, within(places, LASSO), strict=True) if yes}
    # Float32 in the browser: a point on the very edge may fall to either side.
    assert len(chosen ^ expected) <= 3
    assert len(expected) > 10_000
    set_traits(page, selection=[])
    # The middle of the scale: its ends lie behind other points.
    middle = (0x21, 0x91, 0x8C)
    before = near(pixels(page), middle).sum()
    set_traits(page, color="progress")
    assert near(pixels(page), middle).sum() > 1000 + 2 * before


def test_view__without_webgl_says_so(browser, tmp_path, embedding):
    path = ManifoldView(embedding).to_html(tmp_path / "view.html")
    page = browser.context.browser.new_page()
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...o)"
        "{ return kind === 'webgl2' ? null : get.call(this, kind, ...o); }"
    )
    page.goto(path.as_uri())
    page.wait_for_selector(".trajkit-message:visible")
    expect(page.locator(".trajkit-message")).to_contain_text("no WebGL2")
    expect(page.locator(".trajkit-message")).to_contain_text("tk.figures.manifold")
    page.close()


def test_view__comes_back_when_its_context_is_lost(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture"))
    before = strong(pixels(page))
    page.evaluate(
        "() => { window.lost = document.querySelectorAll('canvas')[1];"
        " lost.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext(); }"
    )
    page.wait_for_function("() => !lost.isConnected && document.querySelectorAll('canvas').length === 3")
    assert strong(pixels(page)) == pytest.approx(before, rel=0.02)


def test_view__out_of_sight_frees_its_context_and_closed_leaves_nothing(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture"))
    before = strong(pixels(page))
    page.evaluate("() => { document.querySelector('main').style.display = 'none' }")
    page.wait_for_function("() => document.querySelectorAll('canvas').length === 2")
    page.evaluate("() => { document.querySelector('main').style.display = '' }")
    page.wait_for_function("() => document.querySelectorAll('canvas').length === 3")
    settle(page)
    assert strong(pixels(page)) == pytest.approx(before, rel=0.02)
    page.evaluate("() => page.close[0]()")
    expect(page.locator("canvas")).to_have_count(0)
    assert page.evaluate("() => [...page.models[0].listeners.values()].every((all) => all.size === 0)")
    set_traits(page, color="seed", camera={"yaw": 3})  # nobody is left to fall over


def test_view__fills_its_place_when_that_changes(opened, embedding):
    page = opened(ManifoldView(embedding, color="architecture"))
    for width in (500, 1000):
        page.set_viewport_size({"width": width, "height": 640})
        settle(page)
        settle(page)
        stage, canvas = (page.locator(s).first.bounding_box()["width"] for s in (STAGE, f"{STAGE} canvas"))
        assert canvas == pytest.approx(stage, abs=1)
        assert page.locator(".trajkit-view").bounding_box()["width"] == pytest.approx(width - 16, abs=1)
        assert strong(pixels(page)) > 0.005


def small(embedding: xr.Dataset) -> dict[str, ManifoldView]:
    # The diamond of a reference would cover them.
    equal = embedding.isel(run=embedding.kind.values == "network").copy(deep=True)
    equal["coordinate"][:] = 0.25
    scaled = {k: embedding.assign(coordinate=embedding.coordinate * k) for k in (1e-9, 1e9)}
    return {
        "no embedding": ManifoldView(),
        "no run": ManifoldView(embedding, runs=[]),
        "one run": ManifoldView(embedding, runs=["A-0"]),
        "one run alone": ManifoldView(embedding.isel(run=[0])),
        "one checkpoint": ManifoldView(embedding.isel(checkpoint=[9])),
        "equal points": ManifoldView(equal),
        "tiny": ManifoldView(scaled[1e-9]),
        "huge": ManifoldView(scaled[1e9], aspect="equal"),
    }


def test_view__of_next_to_nothing_draws_it_or_says_why(opened, embedding):
    for name, view in small(embedding).items():
        page = opened(view)
        message = page.locator(".trajkit-message:visible").all_inner_texts()
        wanted = {"no embedding": "view.show(embedding)", "no run": "no run to draw"}.get(name)
        assert (wanted in message[0]) if wanted else message == []
        assert wanted is not None or near(pixels(page), BLUE).sum() > 3, name


def test_animation__turns_while_trajectories_grow(opened, embedding, tmp_path):
    wanted = os.environ.get("TRAJKIT_ANIMATION")
    if wanted:
        ds = tk.sample_data("digits")
        embedding = tk.embed(ds.assign(progress=tk.progress(ds)))
    frames = 56 if wanted else 4
    view = ManifoldView(embedding, color="architecture", time_axis="progress", height=430, toolbar=["legend", "time"])
    page = opened(view)
    page.set_viewport_size({"width": 660, "height": 450})
    shots = []
    for k in range(frames):
        # Growing, then turning back while all is there.
        grown = min(1.0, (k + 1) / (0.62 * frames))
        yaw = -52 + 34 * float(np.sin(2 * np.pi * k / frames))
        set_traits(page, time=grown, camera={**view.camera, "yaw": yaw})
        shots.append(Image.open(io.BytesIO(page.locator(".trajkit-view").screenshot())).convert("RGB"))
    page.set_viewport_size({"width": 1000, "height": 640})
    palette = shots[-1].quantize(64)
    target = wanted or tmp_path / "manifold.gif"
    pictures = [shot.quantize(palette=palette, dither=Image.Dither.NONE) for shot in shots]
    pictures[0].save(target, save_all=True, append_images=pictures[1:], duration=90, loop=0, optimize=True)
    colored = [strong(np.asarray(shot).astype(int)) for shot in shots]
    assert 0 < colored[0] < colored[-1]
