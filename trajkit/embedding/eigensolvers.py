"""Eigenpairs of largest absolute value of a symmetric operator."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from trajkit.typing import Array

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# Residual |A x - value x| below which a pair has converged, in units of the largest |value|.
_RESIDUAL = 1e-12
# Blocks of vectors that are kept before the better half replaces them.
_BLOCKS = 12
# Points from which products with a matrix use several threads.
_SEVERAL_THREADS = 3000


def dense(matrix: Array, n: int) -> tuple[Array, Array]:
    """Decompose a whole matrix; largest |value| first."""
    from scipy.linalg import eigh

    with _threads_for(6 * len(matrix)):  # more work for each point than a product
        return _ordered(*eigh(matrix), n)


def lanczos(apply: Callable[[Array], Array], m: int, n: int) -> tuple[Array, Array]:
    """Iterate with one vector at a time: the least arithmetic, for matrices in memory."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    operator = LinearOperator((m, m), matvec=lambda x: apply(x.ravel()), dtype=np.dtype(np.float64))
    # A fixed start makes the result the same each time; which one does not matter.
    start = np.random.default_rng(0).standard_normal(m)
    with _threads_for(m):
        return _ordered(*eigsh(operator, k=n, which="LM", v0=start), n)


def _threads_for(work: int) -> AbstractContextManager[Any]:
    """Use one thread for little work: with 700 points two threads took 15 times the processor's time, waiting."""
    return _blas().limit(limits=1 if work < _SEVERAL_THREADS else None, user_api="blas")


@cache
def _blas() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    # Finding the libraries takes longer than a small product.
    return ThreadpoolController()


def block_start(m: int, n: int) -> Array:
    """Orthonormal vectors to begin `block_lanczos` with: enough that a pass over the matrix is well used."""
    return np.linalg.qr(np.random.default_rng(0).standard_normal((m, 2 * n + 24)))[0]


def block_lanczos(
    apply: Callable[[Array], Array], basis: Array, image: Array, n: int, *, most_passes: int = 200
) -> tuple[Array, Array]:
    """Iterate with a block of vectors at a time: few passes over a matrix that is read from disk in each pass.

    Rayleigh-Ritz on a basis Q, of which A Q is kept: the residuals of the leading pairs are the next directions, so
    that Q spans the block Krylov space. `basis` and `image` are the first block and its product with A.
    """
    width = basis.shape[1]
    for _ in range(most_passes):
        small = basis.T @ image
        value, turn = _ordered(*np.linalg.eigh((small + small.T) / 2), basis.shape[1])
        full = basis.shape[1] >= _BLOCKS * width
        kept = basis.shape[1] // 2 if full else width
        x, ax = basis @ turn[:, :kept], image @ turn[:, :kept]
        rest = ax[:, :width] - x[:, :width] * value[:width]
        reached = np.linalg.norm(rest[:, :n], axis=0).max() / abs(value[0])
        if reached <= _RESIDUAL:
            return value[:n], x[:, :n]
        if full:
            basis, image = x, ax
        # Twice is enough: the first time leaves rounding errors of the size of what it removes.
        for _ in range(2):
            rest = np.linalg.qr(rest - basis @ (basis.T @ rest))[0]
        basis, image = np.hstack([basis, rest]), np.hstack([image, apply(rest)])
    raise RuntimeError(
        f"{n} components were not found in {most_passes} passes over the matrix (relative residual {reached:.1g}, "
        f"wanted {_RESIDUAL:g}): eigenvalues {n} and {n + 1} are nearly equal; ask for another number of components"
    )


def _ordered(value: Array, vector: Array, n: int) -> tuple[Array, Array]:
    order = np.argsort(-np.abs(value), kind="stable")[:n]
    return value[order], vector[:, order]
