"""In which directions trajectories leave ignorance and arrive at truth."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.curves import ignorance, tangent, truth
from trajkit.curves.resample import resampled
from trajkit.limitations import with_reasons
from trajkit.schema import networks, run_attributes
from trajkit.typing import Array

# Progress is rounded to multiples of 1 / STEPS, so that one resampled dataset serves all values.
STEPS = 20


def tangent_angles(ds: xr.Dataset, *, near: float = 0.1) -> xr.Dataset:
    """Compute the angles between runs at their starts and ends.

    The start tangent of a run is the tangent, at ignorance, of the geodesic to the point of the run at progress `near`.
    The end tangent is the tangent, at truth, of the geodesic to its point at progress 1 - `near`. All runs have these
    tangents at the same two points, so they can be compared. With u_n and v_n the tangents of two runs in sample n,

        angle = arccos(sum_n u_n . v_n / sqrt(sum_n |u_n|^2 sum_n |v_n|^2))

    The largest part of each tangent lies along the geodesic between ignorance and truth, for any run. `sideways` is the
    angle between the tangents without this part. It is 90 degrees for runs that leave the geodesic in unrelated
    directions, which is the null.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    near
        Progress from the start and from the end, up to 0.5, rounded to a multiple of 1/20. If a run starts later or
        ends earlier, its first or last checkpoint is used.

    Returns
    -------
    xarray.Dataset
        `angle` and `sideways` (end, run, run2) and `to_geodesic` (end, run), in degrees, with `end` "start" and "end".
        `sideways` is NaN for a run that lies on the geodesic there.

    Raises
    ------
    ValueError
        If `near` is not above 0 and up to 0.5, or the point of a run is ignorance, or truth, itself.

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
    result = xr.Dataset(
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
    return with_reasons(result, {"sideways": "a run lies on the geodesic, so that nothing is left beside it"})


def _angles(log_prob: xr.DataArray, here: xr.DataArray, there: xr.DataArray) -> tuple[Array, Array, Array]:
    """Angles in radians at `here`: of tangents, of tangents without their part towards `there`, and to `there`."""
    runs = log_prob.sizes["run"]
    vectors = tangent(here, log_prob).transpose("run", "sample", "class").values.reshape(runs, -1)
    road = tangent(here, there).transpose("sample", "class").values.ravel()
    size = np.linalg.norm(vectors, axis=1)
    if not size.all():
        still = log_prob["run"].values[size == 0][:5].tolist()
        raise ValueError(f"runs {still} have no direction: their points are ignorance or truth; take a larger near=")
    along = vectors @ road / (road @ road)
    beside = vectors - along[:, None] * road
    left = np.linalg.norm(beside, axis=1)
    # For a run on the geodesic only rounding errors are left, which have no direction.
    left[left < 1e-6 * size] = np.nan
    return _arc(vectors, size), _arc(beside, left), np.arctan2(np.nan_to_num(left), along * np.linalg.norm(road))


def _arc(vectors: Array, size: Array) -> Array:
    unit = vectors / size[:, None]
    # By rounding, a product of unit vectors can exceed 1 by 1e-16.
    out = np.arccos(np.clip(unit @ unit.T, -1, 1))
    np.fill_diagonal(out, np.where(np.isnan(size), np.nan, 0.0))
    return out
