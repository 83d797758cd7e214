"""Laws of putting the runs of several datasets into one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    datasets,
)

import trajkit as tk


@given(datasets(zeros=True), st.randoms(use_true_random=False))
def test_concat__any_split_of_the_runs_adds_up(ds: xr.Dataset, random: Any) -> None:
    before = ds.copy(deep=True)
    cut = random.randint(0, ds.sizes["run"] - 1)
    parts = [part for part in (ds.isel(run=slice(cut)), ds.isel(run=slice(cut, None))) if part.sizes["run"]]
    assert tk.concat(parts).identical(ds)
    # Checkpoints that nobody in a part has may be left out of it.
    trimmed = [part.isel(checkpoint=(part.step >= 0).any("run").values) for part in parts]
    assert tk.concat(trimmed).identical(ds)
    assert ds.identical(before)


def test_concat__shorter_runs_end_in_missing_checkpoints() -> None:
    long, short = tk.simulate(runs=1, checkpoints=6), tk.simulate(runs=1, checkpoints=4)
    parts = [long, short.assign_coords(run=["short"])]
    both = tk.concat([part.assign(converged=part.step > 1, phase=part.step.astype(str)) for part in parts])
    tk.validate(both)
    assert both.step.values.tolist() == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, -1, -1]]
    assert both.step.dtype == np.int64
    assert both.converged.dtype == bool
    assert both.converged.values[1].tolist() == [False, False, True, True, False, False]
    assert both.phase.values[1].tolist() == ["0", "1", "2", "3", "", ""]
    assert both.log_prob.dtype == np.float32
    assert both.log_prob.dims == ("run", "checkpoint", "sample", "class")
    assert np.isnan(both.known_progress.values[1, 4:]).all()


def test_concat__attributes_that_one_side_lacks_are_empty() -> None:
    a, b = tk.simulate(runs=1), tk.simulate(runs=1).assign_coords(run=["other"]).drop_vars("architecture")
    a = a.assign_coords(width=("run", [8]), pretrained=("run", [True]))
    both = tk.concat([a, b.assign_coords(optimizer=("run", ["sgd"]))])
    assert both.architecture.values.tolist() == ["A", ""]
    assert both.optimizer.values.tolist() == ["", "sgd"]
    np.testing.assert_equal(both.width.values, [8, np.nan])
    np.testing.assert_equal(both.pretrained.values, [1, np.nan])
    assert both.seed.dtype == np.int64


def test_concat__floats_per_point_that_one_side_lacks_are_missing() -> None:
    a, b = tk.simulate(runs=1), tk.simulate(runs=1).assign_coords(run=["other"])
    both = tk.concat([a.assign(progress=tk.progress(a)), b.drop_vars("known_progress")])
    assert both.progress.isnull().all("checkpoint").values.tolist() == [False, True]
    assert both.known_progress.isnull().all("checkpoint").values.tolist() == [False, True]


def test_concat__what_all_runs_share_is_kept() -> None:
    a, b = tk.simulate(runs=1), tk.simulate(runs=1).assign_coords(run=["other"])
    weight = ("sample", np.linspace(0, 1, 50))
    both = tk.concat([a, b.assign(weight=weight).assign_coords(file=("sample", ["x.png"] * 50))])
    assert both.weight.dims == ("sample",)
    assert "file" in both.coords
    assert tk.concat([a.assign(weight=weight), b.assign(weight=weight)]).weight.identical(both.weight.drop_vars("file"))


def test_concat__one_dataset_is_itself() -> None:
    ds = tk.simulate(runs=3, ragged=True)
    assert tk.concat([ds]).identical(ds)
    assert tk.concat((ds,)).attrs == ds.attrs


def renamed(ds: xr.Dataset) -> xr.Dataset:
    return ds.assign_coords(run=[f"other {r}" for r in ds.run.values])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds, "run 'A-0' appears more than once: give each run its own identity"),
        (
            lambda ds: renamed(ds).isel(sample=slice(20)),
            r"dataset 2 has another probe than the first: 'sample' differs \(50 and 20 entries\)",
        ),
        (lambda ds: renamed(ds).isel(sample=np.r_[1, 0, 2:50]), r"another probe .*: 'sample' differs .* in one order"),
        (
            lambda ds: renamed(ds).assign_coords(label=(ds.label + 1) % 5),
            "another probe than the first: 'label' differs",
        ),
        (lambda ds: renamed(ds).assign_coords(split=("sample", ["test"] * 50)), "'split' differs"),
        (lambda ds: renamed(ds).assign_coords({"class": list("abcde")}), "'class' differs"),
        (
            lambda ds: renamed(ds).assign_coords(seed=("run", ["a", "b"])),
            "run attribute 'seed' is of several kinds among text, boolean and number",
        ),
        (
            lambda ds: renamed(ds).assign(count=ds.step.drop_vars("run")),
            "variable 'count' is missing in dataset 1: drop it, or compute it for all",
        ),
        (
            lambda ds: renamed(ds).assign_coords(shared=("sample", np.ones(50))),
            "variable 'shared' of dataset 2 differs from that of an earlier one",
        ),
        (lambda ds: renamed(ds).assign(own=("sample", np.ones(50))), "variable 'own' of dataset 2 differs"),
        (lambda ds: renamed(ds).drop_vars("label"), "dataset 2: 'label' is missing"),
        (
            lambda ds: renamed(ds).assign(step=ds.step.drop_vars("run") * 0),
            "dataset 2: run 'other A-0': 'step' does not",
        ),
    ],
)
def test_concat__what_does_not_fit_is_refused(change: Callable[[xr.Dataset], xr.Dataset], message: str) -> None:
    ds = tk.simulate(runs=2).assign(own=("sample", np.zeros(50))).assign_coords(shared=("sample", np.zeros(50)))
    with pytest.raises(tk.SchemaError, match=message):
        tk.concat([ds, change(ds)])


def test_concat__several_problems_come_in_one_message() -> None:
    ds = tk.simulate(runs=2)
    wrong = ds.isel(sample=slice(20)).assign_coords(seed=("run", ["a", "b"]))
    with pytest.raises(tk.SchemaError) as error:
        tk.concat([ds, wrong])
    assert [p.split(":")[0] for p in error.value.problems] == [
        "dataset 2 has another probe than the first",
        "run 'A-0' appears more than once",
        "run 'B-0' appears more than once",
        "run attribute 'seed' is of several kinds among text, boolean and number",
    ]


def test_concat__wants_datasets() -> None:
    with pytest.raises(ValueError, match="wanted one dataset or more"):
        tk.concat([])
    with pytest.raises(TypeError, match="pass the dataset that holds it"):
        tk.concat([tk.simulate().log_prob])


def test_concat__booleans_beside_integers_are_refused() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    a, b = ds.isel(run=slice(0, 3)), ds.isel(run=slice(3, 6))
    a, b = a.assign_coords(flag=("run", [True] * 3)), b.assign_coords(flag=("run", [1, 0, 2]))
    with pytest.raises(tk.SchemaError, match="'flag' is of several kinds"):
        tk.concat([a, b])
