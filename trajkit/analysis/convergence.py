"""Whether groups of runs that start apart come together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.run_groups import groups, own_copies
from trajkit.analysis.within_between import BETWEEN, WITHIN, within_between
from trajkit.curves.progress import progress_of
from trajkit.curves.resample import resampled, said_of
from trajkit.curves.shared_range import REACH
from trajkit.curves.start import since_start
from trajkit.curves.straight_road import straight_roads
from trajkit.distances import Metric, as_metric, pairwise
from trajkit.probabilities import normalize
from trajkit.schema import networks
from trajkit.typing import Array, Indices, Mask

STRAIGHT, RATIO, STRAIGHT_RATIO = "straight", "ratio", "straight ratio"
START, PATH, END = "start", "path", "end"


def convergence(
    ds: xr.Dataset,
    by: str,
    *,
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    n: int = 20,
    reach: float = REACH,
    over: str = "sample",
    interval: str = "percentile",
    draws: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Measure the distance within and between groups of runs along progress, and beside that of straight roads.

    That runs end near each other proves little: all go to truth, and truth is one point. So each run u is compared with
    its straight road s(u), the geodesic from its start to truth, at equal progress. Over pairs of runs of two groups,

        between = mean d(u, v),  straight = mean d(s(u), v) over both orders,  straight ratio = between / straight

    *Path*: groups converge along the way if they come nearer to each other than their straight roads do, so that the
    straight ratio is below 1. *End*: they end in the same place if runs of two groups are there as near to each other
    as runs of one group, so that the ratio between / within is 1.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out. The trajectory of a run that was recorded before its own
        training starts at its attribute `start_step`.
    by
        Run attribute that defines the groups.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    n
        Number of points of the progress grid. It lies on the interval of progress that all runs reach (`resample`).
    reach
        With "shared", the share of what the median network reaches that a run must reach. Other runs would shorten the
        interval for all: they are left out, and `attrs["left_out"]` names them.
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
        mean distance of pairs of one group, "between" and "straight", as above, all in the metric's units; and "ratio",
        between / within, and "straight ratio", between / straight, which are NaN where they would divide by 0. The same
        with the prefix `stage_` on `quantity` and `stage`: "start", the first checkpoints of the trajectories; "path",
        the means over progress and their ratios; "end", the last checkpoints. The intervals do not include the
        uncertainty of the progress of the runs. `attrs["limitations"]` are those of `bootstrap`; `shared_from`,
        `shared_to`, `shared_part` and `left_out` are those of `resample`.

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
    >>> bool(found.stage_estimate.sel(quantity="ratio", stage="path") > 2)
    True
    """
    chosen = as_metric(metric, cap, symmetric=True)
    ds = networks(ds, least=2)
    groups(ds, by)
    even = resampled(ds, n, extend="shared", reach=reach)
    ds, given = ds.sel(run=even["run"].values), ds.sizes["run"]
    try:
        code, values = groups(ds, by)
    except ValueError as error:
        few = f"{given - ds.sizes['run']} of {given} runs reach too little to be compared: {even.attrs['left_out']}"
        raise ValueError(f"{few}; without them, {error}") from error
    if len(values) == len(code):
        raise ValueError(f"{by!r} differs for every run: there are no distances within groups")
    points = _points(ds, even)
    if over == "sample":
        distances, own = _per_sample(points, code, own_copies(ds), chosen), None
    else:
        distances, own = _per_pair(points, even, code, chosen), by if over == "run" else None
    found = bootstrap(
        ds,
        lambda _: distances,
        draws,
        over=over,
        by=own,
        interval=interval,
        then=_with_ratios,
        level=level,
        seed=seed,
    )
    along = found.isel(place=slice(n)).rename(place="progress").assign_coords(progress=even["progress"].values[0])
    stages = found.isel(place=slice(n, None)).rename(place="stage").assign_coords(stage=[START, END, PATH])
    stages = stages.sel(stage=[START, PATH, END]).rename({name: f"stage_{name}" for name in found.data_vars})
    out = along.assign(stages.data_vars)
    return out.assign_attrs(by=by, **chosen.identity, scale=chosen.scale, units=chosen.units, **said_of(even))


