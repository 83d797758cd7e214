"""InPCA: an isometric embedding of points from their distances, with space-like and time-like axes.

An embedding sees a matrix of distances and nothing else. W = -1/2 L D L with L = I - 11'/m has eigenvalues of both
signs when D is no squared Euclidean distance; all are kept, in the order of their absolute value. A component with a
negative eigenvalue is *time-like*: differences along it count negatively in the squared distance (`signature` -1).
"""

from __future__ import annotations

from operator import index

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from trajkit.curves import references as reference_runs
from trajkit.distances import pairwise
from trajkit.points import concat, unstack
from trajkit.schema import run_attributes, validate

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
    squared = _squared(distance)
    m = len(squared)
    n = m if n_components is None else index(n_components)
    if not 1 <= n <= m:
        raise ValueError(f"n_components: wanted 1 to {m} (the number of points), got {n_components}")
    weight = _weights(weights, m)
    mean = squared @ weight
    matrix = _double_centered(squared, mean, weight)
    if weights is not None:
        matrix *= np.sqrt(weight)[:, None] * np.sqrt(weight)
    norm = np.linalg.norm(matrix)
    if norm <= 1e-14 * np.abs(squared).max() or norm == 0:
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
                _explained_distance(squared, coordinate, signature, weight),
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


def _squared(distance: xr.DataArray) -> NDArray[np.float64]:
    """Check a square matrix of distances and give it as squared lengths."""
    if not isinstance(distance, xr.DataArray):
        raise TypeError(f"wanted an xarray.DataArray (point, point2), got {type(distance).__name__}")
    if distance.dims != ("point", "point2") or distance.shape[0] != distance.shape[1]:
        raise ValueError(
            f"wanted a square matrix (point, point2), got {dict(distance.sizes)}; `pairwise(ds)` makes one"
        )
    values = _squared_lengths(distance)
    largest = np.abs(values).max()
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


def _squared_lengths(distance: xr.DataArray) -> NDArray[np.float64]:
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


def _double_centered(
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


def _explained_distance(
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


def project(embedding: xr.Dataset, distance: xr.DataArray) -> xr.Dataset:
    """Place new points in an embedding, from their distances to the embedded points.

        x_k = sum_j b_j w_j coordinate_jk / lambda_k
        b_j = -1/2 (d_j - sum_i w_i d_i - mean_distance_j + sum_i w_i mean_distance_i)

    with w = 1/m and m lambda_k in place of lambda_k when the embedding has no weights. A point that was embedded gets
    its own coordinates.

    Parameters
    ----------
    embedding
        What `inpca` returned.
    distance
        (point, point2): rows are the new points, columns the embedded ones in their order; `pairwise(new, old)` makes
        one.

    Returns
    -------
    xarray.Dataset
        `coordinate` (point, component) of the new points.

    Raises
    ------
    ValueError
        If the columns are not the embedded points, the scale, metric or cap differs, a distance is NaN, or a
        component's eigenvalue is rounding noise, by which nothing can be divided.

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
    _check_columns(embedding, distance)
    weight, mean = embedding["weight"].values, embedding["mean_distance"].values
    coordinate, eigenvalue = embedding["coordinate"].values, embedding["eigenvalue"].values
    noise = len(weight) * np.finfo(float).eps * np.abs(eigenvalue).max()
    if (tiny := np.abs(eigenvalue) <= noise).any():
        raise ValueError(
            f"components {embedding['component'].values[tiny].tolist()} have eigenvalues that are rounding noise "
            f"(at most {noise:.2g}); embed fewer components: embedding.sel(component=slice(1, k)) keeps the first k"
        )
    squared = _squared_lengths(distance)
    centered = -0.5 * (squared - (squared @ weight)[:, None] - mean + weight @ mean)
    # sum_j w_j x_jk^2 is |lambda_k| with weights and |lambda_k| / m without: one expression serves both.
    power = embedding["signature"].values * (weight @ np.square(coordinate))
    return xr.Dataset(
        {
            "coordinate": (
                ("point", "component"),
                centered @ (weight[:, None] * coordinate / power),
                embedding["coordinate"].attrs,
            )
        },
        coords={
            **{name: c for name, c in distance.coords.items() if c.dims == ("point",)},
            "component": embedding["component"],
        },
        attrs=embedding.attrs,
    )


def _check_columns(embedding: xr.Dataset, distance: xr.DataArray) -> None:
    if "point" not in embedding.dims:
        raise ValueError(
            f"wanted an embedding along 'point', got dimensions {tuple(embedding.dims)}; "
            "`points(embedding)` stacks one that lies on (run, checkpoint)"
        )
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


def embed(
    ds: xr.Dataset,
    n_components: int = 3,
    *,
    metric: str = "bhattacharyya",
    references: bool = True,
    cap: float | None = None,
) -> xr.Dataset:
    """Embed every point of a trajectory dataset: references, pairwise distances and InPCA in one go.

    Parameters
    ----------
    ds
        A trajectory dataset.
    n_components
        How many components.
    metric
        Of `pairwise`.
    references
        Embed ignorance, truth and 50 points of the geodesic between them along with the runs, unless `ds` has
        references already.
    cap
        Of `pairwise`, in nats per sample.

    Returns
    -------
    xarray.Dataset
        What `inpca` returns, with `coordinate` on (run, checkpoint, component), `step` and the other per-point
        variables of `ds`.

    Raises
    ------
    ValueError
        As `pairwise` and `inpca` do.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.embed(tk.simulate(runs=4)).coordinate.sel(run="truth", checkpoint=0).shape
    (3,)
    """
    validate(ds)
    if references and not (ds["kind"] == "reference").any():
        ds = concat([ds, reference_runs(ds)])
    embedding = unstack(inpca(pairwise(ds, metric=metric, cap=cap), n_components))
    # A run attribute that is the same at every point of all one-point runs is one; anything else on (run, checkpoint)
    # is per point.
    per_point = ds.drop_vars([n for n, v in ds.variables.items() if not set(v.dims) <= {"run", "checkpoint"}])
    attributes = {n: ds[n] for n in run_attributes(ds)}
    out: xr.Dataset = embedding.assign_coords(attributes).assign(per_point.data_vars)
    return out
