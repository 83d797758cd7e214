"""Components of an embedding against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.figures.axes import component_axis
from trajkit.figures.coloring import REFERENCE, Coloring, coloring
from trajkit.figures.run_lines import Strands, chosen
from trajkit.figures.template import GRID, RED_GRID, TEMPLATE
from trajkit.typing import Indices, Mask

# Beyond so many markers SVG takes seconds to draw; WebGL, of which a page has few, takes over.
_MOST_SVG = 20_000
_NAME = {
    "showarrow": False,
    "font": {"color": REFERENCE, "size": 11},
    "borderpad": 0,
}


def pair_plot(
    embedding: xr.Dataset,
    *,
    color: str | xr.DataArray | None = None,
    components: tuple[int, ...] = (1, 2, 3),
    runs: xr.DataArray | list[str] | None = None,
) -> go.Figure:
    """Draw components of an embedding against each other, a panel for each pair.

    Each run is a thin line through its checkpoints. Reference runs are grey: single points are diamonds with
    their names, curves dashed. Time-like axes are red. Axis titles give the explained stress up to that component.

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
        For k components the k(k-1)/2 panels of a lower triangle; those of a row share their vertical axis, those of
        a column the horizontal one.

    Raises
    ------
    ValueError
        If a component, colour or run is unknown, or a component repeats.

    Examples
    --------
    >>> import trajkit as tk
    >>> figure = tk.figures.pair_plot(tk.embed(tk.simulate(spread=0.3)), color="architecture")
    >>> [trace.name for trace in figure.data if trace.showlegend]
    ['A', 'B', 'geodesic']
    """
    known = embedding["component"].values.tolist()
    if len(components) < 2 or len(set(components)) < len(components) or not set(components) <= set(known):
        raise ValueError(
            f"components: wanted two or more different ones of {known}, got {components}; embed more with n_components="
        )
    colors = coloring(embedding, color)
    coordinate = {k: embedding["coordinate"].sel(component=k).transpose("run", "checkpoint").values for k in components}
    is_reference = embedding["kind"].values == "reference"
    layers = _networks(embedding, colors, chosen(embedding, runs) & ~is_reference)
    layers += _references(embedding, np.flatnonzero(is_reference))
    panels = [(row, column) for row in range(1, len(components)) for column in range(1, row + 1)]
    markers = len(panels) * sum(len(strands.run) for strands, _ in layers)
    scatter = go.Scattergl if markers > _MOST_SVG else go.Scatter
    single = _single_points(embedding, is_reference)
    figure = _grid(len(components) - 1)
    for row, column in panels:
        x, y = coordinate[components[column - 1]], coordinate[components[row]]
        for strands, look in layers:
            trace = scatter(x=strands.take(x), y=strands.take(y), **look)
            # One entry stands for the same runs in all panels.
            trace.update(showlegend=bool(trace.showlegend) and (row, column) == panels[0])
            figure.add_trace(trace, row=row, col=column)
        for i, (run, k) in enumerate(single):
            # Above and below in turn: in some planes ignorance and truth meet.
            name = {"text": str(embedding["run"].values[run]), "yshift": -14 if i % 2 else 14, **_NAME}
            figure.add_annotation(x=float(x[run, k]), y=float(y[run, k]), **name, row=row, col=column)
        below, beside = (embedding.sel(component=components[k]) for k in (column - 1, row))
        figure.update_xaxes(**_axis(below, row == len(components) - 1), row=row, col=column)
        figure.update_yaxes(**_axis(beside, column == 1), row=row, col=column)
    figure.update_layout(**_layout(colors, len(components) - 1, figure.layout.xaxis.domain[1]))
    return figure


def _grid(n: int) -> go.Figure:
    return make_subplots(
        n,
        n,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.06 / n,
        vertical_spacing=0.08 / n,
        specs=[[{} if column <= row else None for column in range(n)] for row in range(n)],
    )


def _networks(embedding: xr.Dataset, colors: Coloring, shown: Mask) -> list[tuple[Strands, dict[str, Any]]]:
    """Group runs that make one trace, with its look."""
    if colors.code is None:
        strands = Strands(embedding, shown)
        assert colors.value is not None
        look = {
            **_points(strands),
            "name": "networks",
            "showlegend": False,
            # A line in the plane has one colour: its markers have the values.
            "line": {"color": "#C4C8CE", "width": 0.6},
            "marker": {"color": strands.take(colors.value), "coloraxis": "coloraxis", "size": 3.5},
        }
        return [(strands, look)]
    out = []
    for code, category in enumerate(colors.categories):
        strands = Strands(embedding, shown & (colors.code == code))
        look = {
            **_points(strands),
            "name": category,
            "legendgroup": category,
            "legendrank": code,
            # An empty trace keeps its place, so that a view can update trace by trace; its legend entry goes.
            "showlegend": bool(strands.run.size) and bool(colors.title),
            "opacity": 0.7,
            "line": {"color": colors.palette(code), "width": 0.8},
            "marker": {"color": colors.palette(code), "size": 3},
        }
        out.append((strands, look))
    return out


def _references(embedding: xr.Dataset, rows: Indices) -> list[tuple[Strands, dict[str, Any]]]:
    out = []
    for row in rows:
        strands = Strands(embedding, np.arange(embedding.sizes["run"]) == row)
        is_point = len(strands.run) == 2  # itself and its gap
        look = {
            **_points(strands),
            "name": str(embedding["run"].values[row]),
            "mode": "markers" if is_point else "lines",
            "legendgroup": f"reference {row}",
            "legendrank": 2000,
            "showlegend": not is_point,
            "line": {"color": REFERENCE, "width": 2, "dash": "dash"},
            "marker": {"color": REFERENCE, "size": 8, "symbol": "diamond"},
        }
        out.append((strands, look))
    return out


def _points(strands: Strands) -> dict[str, Any]:
    return {"mode": "lines+markers", **strands.hover()}


def _single_points(embedding: xr.Dataset, is_reference: Mask) -> list[tuple[int, int]]:
    """Run and checkpoint of the references that are one point, such as ignorance and truth."""
    recorded = embedding["step"].transpose("run", "checkpoint").values >= 0
    return [(int(r), int(recorded[r].argmax())) for r in np.flatnonzero(is_reference & (recorded.sum(1) == 1))]


def _axis(axis: xr.Dataset, outer: bool) -> dict[str, Any]:
    """Describe one axis, its title at the edge of the figure."""
    out = component_axis(axis, 0.08, titled=outer)
    grid = RED_GRID if int(axis["signature"]) < 0 else GRID
    return out | {"gridcolor": grid, "showline": True, "linecolor": out["tickfont"]["color"]}


def _layout(colors: Coloring, rows: int, edge: float) -> dict[str, Any]:
    """Place legend and colour bar in the empty upper triangle, or beside a single panel."""
    inside = {"x": edge + 0.03, "y": 1.0, "xanchor": "left", "yanchor": "top"} if rows > 1 else {}
    out: dict[str, Any] = {
        "template": TEMPLATE,
        "height": max(450, 240 * rows + 60),
        "margin": {"l": 70, "r": 10, "t": 15, "b": 60},
        "legend": {
            "title": {"text": colors.title if colors.categories else ""},
            "itemsizing": "constant",
            "font": {"size": 11},
            "tracegroupgap": 2,
            **inside,
        },
    }
    if rows > 1:
        out["legend"]["maxheight"] = 0.9 / rows
    if colors.code is None:
        scale = colors.scale()
        scale["colorbar"] |= (inside | {"len": 0.95 / rows}) if rows > 1 else {}
        out["coloraxis"] = scale
        if rows > 1:
            # The one other entry, a reference curve, stands to the right of the bar.
            out["legend"]["x"] += 0.14
    return out
