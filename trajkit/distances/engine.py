"""The pairwise engine: every point against every other, a block of samples at a time."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.distances.metrics import METRICS, Array, check_cap, sample_weights
from trajkit.points import points
from trajkit.schema import normalize, validate

# Bytes of packed predictions in work at a time; as much again thrice over while they are made.
_WORKSPACE = 32e6


def pairwise(
    ds: xr.Dataset,
    other: xr.Dataset | None = None,
    *,
    metric: str = "bhattacharyya",
    weights: ArrayLike | None = None,
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
        "bhattacharyya", "hellinger", "fisher_rao", "kullback_leibler" (from `point` to `point2`), "jeffreys" or
        "jensen_shannon".
    weights
        One number per sample; the mean becomes sum_n w_n d_n / sum_n w_n.
    cap
        In nats: the most that one sample may contribute, applied to each sample before the mean. Not for bounded
        metrics.

    Returns
    -------
    xarray.DataArray
        (point, point2) in float64, with `run`, `checkpoint` and the run attributes along `point`, `run2` and
        `checkpoint2` along `point2`, and `metric`, `scale`, `units` and `cap`, if there is one, in its attributes.

    Raises
    ------
    ValueError
        If two points are infinitely far apart in some sample, and there is no `cap`; if the two datasets
        have different probes; if the metric is unknown or takes no cap.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.pairwise(tk.simulate(runs=2, checkpoints=3))
    >>> distance.dims, distance.attrs["scale"]
    (('point', 'point2'), 'squared length')
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}: wanted one of {list(METRICS)}")
    most = check_cap(metric, cap)
    rows = _as_points(ds)
    columns = rows if other is None else _as_points(other)
    _check_alike(rows, columns)
    weight = sample_weights(weights, rows.sizes["sample"])
    sums = _pair_sums(rows, columns, metric, most, weight)
    out = xr.DataArray(
        sums / (rows.sizes["sample"] if weight is None else weight.sum()),
        dims=("point", "point2"),
        coords={
            **{n: c for n, c in rows.coords.items() if c.dims == ("point",)},
            **{f"{n}2": ("point2", columns[n].values) for n in ("run", "checkpoint")},
        },
        name="distance",
        attrs=METRICS[metric].attrs(metric) | ({} if cap is None else {"cap": float(cap)}),
    )
    if np.isinf(sums).any():
        raise ValueError(_infinite_message(out))
    return out


def _as_points(ds: xr.Dataset) -> xr.Dataset:
    if not isinstance(ds, xr.Dataset):
        raise TypeError(f"wanted a trajectory dataset or its points, got {type(ds).__name__}")
    if "point" in ds.dims:
        return ds.transpose("point", ..., "sample", "class")
    validate(ds)
    return points(ds)


def _check_alike(a: xr.Dataset, b: xr.Dataset) -> None:
    for dim in ("sample", "class"):
        if not np.array_equal(a[dim], b[dim]):
            raise ValueError(
                f"different probes: {dim!r} has {a.sizes[dim]} and {b.sizes[dim]} entries that do not agree in order; "
                "distances need predictions on the same inputs"
            )


def _pair_sums(rows: xr.Dataset, columns: xr.Dataset, metric: str, cap: float, weight: Array | None) -> Array:
    """Sum the per-sample distances, a block of samples at a time: chunking is adding."""
    from trajkit.distances import kernels  # compiled code takes half a second to load

    symmetric = columns is rows and METRICS[metric].symmetric
    out = np.zeros((rows.sizes["point"], columns.sizes["point"]))
    # A weight of zero takes a sample out, also where it would be infinitely far.
    samples = np.arange(rows.sizes["sample"]) if weight is None else np.flatnonzero(weight)
    block = max(1, int(_WORKSPACE / (8 * rows.sizes["class"] * max(out.shape))))
    for start in range(0, len(samples), block):
        here = samples[start : start + block]
        p = normalize(rows["log_prob"].isel(sample=here).values)
        q = p if columns is rows else normalize(columns["log_prob"].isel(sample=here).values)
        kernels.add_sums(metric, p, q, np.ones(0) if weight is None else weight[here], cap, symmetric, out)
    if columns is rows:
        np.fill_diagonal(out, 0.0)
    return out


def _infinite_message(distance: xr.DataArray) -> str:
    at = np.argwhere(np.isinf(distance.values))
    i, j = at[0]
    row, column = distance.isel(point=i), distance.isel(point2=j)
    return (
        f"{len(at)} pairs of points have an infinite {distance.attrs['metric']} distance, because of some sample; "
        f"the first: run {str(row.run.values)!r}, checkpoint {row.checkpoint.values} and "
        f"run {str(column.run2.values)!r}, checkpoint {column.checkpoint2.values}. "
        "One of them gives probability 0 to what the other allows. "
        "Pass cap= (nats per sample) to bound what a sample counts, or use metric='hellinger'"
    )
