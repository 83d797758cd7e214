"""Components of an embedding against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.embedding.as_embedding import ON_RUNS, as_embedding
from trajkit.figures.axes import component_axis
from trajkit.figures.coloring import REFERENCE, Coloring, coloring
from trajkit.figures.escaped import escaped
from trajkit.figures.run_lines import RunLines, chosen, single_points
from trajkit.figures.template import GRID, RED_GRID, TEMPLATE
from trajkit.typing import Mask

# SVG takes seconds to draw more markers than this. Fewer do without WebGL, since a page has only 8 to 16 contexts.
_MOST_SVG = 20_000
_NAME = {"showarrow": False, "font": {"color": REFERENCE, "size": 11}, "borderpad": 0}


def pair_plot(
    embedding: xr.Dataset,
    *,
    color: str | xr.DataArray | None = None,
    components: tuple[int, ...] = (1, 2, 3),
    runs: xr.DataArray | list[str] | None = None,
) -> go.Figure:
    """Draw components of an embedding against each other, a panel for each pair.

    Each run is a thin line through its checkpoints. Reference runs are grey: single points are diamonds with their
    names, curves are dashed. Time-like axes are red. Axis titles give the explained stress up to that component.

    Parameters
    ----------
    embedding
        What `trajkit.embed` returned.
    color, runs
        As for `manifold`.
    components
        Two or more components, counted from 1. The first is on the horizontal axis of the first column, the last on
        the vertical axis of the last row.

    Returns
    -------
    plotly.graph_objects.Figure
        For k components the k(k-1)/2 panels of a lower triangle. The panels of a row share their vertical axis, those
        of a column their horizontal axis.

    Raises
    ------
    ValueError
        If `embedding` is no such dataset, a component, colour or run is unknown, or a component repeats.

    Examples
    --------
    >>> import trajkit as tk
    >>> figure = tk.figures.pair_plot(tk.embed(tk.simulate(spread=0.3)), color="architecture")
    >>> [trace.name for trace in figure.data if trace.showlegend]
    ['A', 'B', 'geodesic']
    """
    embedding = as_embedding(embedding, "step", "kind", on=ON_RUNS)
    known = embedding["component"].values.tolist()
    if len(components) < 2 or len(set(components)) < len(components) or not set(components) <= set(known):
        raise ValueError(
            f"components: wanted two or more different ones of {known}, got {components}; embed more with n_components="
        )
    colors = coloring(embedding, color).escaped()
    coordinate = {k: embedding["coordinate"].sel(component=k).values for k in components}
    layers = _networks(embedding, colors, chosen(embedding, runs) & (embedding["kind"].values != "reference"))
    layers += _references(embedding)
    n = len(components) - 1
    panels = [(row, column) for row in range(1, n + 1) for column in range(1, row + 1)]
    markers = len(panels) * sum(len(lines.run) for lines, _ in layers)
    scatter = go.Scattergl if markers > _MOST_SVG else go.Scatter
    figure = make_subplots(
        n,
        n,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.06 / n,
        vertical_spacing=0.08 / n,
        specs=[[{} if column <= row else None for column in range(n)] for row in range(n)],
    )
    for row, column in panels:
        place = {"row": row, "col": column}
        x, y = coordinate[components[column - 1]], coordinate[components[row]]
        for lines, look in layers:
            trace = scatter(x=lines.take(x), y=lines.take(y), **lines.hover(), **look)
            # The same runs have one legend entry for all panels.
            trace.update(showlegend=bool(trace.showlegend) and (row, column) == panels[0])
            figure.add_trace(trace, **place)
        for i, (run, k) in enumerate(single_points(embedding).items()):
            # Above and below in turn: in some planes ignorance and truth meet.
            name = {"text": escaped(str(embedding["run"].values[run])), "yshift": -14 if i % 2 else 14, **_NAME}
            figure.add_annotation(x=float(x[run, k]), y=float(y[run, k]), **name, **place)
        below, beside = (embedding.sel(component=components[k]) for k in (column - 1, row))
        figure.update_xaxes(**_axis(below, titled=row == n), **place)
        figure.update_yaxes(**_axis(beside, titled=column == 1), **place)
    return figure.update_layout(**_layout(colors, n, figure.layout.xaxis.domain[1]))


def _networks(embedding: xr.Dataset, colors: Coloring, shown: Mask) -> list[tuple[RunLines, dict[str, Any]]]:
    """Group the runs that make one trace, with its look."""
    if colors.code is None:
        lines = RunLines(embedding, shown)
        assert colors.value is not None
        look = {
            "mode": "lines+markers",
            "name": "networks",
            "showlegend": False,
            # In the plane, plotly gives a line one colour; the markers have the colours of the values.
            "line": {"color": "#C4C8CE", "width": 0.6},
            "marker": {"color": lines.take(colors.value), "coloraxis": "coloraxis", "size": 3.5},
        }
        return [(lines, look)]
    layers = []
    for code, category in enumerate(colors.categories):
        lines = RunLines(embedding, shown & (colors.code == code))
        look = {
            "mode": "lines+markers",
            "name": category,
            "legendgroup": category,
            "legendrank": code,
            # An empty trace stays, so that a view can update trace by trace; only its legend entry goes.
            "showlegend": bool(lines.run.size) and bool(colors.title),
            "opacity": 0.7,
            "line": {"color": colors.palette(code), "width": 0.8},
            "marker": {"color": colors.palette(code), "size": 3},
        }
        layers.append((lines, look))
    return layers


def _references(embedding: xr.Dataset) -> list[tuple[RunLines, dict[str, Any]]]:
    layers, single = [], single_points(embedding)
    for row in np.flatnonzero(embedding["kind"].values == "reference"):
        look = {
            "name": escaped(str(embedding["run"].values[row])),
            "mode": "markers" if row in single else "lines",
            "legendgroup": f"reference {row}",
            "legendrank": 2000,
            "showlegend": row not in single,
            "line": {"color": REFERENCE, "width": 2, "dash": "dash"},
            "marker": {"color": REFERENCE, "size": 8, "symbol": "diamond"},
        }
        layers.append((RunLines(embedding, np.arange(embedding.sizes["run"]) == row), look))
    return layers


def _axis(axis: xr.Dataset, titled: bool) -> dict[str, Any]:
    described = component_axis(axis, 0.08, titled)
    grid = RED_GRID if int(axis["signature"]) < 0 else GRID
    return described | {"gridcolor": grid, "showline": True, "linecolor": described["tickfont"]["color"]}


def _layout(colors: Coloring, rows: int, edge: float) -> dict[str, Any]:
    """Place legend and colour bar in the empty upper triangle, or beside a single panel."""
    layout: dict[str, Any] = {
        "template": TEMPLATE,
        "height": max(450, 240 * rows + 60),
        "margin": {"l": 70, "r": 10, "t": 15, "b": 60},
        "legend": colors.legend() | {"itemsizing": "constant"},
    }
    if colors.code is None:
        layout["coloraxis"] = colors.scale()
    if rows > 1:
        inside = {"x": edge + 0.03, "y": 1.0, "xanchor": "left", "yanchor": "top"}
        # A longer legend would cover the panels below; with this height plotly lets it scroll.
        layout["legend"] |= inside | {"maxheight": 0.9 / rows}
        if colors.code is None:
            layout["coloraxis"]["colorbar"] |= inside | {"len": 0.95 / rows}
            # The only legend entry, a reference curve, stands to the right of the bar.
            layout["legend"]["x"] += 0.14
    return layout
