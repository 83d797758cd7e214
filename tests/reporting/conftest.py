"""Simulated runs to which the claims have known answers."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

import trajkit as tk

Simulate = Callable[..., xr.Dataset]


@pytest.fixture(scope="session")
def simulated() -> Simulate:
    """Simulate runs of one split: each architecture in twelve contexts, which make no difference, with two seeds."""

    def simulate(runs: int = 48, groups: int = 2) -> xr.Dataset:
        ds = tk.simulate(runs=runs, samples=30, checkpoints=6, groups=groups, spread=0.3)
        ds = ds.isel(sample=ds.split.values == "test").drop_vars("known_progress")
        place = np.arange(runs) // groups
        context = {"optimizer": np.array(["adam", "nesterov", "sgd"])[place // 2 % 3], "width": 2 ** (place // 6)}
        return ds.assign_coords({name: ("run", values) for name, values in (context | {"seed": place % 2}).items()})

    return simulate


@pytest.fixture(scope="session")
def various() -> xr.Dataset:
    """Runs for which every claim can be told, with settings that are missing for some, and references."""
    ds = tk.simulate(runs=16, samples=24, checkpoints=7, groups=2, spread=0.3).drop_vars("known_progress")
    # Without the last checkpoint, at which all runs are at the truth.
    ds = ds.isel(checkpoint=slice(0, 6))
    place, random = np.arange(16), np.random.default_rng(0)
    log_prob = ds.log_prob.values + 0.05 * random.standard_normal(ds.log_prob.shape)
    log_prob[8:, 0, :, 0] += 1
    log_prob -= np.log(np.exp(log_prob).sum(-1, keepdims=True))
    width, init = 2 ** (place // 2 % 2), np.where(place < 8, "default", "corner")
    init[[3, 12]] = ""
    ds = ds.assign(
        log_prob=ds.log_prob.copy(data=log_prob.astype(np.float32)),
        step=ds.step * xr.DataArray(4 // width + place // 4 % 2, dims="run"),
    ).assign_coords(
        width=("run", width),
        parameters=("run", width**2),
        seed=("run", place // 4 % 2),
        init=("run", init),
        dropout=("run", np.where(place % 8 == 5, np.nan, 0.1)),
    )
    return tk.with_references(tk.set_roles(ds, setting=["dropout"]), 5)
