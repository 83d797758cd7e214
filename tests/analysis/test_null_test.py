"""A statistic compared with its null."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import trajkit as tk


def mean_distance(ds: xr.Dataset) -> xr.DataArray:
    """Mean over pairs of runs of -log of the mean overlap at the middle checkpoint."""
    root = np.exp(0.5 * ds.log_prob.values[:, ds.sizes["checkpoint"] // 2])
    pairs = np.triu_indices(len(root), 1)
    return xr.DataArray(-np.log(np.einsum("unc,vnc->uv", root, root)[pairs] / root.shape[1]).mean())


@pytest.mark.parametrize(("metric", "cap"), [("bhattacharyya", None), ("fisher_rao", None), ("jeffreys", 9.0)])
def test_null_test__by_default_compares_trajectory_distances(metric, cap):
    ds = tk.simulate(runs=4, samples=30, spread=0.3, ragged=True)

    def distance(some: xr.Dataset) -> xr.DataArray:
        return tk.trajectory_distance(some, n=20, metric=metric, cap=cap)

    test = tk.null_test(ds, null_draws=1, seed=5, metric=metric, cap=cap)
    same = tk.null_test(ds, distance, null_draws=1, seed=5)
    expected = distance(ds).sel(run=test.run, run2=test.run2)
    assert test.observed.attrs["units"] == expected.attrs["units"]
    assert test.sizes == {"pair": 6, "draw": 1}
    np.testing.assert_allclose(test.observed, expected, rtol=1e-6)
    np.testing.assert_allclose(test.ratio, expected / test.null.mean("draw"), rtol=1e-6)
    for name in ("observed", "null"):
        np.testing.assert_allclose(test[name], same[name], rtol=1e-6)


def test_null_test__shuffling_both_runs_is_as_good_as_shuffling_one():
    ds = tk.simulate(runs=2, samples=100, groups=1, spread=0.3)
    both = tk.null_test(ds, mean_distance, null_draws=40).null.values
    one = []
    for seed in range(40):
        null = tk.shuffle_within_class(ds, seed)
        one.append(mean_distance(ds.assign(log_prob=ds.log_prob.where(ds.seed == 0, null.log_prob))))
    assert both.mean() == pytest.approx(np.mean(one), rel=0.03)


@pytest.mark.parametrize("null", [tk.shuffle_within_class, tk.shuffle_confusions])
def test_null_test__runs_that_bend_alike_are_closer_than_their_null(null):
    """Simulated runs of a group bend towards the same wrong classes of the same samples."""
    found = tk.null_test(tk.simulate(runs=3, samples=60, checkpoints=8, groups=1, spread=0.3), null_draws=4, null=null)
    assert found.attrs["null"] == null.__name__
    assert float(found.median_ratio) < 0.3
    assert float(found.share_below) == 1
    assert float(found.overall_p_value) == 0.2
    assert (found.p_value == 0.2).all()


def test_null_test__runs_that_bend_in_unrelated_directions_are_as_far_apart_as_their_null():
    found = tk.null_test(tk.simulate(runs=6, samples=100, groups=2, spread=0.3), null_draws=4, by="architecture")
    assert found.sizes["pair"] == 9
    assert float(found.median_ratio) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("metric", "power"), [("hellinger", 1), ("fisher_rao", 2)])
def test_null_test__straight_is_the_sum_of_both_distances_to_the_geodesic(metric, power):
    ds = tk.simulate(runs=3, samples=100, groups=3, spread=0.3)
    test = tk.null_test(ds, null_draws=1, metric=metric)
    distance = tk.trajectory_distance(tk.with_references(ds), n=20, metric=metric).sel(run="geodesic") ** power
    expected = distance.sel(run2=test.run.values).values + distance.sel(run2=test.run2.values).values
    np.testing.assert_allclose(test.straight, expected ** (1 / power), rtol=1e-3)
    # Three groups bend in unrelated directions.
    np.testing.assert_allclose(test.observed / test.straight, 1, atol=0.2)


def test_null_test__has_no_straight_if_truth_is_infinitely_far():
    ds = tk.simulate(runs=2, samples=20, checkpoints=4, spread=0.3).isel(checkpoint=slice(0, 3))
    assert "straight" not in tk.null_test(ds, null_draws=1, metric="jeffreys")
    assert "straight" in tk.null_test(ds, null_draws=1, metric="jeffreys", cap=5.0)


def test_null_test__p_values_are_uniform_if_the_null_is_true():
    ds = tk.from_arrays(
        prob=np.random.default_rng(0).dirichlet(np.ones(4), (3, 1, 20)),
        label=np.arange(20) % 2,
        runs={"seed": [0, 1, 2]},
    )
    p = [
        float(tk.null_test(tk.shuffle_within_class(ds, s), mean_distance, null_draws=9, seed=s + 1).p_value)
        for s in range(99)
    ]
    assert stats.kstest(np.array(p) - np.random.default_rng(0).random(99) / 10, "uniform").pvalue > 0.01
    greater = tk.null_test(ds, mean_distance, null_draws=9, alternative="greater")
    less = tk.null_test(ds, mean_distance, null_draws=9)
    assert float(greater.p_value + less.p_value) == pytest.approx(1.1)


def test_null_test__takes_any_statistic_and_leaves_its_input():
    ds = tk.simulate(runs=2, spread=0.3)
    before = ds.copy(deep=True)
    test = tk.null_test(ds, tk.loss, null_draws=2)
    np.testing.assert_allclose(test.null, np.stack([test.observed] * 2), atol=1e-6)
    assert ds.identical(before)
