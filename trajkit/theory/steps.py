"""When a training that is computed, not run, is looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from trajkit.typing import Labels


def even_steps(total: int, checkpoints: int = 20) -> Labels:
    """Give step 0 and about as many steps as asked for, up to `total`, at equal ratios: early training is fast.

    Examples
    --------
    >>> even_steps(1000, 5)
    array([   0,    1,   10,  100, 1000])
    """
    if total < 1 or checkpoints < 2:
        raise ValueError(f"wanted one step and two checkpoints or more, got {total} and {checkpoints}")
    between = np.round(np.geomspace(1, total, checkpoints - 1)).astype(np.int64)
    return np.concatenate([[0], np.unique(between)])


def recorded_steps(steps: int | Iterable[int]) -> Labels:
    """Take a number of steps, or the steps themselves.

    Examples
    --------
    >>> recorded_steps([0, 2, 4])
    array([0, 2, 4])
    """
    if isinstance(steps, int | np.integer):
        return even_steps(int(steps))
    out = np.asarray(list(steps))
    if out.ndim != 1 or out.dtype.kind not in "iu" or len(out) < 2 or out[0] < 0 or not (np.diff(out) > 0).all():
        raise ValueError(f"steps: wanted whole numbers from 0 on, two or more, increasing; got {out.tolist()[:8]}")
    return out.astype(np.int64)
