"""Laws of the null models."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.with_references(tk.simulate(runs=5, samples=60, spread=0.3, ragged=True), n_geodesic=9)


@pytest.mark.parametrize(
    "measure",
    [tk.loss, tk.error, tk.progress, lambda d: tk.progress(d, "bhattacharyya"), tk.distance_to_geodesic, tk.length],
)
@pytest.mark.parametrize("split", [None, "train", "test"])
def test_shuffle__keeps_what_depends_on_labels_alone(ds, measure, split):
    null = tk.shuffle_within_class(ds, seed=1)
    if split:
        ds, null = tk.select(ds, split=split), tk.select(null, split=split)
    np.testing.assert_allclose(measure(null), measure(ds), atol=1e-6)


def test_shuffle__permutes_each_run_its_own_way_within_class_and_split(ds):
    null = tk.shuffle_within_class(ds)
    permutations = set()
    for run in ds.run.values[:5]:
        before, after = ds.log_prob.sel(run=run).values, null.log_prob.sel(run=run).values
        place = [int(np.flatnonzero((before[3] == row).all(-1))[0]) for row in after[3]]
        assert sorted(place) == list(range(60))
        np.testing.assert_array_equal(after, before[:, place])
        np.testing.assert_array_equal(ds.label.values[place], ds.label.values)
        np.testing.assert_array_equal(ds.split.values[place], ds.split.values)
        permutations.add(tuple(place))
    assert len(permutations) == 5


def test_shuffle__leaves_references_and_its_input(ds):
    before = ds.copy(deep=True)
    null = tk.shuffle_within_class(ds)
    assert ds.identical(before)
    references = ds.kind == "reference"
    assert null.sel(run=references).identical(ds.sel(run=references))


def test_shuffle__the_same_seed_gives_the_same_and_another_another(ds):
    assert tk.shuffle_within_class(ds, 3).identical(tk.shuffle_within_class(ds, 3))
    assert not tk.shuffle_within_class(ds, 3).equals(tk.shuffle_within_class(ds, 4))


def test_shuffle__parts_runs_that_bend_alike(ds):
    """What runs of one group have in common is lost, what all share with the geodesic is not."""
    alike = ds.sel(run=["A-0", "A-1"])
    apart = tk.trajectory_distance(tk.shuffle_within_class(alike), n=20)
    assert float(tk.trajectory_distance(alike, n=20)[0, 1]) < 0.5 * float(apart[0, 1])
