"""A matrix of distances for all tests of embeddings."""

import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture(scope="module")
def distance() -> xr.DataArray:
    return tk.pairwise(tk.simulate(runs=6, checkpoints=8, spread=0.3))
