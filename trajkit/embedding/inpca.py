"""InPCA of a matrix of distances."""

from __future__ import annotations

from collections.abc import Callable
from operator import index

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.embedding import eigensolvers
from trajkit.embedding.squared_distances import SquaredDistances, above
from trajkit.typing import Array, Labels

# From this many points on, a few components come from Lanczos iterations instead of a full decomposition.
_DENSE = 500


def inpca(distance: xr.DataArray, n_components: int | None = 3, *, weights: ArrayLike | None = None) -> xr.Dataset:
    """Embed points by InPCA: the double-centred distances' eigenvectors, by absolute eigenvalue.

        W = -1/2 L D L,  L = I - 11'/m;  W v_k = lambda_k v_k
        coordinate_k = v_k sqrt|lambda_k|,  signature_k = sign lambda_k

        explained_stress_k = 1 - sqrt(1 - sum_{i<=k} lambda_i^2 / |W|_F^2)
        explained_distance_k = 1 - sum |D_k - D| / sum D,  (D_k)_ij = sum_{l<=k} signature_l (x_il - x_jl)^2

    Both measures are cumulative. With all components, D_m is D. With weights w (sum 1), L = I - 1w', B = -1/2 L D L',
    and the eigenpairs are those of sqrt(w) B sqrt(w), with coordinates u / sqrt(w) sqrt|lambda|: the same picture as
    from points repeated in proportion to w, with eigenvalues smaller by the number of points.

    Parameters
    ----------
    distance
        (point, point2), symmetric, with zero diagonal and `attrs["scale"]`: "squared length", or "length", which is
        squared first. From 500 points on no copy of it is made (but for more than one component in twenty, which
        take a full decomposition). Of a matrix that is mapped from a file, lazy or of dask arrays, pieces of 64 MB
        are read: the whole once for the checks, which compare random sums of rows, then the upper triangle about
        five to ten times.
    n_components
        Number of components. None gives all.
    weights
        One positive number per point; scaled to sum one.

    Returns
    -------
    xarray.Dataset
        `coordinate` (point, component), in the square root of the distance's units; `eigenvalue`, `signature` (+1 or
        -1), `explained_stress`, `explained_distance` (component, counted from 1); and, for `project`, `mean_distance`
        and `weight` (point). The largest coordinate of each component is positive. `attrs["solver"]` says how
        eigenpairs were found: "dense", "lanczos" or, for a matrix that is not in memory, "block lanczos".

    Raises
    ------
    ValueError
        If the matrix is not square, not symmetric, has no scale or holds NaN or inf; if there are fewer than two
        distinct points or too many components are asked for; if a weight is not positive.

    Examples
    --------
    >>> import trajkit as tk
    >>> embedding = tk.inpca(tk.pairwise(tk.simulate()))
    >>> embedding.signature.values
    array([ 1, -1,  1])

    References
    ----------
    Quinn, Clement, De Bernardis, Niemack & Sethna, PNAS 116(28), 2019; explained stress: Mao et al., PNAS 121(12),
    2024.
    """
    squared = SquaredDistances(distance)
    m = len(squared)
    n = m if n_components is None else index(n_components)
    if not 1 <= n <= m:
        raise ValueError(f"n_components: wanted 1 to {m} (the number of points), got {n_components}")
    weight = _weights(weights, m)
    solver, mean, eigenvalue, vector = _solved(squared, weight, n)
    coordinate = vector / np.sqrt(weight)[:, None] * np.sqrt(np.abs(eigenvalue))
    coordinate *= np.where(coordinate[np.abs(coordinate).argmax(0), np.arange(n)] < 0, -1.0, 1.0)
    signature = np.where(eigenvalue < 0, -1, 1)
    norm, distance_kept = explained(squared, coordinate, signature, weight, mean)
    residual = 1 - np.cumsum(eigenvalue**2) / norm**2
    return xr.Dataset(
        {
            "coordinate": (("point", "component"), coordinate, {"long_name": "InPCA coordinate"}),
            # Without weights, those of W itself.
            "eigenvalue": ("component", eigenvalue * (m if weights is None else 1), {"long_name": "eigenvalue"}),
            "signature": ("component", signature, {"long_name": "1: space-like axis, -1: time-like axis"}),
            # Rounding carries the residual of a complete sum below zero by 1e-16.
            "explained_stress": (
                "component",
                1 - np.sqrt(np.maximum(residual, 0)),
                {"long_name": "explained stress up to this component"},
            ),
            "explained_distance": (
                "component",
                distance_kept,
                {"long_name": "explained distance up to this component"},
            ),
            "mean_distance": ("point", mean, {"long_name": "mean squared distance to the embedded points"}),
            "weight": ("point", weight, {"long_name": "weight"}),
        },
        coords={
            **{name: c for name, c in distance.coords.items() if c.dims == ("point",)},
            "component": np.arange(1, n + 1),
        },
        attrs={
            "solver": solver,
            **{k: distance.attrs[k] for k in ("metric", "scale", "cap") if k in distance.attrs},
        },
    )


