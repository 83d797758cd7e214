"""Where trajectories start: at the first checkpoint, or at `start_step` of a run that is recorded before its start."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.points import MISSING
from trajkit.typing import Array, Mask

START = "start_step"


def after_start(ds: xr.Dataset) -> Mask:
    """Mark the recorded checkpoints (run, checkpoint) that belong to trajectories.

    A run that is recorded before its own training, such as on the way to a corner, has the run attribute `start_step`:
    its trajectory begins at its first checkpoint with step >= start_step. A missing number means the first checkpoint.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2, checkpoints=4).assign_coords(start_step=("run", [0, 2]))
    >>> after_start(ds).sum(1)
    array([4, 2])
    """
    step = ds["step"].transpose("run", "checkpoint").values
    return (step >= 0) & (step >= _start(ds)[:, None]) if START in ds.coords else step >= 0


def since_start(ds: xr.Dataset) -> Mask:
    """Mark the same, and refuse runs without a trajectory.

    Raises
    ------
    ValueError
        If `start_step` is no number, or some run has no checkpoint from there on.

    Examples
    --------
    >>> import trajkit as tk
    >>> since_start(tk.simulate(runs=2, checkpoints=4)).sum(1)
    array([4, 4])
    """
    after = after_start(ds)
    if not (there := after.any(1)).all():
        raise ValueError(
            f"runs {ds['run'].values[~there][:5].tolist()} have no checkpoint at or after their {START!r}: correct it, "
            "or leave these runs out"
        )
    return after


def _start(ds: xr.Dataset) -> Array:
    start = ds[START]
    if start.dims != ("run",) or start.dtype.kind not in "fi":
        raise ValueError(f"{START!r}: wanted a number of steps for each run, got {start.dtype} on {start.dims}")
    values = start.values.astype(np.float64)
    return np.where(np.isnan(values), -np.inf, values)


def from_start(ds: xr.Dataset) -> xr.Dataset:
    """Make the checkpoints before the start of each trajectory missing.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2, checkpoints=4).assign_coords(start_step=("run", [0, 2]))
    >>> from_start(ds).step.values
    array([[ 0,  1,  2,  3],
           [-1, -1,  2,  3]])
    """
    keep = since_start(ds)
    if START not in ds.coords:
        return ds
    kept = xr.DataArray(keep, dims=("run", "checkpoint"))
    masked = {
        name: v.where(kept, MISSING[v.dtype.kind]).transpose(*v.dims)
        for name, v in ds.data_vars.items()
        if {"run", "checkpoint"} <= set(v.dims)
    }
    return ds.assign(masked)