class _Points(NamedTuple):
    """Runs and their straight roads (place, run, sample, class), at the progress grid, the start and the end."""

    runs: NDArray[np.float32]
    straight: NDArray[np.float32]


def _points(ds: xr.Dataset, even: xr.Dataset) -> _Points:
    on_road, at, progress = since_start(ds), np.arange(ds.sizes["run"]), progress_of(ds).values
    first, last = on_road.argmax(1), on_road.shape[1] - 1 - on_road[:, ::-1].argmax(1)
    ends = [ds["log_prob"].values[at, k][:, None] for k in (first, last)]
    # A run can fall back: it has come as far as its largest progress.
    grid = np.column_stack([even["progress"].values, progress[at, first], np.nanmax(progress, axis=1)])
    runs = np.concatenate([even["log_prob"].values, *ends], axis=1)
    return _Points(runs.swapaxes(0, 1), straight_roads(ds, grid).swapaxes(0, 1))


def _per_sample(points: _Points, code: Indices, copies: Mask, metric: Metric) -> xr.DataArray:
    """Mean distances (quantity, place, sample) over the pairs of each kind."""
    each = [_of_pairs(p, s, code, copies, metric) for p, s in zip(*points, strict=True)]
    names = {"quantity": [WITHIN, BETWEEN, STRAIGHT]}
    return xr.DataArray(np.stack(each, axis=1), names, ("quantity", "place", "sample"))


def _of_pairs(log_prob: Array, straight: Array, code: Indices, copies: Mask, metric: Metric) -> Array:
    """Mean distance (3, sample) of runs of one group, of two groups, and of straight roads to runs of another group."""
    p, road = normalize(log_prob), normalize(straight)
    total, count = np.zeros((3, p.shape[1])), np.zeros((3, 1))
    for u in range(len(p)):
        other = code != code[u]
        alike = ~other & ~copies[u] & (np.arange(len(p)) > u)
        for k, (one, pairs) in enumerate(((p[u], alike), (p[u], other), (road[u], other))):
            total[k] += metric.per_sample(one, p[pairs]).sum(0)
            count[k] += pairs.sum()
    if not np.isfinite(total).all():
        raise ValueError(
            "two runs have disjoint support on at least one sample, an infinite distance: pass cap= to limit each "
            "sample's contribution (in nats), or use metric='hellinger'"
        )
    # A draw of a bootstrap over runs can hold groups with copies of one run only: they have no distances within.
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _per_pair(points: _Points, even: xr.Dataset, code: Indices, metric: Metric) -> xr.DataArray:
    """Distances (quantity, place, run, run2), NaN for pairs of the other kind."""
    probe = {name: even[name].variable for name in ("sample", "class")}
    names = even["run"].values

    def as_points(log_prob: Array) -> xr.Dataset:
        coords = probe | {"run": ("point", names), "checkpoint": ("point", np.zeros(len(names), dtype=int))}
        return xr.Dataset({"log_prob": (("point", "sample", "class"), log_prob)}, coords)

    each = []
    for p, s in zip(*points, strict=True):
        runs = as_points(p)
        to_road = pairwise(as_points(s), runs, metric=metric).values
        each.append([pairwise(runs, metric=metric).values, 0.5 * (to_road + to_road.T)])
    both = xr.DataArray(np.array(each), {"run": names, "run2": names}, ("place", "which", "run", "run2"))
    of_runs = within_between(both.isel(which=0), code)
    of_roads = within_between(both.isel(which=1), code).sel(quantity=[BETWEEN]).assign_coords(quantity=[STRAIGHT])
    return xr.concat([of_runs, of_roads], dim="quantity")


def _with_ratios(mean: xr.DataArray) -> xr.DataArray:
    """Append the path, the mean over the grid, to the places, and the two ratios to the quantities."""
    path = mean.isel(place=slice(None, -2)).mean("place", skipna=False)
    mean = xr.concat([mean, path], dim="place")
    within, between, straight = (mean.sel(quantity=name, drop=True) for name in (WITHIN, BETWEEN, STRAIGHT))
    ratios = [
        (between / below.where(below != 0)).expand_dims(quantity=[name])
        for name, below in ((RATIO, within), (STRAIGHT_RATIO, straight))
    ]
    return xr.concat([mean, *ratios], dim="quantity")
