"""Distances between points of prediction space.

All are means over the N samples of a per-sample distance between the distributions p and q over C classes. With the
overlap BC = sum_c sqrt(p_c q_c) (the Bhattacharyya coefficient):

| function        | per sample | scale          | unit   | source                                           |
|-----------------|------------|----------------|--------|--------------------------------------------------|
| `bhattacharyya` | -log BC    | squared length | nat    | Bhattacharyya 1946; Quinn 2019; Mao 2024, Eq. 5  |
| `hellinger`     | 1 - BC     | squared length | 1      | Hellinger 1909 (half the squared chord)          |
| `fisher_rao`    | arccos BC  | length         | radian | Rao 1945; Mao 2024 (progress)                    |

"squared length" and "length" stand in `attrs["scale"]`, and an embedding squares what is a length. Rows are
normalised in float64 first, which removes the float32 rounding of their sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.points import points
from trajkit.schema import normalize, validate

_SCALES = {
    "bhattacharyya": ("squared length", "nat"),
    "hellinger": ("squared length", "1"),
    "fisher_rao": ("length", "rad"),
}
# Only -log BC grows without bound, and only there does a cap mean something.
_UNBOUNDED = ("bhattacharyya",)
# Bytes of packed amplitudes in work at a time.
_WORKSPACE = 128e6


def bhattacharyya(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Bhattacharyya distance -(1/N) sum_n log sum_c sqrt(p_nc q_nc), in nats: a squared length.

    Near zero it is computed as -log1p(-h), with h = |sqrt p - sqrt q|^2 / 2; far apart from logarithms. It is inf where
    p and q share no class for some sample.

    Parameters
    ----------
    a, b
        Log-probabilities with dimensions `sample` and `class`, broadcast against each other over all others. For
        many points against many use `pairwise`, which never holds all pairs of samples.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; NaN where a point is missing.

    Raises
    ------
    ValueError
        If a dimension is missing or the two have different samples or classes.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> round(float(tk.bhattacharyya(tk.ignorance(ds), tk.truth(ds))), 6)  # ln(4) / 2
    0.693147

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604, Eq. 5.
    """
    return _mean_over_samples(_bhattacharyya, a, b, "bhattacharyya")


