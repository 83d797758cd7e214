"""Widgets by their state, without a browser."""

from __future__ import annotations

import numpy as np
import pytest
import traitlets
import xarray as xr

import trajkit as tk
from trajkit.widgets.explorer import Explorer


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    ds = tk.simulate(runs=24, groups=3, spread=0.3, checkpoints=8)
    return ds.assign_coords(
        width=("run", np.arange(24) * 2), dropout=("run", np.arange(24) % 2 == 0), optimizer=("run", ["adam"] * 24)
    )


def tick(slicer: tk.widgets.Slicer, attribute: str, *values: object) -> None:
    control = slicer.controls[attribute]
    for value, box in zip(control.values, control.boxes, strict=True):
        box.value = value in values


def counts(slicer: tk.widgets.Slicer, attribute: str) -> list[str]:
    return [box.description for box in slicer.controls[attribute].boxes]


def test_slicer__has_a_control_for_each_attribute_that_varies(ds):
    slicer = tk.widgets.Slicer(ds)
    assert set(slicer.controls) == {"architecture", "seed", "width", "dropout"}
    assert counts(slicer, "architecture") == ["A (8)", "B (8)", "C (8)"]
    assert counts(slicer, "dropout") == ["False (12)", "True (12)"]
    assert hasattr(slicer.controls["width"], "slider")
    assert "optimizer adam" in slicer.children[-1].value


def test_slicer__controls_and_conditions_move_together(ds):
    slicer = tk.widgets.Slicer(ds)
    tick(slicer, "architecture", "A", "C")
    slicer.controls["width"].slider.index = (2, 7)
    assert slicer.conditions == {"architecture": ["A", "C"], "width": (4, 14)}
    slicer.conditions = {"seed": [1, 2]}
    assert [b.value for b in slicer.controls["architecture"].boxes] == [False] * 3
    assert slicer.controls["width"].slider.value == (0, 46)
    assert [b.value for b in slicer.controls["seed"].boxes][:3] == [False, True, True]


def test_slicer__selects_what_its_line_of_python_selects(ds):
    slicer = tk.widgets.Slicer(ds)
    slicer.conditions = {"architecture": ["A", "B"], "width": (4, 30), "dropout": [True]}
    by_hand = eval(slicer.code, {"tk": tk, "ds": ds})
    assert slicer.selected.identical(by_hand)
    assert slicer.selected_runs == by_hand.run.values.tolist()


def test_slicer__counts_follow_the_other_conditions(ds):
    slicer = tk.widgets.Slicer(ds)
    tick(slicer, "seed", 0)
    assert counts(slicer, "architecture") == ["A (1)", "B (1)", "C (1)"]
    assert counts(slicer, "seed")[:2] == ["0 (3)", "1 (3)"]


def test_slicer__reset_selects_all(ds):
    slicer = tk.widgets.Slicer(ds)
    tick(slicer, "architecture", "B")
    slicer._reset.click()
    assert slicer.conditions == {}
    assert slicer.selected.sizes["run"] == 24


def test_slicer__refuses_conditions_it_has_no_control_for(ds):
    slicer = tk.widgets.Slicer(ds)
    with pytest.raises(traitlets.TraitError, match="no control for 'depth'"):
        slicer.conditions = {"depth": [1]}
    with pytest.raises(traitlets.TraitError, match="wanted a list of some of"):
        slicer.conditions = {"architecture": ["Z"]}
    with pytest.raises(traitlets.TraitError, match="low, high"):
        slicer.conditions = {"width": (1, 3)}
    with pytest.raises(ValueError, match="reference runs only"):
        tk.widgets.Slicer(tk.with_references(ds).sel(run=["truth", "ignorance"]))


def assert_same_picture(shown, wanted) -> None:
    for part in ("_runs", "_coordinate", "_shown", "_own_values", "_own_attribute", "color", "components"):
        assert getattr(shown, part) == getattr(wanted, part)


STATES = [
    {},
    {"color": "progress"},
    {"color": "loss", "split": "train"},
    {"split": "test", "components": (2, 3, 4), "color": "seed"},
    {"frame": "selection", "split": "test", "color": "step"},
]


@pytest.mark.parametrize("state", STATES, ids=str)
@pytest.mark.parametrize("references", [False, True], ids=["networks", "with references"])
def test_explorer__draws_what_its_python_draws(ds, state, references):
    ds = tk.with_references(ds, n_geodesic=7) if references else ds
    explorer = tk.explore(ds)
    explorer.slicer.conditions = {"architecture": ["A", "B"], "width": (4, 30)}
    for name, value in state.items():
        setattr(explorer, name, value)
    names = {"tk": tk, "ds": ds}
    *lines, last = explorer.code.splitlines()
    exec("\n".join(lines), names)
    last = last.replace("tk.figures.manifold", "tk.widgets.ManifoldView")
    assert_same_picture(explorer.manifold, eval(last, names))
    assert explorer.selected.identical(names["selected"])


def test_explorer__controls_set_its_state(ds):
    explorer = tk.explore(ds)
    explorer.controls["color"].value = "progress"
    explorer.controls["split"].value = "test"
    explorer.controls["frame"].value = "selection"
    explorer.axes[0].value = 4
    assert (explorer.color, explorer.split, explorer.frame) == ("progress", "test", "selection")
    assert explorer.components == (4, 2, 3)
    assert explorer.manifold.components == (4, 2, 3)


def test_explorer__keeps_the_frame_when_runs_are_picked_and_makes_a_new_one_when_asked(ds):
    explorer = tk.explore(ds)
    before = explorer.embedding
    explorer.slicer.conditions = {"architecture": ["A"]}
    assert explorer.embedding is before
    explorer.frame = "selection"
    assert set(explorer.embedding.run.values) == {f"A-{i}" for i in range(8)} | {"ignorance", "truth", "geodesic"}


def test_explorer__says_when_nothing_is_selected_and_recovers(ds):
    explorer = tk.explore(ds)
    explorer.slicer.conditions = {"seed": [0], "width": (30, 46)}
    assert "no run meets all conditions" in explorer._status.value
    explorer.split = "test"
    explorer.slicer.conditions = {}
    assert "on 25 samples" in explorer._status.value
    wanted = tk.widgets.ManifoldView(tk.embed(tk.select(ds, split="test"), 6), color=explorer.color)
    assert explorer.manifold._runs == wanted._runs
    assert explorer.manifold._shown == wanted._shown


def test_explorer__asks_for_a_cap_where_a_distance_is_infinite(ds):
    sure = ds.copy(deep=True)
    sure.log_prob[dict(run=0, checkpoint=-1, sample=0)] = [0.0] + [-np.inf] * 4
    sure.log_prob[dict(run=1, checkpoint=-1, sample=0)] = [-np.inf] * 4 + [0.0]
    with pytest.raises(ValueError, match="cap="):
        tk.explore(sure)
    explorer = tk.explore(sure, cap=20.0)
    assert "cap=20.0" in explorer.code


def test_explorer__is_what_explore_gives(ds):
    assert isinstance(tk.explore(ds), Explorer)
