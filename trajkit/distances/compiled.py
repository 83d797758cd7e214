"""Loops over pairs of points, compiled by numba; `kernels` prepares what they work on.

The innermost loop, `multiply_overlaps`, is written in the CPU's own vectors: compilers do not keep a block of sums in
registers by themselves, and the same loop in plain numba ran four times slower. Everything is in one file because
numba's cache watches only the file of a function: a change in another file would go unseen.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar, cast
from warnings import warn

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.ufunc.parallel import threading_layer
from numpy.polynomial import Chebyshev, Polynomial

Function = TypeVar("Function", bound=Callable[..., Any])

# --- overlaps, in vectors -----------------------------------------------------------------------------------------


def _has_wide_vectors() -> bool:
    try:
        return bool(llvm.get_host_cpu_features().get("avx512f"))
    except RuntimeError:  # LLVM does not know the CPUs of every system.
        return False


# Points are packed in tiles (tile, sample, class, TILE).
TILE = 64
# A block of ROWS x VECTORS vectors of sums, as many of products, and what is multiplied fit in the registers.
ROWS = 4
_VECTORS, _VECTOR_BITS = (4, 512) if _has_wide_vectors() else (2, 256)


def columns(bits: int) -> int:
    """Return the number of points across a block, for numbers of `bits` bits."""
    return _VECTORS * _VECTOR_BITS // bits


class _Float:
    """A float type: its integer type, the place of its exponent, and the products that are too small for it.

    Sums of overlaps start from `guard` and not from zero, since numbers below the smallest normal one are slow. What
    lies below `smallest` may owe a digit to the guard, or lack a term whose factor was a probability below the smallest
    float64.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.scalar, self.mantissa_bits = {32: (ir.FloatType(), 23), 64: (ir.DoubleType(), 52)}[bits]
        self.integer = ir.IntType(bits)
        lanes = _VECTOR_BITS // bits
        self.vector, self.integers = ir.VectorType(self.scalar, lanes), ir.VectorType(self.integer, lanes)
        self.lanes = lanes
        self.guard, self.smallest = {32: (2.0**-120, 2.0**-95), 64: (2.0**-550, 2.0**-480)}[bits]

    def all(self, value: float) -> ir.Constant:
        return ir.Constant(self.vector, [value] * self.lanes)

    def all_integers(self, value: int) -> ir.Constant:
        return ir.Constant(self.integers, [value] * self.lanes)


# Added to the exponent of a product that became too small: so much that FLUSH samples cannot reach it otherwise, and
# so little that FLUSH of them stay an int32.
LOST = -(2**21)
FLUSH = 512


