"""Logits of boosted trees, which libraries give as margins."""

from __future__ import annotations

import numpy as np

from trajkit.typing import AnyArray


def logits_of(margins: AnyArray, objective: str, allowed: tuple[str, ...]) -> AnyArray:
    """Return logits (sample, class) of margins (sample,) for two classes, or (sample, class).

    Raises
    ------
    ValueError
        If the objective is not one of those whose margins are logits.

    Examples
    --------
    >>> logits_of(np.array([1.5]), "binary", ("binary",))
    array([[0. , 1.5]])
    """
    if objective not in allowed:
        raise ValueError(f"objective {objective!r}: wanted a classifier, with one of {list(allowed)}")
    # The margin of two classes is the logit of the second one, beside 0 for the first.
    return np.stack([np.zeros_like(margins), margins], axis=1) if margins.ndim == 1 else margins
