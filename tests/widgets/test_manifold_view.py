"""The 3D view by its state and traits, without a browser; views that are linked."""

import re

import numpy as np
import pytest
import traitlets
import xarray as xr
from made_embeddings import made_embedding, sent_numbers

import trajkit as tk
from trajkit.widgets.manifold_traits import CAMERA
from trajkit.widgets.manifold_view import ManifoldView


@pytest.fixture
def ds(ragged_ds: xr.Dataset) -> xr.Dataset:
    return ragged_ds


@pytest.fixture
def embedding(ragged_embedding: xr.Dataset) -> xr.Dataset:
    return ragged_embedding


def sent(view: ManifoldView) -> list[str]:
    """Names of the traits that go to the browser from now on."""
    names: list[str] = []
    view.observe(lambda change: names.append(change["name"]), list(view.keys))
    return names


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


def test_show__sends_only_what_changed(ds, embedding):
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


def test_show__that_fails_changes_nothing(embedding):
    view = ManifoldView(embedding, color="architecture")
    names = sent(view)
    two = embedding.isel(component=[0, 1])
    for options, message in (
        ({"color": "archtecture"}, "no color 'archtecture': wanted one of"),
        ({"components": (1, 2, 9)}, "wanted three of [1, 2, 3, 4], got (1, 2, 9); embed more with n_components="),
        ({"runs": ["A-77"]}, "runs ['A-77'] are not in the dataset"),
        ({"embedding": two}, "embed with n_components=3"),
        ({"embedding": xr.Dataset()}, "wanted what `tk.embed(ds)` returns, got a Dataset without"),
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
    mine = sent_numbers(view, "_own_values")
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


def test_components__beyond_the_first_eight_are_sent_when_they_are_shown():
    made = made_embedding(6, 4, components=12)
    view = ManifoldView(made)
    assert [axis["component"] for axis in view._axes] == list(range(1, 9))
    view.components = (1, 2, 12)
    assert [axis["component"] for axis in view._axes] == [*range(1, 9), 12]
    wanted = made.coordinate.sel(component=12).values.ravel()
    low, high = view._box[12]
    unit = 2 * (wanted - low) / (high - low) - 1
    np.testing.assert_allclose(sent_numbers(view, "_coordinate", (9, -1))[8], unit, atol=1e-6)


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


def test_view__refuses_unknown_options():
    with pytest.raises(TypeError, match=r"unknown traits \['colour'\]: wanted some of .*'camera'"):
        ManifoldView(colour="architecture")


def test_append__adds_points_of_a_run_and_sends_only_those(embedding):
    view = ManifoldView(embedding, components=(1, 2, 4))
    names = sent(view)
    there = embedding.coordinate.sel(run="A-0", checkpoint=2)
    view.append("now", 0, there, 0.5)
    view.append("now", 1, there + 1e-3)
    assert set(names) == {"_live_runs", "_live"}
    rows = sent_numbers(view, "_live", (2, -1))
    np.testing.assert_array_equal(rows[:, :2], [[0, 0], [0, 1]])
    assert rows[0, 2] == 0.5
    first = np.frombuffer(view._offset, np.uint32)[view._runs["name"].index("A-0")] + 2
    np.testing.assert_allclose(rows[0, 3:], sent_numbers(view, "_coordinate", (4, -1))[:, first], atol=1e-6)
    view.selection = [["now", 1]]
    assert not view.selected.any()  # it is not in the embedding
    view.clear_live()
    assert (view._live_runs, view._live) == ([], b"")


def test_append__refuses_points_that_have_no_place(embedding):
    with pytest.raises(ValueError, match="show"):
        ManifoldView().append("now", 0, [0, 0, 0])
    view = ManifoldView(embedding)
    with pytest.raises(ValueError, match=re.escape("wanted 4 finite coordinates, one for each of [1, 2, 3, 4]")):
        view.append("now", 0, [0, 0, 0])
    with pytest.raises(ValueError, match="finite"):
        view.append("now", 0, [0, 0, 0, np.nan])
    with pytest.raises(ValueError, match="'A-0' is in the embedding already"):
        view.append("A-0", 9, [0, 0, 0, 0])


def test_link__joins_views_until_it_is_undone(embedding):
    a, b = ManifoldView(embedding), ManifoldView(embedding, components=(2, 3, 4))
    unlink = a.link(b)
    b.camera = {"yaw": 33}
    a.selection = [["A-0", 1]]
    a.time = 0.5
    assert (a.camera["yaw"], b.selection, b.time) == (33.0, [["A-0", 1]], 0.5)
    a.tool = "lasso"
    assert b.tool == "orbit"
    unlink()
    a.camera = {"yaw": -1}
    assert b.camera["yaw"] == 33.0
    with pytest.raises(ValueError, match="cannot link \\['zoom'\\]: wanted some of"):
        a.link(b, ["zoom"])


def test_link__passes_on_runs_that_a_view_does_not_have(embedding):
    a = ManifoldView(embedding)
    b = ManifoldView(embedding.isel(run=embedding.run.values != "A-0"))
    a.link(b, ["selection", "highlighted"])
    a.selection, a.highlighted = [["A-0", 1]], ["A-0"]
    assert (b.selection, b.highlighted) == ([["A-0", 1]], ["A-0"])
    assert not b.selected.any()


def test_camera__keeps_what_is_not_given(embedding):
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
def test_traits__refuse_unknown_values_and_list_the_known_ones(embedding, trait, value, message):
    view = ManifoldView(embedding)
    before = getattr(view, trait)
    with pytest.raises(traitlets.TraitError, match=re.escape(message)):
        setattr(view, trait, value)
    assert getattr(view, trait) == before


def test_browser__sets_traits_as_python_does(embedding):
    """What a message from the browser does to the widget."""
    view = ManifoldView(embedding)
    moved = {**CAMERA, "yaw": 12.5}
    view.set_state({"camera": moved, "selection": [["A-0", 1]], "time": 0.25, "components": [2, 1, 3]})
    assert (view.camera["yaw"], view.time, view.components) == (12.5, 0.25, (2, 1, 3))
    assert int(view.selected.sum()) == 1
