"""Distances of pairs of runs at equal progress, sample by sample, and bootstrap intervals from them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.permanova import products, span
from trajkit.analysis.run_groups import groups
from trajkit.distances import Metric
from trajkit.probabilities import normalize
from trajkit.typing import Array, Indices


def pair_distances(even: xr.Dataset, metric: Metric) -> xr.DataArray:
    """Distance of each pair of runs for each sample, as the mean over the progress grid.

    The mean over samples is `trajectory_distance` with method "progress". One computation of these distances serves
    all bootstrap draws of samples.

    Parameters
    ----------
    even
        Runs at equal progress, from `resample`.
    metric
        The distance and its cap.

    Returns
    -------
    xarray.DataArray
        (sample, pair), with pairs in the order of `numpy.triu_indices(runs, k=1)`, in the metric's units.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=3, spread=0.3)
    >>> apart = pair_distances(tk.resample(ds, 5), Metric("hellinger"))
    >>> distance = tk.trajectory_distance(ds, n=5, metric="hellinger")
    >>> apart.dims, bool(abs(apart.mean("sample")[2] - distance[1, 2]) < 1e-6)
    (('sample', 'pair'), True)
    """
    runs = even.sizes["run"]
    total = np.zeros((runs * (runs - 1) // 2, even.sizes["sample"]))
    for log_prob in even["log_prob"].values.swapaxes(0, 1):
        p = normalize(log_prob)
        total += np.concatenate([metric.per_sample(p[u], p[u + 1 :]) for u in range(runs - 1)])
    return xr.DataArray(total.T / even.sizes["checkpoint"], dims=("sample", "pair"), attrs=metric.attrs)


def pairs_of_groups(ds: xr.Dataset, by: str | None) -> Indices:
    """Give the places of the pairs that differ in a run attribute, or of all pairs.

    Examples
    --------
    >>> import trajkit as tk
    >>> pairs_of_groups(tk.simulate(runs=4, groups=2), "architecture")
    array([0, 2, 3, 5])
    """
    u, v = np.triu_indices(ds.sizes["run"], k=1)
    if by is None:
        return np.arange(len(u))
    code, _ = groups(ds, by)
    return np.flatnonzero(code[u] != code[v])


def ratio_interval(
    ds: xr.Dataset, above: xr.DataArray, below: xr.DataArray, *, draws: int = 399, level: float = 0.95, seed: int = 0
) -> xr.Dataset:
    """Bootstrap the ratio of two mean distances over the samples.

    Parameters
    ----------
    ds
        A trajectory dataset.
    above, below
        Distances (sample, pair), from `pair_distances`.
    draws
        Number of bootstrap draws.
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        `estimate`, `lower`, `upper` and `standard_error`, without units, as `bootstrap` returns them.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=3, spread=0.3)
    >>> apart = pair_distances(tk.resample(ds, 5), Metric("hellinger"))
    >>> float(ratio_interval(ds, 2 * apart, apart, draws=9).upper)
    2.0
    """
    # `bootstrap` averages what has the dimension `sample`: nothing is computed again for a draw.
    means = xr.concat([apart.mean("pair") for apart in (above, below)], dim="part")
    return bootstrap(ds, lambda _: means, draws, then=lambda m: m.isel(part=0) / m.isel(part=1), level=level, seed=seed)


def r_squared_intervals(
    ds: xr.Dataset,
    apart: xr.DataArray,
    names: list[str],
    *,
    draws: int = 399,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Bootstrap, over the samples, the share of distances that each run attribute explains by itself.

    Parameters
    ----------
    ds
        A trajectory dataset without reference runs.
    apart
        Distances (sample, pair), from `pair_distances`.
    names
        Run attributes that define the groups.
    draws
        Number of bootstrap draws.
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        `estimate`, `lower`, `upper` and `standard_error` on `attribute`; the estimate is `r_squared` of
        `compare_groups`.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, groups=2, spread=0.3)
    >>> apart = pair_distances(tk.resample(ds, 5), Metric("hellinger"))
    >>> found = r_squared_intervals(ds, apart, ["architecture", "seed"], draws=99)
    >>> bool(found.lower[0] > found.upper[1])
    True
    """
    runs = ds.sizes["run"]
    pairs = np.triu_indices(runs, k=1)
    bases = [span([groups(ds, name)[0]], runs) for name in names]

    # Without the p-values of `compare_groups`, which would permute the runs for every draw.
    def shares(distance: Array) -> list[float]:
        squared = np.zeros((runs, runs))
        squared[pairs] = np.square(distance) if apart.attrs["scale"] == "length" else distance
        inner = products(squared + squared.T)
        return [float(np.trace(q.T @ inner @ q) / np.trace(inner)) for q in bases]

    def r_squared(mean: xr.DataArray) -> xr.DataArray:
        rows = np.atleast_2d(mean.transpose(..., "pair").values)
        every = xr.DataArray(np.array([shares(row) for row in rows]), {"attribute": names}, ("draw", "attribute"))
        return every if "draw" in mean.dims else every.isel(draw=0)

    return bootstrap(ds, lambda _: apart, draws, then=r_squared, level=level, seed=seed)
