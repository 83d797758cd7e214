"""Compare a statistic with its distribution under a null."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from trajkit.analysis.run_groups import different_pairs, groups
from trajkit.analysis.shuffled_distances import ratio_interval_of, shuffled_distances, table_pays
from trajkit.analysis.shuffles import Null, kinds_of_samples, shuffle_within_class, valid_draws
from trajkit.curves.ends import ignorance, truth
from trajkit.curves.geodesic import great_circle
from trajkit.curves.resample import resampled, said_of
from trajkit.curves.trajectory_distance import matched_distance
from trajkit.distances import BHATTACHARYYA, Metric, as_metric
from trajkit.limitations import with_reasons
from trajkit.probabilities import normalize
from trajkit.progress_bar import iterate_with_bar
from trajkit.renamed import renamed
from trajkit.schema import is_network, networks_of, validated
from trajkit.typing import Indices

# Points of the progress grid. With 50 points, distances of the runs in the sample data are 1 % larger.
PROGRESS_POINTS = 20

_NO_INTERVAL = (
    "no interval of overall_ratio: it is made with many draws of shuffle_within_class for the distance of runs"
)

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
    level: float = 0.95,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> xr.Dataset:
    """Compare a statistic with draws from a null.

        ratio = observed / mean null,  p_value = (1 + number of draws at least as extreme) / (1 + null_draws)

    | null                   | keeps                                                   | scrambles                    |
    |------------------------|---------------------------------------------------------|------------------------------|
    | `shuffle_within_class` | losses, errors, progress, distances to the references   | which sample is learned when |
    | `shuffle_confusions`   | the same, and which sample is learned when              | which classes are confused   |
    | `shuffle_contexts`     | for texts: what the run predicts whatever the context   | what it adds to each context |

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
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        `observed`, `ratio` and `p_value` with the statistic's dimensions, or (pair) with coordinates `run` and `run2`
        for a statistic of pairs; `null` (draw, ...). Without a statistic also `straight` (pair), d(u, geodesic) +
        d(v, geodesic) in the metric's units: the distance of two runs that leave the geodesic in unrelated directions
        (squared lengths add; lengths add as squares). It is left out for "jeffreys" without a cap, for which truth is
        infinitely far. Over all entries: `median_ratio`; `share_below`, the share of entries below the mean of their
        nulls; `overall_ratio` and `overall_p_value`, of the means over entries. Ratios are NaN if the mean of the null
        is 0. `overall_lower` and `overall_upper` are a bootstrap interval of `overall_ratio` over samples (within class
        and split), in which the null varies with the samples too. They are made without a statistic, from many draws of
        `shuffle_within_class`; otherwise they are NaN, and `attrs["limitations"]` says so.

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
    if not 0 < level < 1:
        raise ValueError(f"level: wanted a number between 0 and 1, got {level}")
    ds = validated(ds)
    seeds = np.random.SeedSequence(seed).generate_state(null_draws).tolist()
    straight, interval, limitations = {}, (np.nan, np.nan), _NO_INTERVAL
    of_runs = statistic is None
    if statistic is None:
        # Shuffling keeps progress, so one resampling is enough for all draws.
        ds = resampled(networks_of(ds, least=2), PROGRESS_POINTS, extend="shared")
        statistic = partial(_distance, metric=chosen)
    observed = _entries(statistic(ds), ds, by)
    if of_runs and chosen.finite_at_truth:
        straight = {"straight": _straight(ds, observed, chosen)}
    if of_runs and null is shuffle_within_class and table_pays(ds, null_draws):
        found = shuffled_distances(ds, chosen, _places(ds, observed), seeds, progress_bar)
        draws = observed.expand_dims(draw=null_draws).copy(data=found.draws)
        interval, limitations = ratio_interval_of(found.kernel, kinds_of_samples(ds), level, seed), ""
        if np.isnan(interval).any():
            limitations = "all runs are equal, so that no ratio to the null is defined"
    else:
        draw, each = valid_draws(null), iterate_with_bar(seeds, "draws of the null", progress_bar)
        draws = xr.concat([_entries(statistic(draw(ds, s)), ds, by) for s in each], dim="draw")
    result = xr.Dataset(
        {"observed": observed, **straight, "null": draws, **_compared(observed, draws, alternative, interval)},
        attrs={
            "null": getattr(null, "__name__", type(null).__name__),
            "draws": null_draws,
            "alternative": alternative,
            "level": level,
            "seed": seed,
            "limitations": limitations,
            **said_of(ds),
        },
    )
    return with_reasons(result, dict.fromkeys(("ratio", "median_ratio", "overall_ratio"), "the mean of the null is 0"))


