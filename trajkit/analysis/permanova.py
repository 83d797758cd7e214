"""Analysis of variance from distances alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trajkit.embedding.inpca import double_centered
from trajkit.typing import Array, Indices

# A permutation that does not change the groups gives the observed F up to rounding, and counts as extreme.
_ROUNDING = 1e-9


class Explained(NamedTuple):
    """Share of the total sum of squares, and the p-value of its pseudo-F."""

    r_squared: float
    p_value: float


def products(squared: Array) -> Array:
    """Compute inner products of points relative to their mean from squared distances: G = -1/2 J D J.

    Examples
    --------
    >>> products(np.array([[0.0, 4.0], [4.0, 0.0]]))
    array([[ 1., -1.], [-1.,  1.]])
    """
    n = len(squared)
    return double_centered(squared, squared.mean(0), np.full(n, 1 / n))


def span(codes: list[Indices], runs: int) -> Array:
    """Compute an orthonormal basis (run, rank) of the sums of functions of the attributes with mean zero.

    Examples
    --------
    >>> span([np.array([0, 0, 1, 1, 2, 2])], 6).shape
    (6, 2)
    """
    columns = [code == value for code in codes for value in np.unique(code)]
    design = np.array(columns, dtype=np.float64).reshape(-1, runs).T
    vectors, size, _ = np.linalg.svd(design - design.mean(0), full_matrices=False)
    return vectors[:, size > 1e-9 * max(1.0, size.max(initial=0.0))]


def explained(inner: Array, full: Array, reduced: Array, permutations: int, random: np.random.Generator) -> Explained:
    """Test what the basis `full` explains beyond the basis `reduced`, by permuting the residuals of `reduced`.

        R^2 = tr((H - H_0) G) / tr G,  F = [tr((H - H_0) G) / (rank H - rank H_0)] / [tr((I - H) G) / (N - 1 - rank H)]

    Both are NaN if `full` adds nothing, no degrees of freedom are left, or the products are NaN.

    Examples
    --------
    >>> inner = products(np.square(np.subtract.outer(np.arange(4.0), np.arange(4.0))))
    >>> basis = span([np.array([0, 0, 1, 1])], 4)
    >>> round(explained(inner, basis, span([], 4), 99, np.random.default_rng(0)).r_squared, 6)
    0.8
    """
    left_over: int = len(inner) - 1 - full.shape[1]
    added: int = full.shape[1] - reduced.shape[1]
    if added < 1 or left_over < 1 or np.isnan(inner).any():
        return Explained(np.nan, np.nan)
    known = reduced @ reduced.T
    gain = full @ full.T - known
    rest = inner - known @ inner
    rest -= rest @ known
    total = float(np.trace(rest))

    def f(order: Indices) -> float:
        permuted = rest[np.ix_(order, order)]
        model = float(np.vdot(gain, permuted))
        left: float = total - model - (float(np.vdot(known, permuted)) if reduced.size else 0.0)
        return (model / added) / (left / left_over)

    runs = np.arange(len(inner))
    observed = f(runs)
    least = observed - _ROUNDING * abs(observed)
    extreme = sum(f(random.permutation(runs)) >= least for _ in range(permutations))
    return Explained(float((gain * inner).sum() / inner.trace()), (1 + extreme) / (1 + permutations))
