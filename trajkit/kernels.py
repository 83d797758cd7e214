"""Loops over pairs of points, compiled with numba; `distances` says what they mean.

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
# A mean distance (in h = 1 - overlap) below this is recomputed from differences of amplitudes.
_NEAR = 1e-5

BHATTACHARYYA, HELLINGER, FISHER_RAO = 0, 1, 2


def pack(amplitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay (point, sample, class) out in tiles, with zeros after the last point."""
    points, samples, classes = amplitude.shape
    tiles = -(-points // TILE)
    packed = np.zeros((tiles * TILE, samples, classes))
    packed[:points] = amplitude
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
def _bhattacharyya_tile(
    a: Any, b: Any, log_p: Any, log_q: Any, cap: float, total: Any
) -> None:  # pragma: no cover (compiled)
    """Add -log overlap over the samples; log_p and log_q belong to the tile's points, unpacked."""
    least = np.exp(-cap)
    s, product = np.empty((TILE, TILE)), np.empty((TILE, TILE))
    for start in range(0, a.shape[0], _GROUP):
        stop = min(start + _GROUP, a.shape[0])
        product[:] = 1.0
        for n in range(start, stop):
            _overlaps(a[n], b[n], s)
            for i in range(TILE):
                for j in range(TILE):
                    product[i, j] *= max(s[i, j], least)
        for i in range(log_p.shape[0]):
            for j in range(log_q.shape[0]):
                if product[i, j] > _SMALLEST:
                    total[i, j] -= np.log(product[i, j])
                else:
                    for n in range(start, stop):
                        total[i, j] += min(-_log_overlap(log_p[i, n], log_q[j, n]), cap)


@numba.njit(cache=True)
def _hellinger_tile(a: Any, b: Any, total: Any) -> None:  # pragma: no cover (compiled)
    s = np.empty((TILE, TILE))
    for n in range(a.shape[0]):
        _overlaps(a[n], b[n], s)
        for i in range(total.shape[0]):
            for j in range(total.shape[1]):
                total[i, j] += 1.0 - s[i, j]


@numba.njit(cache=True)
def _fisher_rao_tile(a: Any, b: Any, total: Any) -> None:  # pragma: no cover (compiled)
    s = np.empty((TILE, TILE))
    for n in range(a.shape[0]):
        _overlaps(a[n], b[n], s)
        for i in range(total.shape[0]):
            for j in range(total.shape[1]):
                if s[i, j] < 0.9:
                    total[i, j] += np.arccos(s[i, j])
                else:
                    # arccos loses half the digits near 1; half the angle has sine sqrt(h / 2).
                    total[i, j] += 2.0 * np.arcsin(np.sqrt(0.5 * _half_chord(a[n], b[n], i, j)))


@numba.njit(cache=True)
def _sharpen_tile(metric: int, a: Any, b: Any, cap: float, total: Any) -> None:  # pragma: no cover (compiled)
    """Recompute what is too near for overlaps, which are exact to 1e-16 only, from differences."""
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            if total[i, j] < _NEAR * a.shape[0]:
                exact = 0.0
                for n in range(a.shape[0]):
                    h = _half_chord(a[n], b[n], i, j)
                    # Rounding may carry h past 1; and a small mean of many samples can hide one beyond the cap.
                    exact += h if metric == HELLINGER else min(-np.log1p(-min(h, 1.0)), cap)
                total[i, j] = exact


@numba.njit(cache=True, parallel=True)
def add_sums(
    metric: int, a: Any, b: Any, log_p: Any, log_q: Any, cap: float, symmetric: bool, out: Any
) -> None:  # pragma: no cover (compiled)
    """Add to out[i, j] the sum over these samples of the per-sample distance of points i and j.

    `a`, `b` are packed amplitudes, `log_p`, `log_q` the log-probabilities (point, sample, class). With
    `symmetric`, `b` is `a` and only the tiles on and above the diagonal are computed and mirrored.
    """
    columns = b.shape[0]
    for pair in numba.prange(a.shape[0] * columns):
        row, column = pair // columns, pair % columns
        if symmetric and column < row:
            continue
        i, j = row * TILE, column * TILE
        p, q = log_p[i : i + TILE], log_q[j : j + TILE]
        total = np.zeros((p.shape[0], q.shape[0]))
        if metric == BHATTACHARYYA:
            _bhattacharyya_tile(a[row], b[column], p, q, cap, total)
        elif metric == HELLINGER:
            _hellinger_tile(a[row], b[column], total)
        else:
            _fisher_rao_tile(a[row], b[column], total)
        if metric != FISHER_RAO:
            _sharpen_tile(metric, a[row], b[column], cap, total)
        out[i : i + TILE, j : j + TILE] += total
        if symmetric and column > row:
            out[j : j + TILE, i : i + TILE] += total.T
