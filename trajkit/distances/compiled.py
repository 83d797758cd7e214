"""Loops over pairs of points, compiled by numba; `kernels` prepares what they work on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from trajkit.distances.overlaps import LOST, ROWS, TILE, multiply_overlaps

Function = TypeVar("Function", bound=Callable[..., Any])

# So many products of a pair of tiles may become too small before all are computed anew, one sample at a time.
_MANY = TILE
# An overlap below this comes from logarithms, which hold what square roots of probabilities below 1e-308 do not.
_SMALLEST = 1e-140
# A divergence beyond this may be infinite: `kernels` has a finite number for log 0.
SUSPECT = 1e3

# log m = log sqrt 2 + 2 (t + t^3/3 + t^5/5 + ...), t = (m - sqrt 2) / (m + sqrt 2); for m from 1 to 2 1e-17 is left.
_ATANH = 1.0 / np.arange(21, 1, -2)
# arccos(1 - h) / sqrt(2 h) = arcsin(x) / x, x^2 = h / 2, as a polynomial in 4 x^2 - 1, to 1e-14.
_ANGLE = (
    Chebyshev.interpolate(lambda z: np.arcsin(np.sqrt(z)) / np.sqrt(z), 21, domain=[0, 0.5])
    .convert(kind=Polynomial, domain=[0, 0.5])
    .coef[::-1]
    .copy()
)
# As numbers, so that the compiler unrolls loops over them.
_ATANH_TERMS, _ANGLE_TERMS = len(_ATANH), len(_ANGLE)

_BHATTACHARYYA, _HELLINGER, _FISHER_RAO, _KULLBACK_LEIBLER, _JEFFREYS, _JENSEN_SHANNON = range(6)
CODES = {
    "bhattacharyya": _BHATTACHARYYA,
    "hellinger": _HELLINGER,
    "fisher_rao": _FISHER_RAO,
    "kullback_leibler": _KULLBACK_LEIBLER,
    "jeffreys": _JEFFREYS,
    "jensen_shannon": _JENSEN_SHANNON,
}

# A product need not be rounded before it is added, and divisors are not checked: either would keep loops from becoming
# vectors.
_OPTIONS: dict[str, Any] = {"cache": True, "fastmath": {"contract"}, "error_model": "numpy"}


def compiled(function: Function) -> Function:
    """Compile a function, once and for the next process too."""
    out: Function = numba.njit(**_OPTIONS)(function)
    return out


def parallel(function: Function) -> Function:
    """Compile a function whose `prange` runs on all cores."""
    out: Function = numba.njit(parallel=True, **_OPTIONS)(function)
    return out


@parallel
def normalize(log_prob: Any, root: bool, exact: Any, power: Any, total: Any) -> None:  # pragma: no cover (compiled)
    """Set exact = log p - log sum p, power = p or sqrt p, total = sum p for each row."""
    for i in numba.prange(log_prob.shape[0]):
        for n in range(log_prob.shape[1]):
            row, out, prob = log_prob[i, n], exact[i, n], power[i, n]
            top = 0
            for c in range(1, row.shape[0]):
                if row[c] > row[top]:
                    top = c
            highest = np.float64(row[top])
            # The largest apart from the rest: the log of a probability near one keeps its digits.
            rest = 0.0
            for c in range(row.shape[0]):
                out[c] = np.float64(row[c]) - highest
                prob[c] = np.exp(out[c])
                if c != top:
                    rest += prob[c]
            total[i, n] = np.exp(highest) * (1.0 + rest)
            correction, share = np.log1p(rest), 1.0 / (1.0 + rest)
            for c in range(row.shape[0]):
                out[c] -= correction
                prob[c] = np.sqrt(prob[c] * share) if root else prob[c] * share


@parallel
def fill(values: Any, packed: Any) -> None:  # pragma: no cover (compiled)
    """Lay (point, sample, class) out as (tile, sample, class, TILE), with zeros after the last point."""
    for tile in numba.prange(packed.shape[0]):
        points = min(TILE, values.shape[0] - tile * TILE)
        for n in range(packed.shape[1]):
            for c in range(packed.shape[2]):
                for i in range(points):
                    packed[tile, n, c, i] = values[tile * TILE + i, n, c]
                packed[tile, n, c, points:] = 0.0


@compiled
def _log(number: Any, power: Any) -> Any:  # pragma: no cover (compiled)
    """Return log(number 2^power) for 1 <= number < 2, in float64."""
    m = np.float64(number)
    t = (m - np.sqrt(2.0)) / (m + np.sqrt(2.0))
    square, sum_ = t * t, 0.0
    for k in range(_ATANH_TERMS):
        sum_ = (sum_ + _ATANH[k]) * square
    return (power + 0.5) * np.log(2.0) + 2.0 * t * (1.0 + sum_)


@compiled
def _angle(h: Any) -> Any:  # pragma: no cover (compiled)
    """Return arccos(1 - h)."""
    u, sum_ = 2.0 * h - 1.0, 0.0
    for k in range(_ANGLE_TERMS):
        sum_ = sum_ * u + _ANGLE[k]
    return np.sqrt(2.0 * h) * sum_


@compiled
def _log_overlap(log_p: Any, log_q: Any) -> Any:  # pragma: no cover (compiled)
    """Return log sum_c sqrt(p_c q_c) from log-probabilities."""
    highest = -np.inf
    for c in range(log_p.shape[0]):
        highest = max(highest, 0.5 * (log_p[c] + log_q[c]))
    if highest == -np.inf:
        return highest
    total = 0.0
    for c in range(log_p.shape[0]):
        total += np.exp(0.5 * (log_p[c] + log_q[c]) - highest)
    return highest + np.log(total)


@compiled
def _relative_entropy(log_p: Any, log_q: Any) -> Any:  # pragma: no cover (compiled)
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


@compiled
def _exact(metric: int, log_p: Any, log_q: Any, a: Any, b: Any) -> Any:  # pragma: no cover (compiled)
    """One sample's distance, near or far; a and b are the `power` of the two points."""
    if metric == _JENSEN_SHANNON:
        middle = np.logaddexp(log_p, log_q) - np.log(2.0)
        return 0.5 * (_relative_entropy(log_p, middle) + _relative_entropy(log_q, middle))
    if metric == _KULLBACK_LEIBLER:
        return _relative_entropy(log_p, log_q)
    if metric == _JEFFREYS:
        return _relative_entropy(log_p, log_q) + _relative_entropy(log_q, log_p)
    h = overlap = 0.0
    for c in range(a.shape[0]):
        h += 0.5 * (a[c] - b[c]) * (a[c] - b[c])
        overlap += a[c] * b[c]
    if metric == _HELLINGER:
        return h
    if h < 0.5:
        return -np.log1p(-h)
    return -np.log(overlap) if overlap > _SMALLEST else -_log_overlap(log_p, log_q)


