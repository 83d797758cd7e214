"""Slow and obvious versions of what trajkit computes: plain loops, most of them with fifty digits."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

import trajkit as tk

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


# In float64, for what the loops above would take too long to compute.


def rebuilt(embedding: xr.Dataset) -> NDArray[np.float64]:
    """Squared distances in a picture."""
    return embedded_distance(embedding["coordinate"].values, embedding["signature"].values)


def prob(log_prob: Any) -> NDArray[np.float64]:
    """Probabilities that sum to one exactly enough."""
    p = np.exp(np.asarray(log_prob, dtype=np.float64))
    return p / p.sum(-1, keepdims=True)


def one_sample(metric: str, p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Distance of two rows of log-probabilities, straight from the formula."""
    p, q = (np.asarray(x, dtype=np.float64) - np.max(x) for x in (p, q))
    p, q = (x - np.log(np.exp(x).sum()) for x in (p, q))
    half = 0.5 * math.fsum((np.exp(p / 2) - np.exp(q / 2)) ** 2)
    if metric == "hellinger":
        return half
    if metric == "fisher_rao":
        return 2 * math.asin(min(1.0, math.sqrt(half / 2)))
    if metric == "bhattacharyya":
        if half < 0.5:
            return -math.log1p(-half)
        top = float(((p + q) / 2).max())
        return math.inf if top == -math.inf else -top - math.log(math.fsum(np.exp((p + q) / 2 - top)))
    if metric == "jeffreys":
        return math.fsum((np.exp(p) - np.exp(q)) * (p - q))
    middle = np.logaddexp(p, q) - math.log(2)
    return 0.5 * math.fsum(np.exp(p) * (p - middle)) + 0.5 * math.fsum(np.exp(q) * (q - middle))


def mean_of_samples(metric: str, a: Any, b: Any) -> float:
    """Mean of `one_sample` over the rows of log-probabilities (sample, class)."""
    return math.fsum(one_sample(metric, p, q) for p, q in zip(np.asarray(a), np.asarray(b), strict=True)) / len(a)


def between(a: Any, b: Any, t: float) -> NDArray[np.float64]:
    """Probabilities at t on the great circles from a to b (sample, class), one sample at a time."""
    out = []
    for p, q in zip(np.sqrt(prob(a)), np.sqrt(prob(b)), strict=True):
        angle = 2 * math.asin(min(1.0, math.sqrt(math.fsum((p - q) ** 2)) / 2))
        if angle == 0:
            out.append(p**2)
        else:
            out.append(((math.sin((1 - t) * angle) * p + math.sin(t * angle) * q) / math.sin(angle)) ** 2)
    return np.array(out)


def plain_resampled(curve: Any, values: Any, grid: Any) -> list[NDArray[np.float64]]:
    """Probabilities (sample, class) at each value of the grid, by looking through the run."""
    highest: list[float] = []
    out = []
    for v in values:
        highest.append(v if not highest else max(v, highest[-1]))
    for s in grid:
        passed = [k for k, v in enumerate(highest) if v <= s]
        if not passed:
            out.append(prob(curve[0]))
        elif passed[-1] == len(highest) - 1:
            out.append(prob(curve[-1]))
        else:
            k = passed[-1]
            out.append(between(curve[k], curve[k + 1], (s - highest[k]) / (highest[k + 1] - highest[k])))
    return out


def all_pairs(log_prob: NDArray[Any], metric: str, cap: float | None, weight: NDArray[Any]) -> NDArray[np.float64]:
    """All pairs by the function of the metric: memory holds points x points x samples x classes."""
    x = xr.DataArray(log_prob, dims=("point", "sample", "class"))
    keywords = {} if cap is None else {"cap": cap}
    return getattr(tk, metric)(x, x.rename(point="point2"), weights=weight, **keywords).values
