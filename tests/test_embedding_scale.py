"""Laws of embedding at scale: matrices that stay where they are, a few passes over them, and landmarks."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest
import xarray as xr
from numpy.typing import NDArray
from oracles import within
from xarray.backends import BackendArray
from xarray.core import indexing

import trajkit as tk
from trajkit.embedding import eigensolvers
from trajkit.workspace import limit_workspace

NAMES = ("coordinate", "eigenvalue", "explained_stress", "explained_distance", "mean_distance")


class Counted(BackendArray):
    """An array that counts the bytes that are read of it, as one in a file would be read."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.read, self.largest = 0, 0

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._piece)

    def _piece(self, key: tuple[Any, ...]) -> NDArray[Any]:
        out = np.asarray(self.values[key])
        self.read, self.largest = self.read + out.nbytes, max(self.largest, out.nbytes)
        return out

    def lazy(self, like: xr.DataArray) -> xr.DataArray:
        return xr.DataArray(
            xr.Variable(like.dims, indexing.LazilyIndexedArray(self)), attrs=like.attrs, coords=like.coords
        )


@pytest.fixture(scope="module")
def distance() -> xr.DataArray:
    return tk.pairwise(tk.simulate(runs=60, checkpoints=12, samples=20, classes=6, spread=0.3, groups=6))


@pytest.fixture
def small_reads() -> Iterator[float]:
    """Let no more than a twentieth of the matrix be read at a time."""
    with limit_workspace(4e5):
        yield 2e5


