"""Hierarchical clustering of runs by their distances."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.leaf_order import leaf_order
from trajkit.analysis.runs_matrix import runs_matrix
from trajkit.limitations import with_reasons
from trajkit.typing import Array

# Ward, centroid and median linkage are left out: their formulas hold for Euclidean lengths only.
METHODS = ("average", "complete", "single", "weighted")


def cluster(distance: xr.DataArray, *, method: str = "average") -> xr.Dataset:
    """Join runs to a tree, the nearest first (hierarchical clustering).

    Two branches join at the height of their distance. The cophenetic distance c of two runs is the height of the lowest
    join above both. The cophenetic correlation,

        sum_{u<v} (d_uv - mean d)(c_uv - mean c) / sqrt(sum (d_uv - mean d)^2 sum (c_uv - mean c)^2),

    says how well the tree keeps the distances d. `trajkit.figures.dendrogram` draws the result.

    Parameters
    ----------
    distance
        Symmetric matrix (run, run2), such as `trajkit.trajectory_distance` returns.
    method
        Distance of two branches: "average" over all pairs of their runs, "complete" (largest), "single" (smallest)
        or "weighted" (average of the two branches last joined).

    Returns
    -------
    xarray.Dataset
        `joined` (join, branch): the two nodes below each join, from the lowest join to the highest; nodes 0 to R - 1
        are the runs in their order, node R + j is join j. `height` (join), in the distance's units. `runs_below`
        (join): number of runs. `position` (run): place among the leaves, from 0, in the order with the smallest sum of
        distances between neighbours (optimal leaf ordering). `cophenetic` (run, run2), in the distance's units.
        `cophenetic_correlation`, NaN where all distances or all heights are equal, as with two runs
        (`attrs["limitations"]` says so). Run attributes of
        `distance` are kept, except an attribute that has the name of one of these variables.

    Raises
    ------
    TypeError
        If `distance` is no DataArray.
    ValueError
        If it is no symmetric matrix of two or more runs with zero diagonal, holds NaN, or the method is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, groups=2, spread=0.3)
    >>> tree = tk.cluster(tk.trajectory_distance(ds, n=20))
    >>> tree.sortby("position").run.values
    array(['A-0', 'A-1', 'B-0', 'B-1'], dtype='<U3')
    >>> round(float(tree.cophenetic_correlation), 2)
    1.0

    References
    ----------
    Sokal & Rohlf, Taxon 11, 1962 (cophenetic correlation); Bar-Joseph, Gifford & Jaakkola, Bioinformatics 17, 2001
    (optimal leaf ordering).
    """
    values = runs_matrix(distance)
    if len(values) < 2:
        raise ValueError(f"wanted two runs or more to join, got {len(values)}")
    if np.abs(np.diag(values)).max() > 1e-6 * np.abs(values).max():
        raise ValueError("the diagonal of the matrix of distances is not zero: wanted d(u, u) = 0")
    if method not in METHODS:
        raise ValueError(f"method: wanted one of {list(METHODS)}, got {method!r}")
    table, between = linkage_table(values, method), values[np.triu_indices(len(values), k=1)]
    # Here, since loading scipy.cluster takes longer than loading trajkit.
    from scipy.cluster.hierarchy import cophenet
    from scipy.spatial.distance import squareform

    joined, meeting = table[:, :2].astype(np.intp), cophenet(table)
    found = xr.Dataset(
        {
            "joined": (("join", "branch"), joined, {"long_name": "nodes below the join"}),
            "height": ("join", table[:, 2]),
            "runs_below": ("join", table[:, 3].astype(np.int64), {"long_name": "number of runs below the join"}),
            "position": ("run", np.argsort(leaf_order(values, joined)), {"long_name": "place among the leaves"}),
            "cophenetic": (("run", "run2"), squareform(meeting)),
            "cophenetic_correlation": ((), _correlation(between, meeting), {"units": "1"}),
        },
        attrs={"method": method},
    )
    # What the distances are stays with the heights, so that the figure can name its axis.
    quantity = {"long_name": str(distance.name or "distance"), **distance.attrs}
    for name in ("height", "cophenetic"):
        found[name].attrs = {key: quantity[key] for key in ("long_name", "metric", "scale", "units") if key in quantity}
    attributes = {name: c.variable for name, c in distance.coords.items() if c.dims in (("run",), ("run2",))}
    found = found.assign_coords({name: each for name, each in attributes.items() if name not in found.data_vars})
    return with_reasons(found, {"cophenetic_correlation": "all distances or all heights are equal"})


def linkage_table(values: Array, method: str) -> Array:
    """Join runs by linkage: scipy's table with a row (node, node, height, number of runs) for each join."""
    from scipy.cluster.hierarchy import linkage

    return linkage(values[np.triu_indices(len(values), k=1)], method=method)  # type: ignore[arg-type]


def _correlation(between: Array, meeting: Array) -> float:
    # Equal distances differ from their mean by rounding alone, and would give a correlation of noise.
    if min(np.ptp(between), np.ptp(meeting)) <= 1e-12 * np.abs(between).max():
        return float("nan")
    return float(np.corrcoef(between, meeting)[0, 1])