def hellinger(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Squared Hellinger distance (1/N) sum_n (1 - sum_c sqrt(p_nc q_nc)): a squared length, at most 1.

    It is half the squared Euclidean distance between square roots of probabilities.

    Parameters
    ----------
    a, b
        Log-probabilities with dimensions `sample` and `class`; see `bhattacharyya`.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; NaN where a point is missing.

    Raises
    ------
    ValueError
        If a dimension is missing or the two have different samples or classes.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> float(tk.hellinger(tk.ignorance(ds), tk.truth(ds)))
    0.5
    """
    return _mean_over_samples(_hellinger, a, b, "hellinger")


def fisher_rao(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Mean great-circle angle (1/N) sum_n arccos sum_c sqrt(p_nc q_nc), in radians: a length.

    Near zero the angle is computed as 2 arcsin(|sqrt p - sqrt q| / 2). Half the Fisher-Rao distance on the simplex, as
    in the published definition of progress.

    Parameters
    ----------
    a, b
        Log-probabilities with dimensions `sample` and `class`; see `bhattacharyya`.

    Returns
    -------
    xarray.DataArray
        Without `sample` and `class`; between 0 and pi/2; NaN where a point is missing.

    Raises
    ------
    ValueError
        If a dimension is missing or the two have different samples or classes.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> round(float(tk.fisher_rao(tk.ignorance(ds), tk.truth(ds))), 6)  # pi / 3
    1.047198
    """
    return _mean_over_samples(_fisher_rao, a, b, "fisher_rao")


def pairwise(
    ds: xr.Dataset,
    other: xr.Dataset | None = None,
    *,
    metric: str = "bhattacharyya",
    cap: float | None = None,
) -> xr.DataArray:
    """Distance of every point to every other.

    Parameters
    ----------
    ds
        A trajectory dataset, or its `points`.
    other
        Points for the columns; those of `ds` otherwise, and the matrix is then symmetric with an exact zero diagonal.
    metric
        "bhattacharyya", "hellinger" or "fisher_rao".
    cap
        In nats: the most that one sample may contribute, applied to each sample before the mean. For "bhattacharyya"
        only.

    Returns
    -------
    xarray.DataArray
        (point, point2) in float64, with `run`, `checkpoint` and the run attributes along `point`, `run2` and
        `checkpoint2` along `point2`, and `metric`, `scale`, `units` and `cap`, if there is one, in its attributes.

    Raises
    ------
    ValueError
        If two points have no overlap in some sample, an infinite distance, and there is no `cap`; if the two datasets
        have different probes; if the metric is unknown or takes no cap.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.pairwise(tk.simulate(runs=2, checkpoints=3))
    >>> distance.dims, distance.attrs["scale"]
    (('point', 'point2'), 'squared length')
    """
    _check_metric(metric, cap)
    rows = _as_points(ds)
    columns = rows if other is None else _as_points(other)
    _check_alike(rows, columns)
    sums = _pair_sums(rows, columns, metric, np.inf if cap is None else cap)
    out = xr.DataArray(
        sums / rows.sizes["sample"],
        dims=("point", "point2"),
        coords={
            **{n: c for n, c in rows.coords.items() if c.dims == ("point",)},
            **{f"{n}2": ("point2", columns[n].values) for n in ("run", "checkpoint")},
        },
        name="distance",
        attrs=_attrs(metric) | ({} if cap is None else {"cap": float(cap)}),
    )
    if np.isinf(sums).any():
        raise ValueError(_infinite_message(out))
    return out


def _check_metric(metric: str, cap: float | None) -> None:
    if metric not in _SCALES:
        raise ValueError(f"unknown metric {metric!r}: wanted one of {list(_SCALES)}")
    if cap is not None and metric not in _UNBOUNDED:
        raise ValueError(f"{metric!r} is bounded and takes no cap; {', '.join(_UNBOUNDED)} does")
    if cap is not None and not cap > 0:
        raise ValueError(f"cap: wanted a positive number of nats, got {cap}")


def _as_points(ds: xr.Dataset) -> xr.Dataset:
    if "point" in ds.dims:
        return ds.transpose("point", ..., "sample", "class")
    validate(ds)
    return points(ds)


def _check_alike(a: xr.Dataset, b: xr.Dataset) -> None:
    for dim in ("sample", "class"):
        if not a[dim].equals(b[dim]):
            raise ValueError(
                f"different probes: {dim!r} has {a.sizes[dim]} and {b.sizes[dim]} entries that do not agree in order; "
                "distances need predictions on the same inputs"
            )


def _pair_sums(rows: xr.Dataset, columns: xr.Dataset, metric: str, cap: float) -> NDArray[np.float64]:
    """Sum the per-sample distances, a block of samples at a time: chunking is adding."""
    from trajkit import kernels  # compiled code takes half a second to load

    code = {
        "bhattacharyya": kernels.BHATTACHARYYA,
        "hellinger": kernels.HELLINGER,
        "fisher_rao": kernels.FISHER_RAO,
    }[metric]
    symmetric = columns is rows
    out = np.zeros((rows.sizes["point"], columns.sizes["point"]))
    block = max(1, int(_WORKSPACE / (8 * rows.sizes["class"] * max(out.shape))))
    for start in range(0, rows.sizes["sample"], block):
        here = {"sample": slice(start, start + block)}
        p = normalize(rows["log_prob"].isel(here).values)
        q = p if symmetric else normalize(columns["log_prob"].isel(here).values)
        a = kernels.pack(np.exp(0.5 * p))
        b = a if symmetric else kernels.pack(np.exp(0.5 * q))
        kernels.add_sums(code, a, b, p, q, cap, symmetric, out)
    if symmetric:
        np.fill_diagonal(out, 0.0)
    return out


def _infinite_message(distance: xr.DataArray) -> str:
    at = np.argwhere(np.isinf(distance.values))
    i, j = at[0]
    row, column = distance.isel(point=i), distance.isel(point2=j)
    return (
        f"{len(at)} pairs of points have no overlap in some sample, an infinite {distance.attrs['metric']} distance; "
        f"the first: run {str(row.run.values)!r}, checkpoint {row.checkpoint.values} and "
        f"run {str(column.run2.values)!r}, checkpoint {column.checkpoint2.values}. "
        "One of them gives probability 0 to what the other is sure of. "
        "Pass cap= (nats per sample) to bound what a sample counts, or use metric='hellinger'"
    )


def _attrs(metric: str) -> dict[str, Any]:
    scale, units = _SCALES[metric]
    return {"long_name": f"{metric} distance", "metric": metric, "scale": scale, "units": units}


def _mean_over_samples(
    formula: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]],
    a: xr.DataArray,
    b: xr.DataArray,
    metric: str,
) -> xr.DataArray:
    for x in (a, b):
        if not {"sample", "class"} <= set(x.dims):
            raise ValueError(f"wanted log-probabilities with dimensions 'sample' and 'class', got {x.dims}")
    out: xr.DataArray = xr.apply_ufunc(
        lambda p, q: formula(normalize(p), normalize(q)).mean(-1),
        a,
        b,
        input_core_dims=[["sample", "class"]] * 2,
        join="exact",
    )
    return out.rename("distance").assign_attrs(_attrs(metric))


def half_chord(p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    """H = |sqrt p - sqrt q|^2 / 2 = 1 - BC over the last axis, from normalised log-probabilities."""
    out: NDArray[np.float64] = 0.5 * np.square(np.exp(0.5 * p) - np.exp(0.5 * q)).sum(-1)
    return out


def _bhattacharyya(p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    h = half_chord(p, q)
    far = h > 0.5
    # Rounding may carry h of disjoint distributions past 1, but those are far.
    near = -np.log1p(-np.where(far, 0.0, h))
    # A missing point is NaN and stays so, without a warning.
    with np.errstate(invalid="ignore"):
        return np.where(far, -np.logaddexp.reduce(0.5 * (p + q), axis=-1), near)


def _hellinger(p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    return half_chord(p, q)


def _fisher_rao(p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    h = half_chord(p, q)
    far = h > 0.5
    angle = 2 * np.arcsin(np.sqrt(0.5 * np.where(far, 0.0, h)))
    overlap = np.exp(0.5 * (p + q)).sum(-1)
    return np.where(far, np.arccos(np.where(far, overlap, 0.0)), angle)