def dense(distance: xr.DataArray, n: int, weights: Any = None) -> xr.Dataset:
    """So many components that iterations would not pay, of which the first n are taken."""
    embedding = tk.inpca(distance, len(distance) // 20 + 1, weights=weights)
    assert embedding.solver == "dense"
    return embedding.isel(component=slice(n))


def same(law: str, got: xr.Dataset, exact: xr.Dataset) -> None:
    assert (got.signature == exact.signature).all()
    assert got.coords.equals(exact.coords)
    for name in NAMES:
        within(f"{law} against dense, {name}", float(np.abs(got[name] - exact[name]).max()), 1e-9)
    relative = np.abs(got.eigenvalue / exact.eigenvalue - 1).max()
    within(f"{law} against dense, eigenvalues, relative", float(relative), 1e-8)


# --- where the matrix lies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "steep"])
@pytest.mark.parametrize("where", ["memory", "mapped", "lazy", "netcdf", "zarr", "dask"])
def test_inpca__is_the_same_wherever_the_matrix_lies(
    where: str, weights: str | None, distance: xr.DataArray, tmp_path: Path, small_reads: float
) -> None:
    steep = None if weights is None else np.geomspace(1, 1e4, len(distance))
    exact = dense(distance, 4, steep)
    bare = distance.drop_vars([n for n in distance.coords if n not in ("run", "checkpoint")]).rename("distance")
    if where == "mapped":
        distance.values.tofile(tmp_path / "distance")
        placed = distance.copy(data=np.memmap(tmp_path / "distance", dtype=float, mode="r", shape=distance.shape))
    elif where == "lazy":
        placed = Counted(distance.values).lazy(distance)
    elif where == "netcdf":
        bare.to_netcdf(tmp_path / "distance.nc")
        placed = xr.open_dataset(tmp_path / "distance.nc")["distance"]
    elif where == "zarr":
        stored = bare.reset_coords(drop=True).to_dataset().chunk(point=200, point2=150)
        stored.to_zarr(tmp_path / "distance.zarr", zarr_format=2)
        placed = xr.open_zarr(tmp_path / "distance.zarr", chunks=None)["distance"]
    else:
        placed = distance.chunk(point=(500, 220), point2=300) if where == "dask" else distance
    placed = placed.drop_vars(list(placed.coords)).assign_coords(distance.coords)
    embedding = tk.inpca(placed, 4, weights=steep)
    assert embedding.solver == ("lanczos" if where == "memory" else "block lanczos")
    same(f"inpca of {where}", embedding, exact)
    assert embedding.identical(tk.inpca(placed, 4, weights=steep))
    placed.close()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", ["length", "squared length"])
def test_inpca__of_lengths_and_of_float32_is_that_of_the_same_numbers(
    dtype: Any, scale: str, distance: xr.DataArray, small_reads: float
) -> None:
    stored = (distance if scale == "squared length" else np.sqrt(distance)).astype(dtype).assign_attrs(scale=scale)
    squared = stored.astype(float) if scale == "squared length" else np.square(stored.astype(float))
    exact = dense(squared.assign_attrs(scale="squared length"), 3)
    same("inpca of lengths and float32", tk.inpca(stored, 3), exact)
    same("inpca of lengths and float32", tk.inpca(Counted(stored.values).lazy(stored), 3), exact)


def test_inpca__reads_a_lazy_matrix_a_piece_at_a_time_and_few_times(distance: xr.DataArray, small_reads: float) -> None:
    counted = Counted(distance.values)
    tk.inpca(counted.lazy(distance), 3)
    assert counted.largest <= small_reads
    # The whole once, then its upper triangle.
    assert counted.read <= 5.5 * distance.nbytes


def test_inpca__of_a_lazy_matrix_refuses_what_it_refuses_in_memory(distance: xr.DataArray, small_reads: float) -> None:
    def refused(at: tuple[int, int], value: float, message: str) -> None:
        values = distance.values.copy()
        values[at] = value
        for placed in (distance.copy(data=values), Counted(values).lazy(distance)):
            with pytest.raises(ValueError, match=message):
                tk.inpca(placed, 3)

    largest = float(distance.max())
    refused((3, 700), np.nan, "1 distances are NaN or infinite")
    refused((700, 3), np.inf, "1 distances are NaN or infinite")
    refused((700, 3), float(distance[3, 700]) + 1e-4 * largest, "not symmetric")
    refused((3, 700), float(distance[3, 700]) + 1e-4 * largest, "not symmetric")
    refused((719, 719), 1e-4 * largest, "the diagonal .* is not zero")
    with pytest.raises(ValueError, match="all points coincide"):
        tk.inpca(Counted(np.zeros(distance.shape)).lazy(distance), 3)


def test_inpca__rounding_in_one_triangle_alone_does_no_harm(
    distance: xr.DataArray, small_reads: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounded = np.tril(distance.values).astype(np.float32).astype(float) + np.triu(distance.values)
    embedding = tk.inpca(Counted(rounded).lazy(distance), 3)
    same("inpca of a triangle", embedding, dense(distance, 3))


# --- memory -------------------------------------------------------------------------------------------------------

MEASURED = """
import resource, sys
import numpy as np, xarray as xr
import trajkit as tk
from trajkit.embedding import eigensolvers, squared_distances
import scipy.sparse.linalg
m, dtype = int(sys.argv[1]), sys.argv[2]
x = np.random.default_rng(0).standard_normal((m, 6)).astype(dtype) * np.array([8, 4, 2, 1, 1, 1], dtype=dtype)
values = np.empty((m, m), dtype)
for row in range(0, m, 100):
    rows = slice(row, row + 100)
    values[rows] = np.square(x[rows, None] - x).sum(-1)
tk.inpca(xr.DataArray(values[:600, :600].copy(), dims=("point", "point2"), attrs={"scale": "squared length"}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
distance = xr.DataArray(values, dims=("point", "point2"), attrs={"scale": sys.argv[3]})
embedding = tk.inpca(distance)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024 / values.nbytes)
"""


@pytest.mark.parametrize(("dtype", "scale"), [("float64", "squared length"), ("float32", "length")])
def test_inpca__needs_half_a_matrix_beside_the_matrix_at_most(dtype: str, scale: str) -> None:
    command = [sys.executable, "-c", MEASURED, "4000", dtype, scale]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    within("memory beside the matrix, in matrices", float(done.stdout), 0.5)


# --- |W| and eigensolvers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_inpca__explained_stress_survives_distances_that_are_nearly_all_alike(
    offset: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sums of squared distances cancel here to what is left of them in W.
    x = np.random.default_rng(0).standard_normal((600, 4)) * np.array([8, 4, 2, 1])
    squared = np.square(x[:, None] - x).sum(-1) + offset * (1 - np.eye(600))
    distance = xr.DataArray(squared, dims=("point", "point2"), attrs={"scale": "squared length"})
    exact = 1 - np.linalg.norm(rest_of(squared, e := tk.inpca(distance, 4))) / np.linalg.norm(centered(squared))
    within("explained stress of nearly equal distances", abs(float(e.explained_stress[-1]) - exact), 1e-7)


def centered(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = squared.mean(0)
    out: NDArray[np.float64] = -0.5 * (squared - mean - mean[:, None] + mean.mean())
    return out


def rest_of(squared: NDArray[np.float64], embedding: xr.Dataset) -> NDArray[np.float64]:
    x, signature = embedding.coordinate.values, embedding.signature.values
    out: NDArray[np.float64] = centered(squared) - (x * signature) @ x.T
    return out


def test_block_lanczos__finds_both_ends_of_a_slow_spectrum_and_restarts() -> None:
    random = np.random.default_rng(3)
    vectors = np.linalg.qr(random.standard_normal((300, 300)))[0]
    values = np.linspace(-1, 0.97, 300)
    a = (vectors * values) @ vectors.T
    start = eigensolvers.block_start(300, 3)[:, :6]
    got, vector = eigensolvers.block_lanczos(lambda x: a @ x, start, a @ start, 3)
    wanted = values[np.argsort(-np.abs(values))[:3]]
    within("block lanczos, eigenvalues", np.abs(got - wanted).max(), 1e-12)
    within("block lanczos, residual", np.abs(a @ vector - vector * got).max(), 1e-11)


def test_block_lanczos__says_when_it_does_not_converge() -> None:
    a = np.diag(np.linspace(0.9, 1, 400))
    start = eigensolvers.block_start(400, 1)
    with pytest.raises(RuntimeError, match="1 components were not found in 3 passes"):
        eigensolvers.block_lanczos(lambda x: a @ x, start, a @ start, 1, most_passes=3)


# --- landmarks ----------------------------------------------------------------------------------------------------


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


class CountedRuns(Counted):
    """Predictions that are read run by run."""


@pytest.mark.parametrize("where", ["lazy", "dask", "netcdf"])
def test_landmarks__of_lazy_predictions_are_those_in_memory_and_read_twice(where: str, tmp_path: Path) -> None:
    ds = tk.simulate(runs=30, checkpoints=10, samples=40, classes=5, spread=0.3, ragged=True)
    exact = tk.embed(ds, landmarks=90)
    counted = CountedRuns(ds.log_prob.values)
    if where == "lazy":
        placed = ds.assign(log_prob=counted.lazy(ds.log_prob))
    elif where == "dask":
        placed = ds.chunk(run=4)
    else:
        placed = tk.load(tk.save(ds, tmp_path / "runs.nc"), chunks={"run": 3})
    with limit_workspace(ds.log_prob.nbytes / 7):
        few = tk.embed(placed, landmarks=90)
    within("landmarks of lazy predictions", float(np.abs(few.coordinate - exact.coordinate).max()), 1e-12)
    within("error of landmarks, lazy", float(np.abs(few.landmark_error - exact.landmark_error).max()), 1e-12)
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


def test_progress__of_lazy_predictions_is_read_a_few_runs_at_a_time() -> None:
    ds = tk.simulate(runs=30, checkpoints=10, spread=0.3, ragged=True)
    exact = tk.progress(ds)
    counted = CountedRuns(ds.log_prob.values)
    with limit_workspace(ds.log_prob.nbytes / 7):
        assert tk.progress(ds.assign(log_prob=counted.lazy(ds.log_prob))).identical(exact)
    assert counted.largest <= ds.log_prob.nbytes / 7


# --- the benchmark ------------------------------------------------------------------------------------------------


def test_benchmark__embeds_trajectories_that_are_made_as_they_are_read() -> None:
    program = Path(__file__).parent / "benchmarks" / "bench_embedding.py"
    command = [sys.executable, program, "--points", "3000", "--samples", "50", "--landmarks", "200", "--slice", "600"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "3000 points" in done.stdout
    assert "GiB" in done.stdout
