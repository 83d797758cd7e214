"""Distances between whole trajectories."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import xarray as xr

from trajkit.curves.progress import progress_of
from trajkit.curves.resample import EXTENDS, resampled, said_of
from trajkit.curves.shared_range import REACH
from trajkit.curves.start import from_start
from trajkit.distances import Metric, as_metric, pairwise
from trajkit.points import points
from trajkit.schema import run_attributes, validated
from trajkit.typing import Array

_METHODS = ("progress", "frechet", "hausdorff", "kernel")


def trajectory_distance(
    ds: xr.Dataset,
    *,
    method: str = "progress",
    metric: str | Metric = "bhattacharyya",
    n: int = 100,
    extend: str = "shared",
    reach: float = REACH,
    bandwidth: float = 0.05,
    cap: float | None = None,
) -> xr.DataArray:
    """Distance of every run to every other.

    With d the metric between points i of run u and j of run v, and s their progress:

    | method      | distance of u and v                                                                    |
    |-------------|----------------------------------------------------------------------------------------|
    | "progress"  | mean over n equally spaced values of progress of d(u(s), v(s)), both resampled          |
    | "frechet"   | discrete Frechet: over all couplings that advance along both, the least largest d       |
    | "hausdorff" | max(max_i min_j d, max_j min_i d)                                                      |
    | "kernel"    | mean_i sum_j K d / sum_j K, averaged both ways, K = exp(-(s_i - s_j)^2 / 2 bandwidth^2) |

    Parameters
    ----------
    ds
        A trajectory dataset.
    method
        One of the above.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric.
    n
        Number of points of the progress grid. Only for "progress".
    extend
        For "progress": "shared" compares all runs on one interval of progress, which all of them reach; "nan" takes,
        for each pair, the mean over the progress that both runs reach; "hold" lets a run's first or last checkpoint
        stand beyond its own range, as published. The longer a run stands, the more its end counts.
    reach
        With "shared", the share of what the median network reaches that a run must reach. Other runs would shorten the
        interval for all: they are left out, and `attrs["left_out"]` names them.
    bandwidth
        Width of the kernel in progress, for "kernel".
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

    Returns
    -------
    xarray.DataArray
        (run, run2), symmetric. Its attributes are the metric's `scale`, `units` and, if given, `cap`. The diagonal is 0
        (for "kernel" by convention: smoothing gives a run a width of its own). For "progress", they also say which
        `extend` was used; with "shared" they are those of `resample`: `shared_from`, `shared_to`, `shared_part` and
        `left_out`.

    Raises
    ------
    ValueError
        If method, metric, extend, reach or bandwidth is not one of those above, or runs have no progress in common.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, groups=2, spread=0.3)
    >>> distance = tk.trajectory_distance(ds, n=20)
    >>> bool(distance.sel(run="A-0", run2="A-1") < distance.sel(run="A-0", run2="B-0"))
    True

    References
    ----------
    "progress": Mao et al., PNAS 121(12), 2024, arXiv 2305.01604. "frechet": Eiter & Mannila, TU Vienna, CD-TR 94/64,
    1994.
    """
    chosen = as_metric(metric, cap, symmetric=True)
    _check(method, extend, bandwidth)
    ds = validated(ds)
    return trajectory_distance_of(ds, chosen, n, method=method, extend=extend, reach=reach, bandwidth=bandwidth)


def trajectory_distance_of(
    ds: xr.Dataset,
    metric: Metric,
    n: int = 100,
    *,
    method: str = "progress",
    extend: str = "shared",
    reach: float = REACH,
    bandwidth: float = 0.05,
) -> xr.DataArray:
    """Compute `trajectory_distance` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> trajectory_distance_of(ds, Metric("hellinger")).identical(tk.trajectory_distance(ds, metric="hellinger"))
    True
    """
    if method == "progress":
        ds = resampled(ds, n, extend=extend, reach=reach)
        values, said = matched_distance(ds, metric), said_of(ds)
    else:
        values, said = _of_point_sets(from_start(ds), method, metric, bandwidth), {}
    np.fill_diagonal(values, 0.0)
    attributes = {name: ds[name] for name in run_attributes(ds)}
    what = {"long_name": f"{method} distance of trajectories", "method": method, **said}
    return xr.DataArray(
        values,
        dims=("run", "run2"),
        coords={"run": ds["run"], **attributes, "run2": ds["run"].values},
        name="trajectory_distance",
        attrs=metric.attrs | what,
    )


def _check(method: str, extend: str, bandwidth: float) -> None:
    for name, got, known in (("method", method, _METHODS), ("extend", extend, EXTENDS)):
        if got not in known:
            raise ValueError(f"{name}: wanted one of {list(known)}, got {got!r}")
    if not bandwidth > 0:
        raise ValueError(f"bandwidth: wanted a positive difference of progress, got {bandwidth}")


def matched_distance(even: xr.Dataset, metric: Metric) -> Array:
    """Mean over checkpoints of the distance of every run to every other at the same checkpoint, where both are."""
    total, count = np.zeros((2, even.sizes["run"], even.sizes["run"]))
    log_prob, names = even["log_prob"].values, even["run"].values
    probe = {name: even[name].variable for name in ("sample", "class")}
    for k, checkpoint in enumerate(even["checkpoint"].values):
        here = np.flatnonzero(even["step"].values[:, k] >= 0)
        if len(here) > 1:
            # Only what `pairwise` needs: for few runs, stacking all coordinates would be most of the work.
            coords = probe | {"run": ("point", names[here]), "checkpoint": ("point", np.full(len(here), checkpoint))}
            points = xr.Dataset({"log_prob": (("point", "sample", "class"), log_prob[here, k])}, coords)
            among = np.ix_(here, here)
            total[among] += pairwise(points, metric=metric).values
            count[among] += 1
    np.fill_diagonal(count, 1)
    if not count.all():
        u, v = np.argwhere(count == 0)[0]
        raise ValueError(
            f"runs {str(even.run.values[u])!r} and {str(even.run.values[v])!r} share no progress; "
            "leave one of them out, or use extend='hold' to repeat first and last checkpoints"
        )
    return total / count


def _of_point_sets(ds: xr.Dataset, method: str, metric: Metric, bandwidth: float) -> Array:
    distance = pairwise(ds, metric=metric).values
    length = (ds["step"].values >= 0).sum(1)
    start = np.concatenate([[0], np.cumsum(length)])
    part = [slice(a, b) for a, b in itertools.pairwise(start)]
    at = points(xr.Dataset({"step": ds["step"], "progress": progress_of(ds)}))["progress"].values

    def kernel(i: slice, j: slice) -> float:
        exponent = -0.5 * np.square((at[i, None] - at[j]) / bandwidth)

        def smoothed(axis: int) -> Array:
            # Relative to the largest: many bandwidths from its nearest neighbour, a point still has that neighbour.
            weight = np.exp(exponent - exponent.max(axis, keepdims=True))
            return (weight * distance[i, j]).sum(axis) / weight.sum(axis)

        return float(0.5 * (smoothed(1).mean() + smoothed(0).mean()))

    measures: dict[str, Callable[[slice, slice], float]] = {
        "frechet": lambda i, j: _frechet(distance[i, j]),
        "hausdorff": lambda i, j: float(max(distance[i, j].min(1).max(), distance[i, j].min(0).max())),
        "kernel": kernel,
    }
    out = np.zeros((len(part), len(part)))
    for u in range(len(part)):
        for v in range(u):
            out[u, v] = out[v, u] = measures[method](part[u], part[v])
    return out


def _frechet(distance: Array) -> float:
    """Find the least largest distance on any way from (0, 0) to the end that advances along i, j or both.

    Cells are filled along anti-diagonals, which need no loop over their own.
    """
    rows, columns = distance.shape
    reach = np.full((rows + 1, columns + 1), np.inf)
    reach[0, 0] = -np.inf
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.minimum(np.minimum(reach[i, j + 1], reach[i + 1, j]), reach[i, j])
        reach[i + 1, j + 1] = np.maximum(before, distance[i, j])
    return float(reach[-1, -1])
