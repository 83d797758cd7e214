"""Spearman's correlation between rows."""

from __future__ import annotations

import numpy as np

from trajkit.typing import Array


def rank_correlation(values: Array) -> Array:
    """Correlate the ranks of each row (row, sample) with those of each other row (Spearman's correlation).

    Entries (row, row) of a row with equal values, such as one value, are NaN. Infinite values have ranks too.

    Examples
    --------
    >>> import numpy as np
    >>> rank_correlation(np.array([[0.1, 0.5, np.inf], [9.0, 2.0, 1.0]])).round(6)
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    # Here, since loading scipy.stats takes longer than loading trajkit.
    from scipy.stats import rankdata

    if np.shape(values)[1] < 2:
        return np.full((len(values), len(values)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.atleast_2d(np.corrcoef(rankdata(values, axis=1)))
