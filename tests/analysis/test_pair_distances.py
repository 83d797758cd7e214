"""Distances of pairs for each sample, and intervals from them."""

import numpy as np
import pytest

import trajkit as tk
from trajkit.analysis.pair_distances import pair_distances, r_squared_intervals, ratio_interval
from trajkit.distances import Metric

METRICS = [Metric("hellinger"), Metric("fisher_rao"), Metric("bhattacharyya")]


@pytest.fixture(scope="module")
def ds():
    return tk.simulate(runs=6, samples=20, checkpoints=5, groups=2, spread=0.3)


@pytest.mark.parametrize("metric", [*METRICS, Metric("jeffreys", cap=0.3)])
def test_pair_distances__have_the_trajectory_distance_as_their_mean(ds, metric):
    apart = pair_distances(tk.resample(ds, 7), metric)
    distance = tk.trajectory_distance(ds, n=7, metric=metric).values[np.triu_indices(6, k=1)]
    np.testing.assert_allclose(apart.mean("sample"), distance, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("metric", METRICS)
def test_r_squared_intervals__estimate_what_compare_groups_gives(ds, metric):
    names = ["architecture", "seed"]
    found = r_squared_intervals(ds, pair_distances(tk.resample(ds, 7), metric), names, draws=50)
    expected = tk.compare_groups(
        tk.trajectory_distance(ds, n=7, metric=metric), names, unit="run", permutations=1
    ).r_squared
    np.testing.assert_allclose(found.estimate, expected, rtol=1e-5)
    assert ((found.lower <= found.estimate) & (found.estimate <= found.upper)).all()


def test_ratio_interval__is_narrow_for_distances_in_proportion_and_wide_for_others(ds):
    apart = pair_distances(tk.resample(ds, 7), Metric("hellinger"))
    exact = ratio_interval(ds, 3 * apart, apart, draws=50)
    assert [float(exact[name]) for name in ("lower", "estimate", "upper")] == pytest.approx([3, 3, 3])
    wide = ratio_interval(ds, apart.isel(sample=slice(None, None, -1)), apart, draws=50)
    assert wide.lower < 1 < wide.upper
