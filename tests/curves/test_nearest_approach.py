"""Laws of the nearest approach to a reference."""

import numpy as np
import pytest
import xarray as xr
from counted import Counted
from hypothesis import given
from strategies import datasets

import trajkit as tk
from trajkit.workspace import limit_workspace


@given(datasets())
def test_nearest_approach__is_the_least_of_all_distances(ds: xr.Dataset) -> None:
    near = tk.nearest_approach(ds, "ignorance")
    away = tk.pairwise(ds, tk.with_references(ds, 0).sel(run=["ignorance"])).isel(point2=0)
    table = tk.unstack(away.rename("away")).values
    np.testing.assert_allclose(near.distance, np.nanmin(table, 1), rtol=1e-9, atol=1e-12)
    at = ds.indexes["checkpoint"].get_indexer(near.checkpoint.values)
    np.testing.assert_array_equal(ds.step.values[np.arange(len(at)), at], near.step)
    np.testing.assert_allclose(table[np.arange(len(at)), at], near.distance, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", ["bhattacharyya", "fisher_rao", "hellinger", "jensen_shannon", "kullback_leibler"])
def test_nearest_approach__to_a_point_of_the_run_is_that_point(metric: str) -> None:
    ds = tk.simulate(runs=3, checkpoints=7, spread=0.3, ragged=True)
    full = tk.add_references(ds, {"mine": ds.log_prob.sel(run="B-0", checkpoint=2)})
    cap = 50.0 if metric == "kullback_leibler" else None
    near = tk.nearest_approach(full, "mine", metric, cap=cap)
    assert near.run.values.tolist() == ds.run.values.tolist()
    assert near.sel(run="B-0").checkpoint == 2
    assert near.distance.sel(run="B-0") < 1e-6
    assert (near.distance.drop_sel(run="B-0") > 1e-3).all()
    assert near.attrs["reference"] == "mine"
    assert near.distance.attrs["metric"] == metric
    by_hand = tk.nearest_approach(ds, full.log_prob.sel(run="mine")[0], metric, cap=cap)
    np.testing.assert_allclose(by_hand.distance, near.distance, atol=1e-12)


def test_nearest_approach__of_checkpoints_equally_near_is_the_first() -> None:
    ds = tk.simulate(runs=2, checkpoints=6, spread=0.3)
    still = ds.log_prob.copy(data=np.repeat(ds.log_prob.values[:, 2:3], 6, axis=1))
    near = tk.nearest_approach(ds.assign(log_prob=still), "truth", "fisher_rao")
    assert near.checkpoint.values.tolist() == [0, 0]


def test_nearest_approach__begins_at_the_start_of_a_run() -> None:
    ds = tk.simulate(runs=2, checkpoints=6).assign_coords(start_step=("run", [0, 3]))
    assert tk.nearest_approach(ds, "ignorance").step.values.tolist() == [0, 3]


def test_nearest_approach__infinite_wants_a_cap() -> None:
    ds = tk.simulate(runs=2, checkpoints=3, samples=4, classes=3)
    wrong = tk.truth(ds.assign_coords(label=(ds.label + 1) % 3)).values
    never = ds.assign(log_prob=ds.log_prob.copy(data=np.broadcast_to(wrong, ds.log_prob.shape)))
    with pytest.raises(ValueError, match=r"runs \['A-0', 'B-0'\] are at an infinite bhattacharyya distance.*cap="):
        tk.nearest_approach(never, "truth")
    np.testing.assert_allclose(tk.nearest_approach(never, "truth", cap=3).distance, 3)
    # One finite checkpoint is enough.
    some = never.log_prob.values.copy()
    some[:, 1] = np.log(1 / 3)
    near = tk.nearest_approach(never.assign(log_prob=(never.log_prob.dims, some)), "truth")
    assert near.checkpoint.values.tolist() == [1, 1]
    np.testing.assert_allclose(near.distance, 0.5 * np.log(3), rtol=1e-6)


def test_nearest_approach__unknown_references_are_refused() -> None:
    ds = tk.simulate(runs=2)
    with pytest.raises(ValueError, match=r"'reference': no reference of one point is called 'bigram'"):
        tk.nearest_approach(ds, "bigram")
    with pytest.raises(ValueError, match="unknown metric 'euclidean'"):
        tk.nearest_approach(ds, "truth", "euclidean")
    with pytest.raises(ValueError, match="wanted one run of kind 'network'"):
        tk.nearest_approach(tk.with_references(ds).isel(run=slice(2, None)), "truth")


def test_nearest_approach__of_lazy_predictions_is_read_a_few_runs_at_a_time() -> None:
    ds = tk.simulate(runs=30, checkpoints=10, spread=0.3, ragged=True)
    exact = tk.nearest_approach(ds, "truth")
    counted = Counted(ds.log_prob.values)
    with limit_workspace(ds.log_prob.nbytes / 7):
        assert tk.nearest_approach(ds.assign(log_prob=counted.lazy(ds.log_prob)), "truth").identical(exact)
    assert counted.largest <= ds.log_prob.nbytes / 7
