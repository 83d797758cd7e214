"""Whether groups of runs lie on one manifold: the embedding of one group explains the distances within another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.analysis.cross_splits import Distances, jackknife, share, shares, splits_of
from trajkit.analysis.run_groups import groups
from trajkit.analysis.shuffles import Null, shuffle_confusions, shuffle_within_class, valid_draws
from trajkit.configuration import checked_configurations, joint_codes
from trajkit.curves.resample import resampled, said_of
from trajkit.curves.shared_range import REACH
from trajkit.distances import Metric, as_metric, pairwise
from trajkit.embedding.squared_distances import squared_lengths
from trajkit.points import points as points_of
from trajkit.progress_bar import open_bar
from trajkit.schema import networks
from trajkit.typing import Array, Indices, Mask

NULLS: dict[str, Null] = {"shuffle_within_class": shuffle_within_class, "shuffle_confusions": shuffle_confusions}
# The rule of `verdict`.
LEAST_RATIO, MOST_DISTANCE = 0.9, 1.5
# Fewer configurations in a group give no interval.
FEWEST = 6

# Random exchanges of configurations that give a standard error: its own error is then 7 %.
_EXCHANGES = 99

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be told"


def cross_embedding(
    ds: xr.Dataset,
    by: str,
    n_components: int = 3,
    *,
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    n: int = 6,
    reach: float = REACH,
    splits: int = 10,
    null_draws: int = 3,
    level: float = 0.95,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> xr.Dataset:
    """Measure how much of the distances within a group of runs the embedding of another group explains.

    Group A is embedded by InPCA and group B is projected. With D_k the distances in these k components,

        share = 1 - sum w_i w_j |D_k - D| / sum w_i w_j D,  over the points of B

    Each configuration has the same weight. Groups that share only which samples are easy explain much of each other, so
    shares are compared out of sample, and beside nulls. One half of B's configurations explains the other half; so do
    as many configurations of A, and the same with shuffled samples or shuffled wrong classes (repeated splits):

        ratio = (share by A - share by A shuffled) / (share by half of B - share by A shuffled)

    "A and B lie on the same manifold" *holds* if the lower bound of the ratio exceeds 0.9 under both nulls in both
    directions, and A and B are at equal progress at most 1.5 times as far apart as configurations of one group. It
    *does not hold* if an upper bound is below 0.9, or the lower bound of the ratio of distances above 1.5. Otherwise it
    *cannot be told*.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    by
        Run attribute that defines the groups.
    n_components
        Number of components.
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
    splits
        Number of random halves of each group.
    null_draws
        Number of draws from the null. The smallest possible p-value is 1 / (null_draws + 1). Here there is none: the
        mean over the draws of each null is used.
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        On `group` (A, which is embedded) and `group2` (B, which is explained); shares and ratios are never clipped, and
        can be negative or above 1. `explained`, by all of A; on its diagonal B by itself. Out of sample: `cross`, by A;
        `half`, by the other half of B; and on `null` also `null_share`, by A shuffled. `ratio`, with `ratio_lower`,
        `ratio_upper` and `ratio_standard_error`, and its denominator `above_null`, with `above_null_lower` and
        `above_null_upper`. `distance_ratio`, the mean distance at equal progress between configurations of A and B
        over that within A and within B (pairs with different seeds), with its bounds. `verdict`. `configurations`
        (group), their number. Intervals are those of the jackknife over configurations, to first order (see Notes).
        They are NaN if a group has fewer than 6, and for a ratio whose denominator may be 0. `attrs["limitations"]`
        names these cases.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run or the same for all; if an attribute may be an unmarked
        outcome (`set_roles`); if a number is out of range; or as `resample` and `pairwise` do.

    Notes
    -----
    Verdicts on two groups of simulated runs, whose configurations are at random places of a surface, one seed each:

    | runs lie on                             | configurations | holds | does not hold | cannot be told | of |
    |-----------------------------------------|----------------|-------|---------------|----------------|----|
    | one surface                             | 12 in a group  | 83 %  | 3 %           | 13 %           | 30 |
    | one surface                             | 18 in a group  | 100 % | 0 %           | 0 %            | 16 |
    | one surface                             | 6 in a group   | 25 %  | 12 %          | 63 %           | 24 |
    | two surfaces, the same samples are easy | 12 in a group  | 0 %   | 100 %         | 0 %            | 20 |
    | two surfaces, other samples are easy    | 12 in a group  | 0 %   | 100 %         | 0 %            | 12 |
    | parallel copies of one surface          | 12 in a group  | 0 %   | 100 %         | 0 %            | 12 |
    | two surfaces, the same samples are easy | 6 in a group   | 0 %   | 100 %         | 0 %            | 16 |

    Where one surface did not hold with 12 configurations, most of one group were by chance at another end of it. The
    intervals of the ratio covered 100 % of 30 at a level of 95 %, with a standard error of 0.009 (median) and a
    deviation of 0.017; with 6 configurations they covered 75 % of 24. Those of the distance ratio covered 96 to 100 %
    of 200, and all of 200 where groups are alike.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=24, groups=2, samples=40, checkpoints=8, spread=0.3)
    >>> rate, seed = np.arange(24) // 2 % 6, np.arange(24) // 12
    >>> ds = ds.assign_coords(learning_rate=("run", rate), seed=("run", seed))
    >>> tk.cross_embedding(ds, "architecture").verdict.sel(group="A", group2="B").item()
    'does not hold'

    References
    ----------
    The finding: Mao et al., PNAS 121(12), 2024, arXiv 2305.01604. Adding points to an embedding: Gower, Biometrika 55,
    1968.
    """
    chosen = as_metric(metric, cap, symmetric=True)
    _check(n_components, splits, null_draws, level)
    ds = networks(ds, least=2)
    groups(ds, by)
    even = resampled(ds, n, extend="shared", reach=reach)
    code, names = groups(even, by)
    runs = _configured(even, code)
    members = [np.unique(runs.configuration[code == g]) for g in range(len(names))]
    pairs, random = list(permutations(range(len(names)), 2)), np.random.default_rng(seed)
    halves = [splits_of(runs.configuration, members[a], members[b], splits, random) for a, b in pairs]
    distance = pairwise(points_of(even), metric=chosen, progress_bar=False)
    squared = squared_lengths(distance)
    same = Distances(squared, squared, squared)
    seeds = np.random.SeedSequence(seed).generate_state(null_draws).tolist()
    with open_bar(len(pairs) * (2 + null_draws * len(NULLS)), "cross-embedding", progress_bar) as bar:

        def out_of_sample(side: str, against: Distances) -> Array:
            """Mean over the splits of what one side explains (pair, 1 + configurations)."""
            out = np.full((len(pairs), 1 + runs.configuration.max() + 1), np.nan)
            for k, some in enumerate(halves):
                each = [shares(getattr(s, side), s.held_out, n_components, against, len(code)) for s in some]
                if each:
                    out[k] = _without_configurations(np.mean(each, axis=0), runs.configuration)
                bar.update()
            return out

        cross, half = out_of_sample("other", same), out_of_sample("own", same)
        null = [
            np.mean([out_of_sample("other", _shuffled(even, squared, chosen, shuffle, s)) for s in seeds], axis=0)
            for shuffle in NULLS.values()
        ]
    of_group, weight = [np.flatnonzero(code == g) for g in range(len(names))], runs.weight
    within_sample = [[share(a, b, n_components, same, weight) for b in of_group] for a in of_group]
    apart = _apart(distance.values, runs, n)
    ratios = [_distance_ratio(apart, members[a], members[b]) for a, b in pairs]
    chance = [_exchanged(apart, members[a], members[b], random) for a, b in pairs]
    strata = [[members[a], members[b]] for a, b in pairs]
    found = _found(cross, half, np.array(null), np.array(ratios), np.array(chance), strata, level)
    how = {"n_components": n_components, "splits": splits, "null_draws": null_draws, "level": level}
    labelled = _labelled(found, np.array(within_sample), pairs, names, members, runs.limitations)
    return labelled.assign_attrs(by=by, **how, **chosen.attrs, **said_of(even))


def _check(n_components: int, splits: int, null_draws: int, level: float) -> None:
    for name, got in (("n_components", n_components), ("splits", splits), ("null_draws", null_draws)):
        if got < 1:
            raise ValueError(f"{name}: wanted one or more, got {got}")
    if not 0 < level < 1:
        raise ValueError(f"level: wanted a number between 0 and 1, got {level}")


class _Runs(NamedTuple):
    configuration: Indices
    different_seeds: Mask
    weight: Array
    limitations: list[str]


def _configured(even: xr.Dataset, code: Indices) -> _Runs:
    """Find the configurations of the runs; the runs of each have the weight 1 in all."""
    known = checked_configurations(even)
    # An attribute that is no setting, such as an outcome, can divide the runs of a configuration.
    configuration = joint_codes([known.code, code], len(code))
    weight = 1 / np.bincount(configuration)[configuration]
    return _Runs(configuration, known.different_seeds, weight, known.limitations)


def _without_configurations(values: Array, configuration: Indices) -> Array:
    """From values without each run (1 + runs,) to values without each configuration.

    A split has one run of each configuration, and the mean over splits changes by the sum of what single runs change.
    """
    changes = np.bincount(configuration, weights=values[1:] - values[0])
    return values[0] + np.concatenate([[0.0], changes])


def _shuffled(even: xr.Dataset, squared: Array, metric: Metric, shuffle: Null, seed: int) -> Distances:
    """Distances for embedding shuffled runs and projecting the runs as they are."""
    drawn, own = points_of(valid_draws(shuffle)(even, seed)), points_of(even)
    among, across = (
        squared_lengths(pairwise(*some, metric=metric, progress_bar=False)) for some in ((drawn,), (own, drawn))
    )
    return Distances(squared, among, across)


def _apart(distance: Array, runs: _Runs, n: int) -> Array:
    """Mean distance of configurations at equal progress, over runs with different seeds; NaN if there are none."""
    size = len(distance) // n
    of_runs = np.einsum("ukvk->uv", distance.reshape(size, n, size, n)) / n
    indicator = (runs.configuration == np.arange(runs.configuration.max() + 1)[:, None]).astype(np.float64)
    total, count = (indicator @ x @ indicator.T for x in (of_runs * runs.different_seeds, 1.0 * runs.different_seeds))
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _distance_ratio(apart: Array, a: Indices, b: Indices) -> Array:
    """Mean distance between two groups over that within, and the same without each configuration."""
    out = np.full(1 + len(apart), _between_within(apart, a, b))
    for c in a:
        out[1 + c] = _between_within(apart, a[a != c], b)
    for c in b:
        out[1 + c] = _between_within(apart, a, b[b != c])
    return out


def _exchanged(apart: Array, a: Indices, b: Indices, random: np.random.Generator) -> float:
    """Find the standard deviation of the ratio when configurations are exchanged between the groups at random.

    For groups that are alike, what single configurations change cancels between numerator and denominator: the
    jackknife covered 81 to 87 % there, at 12 and 24 configurations.
    """
    orders = (random.permutation(np.concatenate([a, b])) for _ in range(_EXCHANGES))
    return float(np.std([_between_within(apart, order[: len(a)], order[len(a) :]) for order in orders]))


def _between_within(apart: Array, a: Indices, b: Indices) -> float:
    within = [apart[np.ix_(some, some)][np.triu_indices(len(some), k=1)] for some in (a, b)]
    between, *inside = (_mean(values) for values in (apart[np.ix_(a, b)], *within))
    return float(between / np.mean(inside)) if np.mean(inside) > 0 else np.nan


def _mean(values: Array) -> float:
    """Mean of the pairs that there are."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def _found(
    cross: Array,
    half: Array,
    null: Array,
    distance_ratio: Array,
    chance: Array,
    strata: list[list[Indices]],
    level: float,
) -> dict[str, Array]:
    """Estimates and intervals, on (pair,) or (null, pair)."""
    nothing = np.zeros(len(strata))

    def interval(values: Array, least: Array = nothing) -> Array:
        """Estimate, bounds and standard error (4, pair); no interval where a group has few configurations."""
        out = np.array([jackknife(x, some, level, e) for x, some, e in zip(values, strata, least, strict=True)])
        few = np.array([min(map(len, some)) < FEWEST for some in strata])
        out[few, 1:] = np.nan
        return out.T

    above = half - null
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (cross - null) / above
    above_null = np.stack([interval(x) for x in above], axis=1)
    ratios = np.stack([interval(x) for x in ratio], axis=1)
    # A ratio with a denominator that may be 0 has no bounds.
    ratios[1:, ~(above_null[1] > 0) & ~(above_null[2] < 0)] = np.nan
    bounds = ("", "_lower", "_upper", "_standard_error")
    named = {"ratio": ratios, "above_null": above_null, "distance_ratio": interval(distance_ratio, chance)}
    each = {f"{name}{bound}": values[k] for name, values in named.items() for k, bound in enumerate(bounds)}
    return {"cross": cross[:, 0], "half": half[:, 0], "null_share": null[:, :, 0], **each}


