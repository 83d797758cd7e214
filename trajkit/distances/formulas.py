"""Distances of single samples, from normalised log-probabilities (..., class): the formulas, near zero and far apart.

Three are functions of the overlap BC = sum_c sqrt(p_c q_c). Near zero 1 - BC cancels, so they are computed from half
the squared chord, h = |sqrt p - sqrt q|^2 / 2 = 1 - BC; the logarithm of a small overlap is taken of BC itself.
"""

from __future__ import annotations

import numpy as np

from trajkit.typing import Array

# 1 - h keeps its digits up to here, and BC from here on.
_FAR = 0.5
# An overlap below this has lost digits to float64's smallest numbers: its logarithm is summed from logarithms.
SMALLEST_OVERLAP = 1e-290


def half_chord(p: Array, q: Array) -> Array:
    """Compute h = |sqrt p - sqrt q|^2 / 2 = 1 - BC over the last axis."""
    return 0.5 * np.square(np.exp(0.5 * p) - np.exp(0.5 * q)).sum(-1)


def overlap(p: Array, q: Array) -> Array:
    """Compute BC = sum_c sqrt(p_c q_c) over the last axis."""
    return np.exp(0.5 * (p + q)).sum(-1)


def angle(h: Array, bc: Array | None = None) -> Array:
    """Compute arccos BC as 2 arcsin(sqrt(h / 2)), which keeps its digits at all h."""
    # Rounding carries h of disjoint distributions past 1 by 1e-16.
    return 2 * np.arcsin(np.sqrt(0.5 * np.minimum(h, 1.0)))


def minus_log(h: Array, bc: Array) -> Array:
    """Compute -log BC: -log1p(-h) near zero. Inexact below `SMALLEST_OVERLAP`."""
    far = h > _FAR
    # Rounding may carry h of disjoint distributions past 1, but those are far.
    return np.where(
        far, -np.log(np.maximum(np.where(far, bc, 1.0), SMALLEST_OVERLAP)), -np.log1p(-np.where(far, 0.0, h))
    )


def keep(h: Array, bc: Array) -> Array:
    """Give h itself, 1 - BC."""
    return h


def bhattacharyya(p: Array, q: Array) -> Array:
    """Compute -log BC, with overlaps of any size."""
    p, q = np.broadcast_arrays(p, q)
    bc = overlap(p, q)
    out = np.asarray(minus_log(half_chord(p, q), bc))
    # Logarithms of sums cost most by far: they are taken only where they are wanted. NaN compares as not small.
    small = bc < SMALLEST_OVERLAP
    out[small] = -np.logaddexp.reduce(0.5 * (p[small] + q[small]), axis=-1)
    return out


def fisher_rao(p: Array, q: Array) -> Array:
    """Compute arccos BC."""
    return angle(half_chord(p, q))


def kullback_leibler(p: Array, q: Array) -> Array:
    """Compute sum_c p (e^x - 1 - x), x = log(q / p); as q - p - p x where e^x - 1 would overflow or p is 0."""
    prob = np.exp(p)
    # p = 0 gives x = inf or NaN; the class then contributes q.
    with np.errstate(invalid="ignore"):
        x = np.where(prob > 0, q - p, 0.0)
    near = np.abs(x) < 1
    bounded = np.where(near, x, 0.0)
    with np.errstate(invalid="ignore"):
        far = np.exp(q) - prob - np.where(prob > 0, prob * x, 0.0)
    terms = np.where(near & (prob > 0), prob * (np.expm1(bounded) - bounded), far)
    # Also where p lies below the smallest float64.
    impossible = np.isneginf(q) & (p > -np.inf)
    return np.where(impossible, np.inf, terms).sum(-1)


def jeffreys(p: Array, q: Array) -> Array:
    """Compute sum_c (p - q) log(p / q): every term is positive; a class that both rule out contributes 0."""
    neither = np.isneginf(p) & np.isneginf(q)
    with np.errstate(invalid="ignore"):
        x = np.where(neither, 0.0, p - q)
    near = np.abs(x) < 1
    difference = np.where(near, np.exp(q) * np.expm1(np.where(near, x, 0.0)), np.exp(p) - np.exp(q))
    with np.errstate(invalid="ignore"):
        # Far below the smallest float64 both probabilities are 0, and so is their term.
        terms = np.where(difference == 0, np.where(np.isinf(x), np.abs(x), 0.0), difference * x)
    return terms.sum(-1)


def jensen_shannon(p: Array, q: Array) -> Array:
    """Compute [KL(p, m) + KL(q, m)] / 2, m = (p + q) / 2."""
    # A missing point stays NaN.
    with np.errstate(invalid="ignore"):
        middle = np.logaddexp(p, q) - np.log(2)
    return 0.5 * (kullback_leibler(p, middle) + kullback_leibler(q, middle))
