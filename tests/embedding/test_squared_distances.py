"""Laws of InPCA of matrices that are not in memory: the same result, few reads."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from counted import Counted
from oracles import within

import trajkit as tk
from trajkit.workspace import limit_workspace

NAMES = ("coordinate", "eigenvalue", "explained_stress", "explained_distance", "mean_distance")


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


def test_inpca__rounding_in_one_triangle_alone_does_no_harm(distance: xr.DataArray, small_reads: float) -> None:
    rounded = np.tril(distance.values).astype(np.float32).astype(float) + np.triu(distance.values)
    embedding = tk.inpca(Counted(rounded).lazy(distance), 3)
    same("inpca of a triangle", embedding, dense(distance, 3))


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
