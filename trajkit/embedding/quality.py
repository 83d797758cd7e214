"""How much of the distances a picture keeps."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.embedding.as_embedding import ON_POINTS, as_embedding
from trajkit.embedding.inpca import double_centered, explained
from trajkit.embedding.squared_distances import SquaredDistances
from trajkit.typing import Array, Indices, Labels


def explained_stress(embedding: xr.Dataset, distance: xr.DataArray) -> xr.DataArray:
    """Explained stress of any coordinates: how much of the double-centred distances their products keep.

        explained_stress_k = 1 - |W - W_k|_F / |W|_F,  W = -1/2 L D L,  W_k = sum_{l<=k} signature_l x_l x_l', x centred

    For the coordinates of `inpca` this is 1 - sqrt(1 - sum_{l<=k} lambda_l^2 / |W|_F^2). It is no share of a variance.

    Parameters
    ----------
    embedding
        With `coordinate` (point, component) and `signature` (component).
    distance
        (point, point2) of the same points in the same order.

    Returns
    -------
    xarray.DataArray
        (component,), cumulative; at most 1, and negative where the components mislead.

    Raises
    ------
    TypeError, ValueError
        If `embedding` is none, or the matrix is none that `inpca` takes, or is of other points.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.pairwise(tk.simulate())
    >>> embedding = tk.inpca(distance)
    >>> bool(abs(tk.explained_stress(embedding, distance) - embedding.explained_stress).max() < 1e-9)
    True

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604.
    """
    squared, mean, x, signature = _matched(embedding, distance)
    rest = double_centered(squared.dense(), mean, np.full(len(x), 1 / len(x)))
    norm = np.linalg.norm(rest)
    x = x - x.mean(0)
    out = np.empty(x.shape[1])
    for k in range(x.shape[1]):
        rest -= signature[k] * x[:, k, None] * x[:, k]
        out[k] = 1 - np.linalg.norm(rest) / norm
    return _by_component(embedding, out, "explained_stress", "explained stress up to this component")


def explained_distance(embedding: xr.Dataset, distance: xr.DataArray) -> xr.DataArray:
    """Explained distance of any coordinates: how much of the distances themselves they keep.

        explained_distance_k = 1 - sum |D_k - D| / sum D,  (D_k)_ij = sum_{l<=k} signature_l (x_il - x_jl)^2

    Parameters
    ----------
    embedding
        With `coordinate` (point, component) and `signature` (component).
    distance
        (point, point2) of the same points in the same order.

    Returns
    -------
    xarray.DataArray
        (component,), cumulative; at most 1, and negative where the components mislead.

    Raises
    ------
    TypeError, ValueError
        If `embedding` is none, or the matrix is none that `inpca` takes, or is of other points.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.pairwise(tk.simulate())
    >>> round(float(tk.explained_distance(tk.inpca(distance, None), distance)[-1]), 9)
    1.0
    """
    squared, mean, x, signature = _matched(embedding, distance)
    _, values = explained(squared, x, signature, np.full(len(x), 1 / len(x)), mean)
    return _by_component(embedding, values, "explained_distance", "explained distance up to this component")


def embedding_quality(embedding: xr.Dataset, distance: xr.DataArray, *, n_neighbors: int = 10) -> xr.Dataset:
    """Compare neighbours and order of distances in a picture with those in the data.

    With r(i, j) the rank of j among the neighbours of i in the data and s(i, j) that in the picture, m points, K
    neighbours and c = 2 / (m K (2m - 3K - 1)):

        trustworthiness = 1 - c sum_i sum_{j in K nearest of i in the picture} max(0, r(i, j) - K)
        continuity      = 1 - c sum_i sum_{j in K nearest of i in the data} max(0, s(i, j) - K)
        rank_correlation = Spearman's rho of all D_ij and (D_k)_ij, i < j

    Distances in the picture count time-like components negatively, as D_k of `explained_distance` does.

    Parameters
    ----------
    embedding
        With `coordinate` (point, component) and `signature` (component).
    distance
        (point, point2) of the same points in the same order.
    n_neighbors
        K; less than half the points.

    Returns
    -------
    xarray.Dataset
        Three numbers, at most 1; 1 where nothing is out of order.

    Raises
    ------
    TypeError, ValueError
        If `embedding` is none, the matrix is none that `inpca` takes or is of other points, or there are
        too many neighbours.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.pairwise(tk.simulate(spread=0.3))
    >>> quality = tk.embedding_quality(tk.inpca(distance), distance)
    >>> bool(quality.trustworthiness > 0.9)
    True

    References
    ----------
    Venna & Kaski, ICANN 2001 (trustworthiness and continuity).
    """
    from scipy.stats import spearmanr

    matrix, _, x, signature = _matched(embedding, distance)
    squared, m = matrix.dense(), len(matrix)
    if not 1 <= n_neighbors < m / 2:
        raise ValueError(f"n_neighbors: wanted 1 to {(m - 1) // 2}, less than half of {m} points, got {n_neighbors}")
    shown = np.zeros_like(squared)
    for k in range(x.shape[1]):
        shown += signature[k] * np.square(x[:, k, None] - x[:, k])
    in_data, in_picture = _ranks(squared), _ranks(shown)
    scale = 2 / (m * n_neighbors * (2 * m - 3 * n_neighbors - 1))

    def kept(chosen_by: Indices, judged_by: Indices) -> float:
        intruders = np.where(chosen_by <= n_neighbors, judged_by - n_neighbors, 0)
        return float(1 - scale * np.maximum(intruders, 0).sum())

    pairs = np.triu_indices(m, 1)
    return xr.Dataset(
        {
            "trustworthiness": kept(in_picture, in_data),
            "continuity": kept(in_data, in_picture),
            "rank_correlation": float(spearmanr(squared[pairs], shown[pairs]).statistic),
        },
        attrs={"n_neighbors": n_neighbors},
    )


def _ranks(squared: Array) -> Indices:
    """Rank of each point among the neighbours of each other, from 1; of a point for itself 0."""
    own_first = squared.copy()
    np.fill_diagonal(own_first, -np.inf)
    order = np.argsort(own_first, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(order))[None], axis=1)
    return ranks


def _matched(embedding: xr.Dataset, distance: xr.DataArray) -> tuple[SquaredDistances, Array, Array, Labels]:
    """Squared distances and their means, coordinates and signature, after a look at whether they belong together."""
    embedding = as_embedding(embedding, on=ON_POINTS)
    squared = SquaredDistances(distance)
    same = embedding.sizes["point"] == len(squared) and all(
        np.array_equal(embedding[name], distance[name])
        for name in ("run", "checkpoint")
        if name in embedding.coords and name in distance.coords
    )
    if not same:
        raise ValueError(
            f"the embedding ({embedding.sizes['point']} points) and the distances ({len(squared)} points) are of "
            "other points, or in another order"
        )
    mean = squared.checked_product(np.full(len(squared), 1 / len(squared)))
    return squared, mean, embedding["coordinate"].values, embedding["signature"].values


def _by_component(embedding: xr.Dataset, values: Array, name: str, long_name: str) -> xr.DataArray:
    return xr.DataArray(values, {"component": embedding["component"]}, ("component",), name, {"long_name": long_name})
