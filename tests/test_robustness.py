"""Whether claims hang on the distance, the samples, the runs: laws of metrics side by side and of stability."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk

# compare_metrics


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
        groups = tk.compare_groups(distance, "architecture", permutations=1)
        at = found.sel(metric=metric)
        expected = [embedding.explained_stress[2], embedding.explained_distance[2]]
        expected += [distance.values[np.triu_indices(4, 1)].mean(), groups.ratio[0]]
        np.testing.assert_allclose(at.observed, expected, rtol=1e-5)
        shuffled = [tk.trajectory_distance(tk.shuffle_within_class(ds, s), n=20, metric=metric) for s in seeds]
        null = [d.values[np.triu_indices(4, 1)].mean() for d in shuffled]
        np.testing.assert_allclose(at.null.sel(quantity="distance"), null, rtol=1e-5)
        np.testing.assert_allclose(at.ratio, at.observed / at.null.mean("draw"))


def test_compare_metrics__takes_any_statistic_and_refuses_what_makes_no_sense():
    ds = tk.simulate(runs=3, samples=10, checkpoints=3)
    found = tk.compare_metrics(
        ds, lambda d, m: tk.pairwise(d.isel(checkpoint=[1]), metric=m).mean(), metrics=["hellinger"], null_draws=1
    )
    assert found.observed.dims == ("metric",)
    for metrics in ([], ["euclid"], ["kullback_leibler"], ["hellinger"] * 2):
        with pytest.raises(ValueError, match="wanted one"):
            tk.compare_metrics(ds, metrics=metrics)
    with pytest.raises(ValueError, match="differs for every run"):
        tk.compare_metrics(tk.simulate(runs=3, groups=3, checkpoints=3), by="architecture", null_draws=1)


# stability


@pytest.fixture(scope="module")
def stable() -> xr.Dataset:
    ds = tk.simulate(runs=6, samples=80, checkpoints=5, groups=2, spread=0.3)
    return tk.stability(ds, shares=[0.5, 0.1], repeats=3)


def test_stability__the_whole_is_itself_and_less_is_further(stable):
    assert float(stable.misfit.sel(change="all")[0]) < 1e-6
    misfit = stable.misfit.mean("repeat")
    assert misfit.sel(change="10 % of samples") > misfit.sel(change="50 % of samples") > 0
    assert stable.explained_distance.sel(change="50 % of runs").notnull().all()
    assert stable.limitations == ""


def test_stability__leaving_out_a_group_is_what_embed_gives_without_it():
    ds = tk.simulate(runs=6, samples=30, checkpoints=5, groups=3, spread=0.3)
    found = tk.stability(ds, shares=[0.5], repeats=2)
    without = tk.embed(ds.isel(run=ds.architecture.values != "B"))
    at = found.sel(change="without architecture B")
    assert float(at.explained_distance[0]) == pytest.approx(float(without.explained_distance[-1]))
    assert np.isnan(at.misfit[1])
    expected = tk.align(tk.embed(ds), without).attrs["misfit"]
    assert float(at.misfit[0]) == pytest.approx(expected, rel=1e-6)
    assert float(at.kept) == pytest.approx(2 / 3)


def test_stability__refuses_what_makes_no_sense():
    ds = tk.simulate(runs=4, samples=10, checkpoints=3)
    for arguments, match in [
        ({"shares": []}, "shares: wanted"),
        ({"shares": [1.0]}, "shares: wanted"),
        ({"repeats": 0}, "repeats: wanted"),
        ({"by": "depth"}, "no run attribute"),
    ]:
        with pytest.raises(ValueError, match=match):
            tk.stability(ds, **arguments)