@compiled
def _exact_sum(
    metric: int, log_p: Any, log_q: Any, a: Any, b: Any, weight: Any, cap: float
) -> Any:  # pragma: no cover (compiled)
    total = 0.0
    for n in range(weight.shape[0]):
        # A small mean of many samples can hide one beyond the cap.
        total += weight[n] * min(_exact(metric, log_p[n], log_q[n], a[n], b[n]), cap)
    return total


@parallel
def recompute(
    metric: int, p: Any, q: Any, weight: Any, cap: float, near: float, suspect: float, sums: Any
) -> None:  # pragma: no cover (compiled)
    """Compute anew the sums that cancel, and those that may be infinite."""
    log_p, power_p = p
    log_q, power_q = q
    for i in numba.prange(sums.shape[0]):
        for j in range(sums.shape[1]):
            if not near <= sums[i, j] <= suspect:
                sums[i, j] = _exact_sum(metric, log_p[i], log_q[j], power_p[i], power_q[j], weight, cap)


@compiled
def _multiply(
    a: Any, b: Any, least: Any, width: int, product: Any, exponent: Any
) -> None:  # pragma: no cover (compiled)
    """Multiply the overlaps of two tiles for some samples."""
    flat_a, flat_b = a.reshape(-1), b.reshape(-1)
    for i in range(0, TILE, ROWS):
        for j in range(0, TILE, width):
            at = i * TILE + j
            multiply_overlaps(product[at:], exponent[at:], flat_a[i:], flat_b[j:], a.shape[1], a.shape[0], least)


@compiled
def _products(
    a: Any, b: Any, weight: Any, runs: Any, least: Any, zero: Any, width: int, group: int, total: Any, lost: Any
) -> None:  # pragma: no cover (compiled)
    """Add -sum_n w_n log overlap to total, and mark where a product became too small for that."""
    product, exponent = np.empty(TILE * TILE, a.dtype), np.full(TILE * TILE, zero)
    for run in range(runs.shape[0] - 1):
        product[:] = 1.0
        exponent[:] = 0
        for start in range(runs[run], runs[run + 1], group):
            stop = min(start + group, runs[run + 1])
            _multiply(a[start:stop], b[start:stop], least, width, product, exponent)
        w = weight[runs[run]]
        for at in range(TILE * TILE):
            total[at] -= w * _log(product[at], exponent[at])
            lost[at] |= exponent[at] < LOST // 2


@compiled
def _angles(a: Any, b: Any, weight: Any, total: Any) -> None:  # pragma: no cover (compiled)
    """Add sum_n w_n arccos overlap to total, from differences, which are right near and far."""
    h = np.empty(TILE)
    for n in range(a.shape[0]):
        for i in range(TILE):
            h[:] = 0.0
            for c in range(a.shape[1]):
                for j in range(TILE):
                    difference = a[n, c, i] - b[n, c, j]
                    h[j] += difference * difference
            for j in range(TILE):
                # Rounding may carry h past 1.
                total[i * TILE + j] += weight[n] * _angle(min(0.5 * h[j], 1.0))


