"""Distances of pairs of runs that are matched in all other settings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trajkit.typing import AnyArray, Array, Indices, Mask


class MatchedDistances(NamedTuple):
    """Mean distances of three kinds of pairs; NaN where there is no such pair."""

    alone: float
    replicates: float
    groups: float


def matched_distances(
    distance: Array, value: AnyArray, stratum: Indices, group: Indices | None = None
) -> MatchedDistances:
    """Compare runs that differ in one attribute only with replicates, and with runs of different groups.

    Parameters
    ----------
    distance
        Symmetric matrix (run, run).
    value
        The attribute of each run.
    stratum
        Number of each run's stratum: its runs share all settings but the attribute and the seed. -1 leaves a run out.
    group
        Number of each run's group, such as its architecture.

    Returns
    -------
    MatchedDistances
        `alone`: mean distance of pairs of one stratum with different values, in the units of `distance`. `replicates`:
        the same for equal values. `groups`: the same for pairs of two groups, in any strata.

    Examples
    --------
    >>> distance = np.array([[0.0, 1, 4, 9], [1, 0, 4, 9], [4, 4, 0, 9], [9, 9, 9, 0]])
    >>> matched_distances(distance, np.array([8, 8, 16, 8]), np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1]))
    MatchedDistances(alone=4.0, replicates=1.0, groups=9.0)
    """
    u, v = np.triu_indices(len(stratum), k=1)
    apart = distance[u, v]

    def mean(pairs: Mask) -> float:
        return float(apart[pairs].mean()) if pairs.any() else np.nan

    known = (stratum[u] >= 0) & (stratum[v] >= 0)
    matched, same = known & (stratum[u] == stratum[v]), value[u] == value[v]
    two_groups = known & (group[u] != group[v]) if group is not None else np.zeros(len(u), dtype=bool)
    return MatchedDistances(mean(matched & ~same), mean(matched & same), mean(two_groups))
