"""Distances between runs as a matrix."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.analysis.cluster import linkage_table
from trajkit.analysis.leaf_order import leaf_order
from trajkit.analysis.runs_matrix import runs_matrix
from trajkit.figures.axes import MOST_NAMES
from trajkit.figures.coloring import MOST_CATEGORIES, REFERENCE, SCALE, Coloring, coloring_of_runs, quantity, units
from trajkit.figures.template import TEMPLATE
from trajkit.typing import Array, Indices


def distance_matrix(
    distance: xr.DataArray, *, order: str | xr.DataArray | None = None, color: str | xr.DataArray | None = None
) -> go.Figure:
    """Draw distances between runs as a heat map.

    Parameters
    ----------
    distance
        (run, run2), symmetric: what `trajkit.trajectory_distance` returned.
    order
        Name of a run attribute, or a DataArray on run, to sort runs by: text in order of appearance, numbers by
        size, references last. Runs alike in it, and all runs if it is None, follow the leaves of average linkage,
        turned so that neighbours are near (optimal leaf ordering).
    color
        Run attribute shown by a strip along both axes, if it has no more than 12 values; `order` unless given.

    Returns
    -------
    plotly.graph_objects.Figure
        Runs from the top left corner on; rows have their names if there are no more than 48, and hover text
        always.

    Raises
    ------
    TypeError
        If this is no DataArray.
    ValueError
        If this is no symmetric matrix of runs, holds NaN, or an attribute is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.trajectory_distance(tk.simulate(runs=4, groups=2, spread=0.3), n=20)
    >>> tk.figures.distance_matrix(distance, order="architecture").data[0].x.tolist()
    ['A-0', 'A-1', 'B-0', 'B-1']

    References
    ----------
    Bar-Joseph, Gifford & Jaakkola, Bioinformatics 17, 2001 (optimal leaf ordering).
    """
    values = runs_matrix(distance)
    sorting = coloring_of_runs(distance, order, "order")
    position = _positions(values, sorting)
    names = distance["run"].values[position]
    colors = coloring_of_runs(distance, order if color is None else color)
    shapes = _strips(colors, position) if colors.title and 0 < len(colors.categories) <= MOST_CATEGORIES else []
    heat = go.Heatmap(
        x=names,
        y=names,
        z=values[np.ix_(position, position)],
        colorscale=SCALE,
        colorbar={"title": {"text": quantity(distance), "side": "right"}, "thickness": 14, "len": 0.9},
        hovertemplate=f"<b>%{{y}}</b><br><b>%{{x}}</b><br>distance %{{z:.4g}} {units(distance)}<extra></extra>",
    )
    figure = go.Figure(heat)
    start = -0.5 - (2 * _thickness(len(names)) if shapes else 0)
    few = len(names) <= MOST_NAMES
    labels = {
        # Names that look like numbers stay names.
        "type": "category",
        "showticklabels": False,
        "dtick": 1,
        "tickfont": {"size": 9},
        "showgrid": False,
        "constrain": "domain",
        "automargin": True,
        "title": {"text": "" if few else f"{len(names)} runs"},
    }
    figure.update_layout(
        template=TEMPLATE,
        height=600,
        margin={"l": 20, "r": 10, "t": 15, "b": 20},
        showlegend=bool(shapes),
        legend={"title": {"text": colors.title}, "orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0},
        shapes=shapes,
        xaxis={**labels, "range": [start, len(names) - 0.5], "constraintoward": "right"},
        yaxis={
            **labels,
            "range": [len(names) - 0.5, start],
            "scaleanchor": "x",
            "constraintoward": "top",
            "showticklabels": few,
        },
    )
    return figure


def _positions(values: Array, sorting: Coloring) -> Indices:
    """Give the indices of runs in the order to draw them."""
    if len(values) < 2:
        return np.arange(len(values))
    leaves = np.argsort(leaf_order(values, linkage_table(values, "average")[:, :2].astype(np.intp)))
    if sorting.value is not None:
        key = sorting.value[:, 0]
    else:
        assert sorting.code is not None
        key = np.where(sorting.code < 0, np.inf, sorting.code)
    return np.lexsort((leaves, key))


def _thickness(runs: int) -> float:
    return max(0.25, 0.015 * runs)


def _strips(colors: Coloring, position: Indices) -> list[dict[str, Any]]:
    """Colour the edge of the matrix, a rectangle for each stretch of runs of one category, along both axes."""
    assert colors.code is not None
    far, near = -0.5 - 1.5 * _thickness(len(position)), -0.5 - 0.5 * _thickness(len(position))
    shapes, named, start = [], set(), 0
    for code, stretch in itertools.groupby(colors.code[position].tolist()):
        end = start + len(list(stretch))
        name = colors.categories[code] if code >= 0 else "reference"
        look = {
            "type": "rect",
            "line": {"width": 0},
            "fillcolor": colors.palette(code) if code >= 0 else REFERENCE,
            "name": name,
            "legendgroup": name,
            "legendrank": code if code >= 0 else 2000,
        }
        along, across = (start - 0.5, end - 0.5), (far, near)
        for (x0, x1), (y0, y1), first in ((along, across, name not in named), (across, along, False)):
            shapes.append(look | {"x0": x0, "x1": x1, "y0": y0, "y1": y1, "showlegend": first})
        named.add(name)
        start = end
    return shapes
