"""Spread of groups."""

from __future__ import annotations

import numpy as np

from trajkit.typing import Array, Indices


def dispersion(squared: Array, code: Indices) -> Array:
    """Compute the squared distance of each unit to the centroid of its group, times n / (n - 1) for n units.

    The mean over a group is half the mean squared distance of two of its units. It is the diagonal of the Gower
    matrix of residuals, (I - H) G (I - H), with H the projection on the groups. Squared distances that are not
    Euclidean, such as bhattacharyya, can give negative values; they are kept.

    Parameters
    ----------
    squared
        Squared distances (unit, unit).
    code
        Group of each unit, from 0.

    Returns
    -------
    numpy.ndarray
        (unit,), in the units of `squared`; NaN for a unit alone in its group.

    Examples
    --------
    >>> dispersion(np.array([[0.0, 4, 9], [4, 0, 9], [9, 9, 0]]), np.array([0, 0, 1]))
    array([ 2.,  2., nan])
    """
    same = (code[:, None] == code).astype(np.float64)
    size = same.sum(1)
    to_members = (same * squared).sum(1) / size
    of_group = (same @ to_members) / size
    return np.where(size > 1, (to_members - of_group / 2) * size / np.maximum(size - 1, 1), np.nan)
