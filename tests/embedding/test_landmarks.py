"""Laws of embeddings from landmarks."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest
import xarray as xr
from counted import Counted
from numpy.typing import NDArray
from oracles import within

import trajkit as tk
from trajkit.workspace import limit_workspace


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.simulate(runs=20, checkpoints=20, spread=0.3, ragged=True, groups=4)


def test_landmarks__are_near_the_full_embedding_and_say_how_near(ds):
    full = tk.embed(ds)
    few = tk.embed(ds, landmarks=150)
    aligned = tk.align(full, few)
    assert aligned.attrs["misfit"] < 0.05
    gap = few.explained_distance - few.projected_explained_distance
    assert float(np.abs(gap).max()) < 0.1


def test_landmarks__themselves_are_embedded_exactly(ds):
    few = tk.embed(ds, landmarks=150)
    everything = tk.with_references(ds)
    at = tk.points(everything)
    chosen = tk.points(few).is_landmark.values
    assert chosen.sum() == 150
    # Each stands for as many points as it was drawn from, a reference for itself.
    times = tk.points(few).weight.values[chosen] * len(chosen)
    is_reference = at.kind.values[chosen] == "reference"
    np.testing.assert_allclose(times[is_reference], 1)
    assert set(times[~is_reference].round(9)) == {4, 3}
    np.testing.assert_allclose(times.sum(), len(chosen))
    exact = tk.inpca(tk.pairwise(at.isel(point=chosen)), 3, weights=times)
    np.testing.assert_allclose(tk.points(few).coordinate.values[chosen], exact.coordinate.values, atol=1e-9)
    np.testing.assert_allclose(few.eigenvalue, exact.eigenvalue * len(chosen), rtol=1e-9)
    assert tk.points(few).is_landmark.values[at.kind.values == "reference"].all()


def test_landmarks__are_spread_over_every_run_and_its_progress(ds):
    few = tk.embed(ds, landmarks=150)
    networks = few.sel(run=few.kind == "network")
    per_run = networks.is_landmark.sum("checkpoint")
    recorded = (networks.step >= 0).sum("checkpoint")
    share = (150 - 52) / float(recorded.sum())
    assert (np.abs(per_run - share * recorded) <= 2).all()


def test_landmarks__the_same_seed_chooses_the_same(ds):
    a, b, c = (tk.embed(ds, landmarks=100, seed=s) for s in (1, 1, 2))
    assert a.identical(b)
    assert (a.is_landmark != c.is_landmark).any()


@pytest.mark.parametrize("landmarks", [0, 2, 52, 10_000])
def test_landmarks__too_few_or_too_many_are_refused(ds, landmarks):
    with pytest.raises(ValueError, match="landmarks: wanted more than the 52 reference points"):
        tk.embed(ds, landmarks=landmarks)


def moved(full: xr.Dataset, few: xr.Dataset, distance: xr.DataArray) -> NDArray[np.float64]:
    """What `landmark_error` estimates, from the full embedding: of all pairs that no landmark is in."""
    unseen = ~tk.points(few).is_landmark.values
    exact, got = (e.isel(point=unseen) for e in (full, tk.points(few)))
    out = []
    for k in range(1, full.sizes["component"] + 1):
        shown = [oracle(e.coordinate.values[:, :k], e.signature.values[:k]) for e in (exact, got)]
        out.append(np.abs(shown[0] - shown[1]).sum() / distance.values[np.ix_(unseen, unseen)].sum())
    return np.array(out)


def oracle(x: NDArray[np.float64], signature: NDArray[np.int64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = (signature * np.square(x[:, None] - x[None])).sum(-1)
    return out


def test_oracle__of_distances_in_the_picture_is_that_of_loops() -> None:
    x, signature = np.random.default_rng(0).standard_normal((5, 3)), np.array([1, -1, 1])
    np.testing.assert_allclose(oracle(x, signature), oracles.embedded_distance(x, signature), atol=1e-12)


def digits(runs: Any) -> xr.Dataset:
    every = tk.sample_data("digits")
    return every.isel(run=runs)


SLICES = {
    "digits, one architecture": lambda: digits(slice(0, 30)),
    "digits, some runs": lambda: digits(np.sort(np.random.default_rng(0).permutation(129)[:34])),
    "simulated": lambda: tk.simulate(runs=40, checkpoints=25, samples=50, classes=6, spread=0.3, groups=5),
}


@pytest.mark.parametrize("name", SLICES)
def test_landmarks__the_error_is_estimated_within_a_factor_of_two_over_draws(name: str) -> None:
    ds = SLICES[name]()
    distance = tk.pairwise(tk.with_references(ds))
    full = tk.inpca(distance)
    ratios = []
    for landmarks, seed in itertools.product((200, 400), range(3)):
        few = tk.embed(ds, landmarks=landmarks, seed=seed)
        truth = moved(full, few, distance)[-1]
        ratios.append(float(few.landmark_error[-1]) / truth)
        within("what landmarks move distances", truth, 0.03)
        assert (few.signature == full.signature).all()
    ratios = np.log(ratios)
    within("error of landmarks, estimate and truth apart by a factor, over draws", np.exp(abs(ratios.mean())), 2)
    # Runs from corners are few and lie apart: a draw that misses them cannot tell what it misses.
    within("error of landmarks, estimate and truth apart by a factor, in one draw", np.exp(abs(ratios).max()), 6)


@pytest.mark.parametrize("where", ["lazy", "dask", "netcdf"])
def test_landmarks__of_lazy_predictions_are_those_in_memory_and_read_twice(where: str, tmp_path: Path) -> None:
    ds = tk.simulate(runs=30, checkpoints=10, samples=40, classes=5, spread=0.3, ragged=True)
    exact = tk.embed(ds, landmarks=90)
    counted = Counted(ds.log_prob.values)
    if where == "lazy":
        placed = ds.assign(log_prob=counted.lazy(ds.log_prob))
    elif where == "dask":
        placed = ds.chunk(run=4)
    else:
        placed = tk.load(tk.save(ds, tmp_path / "runs.nc"), chunks={"run": 3})
    with limit_workspace(ds.log_prob.nbytes / 7):
        few = tk.embed(placed, landmarks=90)
    # Points are placed from float32 distances, whose rounding depends on the blocks.
    within("landmarks of lazy predictions", float(np.abs(few.coordinate - exact.coordinate).max()), 1e-6)
    within("error of landmarks, lazy", float(np.abs(few.landmark_error - exact.landmark_error).max()), 1e-6)
    assert few.run.equals(exact.run)
    if where == "lazy":
        assert counted.read == 2 * ds.log_prob.nbytes
        assert counted.largest <= ds.log_prob.nbytes / 7
    placed.close()


def test_landmarks__of_lazy_predictions_are_checked_as_they_are_read() -> None:
    ds = tk.simulate(runs=30, checkpoints=5)
    wrong = ds.log_prob.values.copy()
    wrong[17, 2, 3] = 0
    with pytest.raises(tk.SchemaError, match="checkpoint 2: the probabilities of sample 3"):
        tk.embed(ds.assign(log_prob=(ds.log_prob.dims, wrong)).chunk(run=4), landmarks=90)
