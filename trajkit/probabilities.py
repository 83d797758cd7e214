"""What a row of predictions is: probabilities, logits or log-probabilities, and their exact normalisation."""

from __future__ import annotations

import numpy as np

from trajkit.typing import AnyArray, Array

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


def _sums_to_one(log_prob: AnyArray) -> bool:
    """Say whether all rows hold probabilities, which are then at most 1 and not NaN; doubtful ones are looked at."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.exp(log_prob) @ np.ones(log_prob.shape[-1], dtype=log_prob.dtype)
        return bool((np.abs(total - 1) <= ROW_TOLERANCE).all())


def _row_problem(log_prob: AnyArray) -> str | None:
    """Say what is wrong with one recorded checkpoint (sample, class), or None."""
    if np.isnan(log_prob).any():
        samples = int(np.isnan(log_prob).any(-1).sum())
        return (
            f"NaN in {samples} of {len(log_prob)} samples of a recorded checkpoint; "
            "a missing one is NaN throughout, with step -1"
        )
    highest = float(log_prob.max())
    if highest > ROW_TOLERANCE:
        return f"positive log-probability {highest:.4g}; wanted natural logs of probabilities (at most 0)"
    total = np.exp(log_prob.astype(np.float64)).sum(-1)
    worst = int(np.abs(total - 1).argmax())
    if abs(total[worst] - 1) > ROW_TOLERANCE:
        return (
            f"the probabilities of sample {worst} sum to {total[worst]:.6g}; wanted 1 within {ROW_TOLERANCE:g} "
            "(pass raw network outputs as `logits=`)"
        )
    return None


def to_log_prob(raw: Array, form: str) -> Array:
    """Turn "logits", "prob" or "log_prob" into normalised log-probabilities, over the last axis."""
    if form == "prob":
        # log 0 = -inf is meant: a class ruled out.
        with np.errstate(divide="ignore"):
            raw = np.log(raw)
    return normalize(raw)
