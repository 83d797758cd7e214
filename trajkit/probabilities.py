"""What a row of predictions is: probabilities, logits or log-probabilities, and their exact normalisation."""

from __future__ import annotations

import numpy as np

from trajkit.typing import AnyArray, Array, Mask

# |sum of a row's probabilities - 1| that still counts as rounding: float16 outputs and packed files reach 3e-4.
ROW_TOLERANCE = 1e-3


def normalize(log_prob: AnyArray) -> Array:
    """Normalise rows of log-probabilities in float64: log p - log sum_c p_c, over the last axis.

    Stored rows sum to one only to the rounding of float32; all geometry starts from this exact form, so that
    an overlap never exceeds one by more than 1e-15.

    Examples
    --------
    >>> float(np.exp(normalize(np.log(np.float32([0.1, 0.2, 0.7])))).sum())
    1.0
    """
    exact = np.asarray(log_prob, dtype=np.float64)
    top = exact.argmax(axis=-1, keepdims=True)
    # A row of -inf only appears as a wrong input and must come out as NaN, not as a warning.
    with np.errstate(invalid="ignore"):
        shifted: Array = exact - np.take_along_axis(exact, top, axis=-1)
    # The largest apart from the rest: the log of a probability near one keeps its digits, -4e-18 and not 0 or 1e-12.
    rest = np.exp(shifted)
    np.put_along_axis(rest, top, 0.0, axis=-1)
    return shifted - np.log1p(rest.sum(axis=-1, keepdims=True))


def row_sums(log_prob: AnyArray) -> AnyArray:
    """Sum the probabilities of each row, over the last axis: what `is_off` and `row_problem` judge.

    Examples
    --------
    >>> row_sums(np.log([[0.25, 0.75], [0.25, 0.25]])).round(6)
    array([1. , 0.5])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        # A product with ones sums in vectors, five times faster than `sum` over a short last axis.
        return np.exp(log_prob) @ np.ones(log_prob.shape[-1], dtype=log_prob.dtype)


def is_off(total: AnyArray) -> Mask:
    """Say which rows are no distributions: their sum is NaN or further than `ROW_TOLERANCE` from 1.

    Examples
    --------
    >>> is_off(np.array([1.0004, 0.9, np.nan]))
    array([False,  True,  True])
    """
    return ~(np.abs(total - 1) <= ROW_TOLERANCE)


def row_problem(
    total: AnyArray, highest: float = 0.0, *, hint: str = "pass raw network outputs as `logits=`"
) -> str | None:
    """Say what is wrong with the rows of one recorded checkpoint, or None.

    `total` (sample,) are the sums of its rows, `highest` its largest log-probability, where that is known.

    Examples
    --------
    >>> row_problem(np.array([1.0, 0.9]))
    'the probabilities of sample 1 sum to 0.9; wanted 1 within 0.001 (pass raw network outputs as `logits=`)'
    """
    if (missing := np.isnan(total)).any():
        return (
            f"NaN in {missing.sum()} of {len(total)} samples of a recorded checkpoint; "
            "a missing one is NaN throughout, with step -1"
        )
    if highest > ROW_TOLERANCE:
        return f"positive log-probability {highest:.4g}; wanted natural logs of probabilities (at most 0); {hint}"
    worst = int(np.abs(total - 1).argmax())
    if not is_off(total[worst]):
        return None
    return f"the probabilities of sample {worst} sum to {total[worst]:.6g}; wanted 1 within {ROW_TOLERANCE:g} ({hint})"


def to_log_prob(raw: Array, form: str) -> Array:
    """Turn "logits", "prob" or "log_prob" into normalised log-probabilities, over the last axis."""
    if form == "prob":
        # log 0 = -inf is meant: a class ruled out.
        with np.errstate(divide="ignore"):
            raw = np.log(raw)
    return normalize(raw)
