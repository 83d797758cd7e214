"""How well configurations of one group explain those of another, and how much that depends on each of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from trajkit.embedding.cross_explained import frame_of, unexplained
from trajkit.typing import Array, Indices

# Configurations that are embedded, and explained, in one split. More would make splits slow: the time of an embedding
# grows with the third power of its points.
_MOST = 8


class Split(NamedTuple):
    """One run of each configuration: of the explained group, held out and embedded, and as many of the other group."""

    held_out: Indices
    own: Indices
    other: Indices


def splits_of(
    configuration: Indices, other: Indices, explained: Indices, number: int, random: np.random.Generator
) -> list[Split]:
    """Split the configurations of a group in random halves, with as many of the other group, and draw a run of each.

    Each configuration is embedded as often as any other of its group, and held out as often, give or take one: blocks
    follow each other around a circle of all of them in random order. Halves drawn by themselves add their own chance to
    the estimate and to its standard error, which were 6 times as large.

    Parameters
    ----------
    configuration
        Number of each run's configuration.
    other, explained
        Configurations of the two groups.
    number
        Number of splits; there are none if a group has too few configurations.
    random
        Source of the draws.

    Examples
    --------
    >>> split, = splits_of(np.arange(9), np.arange(5), np.arange(5, 9), 1, np.random.default_rng(0))
    >>> [len(part) for part in split]
    [2, 2, 2]
    """
    half = len(explained) // 2
    size = min(half, len(other), _MOST)
    if not size:
        return []
    held_out = min(len(explained) - half, _MOST)
    own = _blocks(explained, size, size + held_out, random)
    others = _blocks(other, size, size, random)
    out = []
    for both, beside in itertools.islice(zip(own, others, strict=True), number):
        parts = both[size:], both[:size], beside
        out.append(Split(*(_one_run_of_each(configuration, some, random) for some in parts)))
    return out


def _blocks(members: Indices, step: int, length: int, random: np.random.Generator) -> Iterator[Indices]:
    """Take blocks around a circle of members in random order, which is drawn again when each began as many blocks."""
    while True:
        circle = random.permutation(members)
        for start in range(0, math.lcm(len(members), step), step):
            yield circle[(start + np.arange(length)) % len(members)]


def _one_run_of_each(configuration: Indices, some: Indices, random: np.random.Generator) -> Indices:
    return np.array([random.choice(np.flatnonzero(configuration == c)) for c in some])


class Distances(NamedTuple):
    """Squared distances among the points to explain, among those to embed, and from the former to the latter.

    The latter two are the first again, or those of a null.
    """

    explained: Array
    embedded: Array
    across: Array


def share(embedded: Indices, explained: Indices, n_components: int, squared: Distances, weight: Array) -> float:
    """Share of the distances within some runs that the embedding of others explains.

        1 - sum w_i w_j |D_k - D| / sum w_i w_j D

    Parameters
    ----------
    embedded, explained
        Runs on both sides.
    n_components
        Number of components.
    squared
        Distances of the points of all runs, run after run.
    weight
        Weight of each run.

    Examples
    --------
    >>> x = np.arange(6.0)[:, None]
    >>> squared = np.square(x - x.T)
    >>> round(share(np.array([0]), np.array([1, 2]), 1, Distances(squared, squared, squared), np.ones(3)), 6)
    1.0
    """
    return _ratio(*_sums(embedded, explained, n_components, squared, weight))


def shares(embedded: Indices, explained: Indices, n_components: int, squared: Distances, runs: int) -> Array:
    """Compute `share`, and after it the share without each run (1 + runs,), to first order.

    That is twice the change when the weight of a run is halved. To leave a run out changes an embedding of six runs by
    more than another run in its place would: the standard errors were 5 times too large. For a mean over the held-out
    half, halved weights give those of the jackknife over all.

    Examples
    --------
    >>> x = np.arange(6.0)[:, None]
    >>> squared = np.square(x - x.T)
    >>> shares(np.array([0, 1]), np.array([2]), 1, Distances(squared, squared, squared), 3).round(6)
    array([1., 1., 1., 1.])
    """

    def halved(run: int) -> Array:
        weight = np.ones(runs)
        weight[run] = 0.5
        return weight

    lost, total = _sums(embedded, explained, n_components, squared, np.ones(runs))
    whole = _ratio(lost, total)
    out = np.full(1 + runs, whole)
    for r in embedded:
        out[1 + r] += 2 * (_ratio(*_sums(embedded, explained, n_components, squared, halved(r))) - whole)
    for r in explained:
        pairs = np.multiply.outer(*[halved(r)[explained]] * 2)
        out[1 + r] += 2 * (_ratio(lost * pairs, total * pairs) - whole)
    return out


def _sums(
    embedded: Indices, explained: Indices, n_components: int, squared: Distances, weight: Array
) -> tuple[Array, Array]:
    """Weighted sums of |D_k - D| and of D for each pair of explained runs."""
    n = len(squared.explained) // len(weight)
    at, a = ((some[:, None] * n + np.arange(n)).ravel() for some in (explained, embedded))
    whole = squared.explained[np.ix_(at, at)]
    pairs = np.multiply.outer(weight[explained], weight[explained])

    def of_runs(values: Array) -> Array:
        return values.reshape(len(explained), n, len(explained), n).sum((1, 3)) * pairs

    total = of_runs(whole)
    of_points = np.repeat(weight[embedded], n) / (n * weight[embedded].sum())
    frame = frame_of(squared.embedded[np.ix_(a, a)], of_points, n_components)
    return of_runs(unexplained(whole, squared.across[np.ix_(at, a)], frame)), total


def _ratio(lost: Array, total: Array) -> float:
    return float(1 - lost.sum() / total.sum()) if total.sum() > 0 else np.nan


class Interval(NamedTuple):
    """An estimate with its bounds and standard error, arrays of one shape."""

    estimate: Array
    lower: Array
    upper: Array
    standard_error: Array


def jackknife(values: Array, strata: list[Indices], level: float, least: float = 0.0) -> Interval:
    """Make an interval from an estimate and what it is without each configuration (1 + configurations,).

        V = sum_g (m_g - 1) / m_g sum_c in g (t_(c) - mean t_(c))^2

    Bounds come from Student's t with V^2 / sum_g V_g^2 / (m_g - 1) degrees of freedom.

    Parameters
    ----------
    values
        The estimate, then the estimate without configuration 0, 1, ...
    strata
        The configurations of each group.
    level
        Confidence level of the intervals, between 0 and 1.
    least
        Smallest standard error, for statistics whose first-order changes can vanish; NaN if it is not known.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0])
    >>> without = (x.sum() - x) / 3
    >>> found = jackknife(np.array([x.mean(), *without]), [np.arange(4)], 0.95)
    >>> bool(np.isclose(found.standard_error, x.std(ddof=1) / 2))
    True
    """
    from scipy.stats import t as student

    parts, freedom = np.array(list(_variances(values, strata))).T
    variance = parts.sum()
    error = np.fmax(np.sqrt(variance), least)
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = variance**2 / np.sum(parts**2 / freedom) if variance > 0 else freedom.sum()
        width = student.ppf((1 + level) / 2, degrees) * error
    return Interval(values[0], values[0] - width, values[0] + width, error)


def _variances(values: Array, strata: list[Indices]) -> Iterator[tuple[float, float]]:
    for some in strata:
        without, size = values[1 + some], len(some)
        spread = np.square(without - without.mean()).sum() if size > 1 else np.nan
        yield float((size - 1) / size * spread), max(size - 1, 1)
