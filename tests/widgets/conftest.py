"""A dataset with attributes of every kind."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk

# Names that are no Python names, and would be HTML if anybody took them for it.
UGLY = 'it\'s <b>bold</b> "x"'
RATES = np.logspace(-4, 0, 24)


@pytest.fixture(scope="session")
def ds() -> xr.Dataset:
    ds = tk.simulate(runs=24, groups=3, spread=0.3, checkpoints=8, samples=30)
    rates = RATES.copy()
    rates[3] = np.nan
    return ds.assign_coords(
        {
            "width": ("run", np.arange(24) * 2),
            "learning_rate": ("run", rates),
            "dropout": ("run", np.arange(24) % 2 == 0),
            "banana": ("run", np.where(np.arange(24) % 3 == 0, np.nan, 1.0)),
            "optimizer": ("run", ["adam"] * 24),
            UGLY: ("run", ["nan", "<script>alert(1)</script>"] * 12),
        }
    )
