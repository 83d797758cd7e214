"""InPCA of a matrix of distances."""

from __future__ import annotations

from operator import index

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

# From this many points on, a few components come from Lanczos iterations instead of a full decomposition.
_DENSE = 500
# Rows of the matrix in work at a time.
_ROWS = 256


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
        squared first.
    n_components
        How many components; None for all.
    weights
        One positive number per point; scaled to sum one.

    Returns
    -------
    xarray.Dataset
        `coordinate` (point, component), in the square root of the distance's units; `eigenvalue`, `signature` (+1 or
        -1), `explained_stress`, `explained_distance` (component, counted from 1); and, for `project`, `mean_distance`
        and `weight` (point). The largest coordinate of each component is positive. `attrs["solver"]` says how
        eigenpairs were found.

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
    squared = squared_matrix(distance)
    m = len(squared)
    n = m if n_components is None else index(n_components)
    if not 1 <= n <= m:
        raise ValueError(f"n_components: wanted 1 to {m} (the number of points), got {n_components}")
    weight = _weights(weights, m)
    mean = squared @ weight
    matrix = double_centered(squared, mean, weight)
    if weights is not None:
        matrix *= np.sqrt(weight)[:, None] * np.sqrt(weight)
    norm = np.linalg.norm(matrix)
    if norm <= 1e-14 * squared.max() or norm == 0:
        raise ValueError("all points coincide (every distance is zero): there is nothing to embed")
    solver, eigenvalue, vector = _eigenpairs(matrix, n)
    # Without weights the eigenvalues are those of W itself, and the vectors' scale is theirs.
    scale = np.sqrt(weight)[:, None] if weights is not None else 1.0
    coordinate = vector / scale * np.sqrt(np.abs(eigenvalue))
    coordinate *= np.where(coordinate[np.abs(coordinate).argmax(0), np.arange(n)] < 0, -1.0, 1.0)
    signature = np.where(eigenvalue < 0, -1, 1)
    residual = 1 - np.cumsum(eigenvalue**2) / norm**2
    return xr.Dataset(
        {
            "coordinate": (("point", "component"), coordinate, {"long_name": "InPCA coordinate"}),
            "eigenvalue": ("component", eigenvalue, {"long_name": "eigenvalue"}),
            "signature": ("component", signature, {"long_name": "1: space-like axis, -1: time-like axis"}),
            # Rounding carries the residual of a complete sum below zero by 1e-16.
            "explained_stress": (
                "component",
                1 - np.sqrt(np.maximum(residual, 0)),
                {"long_name": "explained stress up to this component"},
            ),
            "explained_distance": (
                "component",
                cumulative_explained_distance(squared, coordinate, signature, weight),
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


def squared_matrix(distance: xr.DataArray) -> NDArray[np.float64]:
    """Check a square matrix of distances and give it as squared lengths."""
    if not isinstance(distance, xr.DataArray):
        raise TypeError(f"wanted an xarray.DataArray (point, point2), got {type(distance).__name__}")
    if distance.dims != ("point", "point2") or distance.shape[0] != distance.shape[1]:
        raise ValueError(
            f"wanted a square matrix (point, point2), got {dict(distance.sizes)}; `pairwise(ds)` makes one"
        )
    values = squared_lengths(distance)
    largest = max(values.max(), -values.min())  # of |d|, without another matrix
    for start in range(0, len(values), _ROWS):
        rows = slice(start, start + _ROWS)
        if np.abs(values[rows] - values[:, rows].T).max() > 1e-6 * largest:
            raise ValueError(
                "the matrix of distances is not symmetric; wanted d(i, j) = d(j, i): symmetrise it first, "
                "e.g. (d + d.T) / 2"
            )
    if np.abs(np.diag(values)).max() > 1e-6 * largest:
        raise ValueError("the diagonal of the matrix of distances is not zero; a point's distance to itself is")
    return values


def squared_lengths(distance: xr.DataArray) -> NDArray[np.float64]:
    """Give distances as squared lengths, whatever their scale."""
    scale = distance.attrs.get("scale")
    if scale not in ("squared length", "length"):
        raise ValueError(
            f'attrs["scale"] is {scale!r}: set it to "squared length" (such as -log BC) or "length" (such as an angle)'
        )
    values = np.asarray(distance.values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(
            f"{int((~np.isfinite(values)).sum())} distances are NaN or infinite; "
            "drop their points or pass cap= to pairwise"
        )
    return values if scale == "squared length" else np.square(values)


def _weights(weights: ArrayLike | None, m: int) -> NDArray[np.float64]:
    if weights is None:
        return np.full(m, 1 / m)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (m,) or not (weight > 0).all() or not np.isfinite(weight).all():
        raise ValueError(
            f"weights: wanted {m} positive numbers, one per point, got shape {weight.shape}"
            + (f", smallest {weight.min():g}" if weight.size else "")
        )
    scaled: NDArray[np.float64] = weight / weight.sum()
    return scaled


def double_centered(
    squared: NDArray[np.float64], mean: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """-1/2 (d_ij - mean_i - mean_j + mean of all), in one new matrix."""
    matrix = squared - mean
    matrix -= mean[:, None]
    matrix += weight @ mean
    matrix *= -0.5
    return matrix


def _eigenpairs(matrix: NDArray[np.float64], n: int) -> tuple[str, NDArray[np.float64], NDArray[np.float64]]:
    """Eigenpairs by absolute eigenvalue, largest first; for a few of many, by Lanczos iterations."""
    m = len(matrix)
    if m > _DENSE and n <= m // 20:
        from scipy.sparse.linalg import eigsh

        # A fixed start makes the result the same each time; which one does not matter, but for the null vector of ones.
        value, vector = eigsh(matrix, k=n, which="LM", v0=np.random.default_rng(0).standard_normal(m))
        solver = "lanczos"
    else:
        from scipy.linalg import eigh

        value, vector = eigh(matrix)
        solver = "dense"
    order = np.argsort(-np.abs(value), kind="stable")[:n]
    return solver, value[order], vector[:, order]


def cumulative_explained_distance(
    squared: NDArray[np.float64],
    x: NDArray[np.float64],
    signature: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    """1 - sum w_i w_j |D_k - D| / sum w_i w_j D for k = 1, 2, ..., a block of rows at a time."""
    missed, total = np.zeros(x.shape[1]), 0.0
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        rest = squared[rows].copy()
        total += float(weight[rows] @ rest @ weight)
        for k in range(x.shape[1]):
            rest -= signature[k] * np.square(x[rows, k, None] - x[:, k])
            missed[k] += weight[rows] @ np.abs(rest) @ weight
    out: NDArray[np.float64] = 1 - missed / total
    return out
