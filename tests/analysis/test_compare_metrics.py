"""One statistic with several metrics."""

import numpy as np

import trajkit as tk


def test_compare_metrics__gives_what_each_metric_gives_alone():
    # At the end simulated runs rule out classes, an infinite distance in jeffreys.
    ds = tk.simulate(runs=4, samples=20, checkpoints=5, spread=0.4).isel(checkpoint=slice(4))
    found = tk.compare_metrics(tk.with_references(ds, 3), by="architecture", null_draws=2, seed=3)
    assert found.metric.values.tolist() == ["bhattacharyya", "hellinger", "fisher_rao", "jeffreys"]
    assert found.scale.values.tolist() == ["squared length", "squared length", "length", "squared length"]
    seeds = np.random.SeedSequence(3).generate_state(2).tolist()
    for metric in found.metric.values.tolist():
        embedding = tk.embed(ds, metric=metric, references=False)
        distance = tk.trajectory_distance(ds, n=20, metric=metric)
        groups = tk.compare_groups(distance, "architecture", unit="run", permutations=1)
        at = found.sel(metric=metric)
        expected = [embedding.explained_stress[2], embedding.explained_distance[2]]
        expected += [distance.values[np.triu_indices(4, 1)].mean(), groups.ratio[0]]
        np.testing.assert_allclose(at.observed, expected, rtol=1e-5)
        shuffled = [tk.trajectory_distance(tk.shuffle_within_class(ds, s), n=20, metric=metric) for s in seeds]
        null = [d.values[np.triu_indices(4, 1)].mean() for d in shuffled]
        np.testing.assert_allclose(at.null.sel(quantity="distance"), null, rtol=1e-5)
        np.testing.assert_allclose(at.ratio, at.observed / at.null.mean("draw"))


def test_compare_metrics__takes_any_statistic():
    ds = tk.simulate(runs=3, samples=10, checkpoints=3)
    found = tk.compare_metrics(
        ds, lambda d, m: tk.pairwise(d.isel(checkpoint=[1]), metric=m).mean(), metrics=["hellinger"], null_draws=1
    )
    assert found.observed.dims == ("metric",)
