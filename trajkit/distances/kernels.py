"""Sums over samples of the distances of all pairs of points, on the CPU; the caller divides by the number of samples.

`bhattacharyya` multiplies overlaps and takes one logarithm of many; `hellinger`, and `kullback_leibler` and
`jeffreys` without a cap, are products of matrices; the others look at each sample of each pair. Near pairs, which
cancel, and overlaps below the smallest number are computed again from differences or from logarithms. `FORMS` says
for each metric how its sums are made; one without a form is computed by its formula in numpy.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from trajkit.distances.compiled import (
    BHATTACHARYYA,
    FISHER_RAO,
    FLUSH,
    HELLINGER,
    JEFFREYS,
    JENSEN_SHANNON,
    KULLBACK_LEIBLER,
    SUSPECT,
    TILE,
    add_products,
    add_samples,
    columns,
    fill,
    normalize,
    pack_amplitudes,
    recompute,
    subtract_largest,
)
from trajkit.distances.metric import Metric
from trajkit.typing import AnyArray, Array, Labels

# Overlaps are multiplied at most so many at a time, by bytes of a number: more would become too small ...
_GROUP = {4: 4, 8: 8}
# ... and no more than the innermost cache holds, in bytes.
_CACHE = 2**15
# A mean distance below this has lost digits and is computed again from differences; by bytes of a number.
_NEAR = {4: 1e-4, 8: 1e-5}
# Stands for log 0 in products, where -inf would turn 0 log 0 into NaN; what exceeds SUSPECT may have come of it.
_LOG_ZERO = -1e300
# Pairs of tiles, and rows of a product of matrices, between two points where Ctrl-C can stop the work.
_PAIRS = 1024
_ROWS = 512

# Two threads must not start compiled threads at once: numba's portable ones stop the process then.
_LOCK = threading.Lock()


def _unlock() -> None:
    global _LOCK
    _LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    # A thread that held the lock does not exist in a forked process.
    os.register_at_fork(after_in_child=_unlock)

# Bytes in work for one stored probability: as read and packed, or with its logarithm and exponential.
PACKED_BYTES, _BLOCK_BYTES = 4 + 8 + 8, 4 + 8 + 8


class Block(NamedTuple):
    """Some samples of some points: normalised log-probabilities and their exponentials, (point, sample, class)."""

    log_prob: Array
    # Square roots of probabilities for metrics made of overlaps, probabilities for the others.
    power: Array


Factors = tuple[AnyArray, AnyArray, AnyArray, AnyArray]


class Form(NamedTuple):
    """How the sums of a metric are made.

    `factors` gives a, b (point, sample, factor) and own_p, own_q (point, sample) of two blocks. A sum is own_p + own_q
    + sum a b where `product` says so: "always", "uncapped" (only without a cap), or "never". `factor_bytes` is the
    memory that factors take for one stored probability. `code` names the formula in the compiled code.
    """

    factors: Callable[[Block, Block], Factors]
    factor_bytes: int
    product: str
    code: int


def block(metric: Metric, log_prob: AnyArray) -> tuple[Block, Array]:
    """Normalise rows (point, sample, class); also give what each row summed to before."""
    exact, power = np.empty((2, *log_prob.shape))
    total = np.empty(log_prob.shape[:2])
    with _LOCK:
        subtract_largest(log_prob, exact, total)
    np.exp(exact, out=power)
    with _LOCK:
        normalize(exact, power, metric.of_overlap is not None, total)
    return Block(exact, power), total


class Packed(NamedTuple):
    """Some samples of some points as `bhattacharyya` takes them."""

    # (point, sample, class): as read, and square roots of probabilities; the latter as (tile, sample, class, TILE) too.
    log_prob: AnyArray
    amplitude: Array
    tiles: AnyArray


def packed(log_prob: AnyArray, dtype: np.dtype[Any]) -> tuple[Packed, Array]:
    """Normalise rows (point, sample, class) and pack them; also give what each row summed to before."""
    amplitude, tiles = np.empty(log_prob.shape), _tiles(log_prob.shape, dtype)
    total = np.empty(log_prob.shape[:2])
    with _LOCK:
        pack_amplitudes(log_prob, amplitude, tiles, total)
    return Packed(log_prob, amplitude, tiles), total


def packs(metric: Metric) -> bool:
    """Say whether points are `packed` for this metric: for logarithms of products of overlaps."""
    return metric.name == _PACKED


def block_bytes(metric: Metric) -> int:
    """Bytes in work for one stored probability that a `Block` holds, with its factors."""
    return _BLOCK_BYTES + (FORMS[metric.name].factor_bytes if metric.name in FORMS else 0)


def add_sums(
    metric: Metric, p: Block | Packed, q: Block | Packed, weight: Array, symmetric: bool, out: AnyArray
) -> Iterator[float]:
    """Add to out[i, j] the weighted sum over these samples of the distance of points i and j.

    Shares of the work come out as they are done. With `symmetric`, `q` is `p`, and only one triangle is computed and
    mirrored. `Packed` points have the precision of `out`; all else is done in float64.
    """
    if isinstance(p, Packed) and isinstance(q, Packed):
        return _add_products(p, q, weight, metric.most, symmetric, out)
    assert isinstance(p, Block)
    assert isinstance(q, Block)
    if metric.name not in FORMS:
        return _add_by_formula(metric, p, q, weight, out)
    product = FORMS[metric.name].product
    if product == "always" or (product == "uncapped" and metric.cap is None):
        return _add_matrix_products(metric, p, q, weight, symmetric, out)
    return _add_samples(metric, p, q, weight, symmetric, out)


def _add_by_formula(metric: Metric, p: Block, q: Block, weight: Array, out: AnyArray) -> Iterator[float]:
    """Take numpy's formula, one point after the other: what a metric without a form has until it gets one."""
    for i, row in enumerate(p.log_prob):
        out[i] += metric.per_sample(row, q.log_prob) @ weight
        yield 1 / len(p.log_prob)


