"""Whether groups of runs that start apart come together."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.run_groups import groups, own_copies
from trajkit.analysis.within_between import BETWEEN, WITHIN, with_ratio, within_between
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
    cap: float | None = None,
    n: int = 20,
    over: str = "sample",
    interval: str = "percentile",
    draws: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Measure the distance within and between groups of runs along progress.

    If groups start apart and converge to one manifold, the ratio between / within decreases to 1.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    by
        Run attribute that defines the groups.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    n
        Number of points of the progress grid. Below and above the range of a run, its first or last checkpoint is used
        (`resample`).
    over
        What `bootstrap` draws: "sample", "run" (within groups), "seed" or another run attribute.
    interval
        Kind of interval: "percentile", "bca" or "jackknife" (`bootstrap`). With few seeds only "jackknife" has the
        right coverage.
    draws
        Number of bootstrap draws.
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        `estimate`, `lower`, `upper` and `standard_error` on `quantity` and `progress`. Quantities are "within", the
        mean distance of pairs of one group, and "between", of pairs of two groups, both in the metric's units; and
        their "ratio", NaN where "within" is 0. The intervals do not include the uncertainty of the progress of the
        runs. `attrs["limitations"]` are those of `bootstrap`.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run, the same for all or different for all; if the metric is
        unknown or not symmetric; if a distance is infinite; or as `resample` and `bootstrap` do.

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

    progress = {"progress": np.linspace(0, 1, n)}

    def per_sample(even: xr.Dataset) -> xr.DataArray:
        each = [_within_and_between(p, code, copies, chosen) for p in even["log_prob"].values.swapaxes(0, 1)]
        return xr.DataArray(
            np.stack(each, axis=1), {"quantity": [WITHIN, BETWEEN], **progress}, ("quantity", "progress", "sample")
        )

    def per_pair(even: xr.Dataset) -> xr.DataArray:
        each = [pairwise(even.isel(checkpoint=[k]), metric=chosen).values for k in range(n)]
        runs = {"run": even["run"].values, "run2": even["run"].values}
        return within_between(xr.DataArray(np.array(each), {**progress, **runs}, ("progress", "run", "run2")), code)

    per_unit, own = (per_sample, None) if over == "sample" else (per_pair, by if over == "run" else None)
    found = bootstrap(
        resampled(ds, n),
        per_unit,
        draws,
        over=over,
        by=own,
        interval=interval,
        then=lambda mean: with_ratio(mean, "ratio"),
        level=level,
        seed=seed,
    )
    return found.assign_attrs(by=by, **chosen.identity, scale=chosen.scale, units=chosen.units)


def _within_and_between(log_prob: Array, code: Indices, copies: Mask, metric: Metric) -> Array:
    """Mean distance (2, sample) over the pairs of runs of one group, and of two groups."""
    p = normalize(log_prob)
    total, count = np.zeros((2, p.shape[1])), np.zeros((2, 1))
    for u in range(len(p) - 1):
        distance = metric.per_sample(p[u], p[u + 1 :])
        same = code[u + 1 :] == code[u]
        for k, pairs in enumerate((same & ~copies[u, u + 1 :], ~same)):
            total[k] += distance[pairs].sum(0)
            count[k] += pairs.sum()
    if not np.isfinite(total).all():
        raise ValueError(
            "two runs have disjoint support on at least one sample, an infinite distance: pass cap= to limit each "
            "sample's contribution (in nats), or use metric='hellinger'"
        )
    # A draw of a bootstrap over runs can hold groups with copies of one run only: they have no distances within.
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
