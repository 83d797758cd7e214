"""In which directions trajectories leave ignorance and arrive at truth, and how few points span the road."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.curves import ignorance, references, resample, tangent, truth
from trajkit.distances import pairwise
from trajkit.embedding import explained_distance, explained_stress, inpca, project
from trajkit.points import concat, unstack
from trajkit.schema import networks, normalize, run_attributes

Array = NDArray[np.float64]

# Steps of progress: `near` and `at` are rounded to these.
_STEPS = 20


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
    even = resample(ds, _STEPS + 1)
    step = max(1, round(near * _STEPS))
    first, last = ignorance(ds), truth(ds)
    found = [
        _angles(even["log_prob"].isel(checkpoint=at, drop=True), here, there)
        for at, here, there in ((step, first, last), (_STEPS - step, last, first))
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
        {"near": step / _STEPS},
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


def four_point_basis(
    ds: xr.Dataset,
    *,
    at: tuple[float, ...] = (0.3, 0.7),
    metric: str = "bhattacharyya",
    n_components: int | None = None,
) -> xr.Dataset:
    """Embed all points by four: ignorance, truth and the mean predictions near two values of progress.

    How much of a picture that InPCA finds in thousands of points is there in four that can be named? The four are
    embedded by `inpca`, in as many dimensions as they span, all others placed by `project`, and what these coordinates
    explain of all distances is set beside what InPCA of all points explains in as many components.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out.
    at
        Progress of the mean predictions, in twentieths: the arithmetic mean over networks, brought to this progress by
        `resample`. Other numbers of values give other numbers of points.
    metric
        Of the distances; one that is finite from truth to the networks.
    n_components
        Of these as many; None for one less than there are points.

    Returns
    -------
    xarray.Dataset
        `coordinate` (run, checkpoint, component), and on `basis` ("few points", "inpca") and `component`, cumulative:
        `explained_stress`, `explained_distance` and `signature`. Coordinates of the points of the basis themselves are
        `basis_coordinate` (basis_point, component).

    Raises
    ------
    ValueError
        If `at` is no progress between 0 and 1, or the points of the basis coincide, or as `inpca` and `pairwise` do.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.four_point_basis(tk.simulate(groups=1, spread=0.3))
    >>> found.basis_point.values.tolist()
    ['ignorance', 'mean at 0.3', 'mean at 0.7', 'truth']
    >>> bool((found.explained_distance[0, 2] > 0.9).item())
    True

    Notes
    -----
    After the four-point analysis of Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (supplementary information). Means
    are taken here at equal progress over all networks alike, and others are placed by their distances, not by inner
    products of amplitudes; with the same four points numbers may differ from theirs.
    """
    wanted = [round(value * _STEPS) for value in at]
    if not wanted or not all(0 < step < _STEPS for step in wanted) or len(set(wanted)) < len(wanted):
        raise ValueError(f"at: wanted different values of progress between 0 and 1, in twentieths, got {at}")
    ds = networks(ds, least=2)
    basis = _basis(ds, sorted(wanted))
    most = len(wanted) + 1
    number = most if n_components is None else n_components
    if not 1 <= number <= most:
        raise ValueError(f"n_components: wanted 1 to {most}, as {most + 1} points span, got {n_components}")
    few = inpca(pairwise(basis, metric=metric), number)
    distance = pairwise(ds, metric=metric)
    placed = project(few, pairwise(ds, basis, metric=metric))
    whole = inpca(distance, number)
    both = xr.Variable("basis", ["few points", "inpca"])
    explained = {
        measure.__name__: xr.concat([measure(placed, distance), measure(whole, distance)], dim=both)
        for measure in (explained_stress, explained_distance)
    }
    signature = xr.concat([few["signature"], whole["signature"]], dim=both)
    own = few["coordinate"].drop_vars([c for c in few["coordinate"].coords if c != "component"])
    names = basis["run"].values
    return xr.Dataset(
        {
            "coordinate": unstack(placed["coordinate"]),
            **explained,
            "signature": signature,
            "basis_coordinate": own.rename(point="basis_point").assign_coords(basis_point=names),
        },
        attrs={"metric": metric, "at": [step / _STEPS for step in sorted(wanted)]},
    )


def _basis(ds: xr.Dataset, steps: list[int]) -> xr.Dataset:
    """Ignorance, means at so many steps of progress, and truth, as runs of one point."""
    even = resample(ds, _STEPS + 1)
    mean = np.exp(normalize(even["log_prob"].values[:, steps])).mean(0)
    ends = references(ds, 0)
    # A class that all runs rule out is ruled out, log 0 = -inf.
    with np.errstate(divide="ignore"):
        log_prob = np.log(mean).astype(np.float32)[:, None]
    middle = ends.isel(run=[0] * len(steps)).assign_coords(run=[f"mean at {step / _STEPS:g}" for step in steps])
    middle = middle.assign(log_prob=middle["log_prob"].copy(data=log_prob))
    return concat([ends.isel(run=[0]), middle, ends.isel(run=[1])])