def _compared(
    observed: xr.DataArray, draws: xr.DataArray, alternative: str, interval: tuple[float, float]
) -> dict[str, xr.DataArray]:
    """Ratios and p-values, of each entry and over all entries."""
    mean, sign = draws.mean("draw"), 1 if alternative == "less" else -1
    ratio, overall = observed / mean.where(mean != 0), mean.mean()
    entries = [d for d in draws.dims if d != "draw"]
    found = {
        "ratio": ratio.assign_attrs(long_name="observed / mean null"),
        "median_ratio": ratio.median(),
        "share_below": (observed < mean).mean().assign_attrs(long_name="share below their null"),
        "overall_ratio": (observed.mean() / overall.where(overall != 0)).assign_attrs(long_name="mean / mean of null"),
        "overall_lower": xr.DataArray(interval[0]),
        "overall_upper": xr.DataArray(interval[1]),
        "p_value": _p_value(sign * observed, sign * draws),
        "overall_p_value": _p_value(sign * observed.mean(), sign * draws.mean(entries)),
    }
    return {name: values.assign_attrs(units="1") for name, values in found.items()}


def written_p(p_value: float, draws: int) -> str:
    """Write a p-value from random draws; the smallest possible one is an upper bound and not a measured value.

    Examples
    --------
    >>> written_p(0.05, 19), written_p(0.05, 999), written_p(0.001, 999)
    ('p ≤ 0.05', 'p = 0.05', 'p ≤ 0.001')
    """
    smallest = (1 + 1e-9) / (1 + draws)
    return f"p {'≤' if p_value <= smallest else '='} {p_value:.3g}"


def _straight(even: xr.Dataset, pairs: xr.DataArray, metric: Metric) -> xr.DataArray:
    """Add up the distances of the two runs of each pair to the geodesic at equal progress."""
    geodesic = great_circle(ignorance(even).values, truth(even).values, even["progress"].values[0])
    along = zip(even["log_prob"].values.swapaxes(0, 1), geodesic, strict=True)
    to_geodesic = np.mean([metric.per_sample(normalize(p), q).mean(-1) for p, q in along], axis=0)
    one, other = (to_geodesic[at] for at in _places(even, pairs))
    values = np.hypot(one, other) if metric.scale == "length" else one + other
    return pairs.copy(data=values).assign_attrs(
        long_name="distance of runs that leave the geodesic in unrelated directions"
    )


def _places(even: xr.Dataset, pairs: xr.DataArray) -> tuple[Indices, Indices]:
    place = {name: k for k, name in enumerate(even["run"].values.tolist())}
    first, second = (np.array([place[name] for name in pairs[end].values.tolist()]) for end in ("run", "run2"))
    return first, second


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
    network, wanted = is_network(runs), different_pairs(runs)
    if by is not None:
        code = np.full(len(network), -1)
        code[network] = groups(runs.isel(run=network), by)[0]
        wanted &= code[:, None] != code
    u, v = np.nonzero(wanted)
    names = values["run"].values
    return xr.DataArray(
        values.values[u, v], {"run": ("pair", names[u]), "run2": ("pair", names[v])}, ("pair",), attrs=values.attrs
    )


def _p_value(observed: xr.DataArray, null: xr.DataArray) -> xr.DataArray:
    share = (1 + (null <= observed).sum("draw")) / (1 + null.sizes["draw"])
    return share.assign_attrs(long_name="p-value")