def _multiply_overlaps(
    context: Any, product: Any, exponent: Any, a: Any, b: Any, classes: Any, samples: Any, least: Any
) -> Any:
    """Multiply product[i, j] by max(least, sum_c a[c, i] b[c, j]) for each sample; ROWS points i, columns() points j.

    All arrays are flat, start at the block's first number and have rows of TILE numbers. Powers of two move from the
    products to `exponent` afterwards, which leaves 1 <= product < 2; where a product came out too small to be trusted,
    `LOST` is added.
    """
    signature = types.void(product, exponent, a, b, classes, samples, least)

    def generate(target: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        _Block(target, builder, sig, args).write()
        return target.get_dummy_value()

    return signature, generate


multiply_overlaps: Any = intrinsic(_multiply_overlaps)


class _Block:
    """Writes the instructions of `multiply_overlaps`."""

    def __init__(self, target: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> None:
        self.builder, self.float = builder, _Float(sig.args[0].dtype.bitwidth)
        self.product, self.exponent, self.a, self.b = (
            target.make_array(kind)(target, builder, value).data
            for kind, value in zip(sig.args[:4], args[:4], strict=True)
        )
        self.classes, self.samples, self.least = args[4:]
        self.places = [(r, v) for r in range(ROWS) for v in range(_VECTORS)]

    def write(self) -> None:
        build, number = self.builder, self.float
        product, total = ({at: self.variable() for at in self.places} for _ in range(2))
        for at in self.places:
            build.store(self.load(self.product, self.place(at), number.vector), product[at])
        least = self.spread(self.least)
        with cgutils.for_range(build, self.samples) as sample:
            for at in self.places:
                build.store(number.all(number.guard), total[at])
            first = build.mul(sample.index, build.mul(self.classes, self.index(TILE)))
            with cgutils.for_range(build, self.classes) as cls:
                self.add_class(total, build.add(first, build.mul(cls.index, self.index(TILE))))
            for at in self.places:
                overlap = build.load(total[at])
                enough = build.select(build.fcmp_ordered(">", overlap, least), overlap, least)
                build.store(build.fmul(build.load(product[at]), enough), product[at])
        for at in self.places:
            self.finish(self.place(at), build.load(product[at]))

    def add_class(self, total: Any, offset: Any) -> None:
        """Add the outer product of one class."""
        build = self.builder
        b = [self.load(self.b, build.add(offset, self.place((0, v))), self.float.vector) for v in range(_VECTORS)]
        for r in range(ROWS):
            a = self.spread(build.load(build.gep(self.a, [build.add(offset, self.index(r))])))
            for v in range(_VECTORS):
                # "contract": the product is not rounded before it is added.
                term = build.fmul(a, b[v], flags=("contract",))
                build.store(build.fadd(build.load(total[r, v]), term, flags=("contract",)), total[r, v])

    def finish(self, place: Any, product: Any) -> None:
        """Split a product in a number between 1 and 2 and a power of two."""
        build, number = self.builder, self.float
        bits = build.bitcast(product, number.integers)
        power = build.sub(
            build.lshr(bits, number.all_integers(number.mantissa_bits)),
            number.all_integers(2 ** (number.bits - number.mantissa_bits - 2) - 1),
        )
        lost = build.fcmp_ordered("<", product, number.all(number.smallest))
        power = build.select(lost, number.all_integers(LOST), power)
        self.store(build.add(power, self.load(self.exponent, place, number.integers)), self.exponent, place)
        one = 2 ** (number.bits - 2) - 2**number.mantissa_bits  # the bits of 1.0
        mantissa = build.and_(bits, number.all_integers(2**number.mantissa_bits - 1))
        self.store(build.bitcast(build.or_(mantissa, number.all_integers(one)), number.vector), self.product, place)

    def variable(self) -> Any:
        return cgutils.alloca_once(self.builder, self.float.vector)  # type: ignore[no-untyped-call]

    def index(self, value: int) -> ir.Constant:
        return ir.Constant(self.classes.type, value)

    def place(self, at: tuple[int, int]) -> ir.Constant:
        return self.index(at[0] * TILE + at[1] * self.float.lanes)

    def load(self, base: Any, offset: Any, kind: ir.Type) -> Any:
        value = self.builder.load(self.pointer(base, offset, kind))
        value.align = self.float.bits // 8
        return value

    def store(self, value: Any, base: Any, offset: Any) -> None:
        stored = self.builder.store(value, self.pointer(base, offset, value.type))
        stored.align = self.float.bits // 8

    def pointer(self, base: Any, offset: Any, kind: ir.Type) -> Any:
        return self.builder.bitcast(self.builder.gep(base, [offset]), kind.as_pointer())

    def spread(self, scalar: Any) -> Any:
        """Give a vector of one number."""
        nothing = ir.Constant(self.float.vector, ir.Undefined)
        zero = ir.Constant(ir.IntType(32), 0)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), self.float.lanes), [0] * self.float.lanes)
        return self.builder.shuffle_vector(self.builder.insert_element(nothing, scalar, zero), nothing, lanes)


# --- loops ----------------------------------------------------------------------------------------------------------

