"""Distances within and between groups along progress."""

import numpy as np

import trajkit as tk


def test_convergence__agrees_with_pairwise_distances_at_equal_progress():
    ds = tk.simulate(runs=5, samples=20, groups=2, spread=0.3)
    found = tk.convergence(ds, "architecture", n=4, draws=20, metric="fisher_rao")
    even = tk.resample(ds, 4)
    for k in range(4):
        distance = tk.pairwise(even.isel(checkpoint=[k]), metric="fisher_rao").values
        alike = ds.architecture.values[:, None] == ds.architecture.values
        upper = np.triu(np.ones((5, 5), dtype=bool), 1)
        at = found.estimate.isel(progress=k)
        np.testing.assert_allclose(at.sel(quantity="within"), distance[alike & upper].mean(), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(at.sel(quantity="between"), distance[~alike & upper].mean(), rtol=1e-6, atol=1e-9)
    ratio = found.estimate.sel(quantity="between") / found.estimate.sel(quantity="within")
    np.testing.assert_allclose(found.estimate.sel(quantity="ratio")[1:], ratio[1:])
    inside = (found.lower <= found.estimate) & (found.estimate <= found.upper)
    assert inside.isel(progress=[1, 2]).all()


def test_convergence__groups_that_start_apart_come_together():
    """Groups lean to classes 0 and 1 at first; runs of a group differ by as much at all times."""
    random = np.random.default_rng(0)
    label, t = np.arange(60) % 5, np.linspace(0, 1, 9)[:, None, None]
    logits = []
    for group in (0, 0, 1, 1):
        lean = 1.5 * (np.arange(5) == group) * (1 - t)
        logits.append(4 * t * (np.arange(5) == label[:, None]) + lean + 0.3 * random.standard_normal((60, 5)))
    ds = tk.from_arrays(logits=np.array(logits), label=label, runs={"init": ["a", "a", "b", "b"]})
    ratio = tk.convergence(ds, "init", n=5, draws=20).estimate.sel(quantity="ratio")
    assert float(ratio[1]) > 3
    assert float(ratio[3]) < 0.5 * float(ratio[1])


def test_convergence__over_seeds_and_runs_is_that_of_samples_with_other_intervals():
    ds = tk.simulate(runs=8, samples=20, groups=2, spread=0.3)
    found = tk.convergence(ds, "architecture", n=4, draws=20)
    for over in ("seed", "run"):
        other = tk.convergence(ds, "architecture", n=4, over=over, interval="jackknife")
        np.testing.assert_allclose(other.estimate[:, 1:], found.estimate[:, 1:], rtol=1e-5, atol=1e-12)
        assert (other.lower <= other.estimate).isel(progress=[1, 2]).all()
        assert other.attrs["over"] == over
