"""Distances between configurations, from distances between runs with different seeds."""

from __future__ import annotations

import numpy as np

from trajkit.typing import Array, Indices, Mask


def configuration_distances(values: Array, code: Indices, pairs: Mask) -> Array:
    """Average the distances of runs over pairs of configurations.

    Parameters
    ----------
    values
        Distances (run, run2).
    code
        Configuration of each run, from 0.
    pairs
        Pairs of runs that count.

    Returns
    -------
    numpy.ndarray
        Mean distances (configuration, configuration2), in the units of `values`. The diagonal has the distances within
        configurations, between seeds. NaN where no pair counts.

    Examples
    --------
    >>> values = np.array([[0.0, 1, 5], [1, 0, 7], [5, 7, 0]])
    >>> configuration_distances(values, np.array([0, 0, 1]), ~np.eye(3, dtype=bool))
    array([[ 1.,  6.],
           [ 6., nan]])
    """
    # The mean distance between seeds is not subtracted. That would estimate the distance of two centroids, but the
    # test of one seed deviation in twenty dimensions then has a power of 58 % where it now has 100 %.
    member = np.eye(code.max() + 1)[code]
    total, count = (member.T @ x @ member for x in (np.where(pairs, values, 0.0), pairs.astype(np.float64)))
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def complete(distance: Array) -> Indices:
    """List configurations that all have distances to each other, leaving out those that lack most first.

    Examples
    --------
    >>> complete(np.array([[0, np.nan, 1], [np.nan, 0, np.nan], [1, np.nan, 0]]))
    array([0, 2])
    """
    lacking = np.isnan(distance) & ~np.eye(len(distance), dtype=bool)
    kept = np.arange(len(distance))
    while len(kept) and (count := lacking[np.ix_(kept, kept)].sum(1)).any():
        kept = np.delete(kept, count.argmax())
    return kept
