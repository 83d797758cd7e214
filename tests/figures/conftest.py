"""Results that several figures draw."""

import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture(scope="session")
def ds() -> xr.Dataset:
    """Nine runs of three architectures and different lengths, with what learning curves need."""
    ds = tk.simulate(runs=9, groups=3, spread=0.3, ragged=True)
    rate = ("run", [0.1, 0.01, 0.1, 0.01, 0.1, 0.01, 0.1, 0.01, 0.1])
    return ds.assign(progress=tk.progress(ds), loss=tk.loss(ds), error=tk.error(ds)).assign_coords(rate=rate)


@pytest.fixture(scope="session")
def small() -> xr.Dataset:
    """Six runs of two architectures, few samples and checkpoints: for claims, which take many embeddings."""
    return tk.simulate(runs=6, samples=20, checkpoints=5, groups=2, spread=0.3)


@pytest.fixture(scope="session")
def embedding(ds: xr.Dataset) -> xr.Dataset:
    return tk.embed(ds, 5)


@pytest.fixture(scope="session")
def distance(ds: xr.Dataset) -> xr.DataArray:
    return tk.trajectory_distance(ds, n=10)


@pytest.fixture(scope="session")
def tree(distance: xr.DataArray) -> xr.Dataset:
    return tk.cluster(distance)


@pytest.fixture(scope="session")
def widths(ds: xr.Dataset) -> xr.DataArray:
    return tk.tube(ds, "architecture", n=11)