def _weights(weights: ArrayLike | None, m: int) -> Array:
    if weights is None:
        return np.full(m, 1 / m)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (m,) or not (weight > 0).all() or not np.isfinite(weight).all():
        raise ValueError(
            f"weights: wanted {m} positive numbers, one per point, got shape {weight.shape}"
            + (f", smallest {weight.min():g}" if weight.size else "")
        )
    return weight / weight.sum()


def _solved(squared: SquaredDistances, weight: Array, n: int) -> tuple[str, Array, Array, Array]:
    """Means of the distances, and leading eigenpairs of A = sqrt(w) (-1/2 L D L') sqrt(w)."""
    root = np.sqrt(weight)

    def centered_product(product: Callable[[Array], Array], x: Array) -> Array:
        """Apply A to x: L is applied to vectors, never to the matrix."""
        y = (root * x.T).T
        z = product(y - np.multiply.outer(weight, y.sum(0)))
        return -0.5 * (root * (z - weight @ z).T).T

    def apply(x: Array) -> Array:
        return centered_product(squared.product, x)

    m = len(squared)
    few = m > _DENSE and n <= m // 20
    if few and not squared.in_memory:
        start = eigensolvers.block_start(m, n)
        means: list[Array] = []

        def first_pass(y: Array) -> Array:
            product = squared.checked_product(np.column_stack([weight, y]))
            means.append(product[:, 0])
            return product[:, 1:]

        image = centered_product(first_pass, start)
        return "block lanczos", means[0], *eigensolvers.block_lanczos(apply, start, image, n)
    mean = squared.checked_product(weight)
    if few:
        return "lanczos", mean, *eigensolvers.lanczos(apply, m, n)
    matrix = double_centered(squared.dense(), mean, weight)
    matrix *= root[:, None] * root
    return "dense", mean, *eigensolvers.dense(matrix, n)


def double_centered(squared: Array, mean: Array, weight: Array) -> Array:
    """-1/2 (d_ij - mean_i - mean_j + mean of all), in one new matrix."""
    matrix = squared - mean
    matrix -= mean[:, None]
    matrix += weight @ mean
    matrix *= -0.5
    return matrix


def explained(
    squared: SquaredDistances, x: Array, signature: Labels, weight: Array, mean: Array
) -> tuple[float, Array]:
    """|A|_F, and 1 - sum w_i w_j |D_k - D| / sum w_i w_j D for k = 1, 2, ..., in one pass over the pairs.

    |A|_F follows from sums of D and D^2 too, but those cancel: to m digits of what weights 1/m leave, and wholly under
    very uneven weights.
    """
    half = mean - 0.5 * (weight @ mean)
    stress, missed = float(np.square(weight * half).sum()), np.zeros(x.shape[1])
    for rows, columns, tile in squared.tiles(upper=True):
        centered = tile - half[columns]
        centered -= half[rows, None]
        stress += 0.5 * float(weight[rows] @ above(np.square(centered), rows, columns) @ weight[columns])
        rest = tile.copy()
        for k in range(x.shape[1]):
            step = np.subtract.outer(x[rows, k], x[columns, k])
            step *= step
            rest = np.subtract(rest, step, out=rest) if signature[k] > 0 else np.add(rest, step, out=rest)
            missed[k] += 2 * (weight[rows] @ above(np.abs(rest), rows, columns) @ weight[columns])
    out: Array = 1 - missed / (weight @ mean)
    return float(np.sqrt(stress)), out