# This many products of a pair of tiles may underflow before all are computed again, one sample at a time.
_MANY = TILE
# An overlap below this comes from logarithms, which hold what square roots of probabilities below 1e-308 do not.
_SMALLEST = 1e-140
# A divergence beyond this may be infinite: `kernels` has a finite number for log 0.
SUSPECT = 1e3

# log m = log sqrt 2 + 2 (t + t^3/3 + t^5/5 + ...), t = (m - sqrt 2) / (m + sqrt 2); for m from 1 to 2 1e-17 is left.
_ATANH = 1.0 / np.arange(21, 1, -2)
# exp r by its series, for |r| <= log(2) / 2.
_EXP = np.array([1 / math.factorial(k) for k in range(13, -1, -1)])
# log 2 in two parts, of which the first has so few digits that whole numbers times it are exact.
_LOG2_HIGH = float(np.float32(np.log(2.0)))
_LOG2_LOW = float(np.log(2.0)) - _LOG2_HIGH
# arccos(1 - h) / sqrt(2 h) = arcsin(x) / x, x^2 = h / 2, as a polynomial in 4 x^2 - 1, to 1e-14.
_ANGLE = (
    Chebyshev.interpolate(lambda z: np.arcsin(np.sqrt(z)) / np.sqrt(z), 21, domain=[0, 0.5])
    .convert(kind=Polynomial, domain=[0, 0.5])
    .coef[::-1]
    .copy()
)
# As numbers, so that the compiler unrolls loops over them.
_ATANH_TERMS, _ANGLE_TERMS, _EXP_TERMS = len(_ATANH), len(_ANGLE), len(_EXP)

# Numbers for the formulas, because compiled code cannot compare names.
BHATTACHARYYA, HELLINGER, FISHER_RAO, KULLBACK_LEIBLER, JEFFREYS, JENSEN_SHANNON = range(6)


