"""Compare a statistic with its distribution under a null."""

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

# Points of the progress grid. With 50 points, distances of the runs in the sample data are 1 % larger.
PROGRESS_POINTS = 20

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
    """Compare a statistic with draws from a null.

        ratio = observed / mean null,  p_value = (1 + number of draws at least as extreme) / (1 + null_draws)

    | null                   | keeps                                                   | scrambles                    |
    |------------------------|---------------------------------------------------------|------------------------------|
    | `shuffle_within_class` | losses, errors, progress, distances to the references   | which sample is learned when |
    | `shuffle_confusions`   | the same, and which sample is learned when              | which classes are confused   |

    Runs of another kind, untrained or trained on shuffled labels, are not draws of a null: `dimensionality` compares
    with them, and `compare_groups` tests whether they differ.

    Without a statistic, this tests the distance of two runs at equal progress: is a run nearer to another run than to
    one with the same losses and progress that learns other samples at each time? Both runs of a pair are shuffled. This
    is equivalent to shuffling one, because distances do not change if both have the same permutation.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out of pairs.
    statistic
        A function from a trajectory dataset to a DataArray, such as `lambda ds: tk.embed(ds).explained_distance`. If
        the result has dimensions (run, run2), each pair is used once. By default the mean distance over 20 values of
        progress, `trajectory_distance(ds, n=20, metric=metric, cap=cap)`.
    null_draws
        Number of draws from the null. The smallest possible p-value is 1 / (null_draws + 1).
    null
        A function from a trajectory dataset and a seed to a trajectory dataset. Without a statistic, it must keep
        progress.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric. Not used
        with a statistic.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    by
        Run attribute that defines the groups. Only pairs of two groups are used. Only for statistics of pairs.
    alternative
        Which draws are extreme: "less" if those below the observed statistic are, or "greater".
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        `observed`, `ratio` and `p_value` with the statistic's dimensions, or (pair) with coordinates `run` and `run2`
        for a statistic of pairs; `null` (draw, ...). Without a statistic also `straight` (pair), d(u, geodesic) +
        d(v, geodesic) in the metric's units: the distance of two runs that leave the geodesic in unrelated directions
        (squared lengths add; lengths add as squares). It is left out for "jeffreys" without a cap, for which truth is
        infinitely far. Over all entries: `median_ratio`; `share_below`, the share of entries below the mean of their
        nulls; `overall_p_value`, of the mean over entries. Ratios are NaN if the mean of the null is 0.

    Raises
    ------
    ValueError
        If `null_draws` is below 1, or `alternative` or the metric is unknown; if both a metric and a statistic are
        given; if the statistic is no DataArray or not finite; if there are no two runs to make a pair; or if `by` is
        unknown, missing for some run or the same for all.

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
        raise ValueError(f"null_draws: wanted one draw or more, got {null_draws}")
    if alternative not in ("less", "greater"):
        raise ValueError(f"alternative: wanted 'less' or 'greater', got {alternative!r}")
    chosen = as_metric(metric, cap, symmetric=True)
    if statistic is not None and chosen != BHATTACHARYYA:
        raise ValueError("metric and cap are for the distance of runs: with a statistic, use them inside the statistic")
    validate(ds)
    straight = statistic is None and chosen.finite_at_truth
    if statistic is None:
        # Shuffling keeps progress, so one resampling is enough for all draws.
        ds, statistic = _even(networks_of(ds, least=2), straight), partial(_distance, metric=chosen)
    values = statistic(ds)
    observed = _entries(values, ds, by)
    seeds = np.random.SeedSequence(seed).generate_state(null_draws).tolist()
    draw = valid_draws(null)
    draws = xr.concat([_entries(statistic(draw(ds, s)), ds, by) for s in seeds], dim="draw")
    mean = draws.mean("draw")
    sign = 1 if alternative == "less" else -1
    entries = [d for d in draws.dims if d != "draw"]
    return xr.Dataset(
        {
            "observed": observed,
            **({"straight": _straight(values, observed)} if straight else {}),
            "null": draws,
            "ratio": (observed / mean.where(mean != 0)).assign_attrs(long_name="observed / mean null", units="1"),
            "p_value": _p_value(sign * observed, sign * draws),
            "median_ratio": (observed / mean.where(mean != 0)).median().assign_attrs(units="1"),
            "share_below": (observed < mean).mean().assign_attrs(long_name="share below their null", units="1"),
            "overall_p_value": _p_value(sign * observed.mean(), sign * draws.mean(entries)),
        },
        attrs={
            "null": getattr(null, "__name__", type(null).__name__),
            "draws": null_draws,
            "alternative": alternative,
            "seed": seed,
        },
    )


def written_p(p_value: float, draws: int) -> str:
    """Write a p-value from random draws; the smallest possible one is an upper bound and not a measured value.

    Examples
    --------
    >>> written_p(0.05, 19), written_p(0.05, 999), written_p(0.001, 999)
    ('p ≤ 0.05', 'p = 0.05', 'p ≤ 0.001')
    """
    smallest = (1 + 1e-9) / (1 + draws)
    return f"p {'≤' if p_value <= smallest else '='} {p_value:.3g}"


def _even(ds: xr.Dataset, straight: bool) -> xr.Dataset:
    """Resample the runs to equal progress, and the geodesic too if `straight` needs its distance."""
    geodesic = references(ds, 2 * PROGRESS_POINTS + 1).sel(run=["geodesic"])
    return resampled(concatenated([ds, geodesic]) if straight else ds, PROGRESS_POINTS, extend="shared")


def _straight(distance: xr.DataArray, pairs: xr.DataArray) -> xr.DataArray:
    to_geodesic = distance.sel(run="geodesic", drop=True)
    one, other = (to_geodesic.sel(run2=pairs[end].values).values for end in ("run", "run2"))
    values = np.hypot(one, other) if pairs.attrs["scale"] == "length" else one + other
    return pairs.copy(data=values).assign_attrs(
        long_name="distance of runs that leave the geodesic in unrelated directions"
    )


def _distance(even: xr.Dataset, metric: Metric) -> xr.DataArray:
    coords = {"run": even["run"].values, "run2": even["run"].values}
    attrs = metric.attrs | {"long_name": f"{metric.name} distance at equal progress"}
    return xr.DataArray(matched_distance(even, metric), coords, ("run", "run2"), attrs=attrs)


def _entries(values: xr.DataArray, ds: xr.Dataset, by: str | None) -> xr.DataArray:
    """Check the values of a statistic, and take each pair of a matrix of runs once."""
    if not isinstance(values, xr.DataArray):
        raise ValueError(f"statistic: wanted a function that returns a DataArray, got {type(values).__name__}")
    if set(values.dims) == {"run", "run2"}:
        values = _pairs(values.transpose("run", "run2"), ds, by)
    elif by is not None:
        raise ValueError(
            f"by={by!r} selects pairs of runs, but the statistic has dimensions {values.dims}, not (run, run2)"
        )
    if not values.size or not np.isfinite(values.values).all():
        raise ValueError("statistic: wanted finite numbers, got none, or some that are NaN or infinite")
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
    share = (1 + (null <= observed).sum("draw")) / (1 + null.sizes["draw"])
    return share.assign_attrs(long_name="p-value", units="1")