@compiled
def _mixtures(a: Any, b: Any, own_a: Any, own_b: Any, weight: Any, total: Any) -> None:  # pragma: no cover (compiled)
    """Add the Jensen-Shannon divergences, (sum p log p + sum q log q - sum (p + q) log((p + q) / 2)) / 2, to total."""
    both, mantissa, power, sum_ = np.empty(TILE), np.empty(TILE), np.empty(TILE), np.empty(TILE)
    bits, mantissa_bits = both.view(np.int64), mantissa.view(np.int64)
    for n in range(a.shape[0]):
        for i in range(TILE):
            sum_[:] = 2.0 * np.log(2.0)
            # Three loops, since a vector is never written and read as another type in the same one.
            for c in range(a.shape[1]):
                for j in range(TILE):
                    both[j] = a[n, c, i] + b[n, c, j]
                for j in range(TILE):
                    # both = 0 has the power -1023, and counts 0.
                    power[j] = (bits[j] >> 52) - 1023
                    mantissa_bits[j] = (bits[j] & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
                for j in range(TILE):
                    sum_[j] -= both[j] * _log(mantissa[j], power[j])
            for j in range(TILE):
                total[i * TILE + j] += 0.5 * weight[n] * (own_a[n, i] + own_b[n, j] + sum_[j])


@compiled
def _entropies(
    a: Any, b: Any, own_a: Any, own_b: Any, weight: Any, cap: float, total: Any, lost: Any
) -> None:  # pragma: no cover (compiled)
    """Add min(cap, own_a + own_b + sum a b) to total, and mark where _LOG_ZERO may show below the cap."""
    d = np.empty(TILE)
    for n in range(a.shape[0]):
        for i in range(TILE):
            d[:] = own_a[n, i]
            for c in range(a.shape[1]):
                for j in range(TILE):
                    d[j] += a[n, c, i] * b[n, c, j]
            for j in range(TILE):
                total[i * TILE + j] += weight[n] * min(d[j] + own_b[n, j], cap)
                lost[i * TILE + j] |= d[j] + own_b[n, j] > SUSPECT and cap > SUSPECT


@compiled
def _add(
    total: Any,
    lost: Any,
    near: float,
    metric: int,
    i: int,
    j: int,
    p: Any,
    q: Any,
    weight: Any,
    cap: float,
    symmetric: bool,
    out: Any,
) -> None:  # pragma: no cover (compiled)
    """Add the sums of two tiles to out, those that are near or lost computed anew."""
    for u in range(min(TILE, out.shape[0] - i)):
        # Rounding differs on the two sides of the diagonal; the distance does not.
        for v in range(u + 1 if symmetric and i == j else 0, min(TILE, out.shape[1] - j)):
            x, y, at = i + u, j + v, u * TILE + v
            if lost[at] or total[at] < near:
                total[at] = _exact_sum(metric, p[0][x], q[0][y], p[1][x], q[1][y], weight, cap)
            out[x, y] += total[at]
            if symmetric:
                out[y, x] += total[at]


@parallel
def add_products(
    pairs: Any,
    packed: Any,
    p: Any,
    q: Any,
    weight: Any,
    runs: Any,
    cap: float,
    near: float,
    least: Any,
    zero: Any,
    width: int,
    group: int,
    symmetric: bool,
    out: Any,
) -> None:  # pragma: no cover (compiled)
    """Add -log overlap, summed over samples, for all points of pairs of tiles."""
    a, b = packed[0], packed[1]
    for k in numba.prange(pairs.shape[0]):
        row, column = pairs[k]
        total, lost = np.empty(TILE * TILE), np.empty(TILE * TILE, np.bool_)
        size = group
        while True:
            total[:] = 0.0
            lost[:] = False
            _products(a[row], b[column], weight, runs, least, zero, width, size, total, lost)
            if size == 1 or lost.sum() <= _MANY:
                break
            size = 1
        _add(total, lost, near, _BHATTACHARYYA, row * TILE, column * TILE, p, q, weight, cap, symmetric, out)


@parallel
def add_samples(
    metric: int,
    pairs: Any,
    packed: Any,
    p: Any,
    q: Any,
    weight: Any,
    cap: float,
    near: float,
    symmetric: bool,
    out: Any,
) -> None:  # pragma: no cover (compiled)
    """Add a distance that is made anew for each sample, for all points of pairs of tiles."""
    a, b, own_p, own_q = packed
    for k in numba.prange(pairs.shape[0]):
        row, column = pairs[k]
        total, lost = np.zeros(TILE * TILE), np.zeros(TILE * TILE, np.bool_)
        if metric == _FISHER_RAO:
            _angles(a[row], b[column], weight, total)
        elif metric == _JENSEN_SHANNON:
            _mixtures(a[row], b[column], own_p[row, :, 0], own_q[column, :, 0], weight, total)
        else:
            _entropies(a[row], b[column], own_p[row, :, 0], own_q[column, :, 0], weight, cap, total, lost)
        # Angles come from differences already.
        anew = -np.inf if metric == _FISHER_RAO else near
        _add(total, lost, anew, metric, row * TILE, column * TILE, p, q, weight, cap, symmetric, out)