_MEANING = {
    "cross": "share of the distances within half of group2 that as much of group explains",
    "half": "share of the distances within half of group2 that as much of its other half explains",
    "null_share": "share of the distances within half of group2 that group explains when it is shuffled",
    "ratio": "(cross - null_share) / (half - null_share)",
    "above_null": "half - null_share",
    "distance_ratio": "distance of configurations of two groups / of one group, at equal progress",
}


def _labelled(
    found: dict[str, Array],
    within_sample: Array,
    pairs: list[tuple[int, int]],
    names: pd.Index,
    members: list[Indices],
    limitations: list[str],
) -> xr.Dataset:
    """Put pairs on (group, group2), and add the verdicts and what limits them."""
    size, (a, b) = len(names), np.array(pairs).T
    variables: dict[str, Any] = {
        "explained": (("group", "group2"), within_sample, {"long_name": "share explained in sample", "units": "1"})
    }
    for name, values in found.items():
        square = np.full((*values.shape[:-1], size, size), np.nan)
        square[..., a, b] = values
        dims = ("null", "group", "group2")[-square.ndim :]
        meaning = next(text for key, text in _MEANING.items() if name.startswith(key))
        variables[name] = (dims, square, {"long_name": meaning, "units": "1"})
    configurations = [len(some) for some in members]
    out = xr.Dataset(
        {**variables, "configurations": ("group", configurations, {"long_name": "number of configurations"})},
        {"group": names.to_numpy(), "group2": names.to_numpy(), "null": list(NULLS)},
    )
    said = [*limitations, *_few(names, configurations), *_not_told(out)]
    return out.assign(verdict=_verdict(out)).assign_attrs(limitations="; ".join(said))


