"""The sums of `kernels` on a GPU, by torch: tile by tile, so that no array holds all pairs of all samples.

Near pairs and vanished products go back to the compiled code, which computes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trajkit.distances import kernels
from trajkit.distances.kernels import Block
from trajkit.distances.memory import tile_side
from trajkit.distances.metric import Metric
from trajkit.typing import Array

# Samples multiplied before powers of two are taken out: 64 MB in float32 at 2,000 points along a side.
_GROUP = 4
# A product of a group below this may have lost digits, by bytes of a number.
_SMALLEST = {4: 2.0**-95, 8: 2.0**-480}


def on(device: str) -> Callable[..., Iterator[float]]:
    """Give `kernels.add_sums` for a device that torch knows."""
    place = torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={device!r}: torch finds no GPU here; device='cpu' needs none")

    def add_sums(metric: Metric, p: Block, q: Block, weight: Array, symmetric: bool, out: Array) -> Iterator[float]:
        if metric.name not in _PER_SAMPLE and not kernels.packs(metric):
            yield from kernels.add_sums(metric, p, q, weight, symmetric, out)
            return
        sums = _Sums(place, metric, p, q, weight, out.dtype)
        side = tile_side()
        starts = [(i, j) for i in range(0, out.shape[0], side) for j in range(0, out.shape[1], side)]
        starts = [(i, j) for i, j in starts if j >= i or not symmetric]
        for i, j in starts:
            rows, across = slice(i, i + side), slice(j, j + side)
            tile = sums.tile(rows, across)
            if symmetric and i == j:
                kernels.mirror(tile)
            out[rows, across] += tile
            if symmetric and j > i:
                out[across, rows] += tile.T
            yield 1 / len(starts)

    return add_sums


class _Sums:
    """Predictions on the device, and the sums of a tile of pairs of them."""

    def __init__(self, device: torch.device, metric: Metric, p: Block, q: Block, weight: Array, dtype: Any) -> None:
        self.metric, self.p, self.q, self.weight = metric, p, q, weight
        self.kind = dtype if kernels.packs(metric) else np.dtype(np.float64)
        a, b, own_p, own_q = kernels.FORMS[metric.name].factors(p, q)

        def put(values: Array, kind: Any = self.kind) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values, dtype=kind)).to(device)

        # (sample, point, factor): what batched products of matrices take.
        self.a, self.b = put(a.swapaxes(0, 1)), put(b.swapaxes(0, 1))
        self.own_p, self.own_q, self.w = (put(x, np.float64) for x in (own_p.T, own_q.T, weight))

    def tile(self, rows: slice, across: slice) -> Array:
        """Give the sums of some pairs, in memory."""
        a, b = self.a[:, rows], self.b[:, across].transpose(1, 2)
        own = self.own_p[:, rows, None], self.own_q[:, None, across]
        if kernels.packs(self.metric):
            sums = self._products(a, b)
        else:
            sums = torch.zeros(a.shape[1], b.shape[2], dtype=torch.float64, device=a.device)
            per_sample = _PER_SAMPLE[self.metric.name]
            for n in range(len(a)):
                sums += self.w[n] * per_sample(a[n], b[n], own[0][n], own[1][n]).clamp_(max=self.metric.most)
        out: Array = sums.cpu().numpy()
        if self.metric.name not in _EXACT:
            some = Block(*(x[rows] for x in self.p)), Block(*(x[across] for x in self.q))
            kernels.recompute_doubtful(self.metric, *some, self.weight, self.kind, out)
        return out

    def _products(self, a: Tensor, b: Tensor) -> Tensor:
        """-sum_n w_n log max(overlap, e^-cap); NaN where a product came out too small."""
        shape, smallest = (a.shape[1], b.shape[2]), _SMALLEST[self.kind.itemsize]
        sums = torch.zeros(shape, dtype=torch.float64, device=a.device)
        runs = kernels.runs(self.weight).tolist()
        for first, last in pairwise(runs):
            product, power = torch.ones(shape, dtype=a.dtype, device=a.device), torch.zeros_like(sums)
            for start in range(first, last, _GROUP):
                overlap = torch.bmm(a[start : min(start + _GROUP, last)], b[start : min(start + _GROUP, last)])
                product *= overlap.clamp_(min=float(np.exp(-self.metric.most))).prod(0)
                power += torch.where(product < smallest, torch.nan, 0.0)
                product, exponent = torch.frexp(product)
                power += exponent
            sums -= self.w[first] * (power * np.log(2.0) + product.double().log())
        return sums


def _sum(a: Tensor, b: Tensor, own_p: Tensor, own_q: Tensor) -> Tensor:
    return own_p + own_q + a @ b


def _angle(a: Tensor, b: Tensor, *_: Tensor) -> Tensor:
    # 1 - overlap cancels, which costs angles below 1e-8 their digits.
    return 2 * torch.asin(((1 - a @ b).clamp_(min=0) / 2).sqrt_())


def _mixture(a: Tensor, b: Tensor, own_p: Tensor, own_q: Tensor) -> Tensor:
    total: Tensor = own_p + own_q + 2 * np.log(2.0)
    for c in range(a.shape[1]):
        both = a[:, c, None] + b[c]
        total -= torch.xlogy(both, both)
    total /= 2
    return total


# The formulas of single samples; overlaps that are multiplied have their own way.
_PER_SAMPLE: dict[str, Callable[..., Tensor]] = {
    "hellinger": _sum,
    "fisher_rao": _angle,
    "kullback_leibler": _sum,
    "jeffreys": _sum,
    "jensen_shannon": _mixture,
}
# Angles of near pairs need no second computation: they cancel only below 1e-8.
_EXACT = {"fisher_rao"}
