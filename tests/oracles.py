"""Slow and obvious versions of what trajkit computes: plain loops, most of them with fifty digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import ArrayLike, NDArray

Number = Any  # mpmath's floats carry no types
Row = Sequence[Number]

# A context of its own: no other test can change its precision.
mp = mpmath.MPContext()
mp.dps = 50

# The largest deviation of each law in all tests; `pytest -v` prints it.
deviations: dict[str, tuple[float, float]] = {}


def within(law: str, deviation: float, bound: float) -> None:
    """Assert that a deviation is within its bound, and remember the largest."""
    deviation = float(deviation)
    deviations[law] = (max(deviation, deviations.get(law, (0.0, 0.0))[0]), bound)
    assert deviation <= bound, f"{law}: {deviation:.3g} > {bound:.3g}"


def relative(got: Any, exact: Any, floor: float = 0.0) -> float:
    """Largest |got - exact| / max(|exact|, floor); equal zeros and equal infinities agree."""
    worst = 0.0
    for g, e in zip(np.ravel(got).tolist(), np.ravel(np.asarray(exact, dtype=object)).tolist(), strict=True):
        if g != e:
            scale = max(abs(e), floor)
            worst = max(worst, float(abs(mp.mpf(g) - e) / scale) if scale else float("inf"))
    return worst


def distribution(log_prob: ArrayLike) -> Row:
    """Return the probabilities of one row, which sum to one."""
    p = [mp.exp(mp.mpf(float(x))) for x in np.asarray(log_prob)]
    total = mp.fsum(p)
    return [x / total for x in p]


def overlap(p: Row, q: Row) -> Number:
    return mp.fsum(mp.sqrt(x * y) for x, y in zip(p, q, strict=True))


def _log(x: Number) -> Number:
    return mp.log(x) if x > 0 else -mp.inf


FORMULA: dict[str, Callable[[Number], Number]] = {
    "bhattacharyya": lambda bc: -_log(bc),
    "hellinger": lambda bc: 1 - bc,
    "fisher_rao": lambda bc: mp.acos(min(bc, mp.mpf(1))),
}


def distance(metric: str, a: ArrayLike, b: ArrayLike, cap: float = float("inf")) -> Number:
    """Mean over samples of the distance of log-probabilities (sample, class)."""
    total = mp.mpf(0)
    for p, q in zip(np.asarray(a), np.asarray(b), strict=True):
        total += min(FORMULA[metric](overlap(distribution(p), distribution(q))), mp.mpf(cap))
    return total / len(np.asarray(a))


def geodesic(p: Row, q: Row, t: Number) -> Row:
    """Return the probabilities at t on the great circle from p to q."""
    theta = mp.acos(min(overlap(p, q), mp.mpf(1)))
    if theta == 0:
        return p
    from_p, from_q = mp.sin((1 - t) * theta) / mp.sin(theta), mp.sin(t * theta) / mp.sin(theta)
    return [(from_p * mp.sqrt(x) + from_q * mp.sqrt(y)) ** 2 for x, y in zip(p, q, strict=True)]


def progress(metric: str, log_prob: ArrayLike, label: ArrayLike) -> float:
    """Minimise the distance to the geodesic from ignorance to truth by golden sections, to 1e-12."""
    rows = [distribution(row) for row in np.asarray(log_prob)]
    classes = len(rows[0])
    ignorance = [mp.mpf(1) / classes] * classes
    truths = [[mp.mpf(c == k) for c in range(classes)] for k in np.asarray(label).tolist()]

    def objective(t: Number) -> Number:
        return mp.fsum(
            FORMULA[metric](overlap(p, geodesic(ignorance, truth, t))) for p, truth in zip(rows, truths, strict=True)
        )

    ratio = (mp.sqrt(5) - 1) / 2
    low, high = mp.mpf(0), mp.mpf(1)
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = objective(left), objective(right)
    while high - low > mp.mpf("1e-12"):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = objective(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = objective(right)
    return float((low + high) / 2)


def double_centered(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """W = -1/2 L D L, entry by entry."""
    m = len(squared)
    mean = [sum(squared[i]) / m for i in range(m)]
    total = sum(mean) / m
    w = np.empty((m, m))
    for i in range(m):
        for j in range(m):
            w[i, j] = -0.5 * (squared[i, j] - mean[i] - mean[j] + total)
    return w


def embedded_distance(coordinate: NDArray[np.float64], signature: NDArray[np.int64]) -> NDArray[np.float64]:
    """sum_k signature_k (x_ik - x_jk)^2."""
    m, n = coordinate.shape
    out = np.zeros((m, m))
    for i in range(m):
        for j in range(m):
            out[i, j] = sum(signature[k] * (coordinate[i, k] - coordinate[j, k]) ** 2 for k in range(n))
    return out


def explained(
    squared: NDArray[np.float64], coordinate: NDArray[np.float64], signature: NDArray[np.int64]
) -> tuple[list[float], list[float]]:
    """Return explained stress and explained distance for 1, 2, ... components, from their definitions."""
    w = double_centered(squared)
    stress, dist = [], []
    for k in range(1, coordinate.shape[1] + 1):
        x, s = coordinate[:, :k], signature[:k]
        kept = float(np.sum(np.sum(x**2, axis=0) ** 2))
        stress.append(1 - float(np.sqrt(max(0.0, 1 - kept / float(np.sum(w**2))))))
        dist.append(1 - float(np.abs(embedded_distance(x, s) - squared).sum() / squared.sum()))
    return stress, dist
