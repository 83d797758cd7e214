"""The innermost loop: overlaps of a few points with many, multiplied over samples, in the CPU's own vectors.

Compilers do not keep a block of sums in registers by themselves: the same loops in plain numba ran four times slower.
So this one function spells out the vectors; the compiler turns them into whatever the CPU has.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Points are packed in tiles (tile, sample, class, TILE).
TILE = 64
# A block of ROWS x VECTORS vectors of sums, as many of products, and what is multiplied fit in the registers.
ROWS = 4
_WIDE = bool(llvm.get_host_cpu_features().get("avx512f"))
_VECTORS, _VECTOR_BITS = (4, 512) if _WIDE else (2, 256)


def columns(bits: int) -> int:
    """How many points stand across a block, for numbers of so many bits."""
    return _VECTORS * _VECTOR_BITS // bits


class _Float:
    """What is known of a float type: its integer, where its exponent stands, and which products are too small.

    Sums of overlaps start from `guard` and not from zero, since numbers below the smallest normal one are slow. What
    lies below `smallest` may owe a digit to the guard, or be none at all.
    """

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.scalar, self.mantissa_bits = {32: (ir.FloatType(), 23), 64: (ir.DoubleType(), 52)}[bits]
        self.integer = ir.IntType(bits)
        lanes = _VECTOR_BITS // bits
        self.vector, self.integers = ir.VectorType(self.scalar, lanes), ir.VectorType(self.integer, lanes)
        self.lanes = lanes
        self.guard, self.smallest = {32: (2.0**-120, 2.0**-95), 64: (2.0**-1000, 2.0**-940)}[bits]

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
        place: Any = cgutils.alloca_once(self.builder, self.float.vector)  # type: ignore[no-untyped-call]
        return place

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