# --- forms --------------------------------------------------------------------------------------------------------


def _amplitudes(p: Block, q: Block) -> Factors:
    """1 - BC = 1/2 + 1/2 - sum sqrt(p q): overlaps are the products of amplitudes."""
    half, other_half = (np.full(x.power.shape[:2], 0.5) for x in (p, q))
    return p.power, q.power, half, other_half


def _minus_amplitudes(p: Block, q: Block) -> Factors:
    a, b, half, other_half = _amplitudes(p, q)
    return -a, b, half, other_half


def _probabilities(p: Block, q: Block) -> Factors:
    """Probabilities, of which mixtures are made, and their negative entropies."""
    (prob_p, log_p), (prob_q, log_q) = _bounded(p), _bounded(q)
    return prob_p, prob_q, (prob_p * log_p).sum(-1), (prob_q * log_q).sum(-1)


def _cross_entropy(p: Block, q: Block) -> Factors:
    """KL(p, q) = sum p log p - sum p log q."""
    (prob_p, log_p), (_, log_q) = _bounded(p), _bounded(q)
    own = (prob_p * log_p).sum(-1)
    return prob_p, -log_q, own, np.zeros(log_q.shape[:2])


def _both_cross_entropies(p: Block, q: Block) -> Factors:
    """J(p, q) = KL(p, q) + KL(q, p), as one product over twice the classes."""
    (prob_p, log_p), (prob_q, log_q) = _bounded(p), _bounded(q)
    own_p, own_q = (prob_p * log_p).sum(-1), (prob_q * log_q).sum(-1)
    return np.concatenate([prob_p, -log_p], -1), np.concatenate([-log_q, prob_q], -1), own_p, own_q


def _bounded(p: Block) -> tuple[Array, Array]:
    """Probabilities and logarithms whose products are finite, and 0 only where the probability is exactly 0."""
    # What lies below the smallest float64 is not 0: times _LOG_ZERO it must still show.
    return np.where(p.log_prob > -np.inf, np.maximum(p.power, 1e-290), 0.0), np.maximum(p.log_prob, _LOG_ZERO)


# The metric whose overlaps are multiplied, sample by sample, before one logarithm is taken.
_PACKED = "bhattacharyya"
FORMS: dict[str, Form] = {
    "bhattacharyya": Form(_amplitudes, 2 * 8, "never", BHATTACHARYYA),
    "hellinger": Form(_minus_amplitudes, 2 * 8, "always", HELLINGER),
    "fisher_rao": Form(_amplitudes, 2 * 8, "never", FISHER_RAO),
    "kullback_leibler": Form(_cross_entropy, 6 * 8, "uncapped", KULLBACK_LEIBLER),
    "jeffreys": Form(_both_cross_entropies, 10 * 8, "uncapped", JEFFREYS),
    "jensen_shannon": Form(_probabilities, 6 * 8, "never", JENSEN_SHANNON),
}


# --- products of matrices -----------------------------------------------------------------------------------------


