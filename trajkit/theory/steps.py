"""The steps at which computed trainings are recorded."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from trajkit.typing import Labels


def even_steps(total: int, checkpoints: int = 20) -> Labels:
    """Return step 0 and at most `checkpoints - 1` steps up to `total`, at equal ratios, since early training is fast.

    Raises
    ------
    ValueError
        If there are fewer than one step or two checkpoints.

    Examples
    --------
    >>> even_steps(1000, 5)
    array([   0,    1,   10,  100, 1000])
    """
    if total < 1 or checkpoints < 2:
        raise ValueError(f"wanted steps >= 1 and checkpoints >= 2, got {total} and {checkpoints}")
    # Rounding makes the first steps coincide, so there may be fewer.
    between = np.round(np.geomspace(1, total, checkpoints - 1)).astype(np.int64)
    return np.concatenate([[0], np.unique(between)])


def recorded_steps(steps: int | Iterable[int]) -> Labels:
    """Return the recorded steps, given the last step or the steps themselves.

    Raises
    ------
    ValueError
        If the steps are not increasing whole numbers from 0 on, two or more.

    Examples
    --------
    >>> recorded_steps([0, 2, 4])
    array([0, 2, 4])
    """
    if isinstance(steps, int | np.integer):
        return even_steps(int(steps))
    out = np.asarray(list(steps))
    if out.ndim != 1 or out.dtype.kind not in "iu" or len(out) < 2 or out[0] < 0 or not (np.diff(out) > 0).all():
        raise ValueError(f"steps: wanted two or more increasing whole numbers from 0 on, got {out.tolist()[:8]}")
    return out.astype(np.int64)
