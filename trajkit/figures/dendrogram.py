"""The tree that hierarchical clustering makes of runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from numpy.typing import NDArray

from trajkit.figures.axes import MOST_NAMES
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import REFERENCE, Coloring, coloring_of_runs, quantity, units
from trajkit.figures.escaped import all_escaped
from trajkit.figures.template import TEMPLATE
from trajkit.typing import Array, Labels, Mask

# The colour of a join of runs of several categories.
_MIXED = "#9AA0A8"


def dendrogram(tree: xr.Dataset, *, color: str | xr.DataArray | None = None) -> go.Figure:
    """Draw a tree of runs.

    Two branches join at the height of their distance. A branch has the colour that all its runs share, or is grey.

    Parameters
    ----------
    tree
        What `trajkit.cluster` returned.
    color
        Name of a run attribute, or a DataArray on run; None for one colour.

    Returns
    -------
    plotly.graph_objects.Figure
        Runs are named along the axis if there are at most 48, and always in the hover text. The `customdata` of a join
        are the number of runs below it, its height and its index.

    Raises
    ------
    ValueError
        If `tree` is no such dataset, or the run attribute is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.trajectory_distance(tk.simulate(runs=4, groups=2, spread=0.3), n=20)
    >>> figure = tk.figures.dendrogram(tk.cluster(distance), color="architecture")
    >>> list(figure.layout.xaxis.ticktext)
    ['A-0', 'A-1', 'B-0', 'B-1']
    """
    check_result(tree, {"joined", "height", "runs_below", "position"}, "cluster(distance)")
    colors = coloring_of_runs(tree, color).escaped()
    nodes = _nodes(tree, colors)
    names = all_escaped(tree["run"].values)
    few = len(names) <= MOST_NAMES
    # All heights are 0 where all runs coincide; the axis needs a range.
    top = float(nodes.height.max()) or 1.0
    figure = go.Figure([*_joins(tree, nodes, colors), *_leaves(names, nodes.x[: len(names)], colors)])
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 75, "r": 10, "t": 15, "b": 30},
        legend={"title": {"text": colors.title if colors.categories else ""}, "font": {"size": 11}, "tracegroupgap": 2},
        xaxis={
            "range": [-0.7, len(names) - 0.3],
            "tickvals": np.arange(len(names)),
            "ticktext": names[np.argsort(tree["position"].values)],
            "tickangle": 90,
            "tickfont": {"size": 9},
            "showticklabels": few,
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
            "title": {"text": "" if few else f"{len(names)} runs"},
        },
        yaxis={
            "title": {"text": quantity(tree["height"], "<br>")},
            "range": [-0.03 * top, 1.05 * top],
            "zeroline": False,
        },
    )


class _Nodes(NamedTuple):
    """The nodes of a tree: first the runs, then the joins, from the lowest to the highest."""

    x: Array
    height: Array
    code: Labels  # category that all runs below share, or -1


def _nodes(tree: xr.Dataset, colors: Coloring) -> _Nodes:
    n = tree.sizes["run"]
    x = np.concatenate([tree["position"].values, np.zeros(n - 1)])
    code = np.full(2 * n - 1, -1)
    if colors.code is not None:
        code[:n] = colors.code
    for node, (a, b) in enumerate(tree["joined"].transpose("join", "branch").values, start=n):
        x[node] = (x[a] + x[b]) / 2
        code[node] = code[a] if code[a] == code[b] else -1
    return _Nodes(x, np.concatenate([np.zeros(n), tree["height"].values]), code)


def _joins(tree: xr.Dataset, nodes: _Nodes, colors: Coloring) -> list[go.Scatter]:
    """Draw each join as a bridge: up from one node below, across, and down to the other."""
    n = tree.sizes["run"]
    a, b = tree["joined"].transpose("join", "branch").values.T
    height, gap = nodes.height[n:], np.full(n - 1, np.nan)
    x = np.stack([nodes.x[a], nodes.x[a], nodes.x[b], nodes.x[b], gap], axis=1)
    y = np.stack([nodes.height[a], height, height, nodes.height[b], gap], axis=1)
    about = np.stack([tree["runs_below"].values, height, np.arange(n - 1)], axis=1)
    traces = []
    for code in range(-1, len(colors.categories)):
        here = nodes.code[n:] == code
        trace = go.Scatter(
            x=x[here].ravel(),
            y=y[here].ravel(),
            # One row for each vertex of the bridge.
            customdata=np.repeat(about[here], 5, axis=0),
            mode="lines",
            line={"color": colors.palette(code) if code >= 0 else _MIXED, "width": 1.2},
            name=colors.categories[code] if code >= 0 else "several",
            # A grey join belongs to several categories: no legend entry hides it.
            legendgroup=colors.categories[code] if code >= 0 else None,
            showlegend=False,
            hovertemplate=(
                f"%{{customdata[0]}} runs joined at %{{customdata[1]:.4g}} {units(tree['height'])}<extra></extra>"
            ),
        )
        traces.append(trace)
    return traces


def _leaves(names: NDArray[np.str_], x: Array, colors: Coloring) -> list[go.Scatter]:
    """Draw a marker for each run."""

    def leaves(runs: Mask, name: str, **look: Any) -> go.Scatter:
        return go.Scatter(
            x=x[runs],
            y=np.zeros(int(runs.sum())),
            text=names[runs],
            mode="markers",
            name=name,
            legendgroup=name,
            hovertemplate="<b>%{text}</b><extra>" + (name if colors.title else "") + "</extra>",
            # Leaves lie near the lower edge, which would cut their markers.
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
    traces = []
    for code, category in enumerate(colors.categories):
        marker = {"color": colors.palette(code), "size": 7, "symbol": "square"}
        shown = bool(colors.title)
        traces.append(leaves(colors.code == code, category, marker=marker, showlegend=shown, legendrank=code))
    if (colors.code < 0).any():
        plain = {"color": REFERENCE, "size": 7, "symbol": "diamond"}
        traces.append(leaves(colors.code < 0, "reference", marker=plain, legendrank=2000))
    return traces
