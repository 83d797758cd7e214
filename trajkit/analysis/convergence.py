"""How groups of runs develop: who is faster, and whether those that start apart come together."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.run_groups import groups, own_copies
from trajkit.curves.resample import resampled
from trajkit.distances import Metric, as_metric, pairwise
from trajkit.probabilities import normalize
from trajkit.schema import networks
from trajkit.typing import Array, Indices, Mask


def convergence(
    ds: xr.Dataset,
    by: str,
    *,
    metric: str | Metric = "bhattacharyya",
    n: int = 20,
    over: str = "sample",
    interval: str = "percentile",
    draws: int = 999,
    level: float = 0.95,
    seed: int = 0,
    cap: float | None = None,
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
    chosen = as_metric(metric, cap, symmetric=True)
    ds = networks(ds, least=2)
    code, values = groups(ds, by)
    copies = own_copies(ds)
    if len(values) == len(code):
        raise ValueError(f"{by!r} differs for every run: there are no distances within groups")

    grid = np.linspace(0, 1, n)

    grid = np.linspace(0, 1, n)

    def per_sample(even: xr.Dataset) -> xr.DataArray:
        each = [_within_and_between(p, code, copies, chosen) for p in even["log_prob"].values.swapaxes(0, 1)]
        coords = {"quantity": ["within", "between"], "progress": grid}
        return xr.DataArray(np.array(each), coords, ("progress", "quantity", "sample")).transpose("quantity", ...)

    def per_pair(even: xr.Dataset) -> xr.DataArray:
        each = [pairwise(even.isel(checkpoint=[k]), metric=chosen).values for k in range(n)]
        alike = code[:, None] == code
        halves = np.where(np.stack([alike, ~alike])[:, None], np.array(each), np.nan)
        names = even["run"].values
        coords = {"quantity": ["within", "between"], "progress": grid, "run": names, "run2": names}
        return xr.DataArray(halves, coords, ("quantity", "progress", "run", "run2"))

    def with_ratio(mean: xr.DataArray) -> xr.DataArray:
        within, between = mean.sel(quantity="within", drop=True), mean.sel(quantity="between", drop=True)
        ratio = (between / within.where(within > 0)).expand_dims(quantity=["ratio"])
        return xr.concat([mean, ratio], dim="quantity")

    per_unit, own = (per_sample, None) if over == "sample" else (per_pair, by if over == "run" else None)
    how: dict[str, Any] = {"over": over, "by": own, "interval": interval, "level": level, "seed": seed}
    found = bootstrap(resampled(ds, n), per_unit, draws, then=with_ratio, **how)
    return found.assign_attrs(by=by, **chosen.identity, scale=chosen.scale, units=chosen.units)


def _within_and_between(log_prob: Array, code: Indices, copies: Mask, metric: Metric) -> Array:
    """Mean distance (2, sample) over the pairs of runs of one group, and of two."""
    p = normalize(log_prob)
    total, count = np.zeros((2, p.shape[1])), np.zeros((2, 1))
    for u in range(len(p) - 1):
        distance = metric.per_sample(p[u], p[u + 1 :])
        alike = code[u + 1 :] == code[u]
        for k, pairs in enumerate((alike & ~copies[u, u + 1 :], ~alike)):
            total[k] += distance[pairs].sum(0)
            count[k] += pairs.sum()
    if not np.isfinite(total).all():
        raise ValueError(
            "two runs have disjoint support on at least one sample, an infinite distance: pass cap= to limit each "
            "sample's contribution (in nats), or use metric='hellinger'"
        )
    # A bootstrap may draw groups of copies only, which have no distances within.
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
