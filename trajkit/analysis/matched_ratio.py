"""How far a setting moves runs, in units of the distance between seeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trajkit.analysis.configuration_distances import configuration_distances
from trajkit.typing import Array, Indices, Mask

# Fewer configurations give no interval: with two or three contexts, it is too narrow or says nothing.
LEAST = 6


class MatchedRatio(NamedTuple):
    """Ratio, its interval, the number of pairs, and what the interval leaves out; NaN where it is not known."""

    ratio: float
    lower: float
    upper: float
    pairs: int
    limitations: list[str]


def matched_ratio(
    values: Array, code: Indices, pairs: Mask, seed: Indices, block: Indices, level: float
) -> MatchedRatio:
    r"""Divide the distance of configurations that differ in one setting alone by that between seeds of the same ones.

    With D_p the distance of pair p of configurations of one block, and w_p the mean distance between seeds within the
    two configurations,

        log ratio = log(mean D_p / mean w_p),   e_p = D_p / mean D - w_p / mean w

    The variance of the log has a part for contexts and one for seeds that all configurations share. With B blocks,
    E_b the sum of e_p over the pairs of block b, divided by the number of all pairs, and E_bs the same without seed s
    of m seeds, relative to its mean over s,

        V = B / (B - 1) sum_b E_b^2 + max(0, (m - 1) / m sum_s [(sum_b E_bs)^2 - sum_b E_bs^2])

    The interval is that of Student's t, with degrees of freedom by Satterthwaite. Its target is the ratio for these
    values of the setting, in other contexts, with other seeds.

    Parameters
    ----------
    values
        Distances (run, run2).
    code
        Configuration of each run.
    pairs
        Pairs of runs that count, with different seeds.
    seed
        Seed of each run.
    block
        Block of each configuration: configurations of one block differ in the setting alone.
    level
        Confidence level of the intervals, between 0 and 1.

    Returns
    -------
    MatchedRatio
        Without units; for squared lengths, a ratio of squares.

    Examples
    --------
    >>> values = np.array([[0.0, 1, 6, 6], [1, 0, 6, 6], [6, 6, 0, 2], [6, 6, 2, 0]])
    >>> code, seed = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> matched_ratio(values, code, seed[:, None] != seed, seed, np.array([0, 0]), 0.95).ratio
    4.0
    """
    first, second = np.triu_indices(len(block), k=1)

    def of_pairs(some: Mask) -> tuple[Array, Array]:
        distance = configuration_distances(values, code, pairs & some)
        seeds = np.diag(distance)
        return distance[first, second], (seeds[first] + seeds[second]) / 2

    apart, within = of_pairs(np.ones_like(pairs))
    known = (block[first] == block[second]) & np.isfinite(apart) & np.isfinite(within)
    count = int(known.sum())
    if not count:
        return MatchedRatio(np.nan, np.nan, np.nan, 0, [])
    d, w = apart[known], within[known]
    if w.mean() == 0:
        return MatchedRatio(
            np.inf if d.mean() > 0 else np.nan, np.nan, np.nan, count, ["distances between seeds are 0"]
        )
    ratio = float(d.mean() / w.mean())
    contexts, where = np.unique(block[first[known]], return_inverse=True)
    configurations = len(np.union1d(first[known], second[known]))
    if len(contexts) < 2 or configurations < LEAST or ratio <= 0:
        where_from = "one context" if len(contexts) == 1 else f"{len(contexts)} contexts"
        few = f"{configurations} configurations in {where_from} are too few for an interval of the matched ratio"
        return MatchedRatio(ratio, np.nan, np.nan, count, [few])

    def in_contexts(of: tuple[Array, Array]) -> Array:
        return np.bincount(where, of[0][known] / d.mean() - of[1][known] / w.mean()) / count

    of_contexts = len(contexts) / (len(contexts) - 1) * np.square(in_contexts((apart, within))).sum()
    of_seeds, freedom, said = 0.0, np.inf, []
    shared = np.flatnonzero([len(np.unique(code[seed == s])) > 1 for s in range(seed.max() + 1)])
    if len(shared) and seed.max() > 0:
        # Seeds 0, 1 and 2 of all configurations share initial weights or an order. Contexts vary less than new seeds
        # then: without this part, intervals cover 66 to 92 %.
        left = np.array([in_contexts(of_pairs((seed != s)[:, None] & (seed != s))) for s in range(seed.max() + 1)])
        left -= left.mean(0)
        of_seeds = (len(left) - 1) / len(left) * (np.square(left.sum(1)).sum() - np.square(left).sum())
        freedom = len(left) - 1
        if np.isnan(of_seeds):
            of_seeds, said = (
                0.0,
                ["the interval of the matched ratio is for these seeds: without one, some configurations have no pair"],
            )
    from scipy.stats import t as student

    parts = np.array([of_contexts, max(0.0, of_seeds)])
    shares = np.square(parts / max(parts.sum(), np.finfo(float).tiny)) / [len(contexts) - 1, freedom]
    half = student.ppf((1 + level) / 2, 1 / max(shares.sum(), 1e-9)) * np.sqrt(parts.sum())
    return MatchedRatio(ratio, ratio * np.exp(-half), ratio * np.exp(half), count, said)
