"""New points in an embedding."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.arranged import turned
from trajkit.embedding.as_embedding import ON_POINTS, as_embedding
from trajkit.embedding.squared_distances import squared_lengths
from trajkit.typing import Array, Labels


def project(embedding: xr.Dataset, distance: xr.DataArray) -> xr.Dataset:
    """Place new points in an embedding, from their distances to the embedded points.

        x_k = sum_j b_j w_j coordinate_jk / lambda_k
        b_j = -1/2 (d_j - sum_i w_i d_i - mean_distance_j + sum_i w_i mean_distance_i)

    with w = 1/m and m lambda_k in place of lambda_k when the embedding has no weights. A point that was embedded gets
    its own coordinates.

    Parameters
    ----------
    embedding
        An embedding from `inpca`.
    distance
        (point, point2): rows are the new points, columns the embedded ones in their order; `pairwise(new, old)` makes
        one.

    Returns
    -------
    xarray.Dataset
        `coordinate` (point, component) of the new points, and the embedding's `signature` (component).

    Raises
    ------
    TypeError, ValueError
        If one of them is something else, if the embedding holds projected points, if the columns are not the embedded
        points, the scale, metric or cap differs, a distance is NaN, or the eigenvalue of a component is rounding
        noise, so that division by it is meaningless.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6)
    >>> old, new = ds.isel(run=slice(0, 4)), ds.isel(run=slice(4, 6))
    >>> embedding = tk.inpca(tk.pairwise(old))
    >>> dict(tk.project(embedding, tk.pairwise(new, old)).sizes)
    {'point': 40, 'component': 3}

    References
    ----------
    Gower, Biometrika 55, 1968 (adding a point to a vector diagram), with signed eigenvalues.
    """
    embedding = as_embedding(embedding, "eigenvalue", "weight", "mean_distance", on=ON_POINTS)
    distance = turned(distance, "point", "point2")
    _check_columns(embedding, distance)
    weight, mean = embedding["weight"].values, embedding["mean_distance"].values
    if not (weight > 0).all():
        raise ValueError(
            "the embedding holds points that were projected themselves; project onto its landmarks, "
            "embedding.isel(point=embedding.is_landmark)"
        )
    coordinate = embedding["coordinate"].values
    check_above_rounding(embedding["eigenvalue"].values, len(weight), embedding["component"].values)
    squared = squared_lengths(distance)
    centered = -0.5 * (squared - (squared @ weight)[:, None] - mean + weight @ mean)
    # sum_j w_j x_jk^2 is |lambda_k| with weights and |lambda_k| / m without: one expression serves both.
    power = embedding["signature"].values * (weight @ np.square(coordinate))
    return xr.Dataset(
        {
            "coordinate": (
                ("point", "component"),
                centered @ (weight[:, None] * coordinate / power),
                embedding["coordinate"].attrs,
            ),
            "signature": embedding["signature"],
        },
        coords={
            **{name: c for name, c in distance.coords.items() if c.dims == ("point",)},
            "component": embedding["component"],
        },
        attrs=embedding.attrs,
    )


def check_above_rounding(eigenvalue: Array, points: int, component: Labels) -> None:
    """Refuse components whose eigenvalue is rounding noise: coordinates are divided by it."""
    noise = points * np.finfo(float).eps * np.abs(eigenvalue).max()
    if (tiny := np.abs(eigenvalue) <= noise).any():
        raise ValueError(
            f"components {component[tiny].tolist()} have eigenvalues that are rounding noise (at most {noise:.2g}); "
            "embed fewer components: embedding.sel(component=slice(1, k)) keeps the first k"
        )


def _check_columns(embedding: xr.Dataset, distance: xr.DataArray) -> None:
    m = embedding.sizes["point"]
    if distance.dims != ("point", "point2") or distance.sizes["point2"] != m:
        raise ValueError(f"wanted distances (point, point2) to the {m} embedded points, got {dict(distance.sizes)}")
    for name in ("run", "checkpoint"):
        if (
            name in embedding.coords
            and f"{name}2" in distance.coords
            and not np.array_equal(embedding[name], distance[f"{name}2"])
        ):
            raise ValueError(
                f"the columns are not the embedded points in their order: {name}2 differs from the embedding's {name}"
            )
    for key in ("metric", "scale", "cap"):
        if embedding.attrs.get(key) != distance.attrs.get(key):
            raise ValueError(
                f"the embedding has {key} {embedding.attrs.get(key)!r}, the distances {distance.attrs.get(key)!r}"
            )
