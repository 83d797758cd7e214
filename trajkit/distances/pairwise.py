"""Distances of every point to every other, a block of samples at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, DTypeLike

from trajkit.arranged import turned
from trajkit.distances.divergences import sample_weights
from trajkit.distances.memory import check_fits
from trajkit.distances.metric import Metric, as_metric
from trajkit.distances.point_set import PointSet, check_alike, point_set
from trajkit.distances.work import Work, checked_dtype
from trajkit.renamed import renamed
from trajkit.typing import Indices

if TYPE_CHECKING:
    from distributed import Client


# Old points whose distances `extend` computes again: other weights or data would give a matrix of two kinds.
_CHECKED = 4


@renamed(progress="progress_bar")
def pairwise(
    ds: xr.Dataset,
    other: xr.Dataset | None = None,
    *,
    metric: str | Metric = "bhattacharyya",
    weights: ArrayLike | None = None,
    cap: float | None = None,
    dtype: DTypeLike = "float64",
    device: str = "cpu",
    out: str | os.PathLike[str] | None = None,
    client: Client | None = None,
    progress_bar: bool | None = None,
) -> xr.DataArray:
    """Distance of every point to every other.

    The function needs the memory of the result and 256 MB. It reads predictions once, a block of samples at a time,
    from memory or from a file, and uses all cores. With dask (`ds` holds dask arrays, or `out` or `client` is given)
    each task computes a block of points times points and adds up blocks of samples; if a worker dies, its blocks are
    computed again.

    Parameters
    ----------
    ds
        A trajectory dataset, or its `points`.
    other
        Points of the columns. By default those of `ds`; a symmetric metric then gives a symmetric matrix whose diagonal
        is exactly 0.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. "kullback_leibler", which is not
        symmetric, is taken from `point` to `point2`.
    weights
        One non-negative number per sample; the mean over samples becomes sum_n w_n d_n / sum_n w_n.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    dtype
        Precision of the result. "float64" is right to about 1e-12; "float32" takes half the memory and, for
        "bhattacharyya", half the time: right to 1e-6, and to a thousandth where distances are small.
    device
        "cpu", or "cuda" for a GPU, by torch (the extra `train`).
    out
        Path of a `.zarr` store to write the matrix to, block by block, if it is larger than memory. The result is lazy
        and reads from this store, which gets its name only when it is complete.
    client
        A `dask.distributed` client, on whose workers to compute.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.DataArray
        (point, point2), with `run`, `checkpoint` and the run attributes along `point`, `run2` and `checkpoint2` along
        `point2`. Its attributes are `metric`, `scale`, `units` and, if given, `cap`. If `ds` holds dask arrays and
        neither `out` nor `client` is given, the result holds dask arrays too, and nothing is computed yet.

    Raises
    ------
    ValueError
        If a distance is infinite and there is no `cap`; if the two datasets have different probes; if the metric is
        unknown or takes no cap.
    SchemaError
        If predictions are NaN or do not sum to 1. The message names their points.
    MemoryError
        If memory cannot hold the result, before anything is computed.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.pairwise(tk.simulate(runs=2, checkpoints=3))
    >>> distance.dims, distance.attrs["scale"]
    (('point', 'point2'), 'squared length')
    """
    chosen = as_metric(metric, cap)
    rows = point_set(ds)
    columns = rows if other is None else point_set(other)
    check_alike(rows, columns)
    weight = sample_weights(weights, samples := rows.log_prob.sizes["sample"])
    work = Work(chosen, samples, weight, checked_dtype(dtype), device)
    if out is not None or client is not None or rows.log_prob.chunks or columns.log_prob.chunks:
        from trajkit.distances import dask_blocks

        return dask_blocks.pairwise(rows, columns, work, out, client, progress_bar)
    check_fits(len(rows), len(columns), work.dtype.itemsize)
    return work.labelled(work.distances(rows, columns, progress_bar), rows, columns)


def extend(
    distance: xr.DataArray, ds: xr.Dataset, *, weights: ArrayLike | None = None, device: str = "cpu"
) -> xr.DataArray:
    """Add the new points of `ds` to a matrix of distances; only pairs with new points are computed.

    Parameters
    ----------
    distance
        Distances from `pairwise` of some points of `ds`; their metric, cap and dtype are used again.
    ds
        A trajectory dataset of old and new runs, such as `tk.concat([old, new])`, or its points.
    weights, device
        As for `pairwise`; weights must be those of `distance`.

    Returns
    -------
    xarray.DataArray
        (point, point2): the old points in their order, then the new ones.

    Raises
    ------
    ValueError
        If `ds` lacks points of `distance`, or if its distances differ from them (another probe, weights or data); a few
        are computed again to find out.
    MemoryError
        If memory cannot hold the result.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=3)
    >>> distance = tk.pairwise(ds.isel(run=[0, 1]))
    >>> bool((tk.extend(distance, ds).values == tk.pairwise(ds).values).all())
    True

    See Also
    --------
    pairwise : `pairwise(new, old)` gives the new rows alone.
    """
    every = point_set(ds)
    distance = turned(distance, "point", "point2")
    at = _places(distance, every)
    metric = Metric(distance.attrs["metric"], distance.attrs.get("cap"))
    weight = sample_weights(weights, samples := every.log_prob.sizes["sample"])
    work = Work(metric, samples, weight, checked_dtype(distance.dtype), device)
    _check_old(distance, every.take(at), work)
    order = np.concatenate([at, np.setdiff1d(np.arange(len(every)), at)])
    old, new, whole = every.take(at), every.take(order[len(at) :]), every.take(order)
    if not len(new):
        return work.labelled(distance.values.copy(), whole, whole)
    check_fits(len(whole), len(whole), work.dtype.itemsize)
    out = np.empty((len(whole), len(whole)), dtype=work.dtype)
    out[: len(at), : len(at)] = distance.values
    out[len(at) :, len(at) :] = work.distances(new, new)
    out[len(at) :, : len(at)] = work.distances(new, old)
    out[: len(at), len(at) :] = out[len(at) :, : len(at)].T if metric.symmetric else work.distances(old, new)
    return work.labelled(out, whole, whole)


def _places(distance: xr.DataArray, every: PointSet) -> Indices:
    """Find the points of a square matrix among all points."""
    if distance.dims != ("point", "point2") or "metric" not in distance.attrs:
        raise ValueError(f"wanted distances (point, point2) from pairwise, got {distance.dims}")
    rows, columns = (
        pd.MultiIndex.from_arrays([distance[f"run{end}"].values, distance[f"checkpoint{end}"].values])
        for end in ("", "2")
    )
    if not rows.equals(columns):
        raise ValueError("wanted distances of points among themselves: the rows and columns of this matrix differ")
    at = every.identities().get_indexer(rows)
    if (lacking := at < 0).any():
        raise ValueError(
            f"ds lacks {lacking.sum()} of the {len(rows)} points of the matrix, the first: {rows[lacking][0]}; "
            "it holds old and new runs, such as tk.concat([old, new])"
        )
    return at


def _check_old(distance: xr.DataArray, old: PointSet, work: Work) -> None:
    some = np.unique(np.linspace(0, len(old) - 1, _CHECKED).astype(int))
    few = old.take(some)
    wanted, got = distance.values[np.ix_(some, some)], work.distances(few, few)
    if not np.allclose(wanted, got, rtol=1e-3, atol=2e-6):
        raise ValueError(
            f"ds gives other distances between old points than the matrix holds (by {np.abs(wanted - got).max():.2g}): "
            "it has another probe or other predictions, or other weights than the matrix was made with"
        )
