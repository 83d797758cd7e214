"""Fixtures of the tests of importers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture
def ds() -> xr.Dataset:
    """Ragged runs with attributes of every kind, some of them missing."""
    ds = tk.simulate(runs=3, checkpoints=5, samples=6, classes=3, spread=0.1, ragged=True)
    return ds.assign_coords(
        augmentation=("run", [True, False, True]),
        learning_rate=("run", [0.1, np.nan, 1e-300]),
        optimizer=("run", ["", "Adam, β₂=0.999", 'a "quoted" one']),
        width=("run", np.array([-1, 0, 2**62])),
        nothing=("run", ["", "", ""]),
        unknown=("run", [np.nan] * 3),
    ).assign(epoch=ds.step.where(ds.step >= 0) / 10)
