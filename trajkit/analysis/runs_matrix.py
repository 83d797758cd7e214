"""The check of a matrix of distances between runs."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.arranged import turned
from trajkit.typing import Array


def runs_matrix(distance: xr.DataArray) -> Array:
    """Check a symmetric matrix of distances between runs and return its values.

    Raises
    ------
    TypeError
        If `distance` is no DataArray.
    ValueError
        If it is no symmetric matrix (run, run2), or holds NaN or infinite values.

    Examples
    --------
    >>> import trajkit as tk
    >>> runs_matrix(tk.trajectory_distance(tk.simulate(runs=3), n=5)).shape
    (3, 3)
    """
    distance = turned(distance, "run", "run2")
    if distance.dims != ("run", "run2") or not np.array_equal(distance["run"], distance["run2"]):
        raise ValueError(
            f"wanted a square matrix (run, run2) with the same runs along both dimensions, got {dict(distance.sizes)}; "
            "`tk.trajectory_distance(ds)` returns one"
        )
    values = np.asarray(distance.values, dtype=np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        first, second = distance["run"].values[np.argwhere(bad)[0]].tolist()
        raise ValueError(
            f"{int(bad.sum())} distances are NaN or infinite, the first from run {first!r} to {second!r}: "
            "leave these runs out, or pass cap= to `tk.trajectory_distance`"
        )
    if values.size and np.abs(values - values.T).max() > 1e-6 * np.abs(values).max():
        raise ValueError("wanted a symmetric matrix of distances, d(u, v) = d(v, u): use (d + d.values.T) / 2")
    return values
