"""Distances under shuffles from a table: the same numbers, and an interval in which the null varies too."""

import numpy as np
import pytest

import trajkit as tk
from trajkit.analysis.shuffled_distances import ratio_interval_of, shuffled_distances, table_pays
from trajkit.distances import Metric
from trajkit.workspace import limit_workspace


@pytest.mark.parametrize("metric", [Metric("bhattacharyya"), Metric("fisher_rao"), Metric("jeffreys", 3.0)])
def test_shuffled_distances__are_those_of_shuffled_runs_in_a_small_workspace_too(metric: Metric):
    ds = tk.simulate(runs=4, samples=24, checkpoints=5, spread=0.4)
    ds = ds.assign_coords(split=("sample", np.where(np.arange(24) % 3, "train", "test")))
    even, pairs = tk.resample(ds, 4), (np.array([0, 0, 2]), np.array([1, 3, 3]))
    with limit_workspace(1):
        found = shuffled_distances(even, metric, pairs, [5, 6])
    for draw, seed in zip(found.draws, [5, 6], strict=True):
        shuffled = tk.shuffle_within_class(even, seed)
        options = {"metric": metric.name, "cap": metric.cap}
        expected = np.mean([_distance(shuffled.isel(checkpoint=[k]), options) for k in range(4)], axis=0)
        np.testing.assert_allclose(draw, expected[pairs], rtol=1e-9)
    # Over all shuffles, a sample meets each sample of its kind equally often.
    kind = even.label.values * 2 + (even.split.values == "train")
    assert np.array_equal(np.isnan(found.kernel), kind[:, None] != kind)


def _distance(ds, options):
    return tk.pairwise(ds, **options).values


def test_shuffled_distances__mean_of_many_draws_is_the_mean_of_the_kernel():
    even = tk.resample(tk.simulate(runs=3, samples=30, spread=0.4), 3)
    pairs = np.triu_indices(3, 1)
    found = shuffled_distances(even, Metric("hellinger"), pairs, list(range(400)))
    expected = np.nanmean(found.kernel, axis=1).mean()
    deviation = found.draws.mean(1).std() / 20
    assert abs(found.draws.mean() - expected) < 4 * deviation


def test_table_pays__only_for_complete_runs_and_more_draws_than_samples_of_a_kind():
    ds = tk.simulate(samples=60, classes=3, ragged=True)
    assert not table_pays(ds, 999)
    assert table_pays(tk.resample(ds, 3), 30)
    assert not table_pays(tk.resample(ds, 3), 5)


def test_ratio_interval_of__covers_the_ratio_of_the_population():
    """Runs u and v give sample s the numbers u_s and v_s, with correlation 1/2: squared distances 1, and 2 shuffled."""
    random, kind, covered = np.random.default_rng(0), np.repeat(np.arange(10), 10), 0
    for seed in range(300):
        u, v = random.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 100).T
        kernel = np.where(kind[:, None] == kind, np.square(np.subtract.outer(u, v)), np.nan)
        lower, upper = ratio_interval_of(kernel, kind, 0.95, seed, draws=399)
        # A shuffle leaves a sample in its place one time in ten.
        covered += lower <= 1 / (0.1 * 1 + 0.9 * 2) <= upper
    assert 0.91 <= covered / 300 <= 0.98


def test_ratio_interval_of__takes_classes_of_one_sample():
    kernel = np.diag([1.0, 2.0])
    assert ratio_interval_of(kernel, np.array([0, 1]), 0.95, seed=0) == (1.0, 1.0)
