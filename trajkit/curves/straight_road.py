"""The straight road of a run: the geodesic from its start to truth."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.curves.ends import truth
from trajkit.curves.geodesic import great_circle
from trajkit.curves.progress import progress_of
from trajkit.curves.resample import on_grid
from trajkit.curves.start import since_start
from trajkit.typing import Array

# Points of the geodesic between which it is interpolated.
_POINTS = 41


def straight_roads(ds: xr.Dataset, at: Array) -> NDArray[np.float32]:
    """Compute where each run would be if it went straight from its start to truth.

    Parameters
    ----------
    ds
        A trajectory dataset that is known to be valid.
    at
        Values of progress (run, value).

    Returns
    -------
    numpy.ndarray
        Log-probabilities (run, value, sample, class).

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2, samples=4)
    >>> road = straight_roads(ds, np.full((2, 1), 0.5))
    >>> bool(np.allclose(road[0, 0], tk.geodesic(tk.ignorance(ds), tk.truth(ds), 0.5), atol=1e-3))
    True
    """
    first = since_start(ds).argmax(1)
    start, end = ds["log_prob"].values[np.arange(len(first)), first], truth(ds).values
    t = np.linspace(0, 1, _POINTS)
    out = np.empty((len(first), at.shape[1], *end.shape), dtype=ds["log_prob"].dtype)
    everywhere = np.ones((1, _POINTS), dtype=bool)
    for r, corner in enumerate(start):
        road = great_circle(corner, end, t).astype(out.dtype)[None]
        made = xr.Dataset(
            {"log_prob": (ds["log_prob"].dims, road), "step": (("run", "checkpoint"), np.arange(_POINTS)[None])}
        )
        own = np.maximum.accumulate(progress_of(made.assign_coords(label=ds["label"]))[0].values)
        out[r] = on_grid(road, everywhere, [own], at[r])[0][0]
    return out
