"""In which directions trajectories leave ignorance and arrive at truth, and how few points span the road."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.curves import ignorance, tangent, truth
from trajkit.curves.resample import resampled
from trajkit.schema import networks, run_attributes
from trajkit.typing import Array

# Steps of progress: `near` and `at` are rounded to these.
STEPS = 20


def tangent_angles(ds: xr.Dataset, *, near: float = 0.1) -> xr.Dataset:
    """Give the angles between runs at their starts and ends.

    The start tangent of a run is that of the geodesic from ignorance to its point at progress `near`, the end tangent
    that from truth to its point at progress 1 - near: all runs have them at the same two points, where they can be
    compared. With u_n the tangent of one run in sample n, and v_n that of another,

        angle = arccos(sum_n u_n . v_n / sqrt(sum_n |u_n|^2 sum_n |v_n|^2))

    Most of every tangent lies along the geodesic between ignorance and truth, whatever a run does. `sideways` is the
    angle of what is left without that part: 90 degrees for runs that leave the road in unrelated directions, the null.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out.
    near
        Progress from the end, up to 0.5, in twentieths. A run that does not get so far, or starts further, stands with
        its first or last checkpoint.

    Returns
    -------
    xarray.Dataset
        `angle` and `sideways` (end, run, run2) and `to_geodesic` (end, run), in degrees, with `end` "start" and "end".
        `sideways` is NaN for a run that lies on the geodesic there.

    Raises
    ------
    ValueError
        If `near` makes no sense, or a run has nowhere to go: its point is ignorance, or truth, itself.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.tangent_angles(tk.simulate(runs=4, groups=2, samples=200, spread=0.3)).sel(end="end")
    >>> a, b = found.sideways.sel(run="A-0", run2="A-1"), found.sideways.sel(run="A-0", run2="B-0")
    >>> bool(a < 30), bool(abs(b - 90) < 10)
    (True, True)

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604, compare trajectories where they start and end.
    """
    if not 0 < near <= 0.5:
        raise ValueError(f"near: wanted a progress above 0 and up to 0.5, got {near}")
    ds = networks(ds, least=2)
    even = resampled(ds, STEPS + 1)
    step = max(1, round(near * STEPS))
    first, last = ignorance(ds), truth(ds)
    found = [
        _angles(even["log_prob"].isel(checkpoint=at, drop=True), here, there)
        for at, here, there in ((step, first, last), (STEPS - step, last, first))
    ]
    coords = {
        "end": ["start", "end"],
        **{name: ds[name] for name in ("run", *run_attributes(ds))},
        "run2": ds["run"].values,
    }
    names = ("angle", "sideways", "to_geodesic")
    meaning = ("angle between tangents", "angle beside the geodesic", "angle with the geodesic")
    return xr.Dataset(
        {
            name: (
                ("end", "run", "run2")[: 2 + (k < 2)],
                np.degrees([f[k] for f in found]),
                {"long_name": meaning[k], "units": "degrees"},
            )
            for k, name in enumerate(names)
        },
        coords,
        {"near": step / STEPS},
    )


def _angles(log_prob: xr.DataArray, here: xr.DataArray, there: xr.DataArray) -> tuple[Array, Array, Array]:
    """Angles of tangents at `here`, of what is left beside the way to `there`, and with that way, in radians."""
    runs = log_prob.sizes["run"]
    vectors = tangent(here, log_prob).transpose("run", "sample", "class").values.reshape(runs, -1)
    road = tangent(here, there).transpose("sample", "class").values.ravel()
    size = np.linalg.norm(vectors, axis=1)
    if not size.all():
        still = log_prob["run"].values[size == 0][:5].tolist()
        raise ValueError(f"runs {still} lie where they should be going to or coming from: take a larger near=")
    along = vectors @ road / (road @ road)
    beside = vectors - along[:, None] * road
    left = np.linalg.norm(beside, axis=1)
    # What rounding leaves of a run on the geodesic has no direction.
    left[left < 1e-6 * size] = np.nan
    return _arc(vectors, size), _arc(beside, left), np.arctan2(np.nan_to_num(left), along * np.linalg.norm(road))


def _arc(vectors: Array, size: Array) -> Array:
    unit = vectors / size[:, None]
    # Rounding carries a product of unit vectors past 1 by 1e-16.
    out: Array = np.arccos(np.clip(unit @ unit.T, -1, 1))
    np.fill_diagonal(out, np.where(np.isnan(size), np.nan, 0.0))
    return out
