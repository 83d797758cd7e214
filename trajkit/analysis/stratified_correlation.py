"""Rank correlation within strata."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

from trajkit.analysis.shuffles import permuted_within
from trajkit.typing import Array, Indices


class RankCorrelation(NamedTuple):
    """A rank correlation, its interval, and the one-sided p-value of a correlation this low or lower."""

    estimate: float
    lower: float
    upper: float
    p_value: float


def stratified_correlation(
    x: Array, y: Array, stratum: Indices, *, permutations: int = 999, level: float = 0.95, seed: int = 0
) -> RankCorrelation:
    """Correlate ranks within strata, pooled, and test whether y is lower where x is higher.

    With the ranks a of x and b of y, both within each stratum and minus their mean there,

        r = sum a b / sqrt(sum a^2 sum b^2),  interval = tanh(arctanh r -+ z / sqrt(runs - strata - 3))

    The p-value is one-sided, from permutations of x within strata.

    Parameters
    ----------
    x, y
        One number per run. Infinite numbers have ranks like any others.
    stratum
        The stratum of each run. Runs of different strata are never compared.
    permutations
        Number of permutations. The smallest possible p-value is 1 / (permutations + 1).
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.

    Returns
    -------
    RankCorrelation
        All NaN if x or y is constant within every stratum. The bounds, from Fisher's transformation, are rough; they
        are NaN for a perfect correlation and for fewer than four degrees of freedom.

    Examples
    --------
    >>> width, steps = np.array([1.0, 2, 3, 1, 2, 3]), np.array([90.0, 80, 70, 9, 8, 7])
    >>> found = stratified_correlation(width, steps, np.array([0, 0, 0, 1, 1, 1]), permutations=99)
    >>> round(found.estimate, 6), found.p_value < 0.1
    (-1.0, True)

    References
    ----------
    van Elteren & Noether, Biometrika 46, 1959 (ranks within blocks); Fisher, Metron 1, 1921 (the interval).
    """
    a, b = _centered_ranks(x, stratum), _centered_ranks(y, stratum)
    size = float(np.sqrt((a @ a) * (b @ b)))
    if not size > 0:
        return RankCorrelation(np.nan, np.nan, np.nan, np.nan)
    permuted = a[permuted_within(stratum, permutations, np.random.default_rng(seed))]
    extreme = int((permuted @ b <= a @ b + 1e-9 * size).sum())
    r = float(a @ b) / size
    bounds = _fisher_interval(r, len(a) - len(np.unique(stratum)), level)
    return RankCorrelation(r, *bounds, (1 + extreme) / (1 + permutations))


def _centered_ranks(values: Array, stratum: Indices) -> Array:
    ranks = pd.Series(values).groupby(stratum).rank()
    return np.asarray(ranks - ranks.groupby(stratum).transform("mean"))


def _fisher_interval(r: float, degrees: int, level: float) -> tuple[float, float]:
    if degrees <= 3 or abs(r) >= 1:
        return np.nan, np.nan
    half = NormalDist().inv_cdf((1 + level) / 2) / np.sqrt(degrees - 3)
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))
