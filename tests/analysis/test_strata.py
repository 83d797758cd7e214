"""Settings by which runs can be compared, and strata of runs that differ in one of them."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.analysis.strata import comparable_settings, strata


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    place = np.arange(12) // 2
    ds = tk.simulate(runs=12, samples=8, checkpoints=3, groups=2)
    return ds.assign_coords(width=("run", 2 ** (place // 2)), seed=("run", place % 2))


def test_settings__that_follow_from_others_or_are_outcomes_are_left_out(runs):
    ds = runs.assign_coords(
        depth=("run", np.where(np.arange(12) % 2, 3, 7)), test_error=("run", np.arange(12) % 5 / 10),
        empty=("run", np.full(12, "")), name=("run", [f"n{i}" for i in range(12)]),
    )  # fmt: skip
    assert comparable_settings(ds) == ["architecture", "seed", "width"]


def test_strata__hold_runs_that_differ_in_one_setting_only(runs):
    stratum = strata(runs, "width")
    for value in np.unique(stratum):
        assert len(np.unique(runs.architecture.values[stratum == value])) == 1
        assert len(np.unique(runs.width.values[stratum == value])) == 3
    # Two runs with another optimizer have one width: nothing to compare them with.
    optimizer = np.where(np.arange(12) < 10, "sgd", "adam")
    assert (strata(runs.assign_coords(optimizer=("run", optimizer)), "width") == -1).sum() == 2


def test_strata__ignore_what_follows_from_the_setting(runs):
    described = runs.assign_coords(parameters=runs.width**2, shape=("run", [f"w{w}" for w in runs.width.values]))
    np.testing.assert_array_equal(strata(described, "width"), strata(runs, "width"))


def test_strata__leave_out_runs_without_the_setting_and_refuse_too_few(runs):
    width = np.where(np.arange(12) == 4, np.nan, runs.width.values)
    assert np.flatnonzero(strata(runs.assign_coords(width=("run", width)), "width") == -1).tolist() == [4]
    with pytest.raises(ValueError, match="wanted 6 runs or more that differ in width"):
        strata(runs.assign_coords(width=("run", np.full(12, 8))), "width")