def _add_matrix_products(
    metric: Metric, p: Block, q: Block, weight: Array, symmetric: bool, out: AnyArray
) -> Iterator[float]:
    """Add sum_n w_n (own_p + own_q + sum a b), some rows at a time."""
    a, b, own_p, own_q = FORMS[metric.name].factors(p, q)
    # In float64: sums of thousands of like terms lose five digits in float32.
    a = a * weight[:, None]
    a, b, own_p, own_q = a.reshape(len(a), -1), b.reshape(len(b), -1), own_p @ weight, own_q @ weight
    for start in range(0, len(a), _ROWS):
        rows, across = slice(start, start + _ROWS), slice(start if symmetric else 0, None)
        sums = a[rows] @ b[across].T
        sums += own_p[rows, None] + own_q[across]
        some, others = Block(*(x[rows] for x in p)), Block(*(x[across] for x in q))
        recompute_doubtful(metric, some, others, weight, np.dtype(np.float64), sums)
        if symmetric:
            mirror(sums[:, : len(sums)])
            out[start + len(sums) :, rows] += sums[:, len(sums) :].T
        out[rows, across] += sums
        yield len(sums) / len(a)


def recompute_doubtful(metric: Metric, p: Block, q: Block, weight: Array, kind: np.dtype[Any], sums: AnyArray) -> None:
    """Compute again what cancels, may be infinite or is NaN in sums that were made with numbers of some kind."""
    near, suspect = _NEAR[kind.itemsize] * weight.sum(), SUSPECT * weight.sum()
    with _LOCK:
        recompute(FORMS[metric.name].code, p, q, weight, metric.most, near, suspect, sums)


def mirror(square: AnyArray) -> None:
    """Copy the upper triangle to the lower: rounding differs on the two sides, the distance does not."""
    lower = np.tril_indices(len(square), -1)
    square[lower] = square.T[lower]


# --- tiles --------------------------------------------------------------------------------------------------------


def _add_products(p: Packed, q: Packed, weight: Array, cap: float, symmetric: bool, out: AnyArray) -> Iterator[float]:
    size = p.tiles.itemsize
    near = _NEAR[size] * weight.sum()
    group = max(1, min(_GROUP[size], _CACHE // (2 * TILE * size * p.tiles.shape[2])))
    # Numbers of the kind of products and of their exponents, by which the compiled code knows them.
    least, zero = p.tiles.dtype.type(np.exp(-cap)), {4: np.int32, 8: np.int64}[size](0)
    how = runs(weight), cap, near, least, zero, columns(8 * size), group
    for pairs, share in _pairs(p.tiles, q.tiles, symmetric):
        with _LOCK:
            add_products(pairs, p, q, weight, *how, symmetric, out)
        yield share


def _add_samples(metric: Metric, p: Block, q: Block, weight: Array, symmetric: bool, out: AnyArray) -> Iterator[float]:
    form = FORMS[metric.name]
    a, b, own_p, own_q = form.factors(p, q)
    tiles = _pack(a), _pack(b), _pack(own_p[..., None]), _pack(own_q[..., None])
    near = _NEAR[8] * weight.sum()
    for pairs, share in _pairs(tiles[0], tiles[1], symmetric):
        with _LOCK:
            add_samples(form.code, pairs, tiles, p, q, weight, metric.most, near, symmetric, out)
        yield share


def _pairs(a: AnyArray, b: AnyArray, symmetric: bool) -> Iterator[tuple[Labels, float]]:
    """Give pairs of tiles, some at a time, and which share of them all these are."""
    row, column = np.triu_indices(len(a)) if symmetric else np.indices((len(a), len(b))).reshape(2, -1)
    pairs = np.stack([row, column], axis=1).astype(np.int64, copy=False)
    for start in range(0, len(pairs), _PAIRS):
        some = pairs[start : start + _PAIRS]
        yield some, len(some) / len(pairs)


def _pack(values: Array) -> AnyArray:
    """Lay (point, sample, class) out in tiles."""
    out = _tiles(values.shape, np.dtype(np.float64))
    with _LOCK:
        fill(values, out)
    return out


def _tiles(shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    """Make room for (point, sample, class) as (tile, sample, class, TILE)."""
    points, samples, classes = shape
    size = -(-points // TILE) * samples * classes * TILE * dtype.itemsize
    # A vector that crosses a line of the cache takes twice the time: start at one.
    raw = np.empty(size + 64, dtype=np.uint8)
    return raw[-raw.ctypes.data % 64 :][:size].view(dtype).reshape(-1, samples, classes, TILE)


def runs(weight: Array) -> Labels:
    """Where runs of equal weight start, none of them longer than FLUSH; and the end."""
    starts = np.flatnonzero(np.diff(weight, prepend=np.nan) != 0)
    ends = np.append(starts[1:], len(weight))
    cuts = [np.arange(start, end, FLUSH) for start, end in zip(starts, ends, strict=True)]
    return np.append(np.concatenate(cuts), len(weight))
