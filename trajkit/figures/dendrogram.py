"""Runs joined to a tree by their distances."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from numpy.typing import NDArray

from trajkit.analysis import cluster
from trajkit.figures.axes import MOST_NAMES
from trajkit.figures.coloring import REFERENCE, Coloring, coloring_of_runs, quantity, units
from trajkit.figures.template import TEMPLATE
from trajkit.typing import Array, Indices, Labels, Mask

# Of what joins runs of several categories.
_MIXED = "#9AA0A8"


class _Tree(NamedTuple):
    """Nodes of a tree: first the runs, then what joins them, from the lowest join to the highest.

    `x`, `height` and `code` (category that all runs below a node share, or -1) are on nodes; `joined`, the two nodes
    below, and `size`, the number of runs below, on joins.
    """

    x: Array
    height: Array
    code: Labels
    joined: Indices
    size: Labels


def dendrogram(
    distance: xr.DataArray, *, color: str | xr.DataArray | None = None, method: str = "average"
) -> go.Figure:
    """Draw the tree that hierarchical clustering makes of runs.

    Two branches join at the height of their distance; branches whose runs are alike in `color` have its colour,
    others are grey. Leaves are turned so that neighbours are near (optimal leaf ordering).

    Parameters
    ----------
    distance
        (run, run2), symmetric: what `trajkit.trajectory_distance` returned.
    color
        Name of a run attribute, or a DataArray on run; None for one colour.
    method
        Distance of two branches: "average" over all pairs of their runs, "complete" (largest), "single" (smallest)
        or "weighted" (average of the two branches last joined).

    Returns
    -------
    plotly.graph_objects.Figure
        Names of runs are axis labels if there are no more than 48, and in the hover text always.

    Raises
    ------
    TypeError
        If this is no DataArray.
    ValueError
        If this is no symmetric matrix of two or more runs with zero diagonal, holds NaN, or an attribute or method is
        unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.trajectory_distance(tk.simulate(runs=4, groups=2, spread=0.3), n=20)
    >>> figure = tk.figures.dendrogram(distance, color="architecture")
    >>> list(figure.layout.xaxis.ticktext)
    ['A-0', 'A-1', 'B-0', 'B-1']

    References
    ----------
    Bar-Joseph, Gifford & Jaakkola, Bioinformatics 17, 2001 (optimal leaf ordering).
    """
    joined = cluster(distance, method=method)
    colors = coloring_of_runs(distance, color)
    names = distance["run"].values
    tree = _tree(joined, colors)
    figure = go.Figure(_branches(tree, colors, units(distance)) + _leaves(tree, colors, names))
    order = np.argsort(tree.x[: len(names)])
    few = len(names) <= MOST_NAMES
    top = float(tree.height.max()) or 1.0
    figure.update_layout(
        template=TEMPLATE,
        margin={"l": 75, "r": 10, "t": 15, "b": 30},
        legend={"title": {"text": colors.title if colors.categories else ""}, "font": {"size": 11}, "tracegroupgap": 2},
        xaxis={
            "range": [-0.7, len(names) - 0.3],
            "tickvals": np.arange(len(names)),
            "ticktext": names[order],
            "tickangle": 90,
            "tickfont": {"size": 9},
            "showticklabels": few,
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
            "title": {"text": "" if few else f"{len(names)} runs"},
        },
        yaxis={"title": {"text": quantity(distance, "<br>")}, "range": [-0.03 * top, 1.05 * top], "zeroline": False},
    )
    return figure


def _tree(tree: xr.Dataset, colors: Coloring) -> _Tree:
    n, joined = tree.sizes["run"], tree["joined"].values
    x = np.zeros(2 * n - 1)
    x[:n] = tree["position"].values
    code = np.full(2 * n - 1, -1)
    if colors.code is not None:
        code[:n] = colors.code
    for node, (a, b) in enumerate(joined, start=n):
        x[node] = (x[a] + x[b]) / 2
        code[node] = code[a] if code[a] == code[b] else -1
    height = np.concatenate([np.zeros(n), tree["height"].values])
    return _Tree(x, height, code, joined, tree["size"].values)


def _branches(tree: _Tree, colors: Coloring, unit: str) -> list[go.Scatter]:
    """Draw each join as a bridge: up from one node below, across, and down to the other."""
    n = len(tree.joined) + 1
    gap = np.full(n - 1, np.nan)
    a, b = tree.joined.T
    height = tree.height[n:]
    x = np.stack([tree.x[a], tree.x[a], tree.x[b], tree.x[b], gap], axis=1)
    y = np.stack([tree.height[a], height, height, tree.height[b], gap], axis=1)
    about = np.repeat(np.stack([tree.size, height], axis=1), 5, axis=0).reshape(n - 1, 5, 2)
    traces = []
    for code in range(-1, len(colors.categories)):
        here = tree.code[n:] == code
        trace = go.Scatter(x=x[here].ravel(), y=y[here].ravel(), customdata=about[here].reshape(-1, 2), mode="lines")
        trace.update(
            line={"color": colors.palette(code) if code >= 0 else _MIXED, "width": 1.2},
            name=colors.categories[code] if code >= 0 else "several",
            showlegend=False,
            hovertemplate=f"%{{customdata[0]}} runs joined at %{{customdata[1]:.4g}} {unit}<extra></extra>",
        )
        if code >= 0:
            trace.update(legendgroup=colors.categories[code])
        traces.append(trace)
    return traces


def _leaves(tree: _Tree, colors: Coloring, names: NDArray[np.str_]) -> list[go.Scatter]:
    n = len(names)

    def leaves(runs: Mask, name: str, **look: Any) -> go.Scatter:
        at = np.flatnonzero(runs)
        return go.Scatter(
            x=tree.x[at],
            y=np.zeros(len(at)),
            text=names[at],
            mode="markers",
            name=name,
            legendgroup=name,
            hovertemplate="<b>%{text}</b><extra>" + (name if colors.title else "") + "</extra>",
            cliponaxis=False,
            **look,
        )

    if colors.code is None:
        assert colors.value is not None
        value = colors.value[:, 0]
        known = np.isfinite(value)
        scale = {"color": value[known], "size": 7, **colors.scale()}
        plain = {"color": REFERENCE, "size": 6, "symbol": "diamond"}
        return [
            leaves(known, colors.title, marker=scale, showlegend=False),
            leaves(~known, "(none)", marker=plain, showlegend=bool((~known).any())),
        ]
    shown = bool(colors.title)
    traces = [
        leaves(
            colors.code == code,
            category,
            marker={"color": colors.palette(code), "size": 7, "symbol": "square"},
            showlegend=shown,
            legendrank=code,
        )
        for code, category in enumerate(colors.categories)
    ]
    if (colors.code < 0).any():
        plain = {"color": REFERENCE, "size": 7, "symbol": "diamond"}
        traces.append(leaves(colors.code < 0, "reference", marker=plain, legendrank=2000))
    assert n == sum(len(t.x) for t in traces)
    return traces
