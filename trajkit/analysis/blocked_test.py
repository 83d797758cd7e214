"""The test of a setting: paired differences within blocks that share all other settings."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from trajkit.analysis.arrangements import Arrangements, arrangements, p_values
from trajkit.configuration import joint_codes
from trajkit.typing import Array, Indices

# Degrees of freedom that each variance borrows from the pooled variance. Without them, a pair of values with two
# or three differences has a variance near 0 by chance, and decides alone. With 1 instead of a quarter, groups with
# deviations 3, 1, 1, 1 are rejected in 1 % instead of 3 % at a level of 5 %; the power is the same.
_BORROWED = 0.25


class BlockedTest(NamedTuple):
    """p-values of a setting; NaN where the design has nothing to permute."""

    p_value: float
    main_p_value: float
    interaction_p_value: float
    least_p_value: float
    depends_on: str
    distinct: int


NOTHING = BlockedTest(np.nan, np.nan, np.nan, np.nan, "", 0)


def blocked_test(
    squared: Array,
    code: Indices,
    block: Indices,
    others: dict[str, Indices],
    permutations: int,
    random: np.random.Generator,
) -> BlockedTest:
    r"""Test whether a setting does anything in any block.

    Blocks share all other settings, and have each value of the setting once at most. For two values i and j, let d_s be
    the difference of their units in block s, one of n_ij blocks that have both, and |d|^2 its squared length, known
    from distances. The statistic of the setting is

        T = sum_{i<j} n_ij |mean d|^2 / V_ij,    V_ij = (SS_ij + V/4) / (n_ij - 3/4),    SS_ij = sum_s |d_s - mean d|^2

    with V the pooled variance sum SS_ij / sum (n_ij - 1). In one dimension, with two values and without V, it is the
    square of the paired t. The statistic of the interaction with another setting X is the same for the means of d_s
    over the blocks with one value of X, relative to the mean of all blocks.

    Each pair of values has its own variance, for the sake of groups with unequal spread. With deviations 3, 1, 1, 1 in
    six blocks, the pseudo-F rejects 11 to 16 % at a level of 5 %, T 3 to 5 %. Welch's W_d*, made for groups without
    blocks, rejects 0 to 2 % and has no more power than T.

    Parameters
    ----------
    squared
        Squared distances (unit, unit).
    code
        Value of the setting of each unit, from 0.
    block
        Block of each unit.
    others
        Values of the other settings of each unit.
    permutations
        Number of permutations. The smallest possible p-value is 1 / (permutations + 1).
    random
        Source of random numbers.

    Returns
    -------
    BlockedTest
        `main_p_value` of T; `interaction_p_value` of the largest interaction, with `depends_on`, its setting; `p_value`
        of both together: the smaller one counts, with half of the level for T, half for the interactions.

    Examples
    --------
    >>> x = np.array([0, 3, 1, 4.5, 2, 5, 3, 6.2, 4, 7, 5, 8])
    >>> code, block = np.arange(12) % 2, np.arange(12) // 2
    >>> found = blocked_test((x[:, None] - x) ** 2, code, block, {}, 999, np.random.default_rng(0))
    >>> found.p_value, found.distinct
    (0.03125, 32)
    """
    informative = np.isin(block, np.flatnonzero(np.bincount(block) > 1))
    squared = squared[np.ix_(informative, informative)]
    code, block = (np.unique(c[informative], return_inverse=True)[1] for c in (code, block))
    every = arrangements(code, block, permutations, random)
    if every.distinct < 2:
        return NOTHING
    parts = {name: joint_codes([c[informative]], int(informative.sum())) for name, c in others.items()}
    main, *interactions = _statistics(squared, code, block, [np.zeros_like(code), *parts.values()], every)
    if main is None:
        return NOTHING
    of_main = p_values(main)
    of_others = {name: p_values(t) for name, t in zip(parts, interactions, strict=True) if t is not None}
    both, interaction, most = of_main, np.nan, ""
    if of_others:
        least = np.min(list(of_others.values()), axis=0)
        # Half of the level for each: with as much for each interaction, many settings would hide the main effect.
        both, interaction = p_values(-np.minimum(of_main, len(of_others) * least)), float(p_values(-least)[0])
        most = min(of_others, key=lambda name: of_others[name][0])
    # Random arrangements are part of more: the smallest p-value is that of one of them.
    return BlockedTest(float(both[0]), float(of_main[0]), interaction, float(both.min()), most, every.distinct)


def _statistics(
    squared: Array, code: Indices, block: Indices, parts: list[Indices], every: Arrangements
) -> list[Array | None]:
    """Compute T, and the statistic of each interaction, for all arrangements; None without degrees of freedom.

    The first of `parts` has one value. The mean of differences over a part with n blocks has
    n |mean d|^2 = -u' D u / 2n, with u = 1 for units of value i, -1 for those of value j in blocks that have both.
    So products of matrices give all arrangements at once.
    """
    same_block = block[:, None] == block
    sums: list[list[tuple[Array, Array, int, int]]] = [[] for _ in parts]
    for i, j in itertools.combinations(range(code.max() + 1), 2):
        shared = np.intersect1d(block[code == i], block[code == j])
        if not len(shared):
            continue
        inside = np.isin(block, shared)
        u = ((every.label == i) * 1.0 - (every.label == j)) * inside
        whole = _form(u, squared * same_block)
        one = np.flatnonzero(inside & (code == i))
        for k, part in enumerate(parts):
            blocks = np.bincount(part[one], minlength=part.max() + 1)
            weight = np.where(part[:, None] == part, 1 / np.maximum(blocks, 1)[part], 0.0)
            explained = _form(u, squared * weight)
            levels = int((blocks > 0).sum())
            before = sums[0][-1][0] if k else 0.0
            sums[k].append((explained - before, whole - explained, levels - (k > 0), len(shared) - levels))
    return [_sum_of_ratios(of_pairs) for of_pairs in sums]


def _form(u: Array, matrix: Array) -> Array:
    return -0.5 * np.einsum("ij,ij->i", u @ matrix, u)


def _sum_of_ratios(of_pairs: list[tuple[Array, Array, int, int]]) -> Array | None:
    degrees = sum(left for *_, left in of_pairs)
    if degrees < 1 or not any(added for _, _, added, _ in of_pairs):
        return None
    pooled = np.sum([rest for _, rest, _, _ in of_pairs], axis=0) / degrees
    tested = [(gain, (rest + _BORROWED * pooled) / (left + _BORROWED)) for gain, rest, added, left in of_pairs if added]
    # Differences that are all equal have no variance: any mean is then as large as can be, but for no difference.
    ratios = [np.divide(g, v, out=np.where(g > 0, np.inf, 0.0), where=v > 0) for g, v in tested]
    total: Array = np.sum(ratios, axis=0)
    return total
