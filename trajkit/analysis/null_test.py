"""What would be seen if runs had nothing in common but their progress."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from trajkit.analysis.run_groups import groups, own_copies
from trajkit.analysis.shuffles import Null, shuffle_within_class, valid_draws
from trajkit.concat import concatenated
from trajkit.curves import references
from trajkit.curves.resample import resampled
from trajkit.curves.trajectory_distance import matched_distance
from trajkit.distances import BHATTACHARYYA, Metric, as_metric
from trajkit.renamed import renamed
from trajkit.schema import is_network, networks_of, validate

# Values of progress: with 50, distances of the runs in the sample data are larger by one in a hundred.
_PROGRESS = 20

Statistic = Callable[[xr.Dataset], xr.DataArray]


@renamed(n="null_draws")
def null_test(
    ds: xr.Dataset,
    statistic: Statistic | None = None,
    null_draws: int = 19,
    *,
    null: Null = shuffle_within_class,
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    by: str | None = None,
    alternative: str = "less",
    seed: int = 0,
) -> xr.Dataset:
    """Compare a statistic with what it is under a null, n times.

        ratio = observed / mean null,  p_value = (1 + number of draws at least as extreme as observed) / (n + 1)

    | null                   | keeps                                                   | scrambles                    |
    |------------------------|---------------------------------------------------------|------------------------------|
    | `shuffle_within_class` | losses, errors, progress, distances to the references   | which sample is learned when |
    | `shuffle_confusions`   | the same, and which sample is learned when              | which classes are confused   |

    Runs of another kind, untrained or trained on shuffled labels, are no draws of a null: `dimensionality` takes them
    beside it, and `compare_groups` tests whether they are apart.

    Without a statistic it is the distance of two runs at equal progress: is a run nearer to another than to one with
    the same losses and progress that learns other samples when? (Shuffling both runs of a pair is as good as shuffling
    one: distances do not change when both are permuted alike.)

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out of pairs.
    statistic
        From a trajectory dataset to a DataArray, such as `lambda ds: tk.embed(ds).explained_distance`. Of one with
        dimensions (run, run2) each pair is taken once. None for the mean distance over 20 values of progress:
        `trajectory_distance(ds, n=20, metric=metric, cap=cap)`.
    null_draws
        Draws of the null. The least p-value that null_draws draws can give is 1 / (null_draws + 1).
    null
        From a trajectory dataset and a seed to another; without a statistic, one that keeps progress.
    metric, cap
        Of the distance, where no statistic is given; a symmetric one. See `pairwise`.
    by
        For statistics of pairs: only pairs of runs that differ in this attribute.
    alternative
        What counts as extreme: "less" than the null or "greater".
    seed
        Of the draws.

    Returns
    -------
    xarray.Dataset
        `observed`, `ratio` and `p_value` with the statistic's dimensions, (pair) with coordinates `run` and `run2` for
        one of pairs; `null` (draw, ...). Without a statistic also `straight` (pair), d(u, geodesic) + d(v, geodesic):
        how far apart two runs would be that leave the straight road in unrelated directions (squared lengths add, and
        lengths as their squares); but not under "jeffreys" without a cap, which puts truth infinitely far.
        Over all entries: `median_ratio`; `share_below`, the share of entries below the mean of their nulls;
        `overall_p_value`, of the mean over entries. Ratios are NaN where the null is 0.

    Raises
    ------
    ValueError
        If n, alternative or metric make no sense, or both a metric and a statistic are given; the statistic is no
        DataArray or not finite, there are no two runs to make a pair of, or `by` is unknown, missing for some run or
        the same for all.

    Examples
    --------
    >>> import trajkit as tk
    >>> test = tk.null_test(tk.simulate(runs=3, groups=1, spread=0.3), null_draws=4)
    >>> float(test.share_below), float(test.overall_p_value)
    (1.0, 0.2)

    References
    ----------
    p-values from random draws: Phipson & Smyth, Stat. Appl. Genet. Mol. Biol. 9, 39, 2010.
    """
    if null_draws < 1:
        raise ValueError(f"null_draws: wanted one draw of the null or more, got {null_draws}")
    if alternative not in ("less", "greater"):
        raise ValueError(f"alternative: wanted 'less' or 'greater', got {alternative!r}")
    chosen = as_metric(metric, cap, symmetric=True)
    if statistic is not None and chosen != BHATTACHARYYA:
        raise ValueError("metric and cap are those of the distance that is taken without a statistic: give them to it")
    validate(ds)
    straight = statistic is None and chosen.finite_at_truth
    if statistic is None:
        # Shuffling keeps progress, so that resampling once serves all draws.
        ds, statistic = _even(networks_of(ds, least=2), straight), partial(_distance, metric=chosen)
    values = statistic(ds)
    observed = _entries(values, ds, by)
    seeds = np.random.SeedSequence(seed).generate_state(null_draws).tolist()
    draw = valid_draws(null)
    draws = xr.concat([_entries(statistic(draw(ds, s)), ds, by) for s in seeds], dim="draw")
    mean = draws.mean("draw")
    sign = 1 if alternative == "less" else -1
    entries = [d for d in draws.dims if d != "draw"]
    road = {"straight": _straight(values, observed)} if straight else {}
    return xr.Dataset(
        {
            "observed": observed,
            **road,
            "null": draws,
            "ratio": (observed / mean.where(mean != 0)).assign_attrs(long_name="observed / mean null", units="1"),
            "p_value": _p_value(sign * observed, sign * draws),
            "median_ratio": (observed / mean.where(mean != 0)).median().assign_attrs(units="1"),
            "share_below": (observed < mean).mean().assign_attrs(long_name="share below their null", units="1"),
            "overall_p_value": _p_value(sign * observed.mean(), sign * draws.mean(entries)),
        },
        attrs={"null": name_of(null), "draws": null_draws, "alternative": alternative, "seed": seed},
    )


def name_of(null: Null) -> str:
    """Name a null in results.

    Examples
    --------
    >>> name_of(shuffle_within_class)
    'shuffle_within_class'
    """
    return str(getattr(null, "__name__", type(null).__name__))


def written_p(p_value: float, draws: int) -> str:
    """Write a p-value told by so many random draws: the least that they can show is a bound, not a measurement.

    Examples
    --------
    >>> written_p(0.05, 19), written_p(0.05, 999), written_p(0.001, 999)
    ('p ≤ 0.05', 'p = 0.05', 'p ≤ 0.001')
    """
    least = (1 + 1e-9) / (1 + draws)
    return f"p {'≤' if p_value <= least else '='} {p_value:.3g}"


def _even(ds: xr.Dataset, straight: bool) -> xr.Dataset:
    """Bring the runs, and the geodesic beside them if it is asked for, to equal progress."""
    if not straight:
        return resampled(ds, _PROGRESS)
    road = references(ds, 2 * _PROGRESS + 1).sel(run=["geodesic"])
    return concatenated([resampled(ds, _PROGRESS), resampled(road, _PROGRESS)])


def _straight(distance: xr.DataArray, pairs: xr.DataArray) -> xr.DataArray:
    away = distance.sel(run="geodesic", drop=True)
    own, other = (away.sel(run2=pairs[end].values).values for end in ("run", "run2"))
    values = np.hypot(own, other) if pairs.attrs["scale"] == "length" else own + other
    return pairs.copy(data=values).assign_attrs(
        long_name="distance of runs that leave the geodesic in unrelated directions"
    )


def _distance(even: xr.Dataset, metric: Metric) -> xr.DataArray:
    coords = {"run": even["run"].values, "run2": even["run"].values}
    attrs = metric.attrs | {"long_name": f"{metric.name} distance at equal progress"}
    return xr.DataArray(matched_distance(even, metric), coords, ("run", "run2"), attrs=attrs)


def _entries(values: xr.DataArray, ds: xr.Dataset, by: str | None) -> xr.DataArray:
    """Check a statistic; of a matrix of runs, take each pair once."""
    if not isinstance(values, xr.DataArray):
        raise ValueError(f"statistic: wanted one that returns a DataArray, got {type(values).__name__}")
    if set(values.dims) == {"run", "run2"}:
        values = _pairs(values.transpose("run", "run2"), ds, by)
    elif by is not None:
        raise ValueError(f"by={by!r} picks pairs of runs, and the statistic has dimensions {values.dims}")
    if not values.size or not np.isfinite(values.values).all():
        raise ValueError("the statistic is empty, NaN or infinite for some entries: wanted finite numbers")
    return values.drop_vars([c for c in values.coords if c not in (*values.dims, "run", "run2")])


def _pairs(values: xr.DataArray, ds: xr.Dataset, by: str | None) -> xr.DataArray:
    runs = ds.sel(run=values["run"].values)
    network = is_network(runs)
    wanted = np.triu(network[:, None] & network & ~own_copies(runs), k=1)
    if by is not None:
        code = np.full(len(network), -1)
        code[network] = groups(runs.isel(run=network), by)[0]
        wanted &= code[:, None] != code
    u, v = np.nonzero(wanted)
    if not len(u):
        raise ValueError(f"wanted two runs of kind 'network' or more to make pairs of, got {int(network.sum())}")
    names = values["run"].values
    return xr.DataArray(
        values.values[u, v], {"run": ("pair", names[u]), "run2": ("pair", names[v])}, ("pair",), attrs=values.attrs
    )


def _p_value(observed: xr.DataArray, null: xr.DataArray) -> xr.DataArray:
    out: xr.DataArray = (1 + (null <= observed).sum("draw")) / (1 + null.sizes["draw"])
    return out.assign_attrs(long_name="p-value", units="1")
