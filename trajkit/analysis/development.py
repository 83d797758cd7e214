"""How groups of runs develop: who is faster, and whether those that start apart come together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.analysis.attributes import groups, own_copies
from trajkit.analysis.intervals import bootstrap
from trajkit.curves import progress, resample
from trajkit.distances import METRICS, pairwise
from trajkit.schema import networks, normalize

Array = NDArray[np.float64]


def speed_comparison(
    ds: xr.Dataset, by: str, *, at: Sequence[float] = (0.25, 0.5, 0.75), level: float = 0.95
) -> xr.Dataset:
    """Compare how many optimizer steps groups of runs take to a given progress.

    Progress is made monotone by its running maximum and interpolated between checkpoints.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out.
    by
        The run attribute that makes groups.
    at
        Values of progress.
    level
        Of the intervals of medians, which come from order statistics: exact for any distribution, but a group of five
        runs has none of 95 %.

    Returns
    -------
    xarray.Dataset
        `steps` (run, progress), inf where a run ends before; on `group` (values of the attribute) and `progress`:
        `median`, `lower`, `upper` in steps, NaN bounds for groups too small for an interval, and `reached`, the share
        of runs that get there; `runs` (group); `p_value` (progress) that all groups take the same number of steps
        (Kruskal & Wallis), NaN if all runs do. If the attribute is a number also `trend` (progress), Spearman's
        correlation of it with steps, and `trend_p_value`.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run or the same for all; if at or level make no sense.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=12, groups=2)
    >>> found = tk.speed_comparison(ds, "architecture", at=[0.5])
    >>> found["median"].values.round(3)
    array([[9.5],
           [9.5]])

    References
    ----------
    Kruskal & Wallis, J. Am. Stat. Assoc. 47, 1952; interval of a median: Conover, Practical Nonparametric Statistics.
    """
    from scipy import stats

    wanted = np.asarray(list(at), dtype=np.float64)
    if not wanted.size or not ((wanted > 0) & (wanted <= 1)).all():
        raise ValueError(f"at: wanted values of progress above 0 and up to 1, got {list(at)}")
    if not 0 < level < 1:
        raise ValueError(f"level: wanted a share between 0 and 1, got {level}")
    ds = networks(ds, least=2)
    code, values = groups(ds, by)
    steps = _steps_to(progress(ds).values, ds["step"].values, wanted)
    members = [steps[code == g] for g in range(len(values))]
    middle = np.array([_median(m, level) for m in members])
    unequal = np.ptp(stats.rankdata(steps, axis=0), axis=0) > 0
    p_value = [float(stats.kruskal(*(m[:, k] for m in members)).pvalue) if u else np.nan for k, u in enumerate(unequal)]
    unit = {"units": "steps"}
    out = {
        "steps": (("run", "progress"), steps, {"long_name": "optimizer steps to reach the progress", **unit}),
        "median": (("group", "progress"), middle[:, 0], {"long_name": "median number of steps", **unit}),
        "lower": (("group", "progress"), middle[:, 1], {"long_name": "lower bound of the median", **unit}),
        "upper": (("group", "progress"), middle[:, 2], {"long_name": "upper bound of the median", **unit}),
        "reached": (("group", "progress"), [np.isfinite(m).mean(0) for m in members], {"units": "1"}),
        "runs": ("group", [len(m) for m in members], {"long_name": "number of runs"}),
        "p_value": ("progress", p_value, {"long_name": "p-value of equal numbers of steps", "units": "1"}),
    }
    if ds[by].dtype.kind in "fi":
        nothing = (np.nan, np.nan)
        tests = [stats.spearmanr(ds[by], s) if u else nothing for s, u in zip(steps.T, unequal, strict=True)]
        trend = np.array([[float(t[0]), float(t[1])] for t in tests])
        out["trend"] = ("progress", trend[:, 0], {"long_name": f"rank correlation of {by} and steps", "units": "1"})
        out["trend_p_value"] = ("progress", trend[:, 1], {"units": "1"})
    coords = {"run": ds["run"].values, by: ("run", ds[by].values), "group": values.to_numpy(), "progress": wanted}
    return xr.Dataset(out, coords, {"by": by, "level": level})


def _steps_to(reached: Array, step: NDArray[np.int64], wanted: Array) -> Array:
    """Give the steps (run, wanted) at which the running maximum of progress gets there."""
    out = np.full((len(reached), len(wanted)), np.inf)
    for r in range(len(reached)):
        there = step[r] >= 0
        own, at = np.maximum.accumulate(reached[r, there]), step[r, there].astype(np.float64)
        after = np.searchsorted(own, wanted)
        inside = after < len(own)
        after, before = after[inside], np.maximum(after[inside] - 1, 0)
        gap = own[after] - own[before]
        share = np.divide(wanted[inside] - own[before], gap, out=np.ones_like(gap), where=gap > 0)
        out[r, inside] = at[before] + share * (at[after] - at[before])
    return out


def _median(values: Array, level: float) -> tuple[Array, Array, Array]:
    """Median over the first axis with bounds: the order statistics that leave half of 1 - level below and above."""
    from scipy.stats import binom

    n = len(values)
    ordered = np.sort(values, axis=0)
    # The k-th smallest lies above the median if fewer than k of n values lie below it: the largest k for which this is
    # rarer than (1 - level) / 2.
    k = int(binom.ppf((1 - level) / 2, n, 0.5))
    if k < 1:
        return _middle(ordered), np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    return _middle(ordered), ordered[k - 1], ordered[n - k]


def _middle(ordered: Array) -> Array:
    middle: Array = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return middle


def convergence(
    ds: xr.Dataset,
    by: str,
    *,
    metric: str = "bhattacharyya",
    n: int = 20,
    over: str = "sample",
    interval: str = "percentile",
    draws: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Follow the distance between groups of runs, and within them, along progress.

    Groups that start apart and converge to one manifold have a ratio, between / within, that falls to 1.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out.
    by
        The run attribute that makes groups.
    metric
        Of the distance; a symmetric one.
    n
        Values of progress (`resample`; beyond a run's own range its first or last checkpoint stands).
    over, interval, draws, level, seed
        Of `bootstrap`: over "sample", over "run" within groups, or over "seed" or another run attribute; with few seeds
        interval="jackknife" is the one that covers.

    Returns
    -------
    xarray.Dataset
        `estimate`, `lower`, `upper`, `standard_error` on `quantity` and `progress`: "within", the mean distance of
        pairs alike in the attribute, and "between", of pairs that differ in it, in the metric's units; "ratio", NaN
        where within is 0. The progress of runs is taken as known; `attrs["limitations"]` are those of `bootstrap`.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run, the same for all or different for all; the metric unknown or
        not symmetric; a distance infinite; or as `resample` and `bootstrap` do.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, groups=2, spread=0.3)
    >>> found = tk.convergence(ds, "architecture", n=5, draws=50)
    >>> bool(found.estimate.sel(quantity="ratio", progress=0.5) > 2)
    True
    """
    if metric not in METRICS or not METRICS[metric].symmetric:
        raise ValueError(f"metric: wanted one of {[m for m in METRICS if METRICS[m].symmetric]}, got {metric!r}")
    ds = networks(ds, least=2)
    code, values = groups(ds, by)
    copies = own_copies(ds)
    if len(values) == len(code):
        raise ValueError(f"{by!r} differs for every run: there are no distances within groups")

    grid = np.linspace(0, 1, n)

    grid = np.linspace(0, 1, n)

    def per_sample(even: xr.Dataset) -> xr.DataArray:
        each = [_within_and_between(p, code, copies, metric) for p in even["log_prob"].values.swapaxes(0, 1)]
        coords = {"quantity": ["within", "between"], "progress": grid}
        return xr.DataArray(np.array(each), coords, ("progress", "quantity", "sample")).transpose("quantity", ...)

    def per_pair(even: xr.Dataset) -> xr.DataArray:
        each = [pairwise(even.isel(checkpoint=[k]), metric=metric).values for k in range(n)]
        alike = code[:, None] == code
        halves = np.where(np.stack([alike, ~alike])[:, None], np.array(each), np.nan)
        names = even["run"].values
        coords = {"quantity": ["within", "between"], "progress": grid, "run": names, "run2": names}
        return xr.DataArray(halves, coords, ("quantity", "progress", "run", "run2"))

    def with_ratio(mean: xr.DataArray) -> xr.DataArray:
        within, between = mean.sel(quantity="within", drop=True), mean.sel(quantity="between", drop=True)
        ratio = (between / within.where(within > 0)).expand_dims(quantity=["ratio"])
        out: xr.DataArray = xr.concat([mean, ratio], dim="quantity")
        return out

    per_unit, own = (per_sample, None) if over == "sample" else (per_pair, by if over == "run" else None)
    how: dict[str, Any] = {"over": over, "by": own, "interval": interval, "level": level, "seed": seed}
    found = bootstrap(resample(ds, n), per_unit, draws, then=with_ratio, **how)
    units = {key: METRICS[metric].attrs(metric)[key] for key in ("metric", "scale", "units")}
    return found.assign_attrs(by=by, **units)


def _within_and_between(log_prob: Array, code: NDArray[np.intp], copies: NDArray[np.bool_], metric: str) -> Array:
    """Mean distance (2, sample) over the pairs of runs of one group, and of two."""
    p = normalize(log_prob)
    total, count = np.zeros((2, p.shape[1])), np.zeros((2, 1))
    for u in range(len(p) - 1):
        distance = METRICS[metric].per_sample(p[u], p[u + 1 :])
        alike = code[u + 1 :] == code[u]
        for k, pairs in enumerate((alike & ~copies[u, u + 1 :], ~alike)):
            total[k] += distance[pairs].sum(0)
            count[k] += pairs.sum()
    if not np.isfinite(total).all():
        raise ValueError("two runs share no class for some sample, an infinite distance; metric='hellinger' is bounded")
    # A bootstrap may draw groups of copies only, which have no distances within.
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
