"""Matrices of distances between runs, the trees they make, and the order of a tree's leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

# With more runs than this, names would run into one another.
MOST_NAMES = 48
# Ward's and the like are about Euclidean lengths, not about any distance.
METHODS = ("average", "complete", "single", "weighted")

Array = NDArray[np.float64]


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
    from scipy.cluster.hierarchy import linkage

    table: Array = linkage(values[np.triu_indices(len(values), k=1)], method=method)
    return table


def leaf_order(values: Array, joined: NDArray[np.intp]) -> NDArray[np.intp]:
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
