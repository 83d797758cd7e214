"""Alignment of embeddings of different slices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.embedding.as_embedding import as_embedding
from trajkit.points import points


def align(a: xr.Dataset, b: xr.Dataset) -> xr.Dataset:
    """Move embedding `b` rigidly, so that the points that it shares with `a` come as near to those of `a` as possible.

    Procrustes analysis, separately for space-like and time-like components: with both sets of shared points centred,
    each block is turned (or reflected) by the orthogonal R that minimises |x_b R - x_a|^2. Axes of different signature
    are never mixed, so the distances sum_k signature_k (x_ik - x_jk)^2 within `b` stay as they are.

    Parameters
    ----------
    a
        The embedding to align to, from `inpca`, `project` or `embed`, with `coordinate` and `signature`.
    b
        The embedding to move, with as many space-like and as many time-like components as `a`. Points are matched by
        run and checkpoint.

    Returns
    -------
    xarray.Dataset
        `b` with `coordinate` and `signature` in the order of `a`'s components, and `attrs["misfit"]`: the root mean
        square distance left between shared points, in units of their spread in `a`. Eigenvalues and similar
        variables describe the axes of `b` before the move and are left out.

    Raises
    ------
    TypeError, ValueError
        If one of them is no embedding, fewer than two points are shared, they coincide in `a`, one appears twice, or
        the numbers of space-like and time-like components differ.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, spread=0.3)
    >>> whole, part = tk.embed(ds), tk.embed(ds.isel(run=slice(0, 4)))
    >>> aligned = tk.align(whole, part)
    >>> bool(aligned.attrs["misfit"] < 0.2)
    True

    References
    ----------
    Schoenemann, Psychometrika 31, 1966 (orthogonal Procrustes problem).
    """
    from scipy.linalg import orthogonal_procrustes

    a, b = as_embedding(a), as_embedding(b)
    sign_a, sign_b = a["signature"].values, b["signature"].values
    if sorted(sign_a) != sorted(sign_b):
        raise ValueError(
            "wanted as many space-like and time-like components in both, got signatures "
            f"{sign_a.tolist()} and {sign_b.tolist()}; choose components with .sel(component=[...])"
        )
    x_a, x_b = _shared(a, b)
    center_a, center_b = x_a.mean(0), x_b.mean(0)
    spread = np.square(x_a - center_a).sum()
    if not spread > 0:
        raise ValueError(f"the {len(x_a)} shared points coincide in a: wanted points that differ, to align by")
    turn = np.zeros((len(sign_b), len(sign_a)))
    for sign in np.unique(sign_a):
        block = np.ix_(sign_b == sign, sign_a == sign)
        turn[block] = orthogonal_procrustes((x_b - center_b)[:, sign_b == sign], (x_a - center_a)[:, sign_a == sign])[0]
    left = (x_b - center_b) @ turn - (x_a - center_a)
    misfit = float(np.sqrt(np.square(left).sum() / spread))
    order = b["coordinate"].dims
    moved = (b["coordinate"].transpose(..., "component").values - center_b) @ turn + center_a
    coordinate = xr.DataArray(moved, dims=(*(d for d in order if d != "component"), "component"))
    kept = b.drop_vars([n for n, v in b.variables.items() if "component" in v.dims])
    return (
        kept.assign(coordinate=coordinate.transpose(*order), signature=("component", sign_a))
        .assign_coords(component=a["component"].values)
        .assign_attrs(misfit=misfit)
    )


def _shared(a: xr.Dataset, b: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (point, component) of the points that both hold, in one order."""
    (index_a, x_a), (index_b, x_b) = _points_of(a), _points_of(b)
    place = index_b.get_indexer(index_a)
    if (place >= 0).sum() < 2:
        raise ValueError(
            f"the two embeddings share {(place >= 0).sum()} points (run, checkpoint); wanted two or more to align by"
        )
    return x_a[place >= 0], x_b[place[place >= 0]]


def _points_of(embedding: xr.Dataset) -> tuple[pd.MultiIndex, np.ndarray]:
    stacked = embedding if "point" in embedding["coordinate"].dims else points(embedding)
    if lacking := sorted({"run", "checkpoint"} - set(stacked.coords)):
        raise ValueError(f"wanted points with coordinates 'run' and 'checkpoint' to match them by, got none {lacking}")
    index = pd.MultiIndex.from_arrays([stacked["run"].values, stacked["checkpoint"].values])
    if not index.is_unique:
        raise ValueError("a point (run, checkpoint) appears more than once in an embedding; wanted each at most once")
    return index, stacked["coordinate"].transpose("point", "component").values
