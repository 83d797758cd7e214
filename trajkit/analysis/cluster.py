"""Runs joined to a tree by their distances, and the order of its leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from trajkit.typing import Array, Indices

# Ward's and the like are about Euclidean lengths, not about any distance.
METHODS = ("average", "complete", "single", "weighted")
# What a tree holds: a run attribute of one of these names (runs of the zoo have a size) cannot stand beside it.
_OWN = ("joined", "height", "size", "position", "cophenetic", "cophenetic_correlation")


def cluster(distance: xr.DataArray, *, method: str = "average") -> xr.Dataset:
    """Join runs to a tree, the nearest first (hierarchical clustering).

    Branches are turned so that neighbours are near. Two branches join at the height of their distance. The cophenetic
    distance c of two runs is the height at which they first are in one branch; the cophenetic correlation,

        sum_{u<v} (d_uv - mean d)(c_uv - mean c) / sqrt(sum (d_uv - mean d)^2 sum (c_uv - mean c)^2),

    says how much of the distances d the tree keeps.

    Parameters
    ----------
    distance
        (run, run2), symmetric: what `trajkit.trajectory_distance` returned.
    method
        Distance of two branches: "average" over all pairs of their runs, "complete" (largest), "single" (smallest)
        or "weighted" (average of the two branches last joined).

    Returns
    -------
    xarray.Dataset
        `joined` (join, branch): the two nodes below each join, from the lowest to the highest; nodes 0 to R-1 are the
        runs in their order, node R+j is join j. `height` (join), in the distance's units; `size` (join), runs below;
        `position` (run): place among the leaves, those in which the distances of neighbours have the least sum;
        `cophenetic` (run, run2), in the distance's units; and `cophenetic_correlation`, NaN where all distances or
        all heights are alike, as with two runs.

    Raises
    ------
    TypeError
        If this is no DataArray.
    ValueError
        If this is no symmetric matrix of two or more runs with zero diagonal, holds NaN, or the method is unknown.

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
        raise ValueError("the diagonal of the matrix of distances is not zero; a run's distance to itself is")
    if method not in METHODS:
        raise ValueError(f"method: wanted one of {list(METHODS)}, got {method!r}")
    table = join(values, method)
    joined = table[:, :2].astype(np.intp)
    heights = _cophenetic(joined, table[:, 2])
    unit = {name: distance.attrs[name] for name in ("metric", "scale", "units") if name in distance.attrs}
    coords = {n: c.variable for n, c in distance.coords.items() if c.dims in (("run",), ("run2",)) and n not in _OWN}
    return xr.Dataset(
        {
            "joined": (("join", "branch"), joined, {"long_name": "nodes below the join"}),
            "height": ("join", table[:, 2], {"long_name": "distance of the branches", **unit}),
            "size": ("join", table[:, 3].astype(np.int64), {"long_name": "runs below the join"}),
            "position": ("run", np.argsort(leaf_order(values, joined)), {"long_name": "place among the leaves"}),
            "cophenetic": (("run", "run2"), heights, {"long_name": "height at which runs meet", **unit}),
            "cophenetic_correlation": ((), _correlation(values, heights), {"units": "1"}),
        },
        coords=coords,
        attrs={"method": method},
    )


def _cophenetic(joined: Indices, height: Array) -> Array:
    """Height of the lowest join above both of two runs."""
    n = len(joined) + 1
    out = np.zeros((n, n))
    below = [np.array([i]) for i in range(n)]
    for (a, b), at in zip(joined, height, strict=True):
        out[np.ix_(below[a], below[b])] = at
        out[np.ix_(below[b], below[a])] = at
        below.append(np.concatenate([below[a], below[b]]))
    return out


def _correlation(values: Array, heights: Array) -> float:
    pairs = np.triu_indices(len(values), k=1)
    d, c = values[pairs] - values[pairs].mean(), heights[pairs] - heights[pairs].mean()
    size = float(np.linalg.norm(d) * np.linalg.norm(c))
    # Equal distances have a mean that is off by rounding, and then a correlation of noise.
    alike = min(np.ptp(values[pairs]), np.ptp(heights[pairs])) <= 1e-12 * np.abs(values).max()
    return float("nan") if alike else float(d @ c) / size


