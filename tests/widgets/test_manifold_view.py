"""The 3D view by its state, without a browser: what is sent, and what is refused."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
import traitlets
import xarray as xr
from made_embeddings import made_embedding

import trajkit as tk
from trajkit.widgets.manifold_traits import CAMERA
from trajkit.widgets.manifold_view import ManifoldView

STATE = ("_runs", "_axes", "_coordinate", "_offset", "_checkpoint", "_step", "_values", "_attributes", "_shown")


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.simulate(runs=12, groups=3, spread=0.3, checkpoints=8, ragged=True)


@pytest.fixture(scope="module")
def embedding(ds) -> xr.Dataset:
    return tk.embed(ds, 4)


def floats(view: ManifoldView, name: str, shape: tuple[int, ...] = (-1,)) -> np.ndarray:
    return np.frombuffer(getattr(view, name), np.float32).reshape(shape)


def sent(view: ManifoldView) -> list[str]:
    """Names of the traits that go to the browser from now on."""
    names: list[str] = []
    view.observe(lambda change: names.append(change["name"]), list(view.keys))
    return names


# What is sent


def test_buffers__hold_each_recorded_point_once_in_the_order_of_runs(embedding):
    view = ManifoldView(embedding)
    names, offset = view._runs["name"], np.frombuffer(view._offset, np.uint32)
    checkpoint, step = np.frombuffer(view._checkpoint, np.uint32), np.frombuffer(view._step)
    assert sorted(names) == sorted(embedding.run.values)
    assert names[view._runs["networks"] :] == ["ignorance", "truth", "geodesic"]
    for r, name in enumerate(names):
        one = embedding.sel(run=name)
        there = one.step.values >= 0
        part = slice(offset[r], offset[r + 1])
        np.testing.assert_array_equal(checkpoint[part], one.checkpoint.values[there])
        np.testing.assert_array_equal(step[part], one.step.values[there])
    assert offset[-1] == int((embedding.step >= 0).sum())


def test_coordinates__in_the_box_give_those_of_the_embedding_back(embedding):
    view = ManifoldView(embedding)
    unit = floats(view, "_coordinate", (4, -1))
    assert np.abs(unit).max() <= 1
    offset = np.frombuffer(view._offset, np.uint32)
    for k, axis in enumerate(view._axes):
        back = axis["low"] + (unit[k].astype(float) + 1) / 2 * (axis["high"] - axis["low"])
        for r, name in enumerate(view._runs["name"]):
            one = embedding.sel(run=name, component=axis["component"])
            wanted = one.coordinate.values[one.step.values >= 0]
            np.testing.assert_allclose(
                back[offset[r] : offset[r + 1]], wanted, atol=1e-7 * (axis["high"] - axis["low"]), rtol=0
            )


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("origin", [0.0, 5.0])
def test_precision__does_not_depend_on_scale_or_origin(scale, origin):
    made = made_embedding(5, 9)
    plain = ManifoldView(made)
    moved = ManifoldView(made.assign(coordinate=scale * (made.coordinate + origin)))
    np.testing.assert_allclose(floats(moved, "_coordinate"), floats(plain, "_coordinate"), atol=2e-7)


def test_box__is_that_of_the_figure(embedding):
    view = ManifoldView(embedding)
    scene = tk.figures.manifold(embedding).layout.scene
    for axis, drawn in zip(view._axes, (scene.xaxis, scene.yaxis, scene.zaxis), strict=False):
        assert (axis["low"], axis["high"]) == pytest.approx(drawn.range)
        assert "<br>".join(axis["title"]) == drawn.title.text
        assert axis["time_like"] == (drawn.title.font.color == "#D62728")


def test_box__stays_while_the_points_fill_it_and_fits_those_that_do_not():
    made = made_embedding(20, 9)
    view = ManifoldView(made)
    first = view._box
    view.show(made.isel(run=slice(0, 18)).assign(coordinate=0.95 * made.coordinate))
    assert view._box == first
    view.show(made.assign(coordinate=3 * made.coordinate))
    large = view._box
    assert large[1][1] > 2 * first[1][1]
    view.show(made)
    assert view._box[1] == pytest.approx(first[1])
    view.show(made.assign(coordinate=0.7 * made.coordinate))
    assert view._box == first
    view.reframe()
    assert view._box[1][1] == pytest.approx(0.7 * first[1][1])


def test_box__has_a_width_where_all_points_are_equal():
    made = made_embedding(3, 4)
    for value in (0.0, 0.3, -1e9):
        view = ManifoldView(made.assign(coordinate=xr.full_like(made.coordinate, value)))
        assert floats(view, "_coordinate") == pytest.approx(0.0)
        assert all(axis["low"] < value < axis["high"] for axis in view._axes)


def test_missing_coordinates__are_sent_as_such_and_infinite_ones_refused():
    made = made_embedding(3, 4)
    made["coordinate"][1, 2] = np.nan
    assert np.isnan(floats(ManifoldView(made), "_coordinate", (4, -1))[:, 6]).all()
    made["coordinate"][1, 2, 0] = np.inf
    with pytest.raises(ValueError, match=r"components \[1\] have no finite range"):
        ManifoldView(made)


def test_attributes__have_the_figures_colours_and_a_number_for_each_run(embedding):
    made = made_embedding(30, 3, groups=3)
    rate = np.where(np.arange(30) % 5 == 0, np.nan, np.arange(30) / 7)
    view = ManifoldView(made.assign_coords(rate=("run", rate), text=("run", ["", "b"] * 15)))
    by_name = {a["name"]: a for a in view._attributes}
    assert by_name["architecture"]["paint"] == ["#0072B2", "#E69F00", "#009E73"]
    assert by_name["architecture"]["code"] == [0, 1, 2] * 10
    assert [v is None for v in by_name["rate"]["value"]] == np.isnan(rate).tolist()
    assert by_name["text"]["categories"][0] == "(none)"
    assert by_name["text"]["paint"][0] == "#9AA0A6"
    json.dumps(view.get_state(["_attributes", "_runs", "_axes", "_quantities"]), allow_nan=False)


def test_colours__of_36_categories_differ():
    made = made_embedding(40, 2).assign_coords(name=("run", [f"{i}" for i in range(40)]))
    paint = next(a["paint"] for a in ManifoldView(made)._attributes if a["name"] == "name")
    assert len(set(paint)) == 36
    assert all(re.fullmatch("#[0-9A-F]{6}", p) for p in paint)


def test_values__are_offered_for_colour_and_time_with_their_range(ds, embedding):
    loss = tk.loss(ds)
    view = ManifoldView(embedding, values={"my loss": loss})
    assert view.colors == ["", "architecture", "seed", "known_progress", "my loss", "checkpoint", "step"]
    assert view.time_axes == ["checkpoint", "step", "known_progress", "my loss"]
    q = next(q for q in view._quantities if q["name"] == "my loss")
    assert (q["low"], q["high"]) == pytest.approx((float(loss.min()), float(loss.max())))
    n = len(view._checkpoint) // 4
    values = floats(view, "_values", (-1, n))[[q["name"] for q in view._quantities].index("my loss")]
    recorded = loss.values[ds.step.values >= 0]
    np.testing.assert_allclose(values[: len(recorded)], recorded, rtol=1e-6)
    assert np.isnan(values[len(recorded) :]).all()


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([xr.DataArray([1.0], dims="run")], ValueError, "give it one with .rename"),
        ({"x": 3.0}, TypeError, "wanted a DataArray for 'x', got float"),
        ({"x": xr.DataArray([1.0], {"run": ["A-0"]}, "run")}, ValueError, "'x' on"),
        ({"x": xr.DataArray([[1.0]], {"run": ["A-0"]}, ("run", "checkpoint"))}, ValueError, "lacks 11 of the runs"),
    ],
)
def test_values__that_do_not_fit_are_refused(embedding, values, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ManifoldView(embedding, values=values)


# What changes


def test_show__keeps_camera_time_and_what_is_still_there(embedding):
    view = ManifoldView(embedding, color="architecture", camera={"yaw": 7}, time=0.4, highlighted=["A-0", "B-0"])
    view.selection = [["A-0", 1], ["B-1", 2]]
    view.hidden = ["C"]
    camera = view.camera
    view.show(embedding.isel(run=embedding.run.values != "B-1"), color="architecture")
    assert (view.camera, view.time) == (camera, 0.4)
    assert view.selection == [["A-0", 1]]
    assert view.highlighted == ["A-0", "B-0"]
    assert view.hidden == ["C"]
    view.show(embedding, color="seed")
    assert view.hidden == []


def test_show__sends_what_changed_alone(ds, embedding):
    view = ManifoldView(embedding, color="architecture")
    names = sent(view)
    view.show(embedding, color="architecture", runs=["A-0", "B-0"])
    assert names == ["_shown"]
    names.clear()
    view.recolor("seed")
    assert names == ["color"]
    names.clear()
    view.recolor(tk.progress(ds))
    assert sorted(names) == ["_own_quantity", "_own_values", "color"]
    assert not any(getattr(view, n) is None for n in STATE)


def test_show__that_fails_changes_nothing(embedding):
    view = ManifoldView(embedding, color="architecture")
    names = sent(view)
    two = embedding.isel(component=[0, 1])
    for options, message in (
        ({"color": "archtecture"}, "no color 'archtecture': wanted one of"),
        ({"components": (1, 2, 9)}, "wanted three of [1, 2, 3, 4], got (1, 2, 9); embed more with n_components="),
        ({"runs": ["A-77"]}, "runs ['A-77'] are not in the dataset"),
        ({"embedding": two}, "embed with n_components=3"),
        ({"embedding": xr.Dataset()}, "tk.embed(ds) makes one"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            view.show(**{"embedding": embedding, **options})
    assert names == []


def test_runs__that_are_not_drawn_are_marked(embedding):
    view = ManifoldView(embedding, runs=["A-0"])
    shown = np.frombuffer(view._shown, np.uint8)
    assert [view._runs["name"][i] for i in np.flatnonzero(shown)] == ["A-0"]
    assert not np.frombuffer(ManifoldView(embedding, runs=[])._shown, np.uint8).any()


def test_colour__by_an_array_is_the_figures(ds, embedding):
    view = ManifoldView(embedding)
    distance = tk.distance_to_geodesic(ds)
    view.recolor(distance)
    assert view.color in view.colors
    figure = tk.figures.manifold(embedding, color=distance)
    shown = np.asarray(figure.data[0].marker.color)
    mine = floats(view, "_own_values")
    np.testing.assert_allclose(mine[np.isfinite(mine)], shown[np.isfinite(shown)], rtol=1e-6)
    width = xr.DataArray(np.arange(12) % 4, {"run": ds.run}, "run", name="width")
    view.recolor(width)
    assert view._own_attribute["categories"] == ["0", "1", "2", "3"]
    with pytest.raises(ValueError, match="show"):
        ManifoldView().recolor("architecture")


def test_titles__of_axes_are_those_given_and_stay_when_others_are_sent():
    embedding = tk.embed(tk.simulate(runs=6, checkpoints=12, spread=0.3), 10)
    view = ManifoldView(embedding, titles={2: "sideways", 9: "far\nout"})
    view.components = (2, 3, 9)
    view.reframe()
    titles = {axis["component"]: axis["title"] for axis in view._axes}
    assert (titles[2], titles[9]) == (["sideways"], ["far", "out"])
    assert titles[3][0].startswith("component 3")
    view.show(embedding)
    assert view._axes[1]["title"][0].startswith("component 2")
    with pytest.raises(ValueError, match=r"titles: the embedding has no components \[11\]"):
        view.show(embedding, titles={11: "beyond"})


def test_components__beyond_the_first_eight_come_when_they_are_asked_for():
    made = made_embedding(6, 4, components=12)
    view = ManifoldView(made)
    assert [axis["component"] for axis in view._axes] == list(range(1, 9))
    view.components = (1, 2, 12)
    assert [axis["component"] for axis in view._axes] == [*range(1, 9), 12]
    wanted = made.coordinate.sel(component=12).values.ravel()
    low, high = view._box[12]
    unit = 2 * (wanted - low) / (high - low) - 1
    np.testing.assert_allclose(floats(view, "_coordinate", (9, -1))[8], unit, atol=1e-6)


def test_selection__is_a_mask_on_the_embedding(embedding):
    view = ManifoldView(embedding)
    assert not view.selected.any()
    view.selection = [["B-0", 2], ["A-0", 0], ("A-0", 1)]
    chosen = view.selected
    assert chosen.dims == ("run", "checkpoint")
    assert int(chosen.sum()) == 3
    assert chosen.sel(run="A-0").values.nonzero()[0].tolist() == [0, 1]
    assert embedding.coordinate.where(chosen).count() == 3 * 4
    with pytest.raises(ValueError, match="show"):
        _ = ManifoldView().selected


def test_camera__takes_a_part_and_keeps_the_rest(embedding):
    view = ManifoldView(embedding)
    view.camera = {"yaw": 10, "projection": "orthographic"}
    view.camera = {"zoom": 2}
    assert view.camera == {**CAMERA, "yaw": 10.0, "zoom": 2.0, "projection": "orthographic"}


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("camera", {"yow": 3}, "unknown keys ['yow']; wanted some of ['yaw', 'pitch', 'zoom', 'target', 'projection']"),
        ("camera", {"zoom": 0}, "zoom above 0"),
        ("camera", {"target": [0, 1]}, "a target of three numbers"),
        ("camera", {"yaw": np.nan}, "finite angles"),
        ("camera", {"yaw": "left"}, "finite angles"),
        ("camera", {"projection": "flat"}, "wanted one of ['perspective', 'orthographic'], got 'flat'"),
        ("components", (1, 2), "wanted three of [1, 2, 3, 4], got (1, 2)"),
        ("components", (1, 2, 5), "wanted three of [1, 2, 3, 4], got (1, 2, 5)"),
        ("color", "colour", "wanted one of ['', 'architecture', 'seed'"),
        ("time_axis", "epoch", "wanted one of ['checkpoint', 'step', 'known_progress']"),
        ("tool", "zoom", "expected any of ['orbit', 'pan', 'lasso', 'box'], not the str 'zoom'"),
        ("theme", "blue", "expected any of ['auto', 'light', 'dark']"),
        ("aspect", "data", "expected any of ['cube', 'equal']"),
        ("point_size", -1.0, "of 0 or more, got -1.0"),
        ("line_width", float("inf"), "of 0 or more"),
        ("opacity", 1.5, "from 0 to 1"),
        ("time", float("nan"), "from 0 to 1"),
        ("duration", 0.0, "above 0"),
        ("height", 0, "above 0"),
        ("selection", [["nobody", 1]], "unknown runs ['nobody'], wanted some of the 15 runs ['A-0'"),
        ("selection", ["A-0"], "wanted a run and a checkpoint, got 'A-0'"),
        ("pinned", [["A-0"]], "wanted a run and a checkpoint"),
        ("hovered", ["Z-0", 3], "unknown runs ['Z-0']"),
        ("highlighted", ["A-0", "Q"], "unknown runs ['Q']"),
        ("filters", {"achitecture": ["A"]}, "filters: wanted one of ['architecture', 'seed']"),
        ("filters", {"architecture": ["Z"]}, "filters['architecture']: wanted one of ['A', 'B', 'C'], got 'Z'"),
        ("toolbar", ["colour"], "wanted one of ['color', 'filter'"),
    ],
)
def test_traits__refuse_what_they_do_not_know_and_list_what_they_do(embedding, trait, value, message):
    view = ManifoldView(embedding)
    before = getattr(view, trait)
    with pytest.raises(traitlets.TraitError, match=re.escape(message)):
        setattr(view, trait, value)
    assert getattr(view, trait) == before


def test_view__refuses_unknown_options():
    with pytest.raises(TypeError, match=r"unknown traits \['colour'\]: wanted some of .*'camera'"):
        ManifoldView(colour="architecture")


def test_browser__sets_traits_as_python_does(embedding):
    """What a message from the browser does to the widget."""
    view = ManifoldView(embedding)
    moved = {**CAMERA, "yaw": 12.5}
    view.set_state({"camera": moved, "selection": [["A-0", 1]], "time": 0.25, "components": [2, 1, 3]})
    assert (view.camera["yaw"], view.time, view.components) == (12.5, 0.25, (2, 1, 3))
    assert int(view.selected.sum()) == 1


# Live points


def test_append__adds_points_of_a_run_and_sends_those_alone(embedding):
    view = ManifoldView(embedding, components=(1, 2, 4))
    names = sent(view)
    there = embedding.coordinate.sel(run="A-0", checkpoint=2)
    view.append("now", 0, there, 0.5)
    view.append("now", 1, there + 1e-3)
    assert set(names) == {"_live_runs", "_live"}
    rows = floats(view, "_live", (2, -1))
    np.testing.assert_array_equal(rows[:, :2], [[0, 0], [0, 1]])
    assert rows[0, 2] == 0.5
    first = np.frombuffer(view._offset, np.uint32)[view._runs["name"].index("A-0")] + 2
    np.testing.assert_allclose(rows[0, 3:], floats(view, "_coordinate", (4, -1))[:, first], atol=1e-6)
    view.selection = [["now", 1]]
    assert not view.selected.any()  # it is not in the embedding
    view.clear_live()
    assert (view._live_runs, view._live) == ([], b"")


def test_append__refuses_what_has_no_place(embedding):
    with pytest.raises(ValueError, match="show"):
        ManifoldView().append("now", 0, [0, 0, 0])
    view = ManifoldView(embedding)
    with pytest.raises(ValueError, match=re.escape("wanted 4 finite coordinates, one for each of [1, 2, 3, 4]")):
        view.append("now", 0, [0, 0, 0])
    with pytest.raises(ValueError, match="finite"):
        view.append("now", 0, [0, 0, 0, np.nan])
    with pytest.raises(ValueError, match="'A-0' is in the embedding already"):
        view.append("A-0", 9, [0, 0, 0, 0])


# Links and pages


def test_link__joins_and_parts_views(embedding):
    a, b = ManifoldView(embedding), ManifoldView(embedding, components=(2, 3, 4))
    part = a.link(b)
    b.camera = {"yaw": 33}
    a.selection = [["A-0", 1]]
    a.time = 0.5
    assert (a.camera["yaw"], b.selection, b.time) == (33.0, [["A-0", 1]], 0.5)
    a.tool = "lasso"
    assert b.tool == "orbit"
    part()
    a.camera = {"yaw": -1}
    assert b.camera["yaw"] == 33.0
    with pytest.raises(ValueError, match="cannot link \\['zoom'\\]: wanted some of"):
        a.link(b, ["zoom"])


def test_link__of_other_runs_lets_them_pass(embedding):
    a = ManifoldView(embedding)
    b = ManifoldView(embedding.isel(run=embedding.run.values != "A-0"))
    a.link(b, ["selection", "highlighted"])
    a.selection, a.highlighted = [["A-0", 1]], ["A-0"]
    assert (b.selection, b.highlighted) == ([["A-0", 1]], ["A-0"])
    assert not b.selected.any()


def test_page__holds_everything_and_nothing_that_ends_it_early(embedding, tmp_path):
    bad = '</script><script>alert("hit")</script><!--\u2028'
    named = embedding.assign_coords(note=("run", [bad] * embedding.sizes["run"]))
    page = ManifoldView(named, color="architecture").to_html(tmp_path / "page.html", title=bad).read_text("utf-8")
    assert page.count("</script>") == 2
    assert "https://" not in re.sub(r"http://www\.w3\.org/\S+", "", page)
    assert "<title>&lt;/script&gt;" in page
    data = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])
    (one,) = data["views"]
    assert one["state"]["color"] == "architecture"
    assert next(a for a in one["state"]["_attributes"] if a["name"] == "note")["categories"] == [bad]
    buffers = {path[0]: base64.b64decode(text) for path, text in one["buffers"]}
    assert buffers["_coordinate"] == ManifoldView(named)._coordinate
