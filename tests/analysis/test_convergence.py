"""Distances within and between groups along progress, and those of straight roads."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


def check_pairs(got: xr.DataArray, distance: np.ndarray, alike: np.ndarray) -> None:
    """Compare means with those of a matrix of distances."""
    upper = np.triu(np.ones_like(alike), 1)
    np.testing.assert_allclose(got.sel(quantity="within"), distance[alike & upper].mean(), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(got.sel(quantity="between"), distance[~alike & upper].mean(), rtol=1e-6, atol=1e-9)


def test_convergence__agrees_with_pairwise_distances_at_equal_progress_at_the_start_and_at_the_end():
    ds = tk.simulate(runs=5, samples=20, groups=2, spread=0.3, ragged=True)
    found = tk.convergence(ds, "architecture", n=4, draws=20, metric="fisher_rao")
    even = tk.resample(ds, 4, extend="shared")
    np.testing.assert_array_equal(found.progress, even.progress[0])
    assert found.attrs["shared_to"] == even.attrs["shared_to"]
    alike = ds.architecture.values[:, None] == ds.architecture.values
    length = (ds.step >= 0).sum("checkpoint").values
    last = xr.concat(
        [ds.isel(run=[r], checkpoint=[k - 1]).assign_coords(checkpoint=[0]) for r, k in enumerate(length)], "run"
    )
    cases = [(found.estimate.isel(progress=k), even.isel(checkpoint=[k])) for k in range(4)]
    cases += [
        (found.stage_estimate.sel(stage="start"), ds.isel(checkpoint=[0])),
        (found.stage_estimate.sel(stage="end"), last),
    ]
    for got, at in cases:
        check_pairs(got, tk.pairwise(at, metric="fisher_rao").values, alike)
    np.testing.assert_allclose(
        found.stage_estimate.sel(stage="path")[:3], found.estimate.mean("progress")[:3], rtol=1e-9
    )
    for values in (found.estimate[:, 1:], found.stage_estimate.sel(stage=["path", "end"])):
        between = values.sel(quantity="between")
        np.testing.assert_allclose(values.sel(quantity="ratio"), between / values.sel(quantity="within"))
        np.testing.assert_allclose(values.sel(quantity="straight ratio"), between / values.sel(quantity="straight"))
    inside = (found.lower <= found.estimate) & (found.estimate <= found.upper)
    assert inside.isel(progress=[1, 2]).all()


def from_corners(bend: float, away: float, label: np.ndarray, seed: int = 0, runs: int = 3) -> xr.Dataset:
    """Runs from two corners whose ways to truth are straight, but for a `bend` to a common road and a way `away`."""
    random = np.random.default_rng(seed)
    samples, classes = len(label), 5
    truth = np.eye(classes)[label]
    probe = tk.simulate(runs=1, checkpoints=1, samples=samples, classes=classes)
    curves = []
    for group in (0, 1):
        for _ in range(runs):
            corner = np.log(np.full((samples, classes), 0.1) + 0.5 * (np.arange(classes) == group))
            corner = corner + 0.1 * random.standard_normal(corner.shape)
            corner = corner - np.log(np.exp(corner).sum(-1, keepdims=True))
            ways = [xr.DataArray(x, dims=("sample", "class")) for x in (corner, np.log(truth.clip(1e-9)))]
            t = np.linspace(0, 1, 12)
            p = np.exp(tk.geodesic(*ways, t).values)
            common = np.exp(tk.geodesic(tk.ignorance(probe), tk.truth(probe), t).values) if bend else p
            mixed = np.einsum("t,tsc->tsc", bend * np.sin(np.pi * t / 2) ** 2, common) + np.einsum(
                "t,tsc->tsc", 1 - bend * np.sin(np.pi * t / 2) ** 2, p
            )
            own = np.where(np.arange(classes) == group + 2, 1.0, 0.0)
            off = away * np.sin(np.pi * t)[:, None, None]
            mixed = (1 - off) * mixed + off * own
            curves.append(np.log(mixed / mixed.sum(-1, keepdims=True)))
    about = {"init": ["a"] * runs + ["b"] * runs, "seed": [*range(runs)] * 2}
    return tk.from_arrays(log_prob=np.array(curves), label=label, runs=about)


LABEL = tk.simulate(runs=1, checkpoints=1, samples=40, classes=5).label.values


@pytest.mark.parametrize(
    ("bend", "away", "below", "above"), [(0.0, 0.0, False, False), (0.9, 0.0, True, False), (0.0, 0.4, False, True)]
)
def test_convergence__path_tells_runs_that_come_together_from_straight_ones_and_from_those_that_keep_away(
    bend: float, away: float, below: bool, above: bool
) -> None:
    """Two families of straight lines meet at truth alone: their distance falls, and they do not converge before."""
    found = tk.convergence(from_corners(bend, away, LABEL), "init", n=8, draws=99)
    path = found.sel(quantity="straight ratio", stage="path")
    assert bool(path.stage_upper < 0.9) == below
    assert bool(path.stage_lower > 1.1) == above
    if not below and not above:
        assert float(path.stage_estimate) == pytest.approx(1, abs=0.02)
    # By themselves, distances say nothing: they fall for all three.
    between = found.stage_estimate.sel(quantity="between")
    assert between.sel(stage="end") < 0.2 * between.sel(stage="start")


def test_convergence__starts_where_training_does():
    ds = from_corners(0.9, 0.0, LABEL)
    detour = tk.simulate(runs=6, checkpoints=4, samples=40, classes=5, spread=0.3).log_prob.values[:, :, :, ::-1]
    log_prob = np.concatenate([detour, ds.log_prob.values], axis=1)
    about = {"init": ds.init.values, "seed": ds.seed.values}
    longer = tk.from_arrays(log_prob=log_prob, label=LABEL, runs={**about, "start_step": [4] * 6})
    got, wanted = (tk.convergence(x, "init", n=5, draws=9) for x in (longer, ds))
    xr.testing.assert_allclose(got, wanted)


def test_convergence__over_seeds_and_runs_is_that_of_samples_with_other_intervals():
    ds = tk.simulate(runs=8, samples=20, groups=2, spread=0.3)
    found = tk.convergence(ds, "architecture", n=4, draws=20)
    for over in ("seed", "run"):
        other = tk.convergence(ds, "architecture", n=4, over=over, interval="jackknife")
        np.testing.assert_allclose(other.estimate[:, 1:], found.estimate[:, 1:], rtol=1e-5, atol=1e-12)
        assert (other.lower <= other.estimate).isel(progress=[1, 2]).all()
        assert other.attrs["over"] == over


def test_convergence__says_when_a_group_reaches_too_little():
    ds = tk.simulate(runs=6, checkpoints=10, groups=2, spread=0.3)
    short = ds.isel(run=[1], checkpoint=slice(0, 4))
    with pytest.raises(ValueError, match=r"1 of 4 runs reach too little .*: B-0.*'architecture' has one value, 'A'"):
        tk.convergence(tk.concat([ds.isel(run=[0, 2, 4]), short]), "architecture")
