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
from trajkit.figures.coloring import (
    MOST_CATEGORIES,
    REFERENCE,
    SCALE,
    Coloring,
    color_bar,
    coloring_of_runs,
    quantity,
    units,
)
from trajkit.figures.escaped import all_escaped
from trajkit.figures.template import TEMPLATE
from trajkit.typing import Array, Indices


def distance_matrix(
    distance: xr.DataArray, *, order: str | xr.DataArray | None = None, color: str | xr.DataArray | None = None
) -> go.Figure:
    """Draw the distances between runs as a heat map.

    Parameters
    ----------
    distance
        Symmetric matrix (run, run2), such as `trajkit.trajectory_distance` returns.
    order
        Name of a run attribute, or a DataArray on run, by which runs are sorted: text in order of appearance, numbers
        by size, references last. Runs with the same value, and all runs if it is None, follow the leaves of an
        average-linkage tree, as in `trajkit.cluster`.
    color
        Run attribute that a strip along both axes shows, if it has at most 12 values; `order` by default.

    Returns
    -------
    plotly.graph_objects.Figure
        Runs from the top left corner on. Rows are named if there are at most 48 runs; the hover text always has the
        names.

    Raises
    ------
    TypeError
        If `distance` is no DataArray.
    ValueError
        If it is no symmetric matrix of runs, holds NaN, or an attribute is unknown.

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
    names = all_escaped(distance["run"].values[position])
    colors = coloring_of_runs(distance, order if color is None else color).escaped()
    thickness = max(0.25, 0.015 * len(names))
    few_values = colors.title and 0 < len(colors.categories) <= MOST_CATEGORIES
    shapes = _strips(colors, position, thickness) if few_values else []
    heat = go.Heatmap(
        x=names,
        y=names,
        z=values[np.ix_(position, position)],
        colorscale=SCALE,
        colorbar=color_bar(quantity(distance), 0.9),
        hovertemplate=f"<b>%{{y}}</b><br><b>%{{x}}</b><br>distance %{{z:.4g}} {units(distance)}<extra></extra>",
    )
    figure = go.Figure(heat)
    start = -0.5 - (2 * thickness if shapes else 0)
    few = len(names) <= MOST_NAMES
    labels = {
        # plotly would read names that look like numbers as numbers.
        "type": "category",
        "showticklabels": False,
        # Otherwise plotly leaves out some names.
        "dtick": 1,
        "tickfont": {"size": 9},
        "showgrid": False,
        # Cells stay square: the axes shrink, where plotly would otherwise widen the range.
        "constrain": "domain",
        "automargin": True,
        "title": {"text": "" if few else f"{len(names)} runs"},
    }
    return figure.update_layout(
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


def _positions(values: Array, sorting: Coloring) -> Indices:
    """Give the indices of runs in the order to draw them."""
    if len(values) < 2:
        return np.arange(len(values))
    leaves = np.argsort(leaf_order(values, linkage_table(values, "average")[:, :2].astype(np.intp)))
    if sorting.value is not None:
        key = sorting.value[:, 0]
    else:
        assert sorting.code is not None
        # References have no category and come last.
        key = np.where(sorting.code < 0, np.inf, sorting.code)
    return np.lexsort((leaves, key))


def _strips(colors: Coloring, position: Indices, thickness: float) -> list[dict[str, Any]]:
    """Draw a rectangle along both axes for each stretch of runs of one category."""
    assert colors.code is not None
    far, near = -0.5 - 1.5 * thickness, -0.5 - 0.5 * thickness
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
            # Shapes, not traces: a trace on the axes would add its own categories to them.
            shapes.append(look | {"x0": x0, "x1": x1, "y0": y0, "y1": y1, "showlegend": first})
        named.add(name)
        start = end
    return shapes
