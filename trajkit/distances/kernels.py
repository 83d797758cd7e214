"""Loops over pairs of points, compiled with numba; `metrics` says what they mean.

Points are packed in tiles of `TILE`, laid out (tile, sample, class, TILE), so that the innermost loop runs over
the points of a tile and becomes vector instructions. Sums over samples come out; means are the caller's.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

TILE = 32
# So many overlaps are multiplied before one logarithm is taken ...
_GROUP = 32
# ... unless their product comes near the smallest float64.
_SMALLEST = 1e-280
# A mean distance below this is recomputed from differences, which do not cancel.
_NEAR = 1e-5
# Stands for log 0 in products, where -inf would turn 0 log 0 into NaN; what exceeds _SUSPECT may have come of it.
_LOG_ZERO = -1e300
_SUSPECT = 1e3

_BHATTACHARYYA, _HELLINGER, _FISHER_RAO, _KULLBACK_LEIBLER, _JEFFREYS, _JENSEN_SHANNON = range(6)
_CODES = {
    "bhattacharyya": _BHATTACHARYYA,
    "hellinger": _HELLINGER,
    "fisher_rao": _FISHER_RAO,
    "kullback_leibler": _KULLBACK_LEIBLER,
    "jeffreys": _JEFFREYS,
    "jensen_shannon": _JENSEN_SHANNON,
}


def add_sums(
    metric: str,
    log_p: NDArray[np.float64],
    log_q: NDArray[np.float64],
    weight: NDArray[np.float64],
    cap: float,
    symmetric: bool,
    out: NDArray[np.float64],
) -> None:
    """Add to out[i, j] the (weighted) sum over these samples of the per-sample distance of points i and j.

    `log_p`, `log_q` are normalised log-probabilities (point, sample, class); an empty `weight` weighs all alike. With
    `symmetric`, `log_q` is `log_p` and only the tiles on and above the diagonal are computed and mirrored.
    """
    a, self_p = _factors(metric, log_p, left=True)
    b, self_q = (a, self_p) if symmetric and metric != "jeffreys" else _factors(metric, log_q, left=False)
    _add_sums(_CODES[metric], a, b, self_p, self_q, log_p, log_q, weight, cap, symmetric, out)


def _factors(metric: str, log_p: NDArray[np.float64], *, left: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pack what is multiplied over classes, and give what each point adds of itself (point, sample).

    KL(p, q) = sum p log p - sum p log q, and J(p, q) = KL(p, q) + KL(q, p) is one product over twice the classes.
    """
    if metric in ("bhattacharyya", "hellinger", "fisher_rao"):
        return pack(np.exp(0.5 * log_p)), np.zeros((1, 1))
    if metric == "jensen_shannon":
        # No product: each pair has a logarithm of its own for every class.
        return np.zeros((-(-len(log_p) // TILE), 1, 1, 1)), np.zeros((1, 1))
    logs = np.maximum(log_p, _LOG_ZERO)
    # What lies below the smallest float64 is not 0: times _LOG_ZERO it must still show.
    prob = np.where(log_p > -np.inf, np.maximum(np.exp(log_p), 1e-290), 0.0)
    entropy = (prob * logs).sum(-1)
    if metric == "kullback_leibler":
        return (pack(prob), entropy) if left else (pack(-logs), np.zeros_like(entropy))
    return pack(np.concatenate([prob, -logs] if left else [-logs, prob], axis=-1)), entropy


def pack(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay (point, sample, class) out in tiles, with zeros after the last point."""
    points, samples, classes = values.shape
    tiles = -(-points // TILE)
    packed = np.zeros((tiles * TILE, samples, classes))
    packed[:points] = values
    return np.ascontiguousarray(packed.reshape(tiles, TILE, samples, classes).transpose(0, 2, 3, 1))


@numba.njit(cache=True, fastmath={"contract"})
def _overlaps(a: Any, b: Any, s: Any) -> None:  # pragma: no cover (compiled)
    """Set s[i, j] = sum_c a[c, i] b[c, j]; five classes at a time halve the traffic to s, and the time."""
    unrolled = a.shape[0] // 5 * 5
    for i in range(TILE):
        for j in range(TILE):
            s[i, j] = 0.0
        for c in range(0, unrolled, 5):
            x0, x1, x2, x3, x4 = a[c, i], a[c + 1, i], a[c + 2, i], a[c + 3, i], a[c + 4, i]
            for j in range(TILE):
                s[i, j] += x0 * b[c, j] + x1 * b[c + 1, j] + x2 * b[c + 2, j] + x3 * b[c + 3, j] + x4 * b[c + 4, j]
        for c in range(unrolled, a.shape[0]):
            x = a[c, i]
            for j in range(TILE):
                s[i, j] += x * b[c, j]


@numba.njit(cache=True)
def _half_chord(a: Any, b: Any, i: int, j: int) -> float:  # pragma: no cover (compiled)
    """Return h = |sqrt p - sqrt q|^2 / 2 = 1 - overlap, without cancellation."""
    h = 0.0
    for c in range(a.shape[0]):
        difference = a[c, i] - b[c, j]
        h += difference * difference
    return 0.5 * h


@numba.njit(cache=True)
def _log_overlap(log_p: Any, log_q: Any) -> Any:  # pragma: no cover (compiled)
    """Return log sum_c sqrt(p_c q_c) from log-probabilities, for overlaps below the smallest float64."""
    highest = -np.inf
    for c in range(log_p.shape[0]):
        highest = max(highest, 0.5 * (log_p[c] + log_q[c]))
    if highest == -np.inf:
        return highest
    total = 0.0
    for c in range(log_p.shape[0]):
        total += np.exp(0.5 * (log_p[c] + log_q[c]) - highest)
    return highest + np.log(total)


@numba.njit(cache=True)
def _relative_entropy(log_p: Any, log_q: Any) -> float:  # pragma: no cover (compiled)
    """Return sum_c p (e^x - 1 - x), x = log q - log p: KL(p, q) in terms that are all positive."""
    total = 0.0
    for c in range(log_p.shape[0]):
        p = np.exp(log_p[c])
        if log_q[c] == -np.inf and log_p[c] > -np.inf:
            return np.inf
        if p == 0.0:
            total += np.exp(log_q[c])
            continue
        x = log_q[c] - log_p[c]
        total += p * (np.expm1(x) - x) if abs(x) < 1.0 else np.exp(log_q[c]) - p - p * x
    return total


@numba.njit(cache=True)
def _exact(metric: int, log_p: Any, log_q: Any) -> float:  # pragma: no cover (compiled)
    """One sample's distance, without cancellation."""
    if metric == _JENSEN_SHANNON:
        middle = np.logaddexp(log_p, log_q) - np.log(2.0)
        return 0.5 * (_relative_entropy(log_p, middle) + _relative_entropy(log_q, middle))
    if metric == _KULLBACK_LEIBLER:
        return _relative_entropy(log_p, log_q)
    if metric == _JEFFREYS:
        return _relative_entropy(log_p, log_q) + _relative_entropy(log_q, log_p)
    h = 0.0
    for c in range(log_p.shape[0]):
        difference = np.exp(0.5 * log_p[c]) - np.exp(0.5 * log_q[c])
        h += 0.5 * difference * difference
    # Rounding may carry h past 1.
    return h if metric == _HELLINGER else -np.log1p(-min(h, 1.0))


@numba.njit(cache=True)
def _bhattacharyya_tile(
    a: Any, b: Any, log_p: Any, log_q: Any, weight: Any, cap: float, total: Any
) -> None:  # pragma: no cover (compiled)
    """Add -log overlap over the samples; log_p and log_q belong to the tile's points, unpacked."""
    least = np.exp(-cap)
    # Weighted samples have a logarithm each.
    group = 1 if weight.size else _GROUP
    s, product = np.empty((TILE, TILE)), np.empty((TILE, TILE))
    for start in range(0, a.shape[0], group):
        stop = min(start + group, a.shape[0])
        w = weight[start] if weight.size else 1.0
        product[:] = 1.0
        for n in range(start, stop):
            _overlaps(a[n], b[n], s)
            for i in range(TILE):
                for j in range(TILE):
                    product[i, j] *= max(s[i, j], least)
        for i in range(log_p.shape[0]):
            for j in range(log_q.shape[0]):
                if product[i, j] > _SMALLEST:
                    total[i, j] -= w * np.log(product[i, j])
                else:
                    for n in range(start, stop):
                        total[i, j] += w * min(-_log_overlap(log_p[i, n], log_q[j, n]), cap)


@numba.njit(cache=True)
def _sphere_tile(metric: int, a: Any, b: Any, weight: Any, total: Any) -> None:  # pragma: no cover (compiled)
    """Add 1 - overlap, or its arc cosine, over the samples."""
    s = np.empty((TILE, TILE))
    for n in range(a.shape[0]):
        w = weight[n] if weight.size else 1.0
        _overlaps(a[n], b[n], s)
        for i in range(total.shape[0]):
            for j in range(total.shape[1]):
                if metric == _HELLINGER:
                    total[i, j] += w * (1.0 - s[i, j])
                elif s[i, j] < 0.9:
                    total[i, j] += w * np.arccos(s[i, j])
                else:
                    # arccos loses half the digits near 1; half the angle has sine sqrt(h / 2).
                    total[i, j] += w * 2.0 * np.arcsin(np.sqrt(0.5 * _half_chord(a[n], b[n], i, j)))


@numba.njit(cache=True)
def _entropy_tile(
    metric: int, a: Any, b: Any, self_p: Any, self_q: Any, log_p: Any, log_q: Any, weight: Any, cap: float, total: Any
) -> None:  # pragma: no cover (compiled)
    """Add what two points have of themselves and of each other; `self_q` is 0 where only p counts."""
    s = np.empty((TILE, TILE))
    for n in range(a.shape[0]):
        w = weight[n] if weight.size else 1.0
        _overlaps(a[n], b[n], s)
        for i in range(total.shape[0]):
            for j in range(total.shape[1]):
                d = self_p[i, n] + self_q[j, n] + s[i, j]
                if d > _SUSPECT:
                    d = _exact(metric, log_p[i, n], log_q[j, n])
                total[i, j] += w * min(d, cap)


@numba.njit(cache=True)
def _exact_tile(
    metric: int, log_p: Any, log_q: Any, weight: Any, cap: float, below: float, total: Any
) -> None:  # pragma: no cover (compiled)
    """Compute anew, sample by sample, the sums that are less than `below`."""
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            if total[i, j] < below:
                total[i, j] = 0.0
                for n in range(log_p.shape[1]):
                    w = weight[n] if weight.size else 1.0
                    # A small mean of many samples can hide one beyond the cap.
                    total[i, j] += w * min(_exact(metric, log_p[i, n], log_q[j, n]), cap)


@numba.njit(cache=True, parallel=True)
def _add_sums(
    metric: int,
    a: Any,
    b: Any,
    self_p: Any,
    self_q: Any,
    log_p: Any,
    log_q: Any,
    weight: Any,
    cap: float,
    symmetric: bool,
    out: Any,
) -> None:  # pragma: no cover (compiled)
    columns = b.shape[0]
    near = _NEAR * (weight.sum() if weight.size else log_p.shape[1])
    for pair in numba.prange(a.shape[0] * columns):
        row, column = pair // columns, pair % columns
        if symmetric and column < row:
            continue
        i, j = row * TILE, column * TILE
        p, q = log_p[i : i + TILE], log_q[j : j + TILE]
        total = np.zeros((p.shape[0], q.shape[0]))
        if metric == _BHATTACHARYYA:
            _bhattacharyya_tile(a[row], b[column], p, q, weight, cap, total)
        elif metric in (_HELLINGER, _FISHER_RAO):
            _sphere_tile(metric, a[row], b[column], weight, total)
        elif metric != _JENSEN_SHANNON:
            own_p, own_q = self_p[i : i + TILE], self_q[j : j + TILE]
            _entropy_tile(metric, a[row], b[column], own_p, own_q, p, q, weight, cap, total)
        if metric != _FISHER_RAO:
            _exact_tile(metric, p, q, weight, cap, np.inf if metric == _JENSEN_SHANNON else near, total)
        if symmetric and column == row:
            # Rounding differs on the two sides; the distance does not.
            for u in range(p.shape[0]):
                for v in range(u):
                    total[u, v] = total[v, u]
        out[i : i + TILE, j : j + TILE] += total
        if symmetric and column > row:
            out[j : j + TILE, i : i + TILE] += total.T