def _few(names: pd.Index, configurations: list[int]) -> list[str]:
    few = [f"{name} ({k})" for name, k in zip(names, configurations, strict=True) if k < FEWEST]
    return [f"too few configurations for an interval, wanted {FEWEST} or more: {', '.join(few)}"] if few else []


def _not_told(found: xr.Dataset) -> Iterator[str]:
    unknown = found["above_null"].notnull() & found["above_null_lower"].notnull() & found["ratio_lower"].isnull()
    for name in found["null"].values.tolist():
        each = np.argwhere(unknown.sel(null=name).values)
        shown = [f"{found['group'].values[a]} explains {found['group2'].values[b]}" for a, b in each]
        if shown:
            yield f"cannot be told under {name}, half of a group explains no more than the null: {', '.join(shown)}"


def _verdict(found: xr.Dataset) -> xr.DataArray:
    """Apply the rule to each pair, in both directions and under both nulls."""

    def both(x: xr.DataArray) -> Mask:
        every = x.all("null").values
        return every & every.T

    holds = both(found["ratio_lower"] > LEAST_RATIO) & (found["distance_ratio"].values <= MOST_DISTANCE)
    refuted = ~both(~(found["ratio_upper"] < LEAST_RATIO)) | (found["distance_ratio_lower"].values > MOST_DISTANCE)
    verdict = np.where(holds, HOLDS, np.where(refuted, FAILS, UNKNOWN))
    np.fill_diagonal(verdict, "")
    about = {"long_name": "whether both groups lie on the same manifold"}
    return xr.DataArray(verdict, dims=("group", "group2"), attrs=about)