def _can_be_kept() -> bool:
    """Whether numba finds a folder for what it compiles; warn if it does not, as each process compiles again then."""
    try:
        numba.njit(cache=True)(columns)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        warn(
            "numba finds no folder that it may write to, so that compiled code is not kept: each process spends up to "
            "a minute on compiling. Set the environment variable NUMBA_CACHE_DIR to a folder that can be written to",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


# A product need not be rounded before it is added, and divisors are not checked: either would keep loops from becoming
# vectors.
_OPTIONS: dict[str, Any] = {"cache": _can_be_kept(), "fastmath": {"contract"}, "error_model": "numpy"}


def compiled(function: Function) -> Function:
    """Compile a function and keep the result on disk for the next process."""
    return numba.njit(**_OPTIONS)(function)


def compiled_in_any_order(function: Function) -> Function:
    """Compile a function whose sums may be taken in any order, since no term of them cancels another."""
    return numba.njit(**{**_OPTIONS, "fastmath": {"contract", "reassoc"}})(function)


def parallel(function: Function) -> Function:
    """Compile a function whose `prange` runs on all cores; in a process that was forked from such a one, on one."""
    name = f"{function.__name__}_on_one_core"
    same = FunctionType(function.__code__, function.__globals__, name)
    # On disk numba finds a function by this name, whether it is parallel or not.
    same.__qualname__ = name
    on_all_cores, on_one_core = numba.njit(parallel=True, **_OPTIONS)(function), compiled(same)

    @wraps(function)
    def run(*arguments: Any) -> None:
        (on_one_core if _is_forked else on_all_cores)(*arguments)

    return cast(Function, run)


_is_forked = False


def _note_fork() -> None:
    """Note in a child that its parent's threads are not there: OpenMP kills a forked process that calls for them."""
    global _is_forked
    with suppress(ValueError):  # None were started yet: the child may start its own.
        threading_layer()  # type: ignore[no-untyped-call]
        _is_forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


@parallel
def subtract_largest(log_prob: Any, shifted: Any, total: Any) -> None:  # pragma: no cover (compiled)
    """Set total to the largest number of each row, and shifted to the rows without it."""
    for i in numba.prange(log_prob.shape[0]):
        for n in range(log_prob.shape[1]):
            highest = np.float64(log_prob[i, n, 0])
            for c in range(1, log_prob.shape[2]):
                highest = max(highest, np.float64(log_prob[i, n, c]))
            total[i, n] = highest
            for c in range(log_prob.shape[2]):
                shifted[i, n, c] = np.float64(log_prob[i, n, c]) - highest


@parallel
def normalize(shifted: Any, power: Any, root: bool, total: Any) -> None:  # pragma: no cover (compiled)
    """From what `subtract_largest` set, and power = exp shifted, make log p, p or sqrt p, and sum p as it came."""
    for i in numba.prange(shifted.shape[0]):
        for n in range(shifted.shape[1]):
            # The largest apart from the rest: the log of a probability near one keeps its digits.
            rest, largest_passed = 0.0, False
            for c in range(shifted.shape[2]):
                if shifted[i, n, c] == 0.0 and not largest_passed:
                    largest_passed = True
                else:
                    rest += power[i, n, c]
            total[i, n] = np.exp(total[i, n]) * (1.0 + rest)
            correction, share = np.log1p(rest), 1.0 / (1.0 + rest)
            for c in range(shifted.shape[2]):
                shifted[i, n, c] -= correction
                power[i, n, c] = np.sqrt(power[i, n, c] * share) if root else power[i, n, c] * share


@compiled
def _exp(x: Any, power: Any, power_bits: Any, out: Any) -> None:  # pragma: no cover (compiled)
    """Set out = exp x for vectors of numbers <= 0; 0 below -708, where doubles lose digits.

    exp x = 2^k exp r, k = round(x / log 2), |r| <= log(2) / 2, and exp r is its series to 1e-17.
    """
    for i in range(x.shape[0]):
        bounded = x[i] if x[i] > -708.0 else -708.0
        k = np.floor(bounded * (1.0 / np.log(2.0)) + 0.5)
        r, series = (bounded - k * _LOG2_HIGH) - k * _LOG2_LOW, 0.0
        for term in range(_EXP_TERMS):
            series = series * r + _EXP[term]
        out[i] = series
        power[i] = k
    for i in range(x.shape[0]):
        power_bits[i] = (np.int64(power[i]) + 1023) << 52
    for i in range(x.shape[0]):
        # Neither comparison holds for NaN, which passes.
        out[i] = out[i] * power[i] if x[i] >= -708.0 else (0.0 if x[i] < -708.0 else x[i])


@parallel
def pack_amplitudes(log_prob: Any, amplitude: Any, packed: Any, total: Any) -> None:  # pragma: no cover (compiled)
    """Set amplitude = sqrt p, packed to the same as `fill` lays it out, and total = sum p as it came."""
    samples, classes = log_prob.shape[1], log_prob.shape[2]
    for tile in numba.prange(packed.shape[0]):
        points = min(TILE, log_prob.shape[0] - tile * TILE)
        shifted, prob, power = np.zeros((classes, TILE)), np.empty((classes, TILE)), np.empty(classes * TILE)
        highest, rest = np.empty(TILE), np.empty(TILE)
        power_bits = power.view(np.int64)
        for n in range(samples):
            for i in range(points):
                for c in range(classes):
                    shifted[c, i] = log_prob[tile * TILE + i, n, c]
            highest[:] = shifted[0]
            for c in range(1, classes):
                for i in range(TILE):
                    highest[i] = shifted[c, i] if shifted[c, i] > highest[i] else highest[i]
            for c in range(classes):
                for i in range(TILE):
                    shifted[c, i] -= highest[i]
            _exp(shifted.reshape(-1), power, power_bits, prob.reshape(-1))
            # One of the largest apart from the rest, so that a rest below 1e-16 counts.
            rest[:] = -1.0
            for c in range(classes):
                for i in range(TILE):
                    rest[i] += 1.0 if shifted[c, i] == 0.0 else 0.0
            for c in range(classes):
                for i in range(TILE):
                    rest[i] += 0.0 if shifted[c, i] == 0.0 else prob[c, i]
            for i in range(points):
                total[tile * TILE + i, n] = np.exp(highest[i]) * (1.0 + rest[i])
            for i in range(TILE):
                rest[i] = 1.0 / (1.0 + rest[i])
            for c in range(classes):
                for i in range(TILE):
                    prob[c, i] = np.sqrt(prob[c, i] * rest[i])
                    packed[tile, n, c, i] = prob[c, i]
            for i in range(points):
                for c in range(classes):
                    amplitude[tile * TILE + i, n, c] = prob[c, i]
        # Padding after the last point must not change products.
        packed[tile, :, :, points:] = 0.0


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
    """Return log sum_c sqrt(p_c q_c) from log-probabilities; of a row with itself log sum_c p_c."""
    highest = -np.inf
    for c in range(log_p.shape[0]):
        highest = max(highest, 0.5 * (np.float64(log_p[c]) + np.float64(log_q[c])))
    if highest == -np.inf:
        return highest
    total = 0.0
    for c in range(log_p.shape[0]):
        total += np.exp(0.5 * (np.float64(log_p[c]) + np.float64(log_q[c])) - highest)
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


@compiled_in_any_order
def _half_chord(a: Any, b: Any, n: int) -> Any:  # pragma: no cover (compiled)
    """Return h = |sqrt p - sqrt q|^2 / 2 = 1 - overlap of sample n, without cancellation."""
    h = 0.0
    for c in range(a.shape[1]):
        h += (a[n, c] - b[n, c]) * (a[n, c] - b[n, c])
    return 0.5 * h


@compiled_in_any_order
def _overlap(a: Any, b: Any, n: int) -> Any:  # pragma: no cover (compiled)
    overlap = 0.0
    for c in range(a.shape[1]):
        overlap += a[n, c] * b[n, c]
    return overlap


@compiled
def _log_of_chord(h: float) -> Any:  # pragma: no cover (compiled)
    """Return -log(1 - h)."""
    if h < 1e-3:
        # The series, to 1e-16
        return h * (1.0 + h * (1.0 / 2 + h * (1.0 / 3 + h * (1.0 / 4 + h * (1.0 / 5)))))
    return -np.log1p(-h)


@compiled
def _exact_overlap_sum(
    log_p: Any, log_q: Any, a: Any, b: Any, weight: Any, cap: float
) -> Any:  # pragma: no cover (compiled)
    """Return one pair's sum of -log overlap; its terms are accurate near and far."""
    # A function of its own: with a choice of metric in the loop, near pairs took more than three times as long.
    total = 0.0
    for n in range(weight.shape[0]):
        h = _half_chord(a, b, n)
        if h < 0.5:
            d = _log_of_chord(h)
        elif _overlap(a, b, n) > _SMALLEST:
            d = -np.log(_overlap(a, b, n))
        else:
            # Rows of log-probabilities sum to one only to rounding.
            own = _log_overlap(log_p[n], log_p[n]) + _log_overlap(log_q[n], log_q[n])
            d = 0.5 * own - _log_overlap(log_p[n], log_q[n])
        # A small mean of many samples can hide one beyond the cap.
        total += weight[n] * min(d, cap)
    return total


@compiled
def _exact_sum(
    metric: int, log_p: Any, log_q: Any, a: Any, b: Any, weight: Any, cap: float
) -> Any:  # pragma: no cover (compiled)
    """Return one pair's sum; its terms are accurate near and far. a and b are the `power` of the two points."""
    if metric == BHATTACHARYYA:
        return _exact_overlap_sum(log_p, log_q, a, b, weight, cap)
    total = 0.0
    for n in range(weight.shape[0]):
        if metric == HELLINGER:
            d = _half_chord(a, b, n)
        elif metric == JENSEN_SHANNON:
            middle = np.logaddexp(log_p[n], log_q[n]) - np.log(2.0)
            d = 0.5 * (_relative_entropy(log_p[n], middle) + _relative_entropy(log_q[n], middle))
        else:
            d = _relative_entropy(log_p[n], log_q[n])
            if metric == JEFFREYS:
                d += _relative_entropy(log_q[n], log_p[n])
        total += weight[n] * min(d, cap)
    return total


@parallel
def recompute(
    metric: int, p: Any, q: Any, weight: Any, cap: float, near: float, suspect: float, sums: Any
) -> None:  # pragma: no cover (compiled)
    """Recompute the sums that cancel, and those that may be infinite."""
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


@parallel
def add_products(
    pairs: Any,
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
    a, b = p[2], q[2]
    for k in numba.prange(pairs.shape[0]):
        row, column = pairs[k]
        rows, across = min(TILE, out.shape[0] - row * TILE), min(TILE, out.shape[1] - column * TILE)
        total, lost = np.empty(TILE * TILE), np.empty(TILE * TILE, np.bool_)
        size = group
        while True:
            total[:] = 0.0
            lost[:] = False
            _products(a[row], b[column], weight, runs, least, zero, width, size, total, lost)
            if size == 1 or lost.sum() <= _MANY:
                break
            size = 1
        for i in range(rows):
            for j in range(i + 1 if symmetric and row == column else 0, across):
                at = i * TILE + j
                if lost[at] or total[at] < near:
                    x, y = row * TILE + i, column * TILE + j
                    total[at] = _exact_overlap_sum(p[0][x], q[0][y], p[1][x], q[1][y], weight, cap)
        _add(total, row * TILE, column * TILE, symmetric, out)


@compiled
def _add(total: Any, i: int, j: int, symmetric: bool, out: Any) -> None:  # pragma: no cover (compiled)
    """Add the sums of two tiles to out, and mirror them."""
    for u in range(min(TILE, out.shape[0] - i)):
        # Rounding differs on the two sides of the diagonal; the distance does not.
        for v in range(u + 1 if symmetric and i == j else 0, min(TILE, out.shape[1] - j)):
            out[i + u, j + v] += total[u * TILE + v]
            if symmetric:
                out[j + v, i + u] += total[u * TILE + v]


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
    """Add a distance that is computed sample by sample, for all points of pairs of tiles."""
    a, b, own_p, own_q = packed
    for k in numba.prange(pairs.shape[0]):
        row, column = pairs[k]
        total, lost = np.zeros(TILE * TILE), np.zeros(TILE * TILE, np.bool_)
        if metric == FISHER_RAO:
            _angles(a[row], b[column], weight, total)
        elif metric == JENSEN_SHANNON:
            _mixtures(a[row], b[column], own_p[row, :, 0], own_q[column, :, 0], weight, total)
        else:
            _entropies(a[row], b[column], own_p[row, :, 0], own_q[column, :, 0], weight, cap, total, lost)
        # Angles come from differences already.
        if metric != FISHER_RAO:
            _compute_lost(metric, row * TILE, column * TILE, p, q, weight, cap, near, lost, total)
        _add(total, row * TILE, column * TILE, symmetric, out)


@compiled
def _compute_lost(
    metric: int, i: int, j: int, p: Any, q: Any, weight: Any, cap: float, near: float, lost: Any, total: Any
) -> None:  # pragma: no cover (compiled)
    """Recompute the sums of two tiles that cancel, or hold a stand-in for infinity."""
    for x in range(i, min(i + TILE, p[0].shape[0])):
        for y in range(j, min(j + TILE, q[0].shape[0])):
            at = (x - i) * TILE + y - j
            if lost[at] or total[at] < near:
                total[at] = _exact_sum(metric, p[0][x], q[0][y], p[1][x], q[1][y], weight, cap)
