"""The state of the Explorer and what it measures, without any widget."""

import subprocess
import sys

import numpy as np
import pytest
import traitlets
import xarray as xr

import trajkit as tk
from trajkit.widgets.explorer.measurements import Measurements, aligned
from trajkit.widgets.explorer.state import ExplorerState


def test_import__of_state_code_and_panels_loads_no_widgets() -> None:
    modules = [f"trajkit.widgets.explorer.{name}" for name in ("state", "code", "panel", "panels")]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {*modules} <= set(loaded.stdout.split())
    assert not {"ipywidgets", "anywidget"} & set(loaded.stdout.split())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("metric", "euclid", "wanted one of"),
        ("metric", "jeffreys", "cap="),
        ("frame", "none", "wanted one of"),
        ("components", (1, 1, 2), "three different"),
        ("components", (1, 2, 9), "three different"),
        ("color", "colour", "wanted one of"),
        ("highlighted", ["nobody"], "no runs of the dataset"),
    ],
)
def test_traits__refuse_what_cannot_be_shown_and_stay(state, name, value, message) -> None:
    before = getattr(state, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(state, name, value)
    assert getattr(state, name) == before


@pytest.mark.parametrize("conditions", [{}, {"architecture": ["A", "B"]}, {"split": "test", "progress": (0.2, 0.9)}])
@pytest.mark.parametrize("references", [False, True], ids=["networks", "with references"])
def test_selected__is_what_select_gives(ds, conditions, references) -> None:
    state = ExplorerState(tk.with_references(ds, n_geodesic=3) if references else ds)
    state.selection.conditions = conditions
    part = state.dataset if state.split is None else tk.select(state.dataset, split=state.split)
    part = part.assign({name: getattr(tk, name)(part) for name in ("progress", "loss", "error")})
    on_runs = {name: value for name, value in conditions.items() if name != "split"}
    assert state.selected.identical(tk.select(part, **on_runs, **({"kind": "network"} if references else {})))
    assert state.runs == state.selected.run.values.tolist()


def test_toggle__highlights_alone_or_beside_others_and_a_second_time_no_more(state) -> None:
    state.toggle(["A-0"])
    state.toggle(["A-1"])
    assert state.highlighted == ["A-1"]
    state.toggle(["A-2"], more=True)
    assert state.highlighted == ["A-1", "A-2"]
    state.toggle(["A-1"], more=True)
    state.toggle(["A-2"])
    assert state.highlighted == []


def test_marked__are_highlighted_and_hovered_runs_that_are_selected(state) -> None:
    state.highlighted, state.hovered = ["A-0", "B-0"], "B-1"
    state.selection.conditions = {"architecture": ["B"]}
    assert state.marked == ["B-0", "B-1"]
    state.keep_highlighted()
    assert state.runs == ["B-0"]


def test_colors__are_those_that_the_view_offers(ds) -> None:
    for split in (None, "test"):
        explorer = tk.explore(ds)
        explorer.slicer.conditions = {} if split is None else {"split": split}
        assert explorer.state.colors == explorer.view.colors
        explorer.close()


def test_colors__leave_out_what_is_infinite() -> None:
    hard = np.zeros((3, 2, 4, 3))
    hard[..., 0] = 1.0
    ds = tk.from_arrays(prob=hard, label=[0, 0, 0, 1], runs={"a": ["x", "y", "z"]}, step=[0, 1])
    state = ExplorerState(ds, cap=10.0)
    with pytest.raises(traitlets.TraitError, match=r"color: wanted one of .'a', 'progress'.* got 'loss'"):
        state.color = "loss"
    state.selection.conditions = {"a": ["x"]}
    assert state.selected.sizes["run"] == 1


def test_embedding__stays_when_runs_are_picked_and_keeps_its_place_when_the_slice_is_embedded(state) -> None:
    before = state.embedding
    state.selection.conditions = {"architecture": ["A"]}
    assert state.embedding is before
    state.frame = "selection"
    there = (state.embedding.step >= 0) & (state.embedding.kind == "network")
    assert set(there.run.values[there.any("checkpoint")].tolist()) == {f"A-{i}" for i in range(8)}
    frame = before.coordinate.sel(component=[1, 2, 3]).where(there)
    assert float(np.sqrt(((state.embedding.coordinate - frame) ** 2).mean())) < float(frame.std())


def test_embedding__with_means_has_its_ends_and_right_names() -> None:
    ds = tk.simulate(runs=6, groups=2, spread=0.3, checkpoints=8)
    state = ExplorerState(tk.concat([ds, tk.mean_trajectory(ds, "architecture", n=4)]))
    for state.frame in ("selection", "all runs"):
        drawn = state.embedding
        assert {"ignorance", "truth", "geodesic"} <= set(drawn["run"].values.tolist())
        for name, progress in (("ignorance", 0), ("truth", 1)):
            end = drawn.coordinate.sel(run=name, checkpoint=0)
            road = drawn.coordinate.sel(run="geodesic").dropna("checkpoint")
            np.testing.assert_allclose(road.isel(checkpoint=-progress), end, atol=1e-6)


def test_state__asks_for_a_cap_where_a_distance_is_infinite(ds) -> None:
    sure: xr.Dataset = ds.copy(deep=True)
    sure.log_prob[dict(run=0, checkpoint=-1, sample=0)] = [0.0] + [-np.inf] * 4
    sure.log_prob[dict(run=1, checkpoint=-1, sample=0)] = [-np.inf] * 4 + [0.0]
    with pytest.raises(ValueError, match="cap="):
        _ = ExplorerState(sure).embedding
    state = ExplorerState(sure, cap=20.0)
    assert np.isfinite(state.embedding.eigenvalue).all()
    assert state.metric_options == {"cap": 20.0}
    state.metric = "hellinger"
    assert state.metric_options == {"metric": "hellinger"}


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


def test_aligned__slice_comes_near_the_frame_and_keeps_its_signatures(ds) -> None:
    measured = Measurements(ds)
    frame = measured.embedding(None, "bhattacharyya")
    own = measured.embedding(None, "bhattacharyya", (ds.architecture != "C").broadcast_like(ds.step) & (ds.step >= 0))
    moved = aligned(frame, own, (1, 2, 3))
    assert moved.attrs["misfit"] < 0.3
    assert moved.signature.values.tolist() == frame.signature.values[:3].tolist()


def test_aligned__refuses_a_slice_without_a_component_of_the_signature(ds) -> None:
    frame = Measurements(ds).embedding(None, "bhattacharyya")
    time_like = frame.component.values[frame.signature.values < 0]
    own = frame.sel(component=frame.component.values[frame.signature.values > 0])
    with pytest.raises(ValueError, match="no components with the signatures"):
        aligned(frame, own, (1, 2, int(time_like[0])))