def runs_matrix(distance: xr.DataArray) -> Array:
    """Check a matrix of distances between runs and give its values."""
    if not isinstance(distance, xr.DataArray):
        raise TypeError(f"wanted a DataArray (run, run2), got {type(distance).__name__}")
    if distance.dims != ("run", "run2") or not np.array_equal(distance["run"], distance["run2"]):
        raise ValueError(
            f"wanted a square matrix (run, run2) with the same runs both ways, got {dict(distance.sizes)}; "
            "`trajkit.trajectory_distance(ds)` makes one"
        )
    values = np.asarray(distance.values, dtype=np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        first, second = distance["run"].values[np.argwhere(bad)[0]].tolist()
        raise ValueError(
            f"{int(bad.sum())} distances are NaN or infinite, the first from run {first!r} to {second!r}: "
            "leave such runs out, or pass cap= to trajectory_distance"
        )
    if values.size and np.abs(values - values.T).max() > 1e-6 * np.abs(values).max():
        raise ValueError(
            "the matrix of distances is not symmetric; wanted d(u, v) = d(v, u): symmetrise it first, "
            "e.g. (d + d.values.T) / 2"
        )
    return values


def join(values: Array, method: Any) -> Array:
    """Join runs by linkage: scipy's table, a row (node, node, height, number of runs) for each join."""
    # Only who joins runs pays for loading it.
    from scipy.cluster.hierarchy import linkage

    return linkage(values[np.triu_indices(len(values), k=1)], method=method)


def leaf_order(values: Array, joined: Indices) -> Indices:
    """Turn the branches of a tree so that the distances between neighbouring leaves have the least sum.

    `joined` (join, 2) holds the two nodes below each join. least[u, v] is the least sum over the leaves below the
    lowest join above both u and v, from u at one end to v at the other:

        least[u, v] = min over m beside u, k beside v of  least[u, m] + values[m, k] + least[k, v]

    scipy's `optimal_ordering` looks for the same order and often returns another (scipy/scipy#11227).

    References
    ----------
    Bar-Joseph, Gifford & Jaakkola, Bioinformatics 17, 2001.
    """
    n = len(values)
    below = [np.array([i]) for i in range(n)]
    least = np.zeros((n, n))

    def from_end_to_end(node: int) -> Array:
        leaves = below[node]
        cost: Array = least[np.ix_(leaves, leaves)]
        if node >= n:
            # Both ends cannot be on one side of the join.
            half = len(below[joined[node - n, 0]])
            cost[:half, :half] = cost[half:, half:] = np.inf
        return cost

    for a, b in joined:
        across = values[np.ix_(below[a], below[b])]
        cost = _least_sum(_least_sum(from_end_to_end(a), across), from_end_to_end(b))
        least[np.ix_(below[a], below[b])] = cost
        least[np.ix_(below[b], below[a])] = cost.T
        below.append(np.concatenate([below[a], below[b]]))
    ends = np.unravel_index(from_end_to_end(len(below) - 1).argmin(), (n, n))
    out, rest = [], [(len(below) - 1, *below[-1][list(ends)])]
    while rest:
        node, first, last = rest.pop()
        if node < n:
            out.append(node)
            continue
        a, b = joined[node - n] if first in below[joined[node - n, 0]] else joined[node - n, ::-1]
        to = from_end_to_end(a)[below[a] == first][0]
        on = from_end_to_end(b)[:, below[b] == last][:, 0]
        cost = to[:, None] + values[np.ix_(below[a], below[b])] + on
        m, k = np.unravel_index(cost.argmin(), cost.shape)
        rest += [(b, below[b][k], last), (a, first, below[a][m])]
    return np.array(out)


def _least_sum(a: Array, b: Array) -> Array:
    """Return min over m of a[i, m] + b[m, j]."""
    out = np.full((len(a), b.shape[1]), np.inf)
    for m in range(len(b)):
        np.minimum(out, a[:, m, None] + b[m], out=out)
    return out
