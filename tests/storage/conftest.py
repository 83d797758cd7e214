"""Fixtures of the tests of storage."""

import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture
def ds() -> xr.Dataset:
    return tk.simulate(runs=3, checkpoints=6, samples=30, spread=0.1, ragged=True)


@pytest.fixture(params=[".nc", ".zarr"], scope="session")
def suffix(request: pytest.FixtureRequest) -> str:
    """The end of a file's name, which decides its format."""
    return request.param
