"""Widgets by their state, without a browser."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import traitlets
import xarray as xr
from ipywidgets.widgets.widget import _instances

import trajkit as tk
from trajkit.widgets.explorer import _course
from trajkit.widgets.measurements import Measurements, laid_upon

# Names that are no Python names, and would be HTML if anybody took them for it.
UGLY = 'it\'s <b>bold</b> "x"'
RATES = np.logspace(-4, 0, 24)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    ds = tk.simulate(runs=24, groups=3, spread=0.3, checkpoints=8, samples=30)
    rates = RATES.copy()
    rates[3] = np.nan
    return ds.assign_coords(
        {
            "width": ("run", np.arange(24) * 2),
            "learning_rate": ("run", rates),
            "dropout": ("run", np.arange(24) % 2 == 0),
            "banana": ("run", np.where(np.arange(24) % 3 == 0, np.nan, 1.0)),
            "optimizer": ("run", ["adam"] * 24),
            UGLY: ("run", ["nan", "<script>alert(1)</script>"] * 12),
        }
    )


# Distances of a slice are a part of those of all


@pytest.mark.parametrize("metric", ["bhattacharyya", "fisher_rao"])
@pytest.mark.parametrize("references", [False, True], ids=["networks", "with references"])
def test_measurements__embed_a_slice_as_embed_does(ds, metric, references) -> None:
    whole = tk.with_references(ds, n_geodesic=60) if references else ds
    selected = tk.select(whole, architecture=["A", "B"], step=(1, 6))
    chosen = (ds.step >= 1) & (ds.step <= 6) & (ds.architecture != "C")
    found = Measurements(whole).embedding(None, metric, chosen.reset_coords(drop=True))
    if references:
        selected = tk.concat([selected, tk.select(whole, kind="reference")])
    expected = tk.embed(selected, 6, metric=metric)
    assert found.run.values.tolist() == expected.run.values.tolist()
    xr.testing.assert_allclose(found.coordinate, expected.coordinate.reindex_like(found.coordinate), atol=1e-9)
    xr.testing.assert_equal(found.step, expected.step.reindex_like(found.step))


def test_laid_upon__keeps_distances_within_the_slice_and_comes_near_the_frame(ds) -> None:
    measured = Measurements(ds)
    frame = measured.embedding(None, "bhattacharyya")
    own = measured.embedding(None, "bhattacharyya", (ds.architecture != "C").broadcast_like(ds.step) & (ds.step >= 0))
    moved = laid_upon(frame, own, (1, 2, 3))
    assert moved is not None
    assert moved.attrs["misfit"] < 0.3
    assert moved.signature.values.tolist() == frame.signature.values[:3].tolist()


# The explorer

STATES = [
    {},
    {"color": "progress"},
    {"color": "loss", "split": "train"},
    {"split": "test", "components": (2, 3, 4), "color": "seed"},
    {"frame": "selection", "split": "test", "color": "step"},
    {"frame": "selection", "progress": (0.2, 0.9), "components": (3, 1, 2)},
    {"step": (2, 5), "metric": "hellinger", "color": ""},
]


def box_to_data(view: tk.widgets.ManifoldView) -> np.ndarray:
    """Coordinates (component, point) that a view was sent, in units of the embedding."""
    shown = np.frombuffer(view._coordinate, np.float32).reshape(len(view._axes), -1).astype(float)
    low = np.array([axis["low"] for axis in view._axes])[:, None]
    high = np.array([axis["high"] for axis in view._axes])[:, None]
    return (low + high) / 2 + shown * (high - low) / 2


def assert_same_picture(a: tk.widgets.ManifoldView, b: tk.widgets.ManifoldView) -> None:
    assert a._runs == b._runs
    assert (a.components, a.color, a.highlighted, a.camera) == (b.components, b.color, b.highlighted, b.camera)
    for name in ("_offset", "_shown", "_checkpoint", "_step"):
        assert getattr(a, name) == getattr(b, name), name
    np.testing.assert_allclose(box_to_data(a), box_to_data(b), atol=1e-6)
    np.testing.assert_equal([axis["title"] for axis in a._axes], [axis["title"] for axis in b._axes])


def run_code(code: str, names: dict[str, object]) -> object:
    *lines, last = code.splitlines()
    exec("\n".join(lines), names)
    return eval(last, names)


@pytest.mark.parametrize(
    ("state", "references"),
    [*((state, False) for state in STATES), (STATES[5], True), (STATES[6], True)],
    ids=str,
)
def test_explorer__draws_what_its_python_draws(ds, state, references) -> None:
    ds = tk.with_references(ds, n_geodesic=7) if references else ds
    explorer = tk.explore(ds)
    state = dict(state)
    windows = {n: state.pop(n) for n in ("split", "progress", "step") if n in state}
    explorer.slicer.conditions = {"architecture": ["A", "B"], "width": (4, 30), **windows}
    for name, value in state.items():
        setattr(explorer, name, value)
    explorer.view.camera = {"yaw": 30.0}
    explorer.highlighted = ["A-1"]
    names: dict[str, object] = {"tk": tk, "ds": ds}
    assert_same_picture(explorer.view, run_code(explorer.code, names))
    assert explorer.selected.identical(names["selected"])
    for panel in explorer.panels:
        if panel.title in ("Groups and nulls", "Runs"):
            continue
        explorer.show_panel(panel.title)
        assert panel.message.value == "", panel.title
        figure = run_code(panel.code_line.code, dict(names))
        assert len(figure.data) == len(panel.panel.figure.data)
        for a, b in zip(panel.panel.figure.data, figure.data, strict=True):
            np.testing.assert_array_equal(np.asarray(a.x), np.asarray(b.x))
            np.testing.assert_array_equal(np.asarray(a.text), np.asarray(b.text))
    explorer.close()


@pytest.fixture
def explorer(ds: xr.Dataset):
    explorer = tk.explore(ds)
    yield explorer
    explorer.close()


def test_explorer__controls_set_its_state(explorer) -> None:
    explorer.controls["metric"].value = "fisher_rao"
    explorer.controls["frame"].value = "selection"
    explorer.view.color = "progress"
    explorer.axes[0].value = 4
    assert (explorer.metric, explorer.frame, explorer.color) == ("fisher_rao", "selection", "progress")
    assert explorer.components == (4, 2, 3)
    explorer.axes[0].value = 3
    assert explorer.components == (3, 2, 4)
    assert explorer.embedding.attrs["metric"] == "fisher_rao"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("metric", "euclid", "wanted one of"),
        ("metric", "jeffreys", "needs cap"),
        ("frame", "none", "wanted one of"),
        ("components", (1, 1, 2), "three different"),
        ("color", "colour", "wanted one of"),
        ("highlighted", ["nobody"], "no runs of the dataset"),
    ],
)
def test_explorer__refuses_what_it_cannot_show(explorer, name, value, message) -> None:
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(explorer, name, value)


def test_explorer__keeps_the_frame_when_runs_are_picked_and_the_place_when_it_embeds_anew(explorer) -> None:
    before = explorer.embedding
    explorer.slicer.conditions = {"architecture": ["A"]}
    assert explorer.embedding is before
    explorer.frame = "selection"
    there = (explorer.embedding.step >= 0) & (explorer.embedding.kind == "network")
    assert set(there.run.values[there.any("checkpoint")].tolist()) == {f"A-{i}" for i in range(8)}
    moved = (explorer.embedding.coordinate - before.coordinate.sel(component=[1, 2, 3])).where(there)
    spread = float(before.coordinate.sel(component=[1, 2, 3]).where(there).std())
    assert float(np.sqrt((moved**2).mean())) < spread


def test_explorer__says_when_nothing_is_selected_and_recovers(explorer) -> None:
    drawn = explorer.view._shown
    explorer.slicer.conditions = {"seed": [0], "width": (30, None)}
    assert "nothing meets all conditions" in explorer._status.value
    assert explorer.view._shown == drawn
    explorer.slicer.conditions = {"split": "test"}
    assert "15 samples (test)" in explorer._status.value


def test_explorer__measures_a_panel_when_it_is_seen_and_only_what_changed(explorer, monkeypatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "trajkit.widgets.measurements.trajectory_distance",
        lambda *a, **k: asked.append("distance") or tk.trajectory_distance(*a, **k),
    )
    explorer.slicer.conditions = {"architecture": ["A"]}
    assert asked == []
    matrix = explorer.show_panel("Distances")
    explorer.slicer.conditions = {"architecture": ["B"]}
    explorer.show_panel("Tree")
    explorer.color = "loss"
    assert asked == ["distance"]
    assert len(matrix.panel.figure.data[0].x) == 8
    spectrum = next(p for p in explorer.panels if p.title == "Spectrum")
    drawn = spectrum.panel.figure
    explorer.show_panel("Spectrum")
    assert spectrum.panel.figure is drawn


def test_explorer__what_is_marked_in_one_panel_is_marked_in_all(explorer) -> None:
    explorer.color = "architecture"
    progress, loss = explorer.panels[0], explorer.show_panel("Loss and error")
    tree = explorer.show_panel("Tree")
    loss.panel._receive(None, {"event": "click", "points": [{"trace": 0, "point": 0, "x": 1, "y": 2}]}, None)
    assert explorer.highlighted == ["A-0"] == explorer.view.highlighted
    assert loss.panel._faded
    assert {r for mark in loss.panel.marks for r in mark["text"]} == {"A-0"}
    assert tree.panel.marks[0]["text"] == ["A-0"]
    explorer.view.selection = [["B-1", 2], ["C-1", 3], ["B-1", 3]]
    assert explorer.highlighted == ["B-1", "C-1"]
    table = explorer.show_panel("Runs").table
    assert table.highlighted == ["B-1", "C-1"]
    table.highlighted = ["C-2"]
    assert explorer.view.highlighted == ["C-2"]
    explorer.show_panel("Progress")
    assert {r for mark in progress.panel.marks for r in mark["text"]} == {"C-2"}
    explorer.keep_highlighted()
    assert explorer.runs == ["C-2"]


def test_explorer__a_click_on_a_join_marks_the_runs_below_and_on_a_cell_both(explorer) -> None:
    tree = explorer.show_panel("Tree")
    joins = [
        (i, k)
        for i, trace in enumerate(tree.drawn.data)
        if trace.text is None
        for k, about in enumerate(trace.customdata)
        if about[0] == 24
    ]
    trace, point = joins[0]
    tree.panel._receive(None, {"event": "click", "points": [{"trace": trace, "point": point, "x": 0, "y": 0}]}, None)
    assert len(explorer.highlighted) == 24
    matrix = explorer.show_panel("Distances")
    cell = {"trace": 0, "point": -1, "x": "A-3", "y": "B-2"}
    matrix.panel._receive(None, {"event": "click", "points": [cell]}, None)
    assert sorted(explorer.highlighted) == ["A-3", "B-2"]
    matrix.panel._receive(None, {"event": "click", "points": [cell]}, None)
    assert explorer.highlighted == []


def test_explorer__hovering_goes_both_ways(explorer) -> None:
    explorer.view.hovered = ["B-2", 3]
    assert explorer.hovered == "B-2"
    assert {r for mark in explorer.panels[0].panel.marks for r in mark["text"]} == {"B-2"}
    assert not explorer.panels[0].panel._faded
    explorer.view.hovered = []
    assert explorer.panels[0].panel.marks == []
    point = {"trace": 0, "point": 0, "x": 1, "y": 0}
    explorer.panels[0].panel._receive(None, {"event": "hover", "points": [point]}, None)
    assert explorer.view.hovered == ["A-0", 7]
    explorer.panels[0].panel._receive(None, {"event": "leave"}, None)
    assert explorer.view.hovered == []


def test_explorer__groups_and_nulls_are_measured_when_asked_for(explorer) -> None:
    panel = explorer.show_panel("Groups and nulls")
    assert panel.groups is None
    assert "width" not in panel.by.options
    panel.by.value = ("architecture", "dropout")
    panel.draws.value = 9
    panel.compare.click()
    panel.test.click()
    found = tk.compare_groups(tk.trajectory_distance(explorer.dataset), ["architecture", "dropout"])
    drawn = dict(zip(panel.groups.figure.data[1].y, panel.groups.figure.data[1].x, strict=True))
    assert drawn["architecture"] == pytest.approx(float(found.r_squared.sel(attribute="architecture")))
    assert len(panel.null.figure.data[0].x) == 24 * 23 // 2
    names = {"tk": tk, "ds": explorer.dataset, "part": explorer.part, "selected": explorer.selected}
    figure = run_code("\n".join(panel.code_line.code.splitlines()[:2]), names)
    assert figure.data[1].x.tolist() == panel.groups.figure.data[1].x.tolist()
    explorer.slicer.conditions = {"architecture": ["A", "B"]}
    assert panel.figures.children == ()


def test_explorer__tests_against_the_null_by_the_metric_that_is_chosen(explorer) -> None:
    explorer.slicer.conditions = {"architecture": ["A", "B"]}
    explorer.metric = "fisher_rao"
    panel = explorer.show_panel("Groups and nulls")
    panel.draws.value = 9
    panel.test.click()
    found = tk.null_test(explorer.part.sel(run=explorer.runs), null_draws=9, metric="fisher_rao")
    np.testing.assert_allclose(panel.null.figure.data[0].y, found.observed)
    assert panel.null.figure.layout.yaxis.title.text == "fisher_rao distance at equal progress (rad)"
    figure = run_code(panel.code_line.code, {"tk": tk, "part": explorer.part, "selected": explorer.selected})
    np.testing.assert_array_equal(figure.data[0].x, panel.null.figure.data[0].x)


def test_explorer__asks_for_a_cap_where_a_distance_is_infinite(ds) -> None:
    sure = ds.copy(deep=True)
    sure.log_prob[dict(run=0, checkpoint=-1, sample=0)] = [0.0] + [-np.inf] * 4
    sure.log_prob[dict(run=1, checkpoint=-1, sample=0)] = [-np.inf] * 4 + [0.0]
    with pytest.raises(ValueError, match="cap="):
        tk.explore(sure)
    explorer = tk.explore(sure, cap=20.0)
    assert "cap=20.0" in explorer.code
    explorer.metric = "hellinger"
    assert "cap" not in explorer.code


def test_explorer__of_one_run_of_one_checkpoint_says_what_cannot_be_drawn(ds) -> None:
    explorer = tk.explore(ds.isel(run=[0], checkpoint=[0, 1]))
    assert "wanted two runs or more" in explorer.show_panel("Tree").message.value
    assert explorer.show_panel("Progress").message.value == ""


def test_explorer__shows_no_picture_of_other_runs_where_there_is_none_of_these(explorer) -> None:
    matrix, tree = explorer.show_panel("Distances"), explorer.show_panel("Tree")
    assert (tree.body.layout.display, tree.code_line.layout.display) == ("", "")
    explorer.slicer.conditions = {"run": ["A-1"]}
    for panel in (tree, matrix):
        explorer.show_panel(panel.title)
        assert "wanted two runs or more" in panel.message.value
        assert (panel.body.layout.display, panel.code_line.layout.display) == ("none", "none")
    explorer.slicer.conditions = {}
    assert matrix.body.layout.display == ""
    assert matrix.message.value == ""


def test_explorer__embeds_from_landmarks_when_asked(ds) -> None:
    explorer = tk.explore(ds, landmarks=90)
    assert "landmarks=90" in explorer.code
    explorer.slicer.conditions = {"architecture": ["A"]}
    explorer.frame = "selection"
    assert "own = tk.embed(selected, n_components=6)" in explorer.code
    assert_same_picture(explorer.view, run_code(explorer.code, {"tk": tk, "ds": ds}))


def test_explorer__to_html_is_one_file_with_nothing_from_outside(explorer, tmp_path) -> None:
    explorer.slicer.conditions = {"step": (1, None)}
    page = explorer.to_html(tmp_path / "view.html", title="<i>mine</i>").read_text()
    assert "<title>&lt;i&gt;mine&lt;/i&gt;</title>" in page
    assert "default-src 'none'" in page
    assert "src=" not in page
    assert len(page) < 3e6
    assert "log10(1 + step)" in page


def test_explorer__page_shows_every_network_also_one_without_a_mistake(ds) -> None:
    log_prob = ds.log_prob.values.copy()
    log_prob[0, -1] = np.where(np.arange(5) == ds.label.values[:, None], 0.0, -200.0)
    whole = tk.with_references(ds.assign(log_prob=(ds.log_prob.dims, log_prob)))
    measured = {name: getattr(tk, name)(whole) for name in ("progress", "loss", "error")}
    course = _course(tk.embed(whole.assign(measured)))
    assert course.run.values.tolist() == ds.run.values.tolist()
    recorded = (course.step >= 0).values
    assert np.isfinite(course.coordinate.values[recorded]).all()
    assert np.isnan(course.coordinate.sel(component=1).values[~recorded]).all()
    at = dict(run=ds.run.values[0], checkpoint=ds.sizes["checkpoint"] - 1)
    assert float(measured["loss"].sel(at)) == 0
    np.testing.assert_allclose(course.coordinate.sel(at), [np.log10(1 + ds.step.values[0, -1]), 1, 0], atol=1e-12)


def test_explorer__is_gone_when_it_is_closed(ds) -> None:
    before = set(_instances)
    explorer = tk.explore(ds)
    for panel in explorer.panels:
        explorer.show_panel(panel.title)
    gone = weakref.ref(explorer)
    explorer.close()
    assert {type(_instances[k]).__name__ for k in set(_instances) - before} <= {"Layout"}
    del explorer, panel
    gc.collect()
    assert gone() is None
