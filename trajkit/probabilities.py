"""What a row of predictions is: probabilities, logits or log-probabilities, and their exact normalisation."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from trajkit.typing import AnyArray, Array, Indices, Mask

# What rows of predictions can be, by the names that `from_arrays`, recorders and importers use.
Form = Literal["logits", "log_prob", "prob"]
FORMS: tuple[Form, ...] = get_args(Form)
# |sum of a row's probabilities - 1| that still counts as rounding: float16 outputs and packed files reach 3e-4.
ROW_TOLERANCE = 1e-3
# How much of each value rounding changes at most: 2^-9 in bfloat16, and twice that if it cuts; 2^-11 in float16.
_BFLOAT16, _FLOAT16 = 4e-3, 5e-4
# Libraries subtract: probabilities as far below 0 as this are rounding errors, and no logits.
SMALLEST_SHARE = 1e-6
LOGITS_HINT = "pass raw network outputs as `logits=`"
LOGIT_PROBLEM = "a logit that is NaN or +inf, or logits that are all -inf,"


def form_of(name: str | None, option: str) -> Form | None:
    """Check the name of a form that was given as `option`.

    Raises
    ------
    ValueError
        If no form has this name.

    Examples
    --------
    >>> form_of("prob", "output=")
    'prob'
    """
    found = [form for form in FORMS if form == name]
    if name is not None and not found:
        raise ValueError(f"{option} wanted one of {list(FORMS)}, got {name!r}")
    return found[0] if found else None


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


def are_log_prob(values: AnyArray) -> bool:
    """Decide whether every value could be the log of a probability: a number of at most 0, within the row tolerance.

    Examples
    --------
    >>> are_log_prob(np.array([-0.5, -np.inf])), are_log_prob(np.array([-0.5, np.nan]))
    (True, False)
    """
    return bool((values <= ROW_TOLERANCE).all())


def is_off(total: AnyArray, tolerance: float | Array = ROW_TOLERANCE) -> Mask:
    """Say which rows are no distributions: their sum is NaN or further than `tolerance` from 1.

    Examples
    --------
    >>> is_off(np.array([1.0004, 0.9, np.nan]))
    array([False,  True,  True])
    """
    return ~(np.abs(total - 1) <= tolerance)


def row_tolerance(raw: AnyArray, form: Form = "prob") -> float | Array:
    """Return how far from 1 rows may sum, given the rounding that their values show.

    Rounding changes a probability by a share of itself, and its logarithm by a share of that: the sum of a row then
    moves by this share times its entropy. The values decide, not the dtype: numpy has no bfloat16, so such values
    arrive as float32 or float64.

    Examples
    --------
    >>> row_tolerance(np.array([0.3, 0.7])), row_tolerance(np.array([0.30078125, 0.69921875]))
    (0.001, 0.004)
    >>> float(row_tolerance(np.float16(np.log([[0.25] * 4])), "log_prob")[0].round(4))
    0.0017
    """
    share = _rounding(raw[~np.isnan(raw)])
    if form == "prob":
        return max(ROW_TOLERANCE, share)
    log_prob = np.asarray(raw, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        entropy = -np.where(np.isneginf(log_prob), 0, np.exp(log_prob) * log_prob).sum(-1)
    return ROW_TOLERANCE + share * entropy


def _rounding(values: AnyArray) -> float:
    with np.errstate(over="ignore"):
        single, half = np.asarray(values, dtype=np.float32), np.asarray(values, dtype=np.float16)
    # bfloat16 keeps the upper half of the bits of a float32.
    if (single == values).all() and not (single.view(np.uint32) & 0xFFFF).any():
        return _BFLOAT16
    return _FLOAT16 if (half == values).all() else 0.0


def looks_like_distributions(raw: AnyArray) -> bool:
    """Say whether nine rows in ten are probability distributions, which a softmax would make others.

    Not every row: one that does not sum to 1 must not make logits of the rest. Rows with NaN, such as missing
    checkpoints, do not count. Logits can pass too, for example one-hot rows. So a caller that refuses them says how to
    insist.

    Examples
    --------
    >>> looks_like_distributions(np.array([[0.3, 0.7], [1.0, 0.0]])), looks_like_distributions(np.zeros((2, 2)))
    (True, False)
    """
    values = np.asarray(raw)
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    rows = values[~np.isnan(values).any(-1)]
    shares = ((rows >= -SMALLEST_SHARE) & (rows <= 1 + _BFLOAT16)).all(-1)
    if not shares.any():
        return False
    alike = shares & (np.abs(rows.sum(-1, dtype=np.float64) - 1) <= row_tolerance(rows[shares]))
    return bool(alike.mean() >= 0.9)


def is_no_logit(raw: AnyArray) -> Mask:
    """Say which numbers are no logits: NaN, +inf, and -inf for all classes; -inf alone rules a class out.

    Examples
    --------
    >>> is_no_logit(np.array([[0.0, -np.inf], [0.0, np.inf], [-np.inf, -np.inf]])).tolist()
    [[False, False], [False, True], [True, True]]
    """
    return np.asarray(np.isnan(raw) | np.isposinf(raw) | np.isneginf(raw).all(-1, keepdims=True))


def wrong_rows(raw: AnyArray, form: Form) -> Mask:
    """Say which rows are not what `form` says, whatever their precision: this one rule holds wherever rows come from.

    Logits are finite, or -inf for some classes; probabilities are not negative; both kinds of probabilities sum to 1.

    Examples
    --------
    >>> wrong_rows(np.array([[0.5, 0.5], [1.2, -0.2], [0.5, 0.4], [0.5, np.nan]]), "prob")
    array([False,  True,  True,  True])
    """
    if form == "logits":
        return np.asarray(is_no_logit(raw).any(-1))
    total = raw.sum(-1) if form == "prob" else row_sums(raw)
    off = is_off(total)
    # The tolerance takes longer than the sums, and hardly any dataset needs more than the usual one.
    if off.any():
        off = is_off(total, row_tolerance(raw, form))
    return np.asarray(off | ((raw < 0) if form == "prob" else (raw > ROW_TOLERANCE)).any(-1))


def form_problem(raw: AnyArray, form: Form, logits: str = LOGITS_HINT) -> str | None:
    """Say which rows (sample, class) of a recorded checkpoint are not what `form` says, and what to do, or None.

    `logits` says how the caller is told that they are logits.

    Examples
    --------
    >>> form_problem(np.array([[0.5, 0.5], [0.5, 0.4]]), "prob")
    'the probabilities of sample 1 sum to 0.9; wanted 1 within 0.001 (divide each row by its sum if these are shares)'
    """
    if not (wrong := wrong_rows(raw, form)).any():
        return None
    if form == "logits":
        return f"{LOGIT_PROBLEM} in a recorded checkpoint"
    rows, samples = raw[wrong], np.flatnonzero(wrong)
    if form == "log_prob":
        return row_problem(row_sums(rows), float(rows.max()), samples=samples, hint=log_hint(rows, logits))
    if (lowest := float(rows.min())) < 0:
        hint = "clip rounding errors at 0" if lowest >= -SMALLEST_SHARE else logits
        return f"negative probabilities, the lowest {lowest:.3g}: {hint}"
    return row_problem(rows.sum(-1), samples=samples, hint=share_hint(rows, logits))


def share_hint(raw: AnyArray, logits: str = LOGITS_HINT) -> str:
    """Say what to do with rows that were called probabilities and do not sum to 1.

    Numbers between 0 and 1 are hardly logits, and a softmax would give them another meaning. Larger ones can be
    percentages or counts as well as logits.

    Examples
    --------
    >>> share_hint(np.array([0.5, 0.4]))
    'divide each row by its sum if these are shares'
    >>> share_hint(np.array([60.0, 40.0]))
    'divide each row by its sum if these are percentages or counts; pass raw network outputs as `logits=`'
    >>> share_hint(np.array([3.0, -0.4]))
    'pass raw network outputs as `logits=`'
    """
    if (raw < 0).any():
        return logits
    if (raw > 1).any():
        return f"divide each row by its sum if these are percentages or counts; {logits}"
    return "divide each row by its sum if these are shares"


def log_hint(raw: AnyArray, logits: str = LOGITS_HINT) -> str:
    """Say what to do with rows that were called log-probabilities and are not.

    Examples
    --------
    >>> log_hint(np.array([-1.0, -1.0]))
    'multiply base-2 logarithms by ln 2; pass raw network outputs as `logits=`'
    """
    return logits if (raw > 0).any() else f"multiply base-2 logarithms by ln 2; {logits}"


def row_problem(
    total: AnyArray, highest: float = 0.0, *, samples: Indices | None = None, hint: str = LOGITS_HINT
) -> str | None:
    """Say what is wrong with the rows of one recorded checkpoint, or None.

    `total` (sample,) holds the sums of its rows and `highest` its largest log-probability, if that is known. `samples`
    numbers the rows where they are only some of the checkpoint's samples.

    Examples
    --------
    >>> row_problem(np.array([1.0, 0.9]))
    'the probabilities of sample 1 sum to 0.9; wanted 1 within 0.001 (pass raw network outputs as `logits=`)'
    """
    if (missing := np.isnan(total)).any():
        where = f"{missing.sum()} of {len(total)} samples" if samples is None else f"sample {samples[missing.argmax()]}"
        return f"NaN in {where} of a recorded checkpoint; a missing one is NaN throughout, with step -1"
    if highest > ROW_TOLERANCE:
        return f"positive log-probability {highest:.4g}; wanted natural logs of probabilities (at most 0); {hint}"
    worst = int(np.abs(total - 1).argmax())
    if not is_off(total[worst]):
        return None
    name = worst if samples is None else samples[worst]
    return f"the probabilities of sample {name} sum to {total[worst]:.6g}; wanted 1 within {ROW_TOLERANCE:g} ({hint})"


def to_log_prob(raw: Array, form: Form) -> Array:
    """Turn "logits", "prob" or "log_prob" into normalised log-probabilities, over the last axis."""
    if form == "prob":
        # log 0 = -inf is meant: a class ruled out.
        with np.errstate(divide="ignore"):
            raw = np.log(raw)
    return normalize(raw)
