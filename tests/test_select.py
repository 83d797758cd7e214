"""Laws of slicing a dataset by what is known of its runs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from strategies import datasets

import trajkit as tk


@pytest.fixture
def ds() -> xr.Dataset:
    """Six runs with attributes of every kind."""
    ds = tk.simulate(runs=6, groups=3, checkpoints=8, spread=0.1, ragged=True)
    rates = [0.1, 0.1, 0.01, 0.01, np.nan, 1.0]
    return ds.assign_coords(learning_rate=("run", rates), augmentation=("run", [True, False] * 3))


def runs(selected: xr.Dataset) -> str:
    return " ".join(selected.run.values.tolist())


@pytest.mark.parametrize(
    ("conditions", "chosen"),
    [
        ({}, "A-0 B-0 C-0 A-1 B-1 C-1"),
        ({"architecture": "B"}, "B-0 B-1"),
        ({"architecture": ["B", "A"]}, "A-0 B-0 A-1 B-1"),
        ({"architecture": np.array(["B"])}, "B-0 B-1"),
        ({"architecture": {"B", "C"}, "seed": 1}, "B-1 C-1"),
        ({"run": ["C-1", "A-0"]}, "A-0 C-1"),
        ({"kind": "network", "seed": 0}, "A-0 B-0 C-0"),
        ({"augmentation": True}, "A-0 C-0 B-1"),
        ({"augmentation": [True, False], "seed": 0}, "A-0 B-0 C-0"),
        ({"learning_rate": 0.1}, "A-0 B-0"),
        ({"learning_rate": (0.01, 0.1)}, "A-0 B-0 C-0 A-1"),
        ({"learning_rate": slice(0.05, None)}, "A-0 B-0 C-1"),
        ({"learning_rate": (None, 0.05)}, "C-0 A-1"),
        ({"learning_rate": (None, None)}, "A-0 B-0 C-0 A-1 B-1 C-1"),
        ({"learning_rate": [(None, 0.05), np.nan]}, "C-0 A-1 B-1"),
        ({"learning_rate": [0.1, slice(0.5, None)]}, "A-0 B-0 C-1"),
        ({"learning_rate": np.isnan}, "B-1"),
        ({"learning_rate": np.nan}, "B-1"),
        ({"learning_rate": [0.1, np.nan]}, "A-0 B-0 B-1"),
        ({"architecture": lambda a: a != "A"}, "B-0 C-0 B-1 C-1"),
        ({"where": "learning_rate > 0.05 and architecture == 'C'"}, "C-1"),
        ({"where": "run in ['A-0', 'C-1'] and checkpoints >= 6"}, "A-0 C-1"),
        ({"where": "not augmentation", "seed": 1}, "A-1 C-1"),
        ({"where": lambda table: table["seed"] == table["seed"].max()}, "A-1 B-1 C-1"),
        ({"where": lambda table: (table.index == "B-0").tolist()}, "B-0"),
    ],
)
def test_select__runs_that_meet_every_condition_keep_their_order(ds: xr.Dataset, conditions: Any, chosen: str) -> None:
    selected = tk.select(ds, **conditions)
    assert runs(selected) == chosen
    assert selected.identical(ds.sel(run=chosen.split()))


@given(datasets(), st.data())
def test_select__conditions_together_are_conditions_in_turn(ds: xr.Dataset, data: st.DataObject) -> None:
    before = ds.copy(deep=True)
    first = {"width": data.draw(st.sampled_from(ds.width.values.tolist()))}
    left = tk.select(ds, **first)
    second = {"architecture": data.draw(st.sampled_from(left.architecture.values.tolist()))}
    assert tk.select(ds, **first, **second).identical(tk.select(left, **second))
    both = first | second
    assert tk.select(left, **second).identical(tk.select(ds, where=lambda t: (t[list(both)] == both).all(axis=1)))
    assert ds.identical(before)
    tk.validate(left)


def test_select__by_split_keeps_its_samples(ds: xr.Dataset) -> None:
    test = tk.select(ds, split="test")
    assert (test.split == "test").all()
    assert test.sizes["sample"] == 25
    assert set(tk.select(ds, split="train").sample.values) | set(test.sample.values) == set(ds.sample.values)


@pytest.mark.parametrize(
    ("condition", "steps"),
    [
        ((2, 4), [2, 3, 4]),
        (slice(5, None), [5, 6, 7]),
        ((None, 1), [0, 1]),
        (3, [3]),
        ([1, 6], [1, 6]),
        (lambda s: s % 2 == 0, [0, 2, 4, 6]),
    ],
)
def test_select__by_step_leaves_the_rest_missing(ds: xr.Dataset, condition: Any, steps: list[int]) -> None:
    selected = tk.select(ds, step=condition)
    tk.validate(selected)
    assert selected.checkpoint.values.tolist() == steps
    kept = ds.sel(checkpoint=steps)
    assert (selected.step.values == kept.step.values).all()
    assert selected.log_prob.identical(kept.log_prob)
    assert selected.known_progress.identical(kept.known_progress)


def test_select__runs_that_lose_every_checkpoint_are_dropped(ds: xr.Dataset) -> None:
    # Of six runs, two each lack 0, 1 and 2 of 8 checkpoints.
    assert runs(tk.select(ds, step=7)) == "A-0 A-1"
    assert runs(tk.select(ds, step=(6, None))) == "A-0 B-0 A-1 B-1"
    assert tk.select(ds, step=(6, None)).step.values.tolist() == [[6, 7], [6, -1]] * 2


def test_select__masked_variables_keep_their_kind(ds: xr.Dataset) -> None:
    more = ds.assign(late=ds.step > 3, phase=ds.step.astype(str))
    selected = tk.select(more, step=lambda s: s != 5)
    assert selected.late.dtype == bool
    assert selected.log_prob.dtype == np.float32
    ragged = tk.select(more, progress=(0.0, 0.5))
    assert ragged.late.dtype == bool
    assert ragged.phase.dtype.kind == "U"


def test_select__progress_is_measured_on_the_samples_that_are_kept(ds: xr.Dataset) -> None:
    low, high = 0.3, 0.7
    selected = tk.select(ds, split="test", progress=(low, high))
    measured = tk.progress(ds.isel(sample=(ds.split == "test").values))
    inside = ((measured >= low) & (measured <= high)).sel(checkpoint=selected.checkpoint)
    assert ((selected.step >= 0) == inside).all()
    tk.validate(selected)


def test_select__the_variable_progress_is_used_where_there_is_one(ds: xr.Dataset) -> None:
    known = ds.assign(progress=ds.step.astype(float))
    assert tk.select(known, progress=(2, 3)).checkpoint.values.tolist() == [2, 3]


def test_select__leaves_its_input_unchanged(ds: xr.Dataset) -> None:
    before = ds.copy(deep=True)
    tk.select(ds, architecture="A", split="test", progress=(0.2, None), step=(None, 6), where="seed == 0")
    assert ds.identical(before)


def test_select__references_are_selected_like_networks(ds: xr.Dataset) -> None:
    full = tk.with_references(ds)
    assert runs(tk.select(full, kind="reference")) == "ignorance truth geodesic"
    assert runs(tk.select(full, architecture="")) == "ignorance truth geodesic"
    assert tk.select(full, kind="network").step.max() == 7


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"architectur": "A"}, r"no run attribute 'architectur', did you mean 'architecture'\? .* has \['run', 'kind'"),
        ({"zzz": 1}, r"no run attribute 'zzz'. The dataset has"),
        ({"architecture": "D"}, r"'architecture' is never 'D': its values are \['A', 'B', 'C'\]"),
        ({"architecture": ["A", "D", "E"]}, "'architecture' is never 'D', 'E'"),
        ({"architecture": 3}, "'architecture' is never 3"),
        ({"seed": "0"}, "'seed' is never '0'"),
        ({"seed": None}, "'seed' is never None"),
        ({"architecture": ("A", "B")}, "'architecture' is text and has no ranges: use a value or a list"),
        ({"seed": (0, 1, 2)}, r"seed=\(0, 1, 2\): a tuple is a range \(low, high\); use a list"),
        ({"seed": slice(0, 1, 2)}, "wanted a range without a step"),
        ({"seed": ("a", None)}, r"seed=\('a', None\): wanted numbers as ends of the range, got 'a'"),
        ({"seed": (5, 9)}, r"no run meets all of seed=\(5, 9\); the dataset has 6 runs: `tk.run_table"),
        ({"seed": (1, 0)}, "no run meets all"),
        ({"seed": []}, r"no run meets all of seed=\[\]"),
        ({"architecture": "A", "learning_rate": 1.0}, "no run meets all of architecture='A', learning_rate=1.0"),
        ({"seed": lambda s: s}, r"seed: wanted booleans of shape \(6,\), got int64 of shape \(6,\)"),
        ({"seed": lambda s: s[:2] > 0}, r"seed: wanted .* got bool of shape \(2,\)"),
        ({"where": "seed =="}, r"where='seed ==': .*The columns are \['run', 'kind', 'architecture'"),
        ({"where": "depth > 3"}, r"where='depth > 3': name 'depth' is not defined.*The columns are"),
        ({"where": "architecture > 3"}, "where='architecture > 3'"),
        ({"where": "seed.foo > 3"}, "where='seed.foo > 3'"),
        ({"where": "seed + 1"}, "where='seed . 1': wanted booleans .* got int64"),
        ({"where": "seed = 1"}, "where='seed = 1': wanted"),
        ({"where": lambda t: t}, "where: wanted booleans"),
        ({"where": lambda t: pd.array([True, None] * 3, dtype="boolean")}, "wanted booleans"),
        ({"where": "seed > 7"}, "no run meets all of where='seed > 7'"),
        ({"split": "valid"}, r"no sample has split 'valid': the probe has \['test', 'train'\]"),
        ({"step": (100, None)}, r"no checkpoint has step in \(100, None\): it is between 0 and 7"),
        ({"step": 99}, "'step' is never 99"),
        ({"progress": (2, 3)}, r"no checkpoint has progress in \(2, 3\): it is between"),
        ({"progress": (0.1, 0.2, 0.3)}, "a tuple is a range"),
        ({"step": lambda s: s}, "step: wanted booleans .* got int64"),
    ],
)
def test_select__refuses_wrong_conditions_and_says_what_is_known(ds: xr.Dataset, conditions: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.select(ds, **conditions)


def test_select__refuses_a_dataset_without_labels(ds: xr.Dataset) -> None:
    with pytest.raises(tk.SchemaError, match="'label' is missing"):
        tk.select(ds.drop_vars("label"), seed=0)


def test_select__progress_after_means_were_put_beside_runs(ds: xr.Dataset) -> None:
    both = tk.concat([ds, tk.mean_trajectory(ds, "architecture", n=20)])
    kept = tk.select(both, progress=(0.5, None))
    assert set(kept.run.values) >= set(tk.select(ds, progress=(0.5, None)).run.values)
    assert float(tk.progress(kept).min()) >= 0.5
    with pytest.raises(ValueError, match="points have no progress"):
        tk.figures.progress(both)
