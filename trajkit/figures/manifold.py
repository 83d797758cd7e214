"""The manifold in three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.embedding.as_embedding import ON_RUNS, as_embedding
from trajkit.figures.axes import component_axis
from trajkit.figures.coloring import REFERENCE, Coloring, coloring
from trajkit.figures.escaped import escaped
from trajkit.figures.run_lines import RunLines, chosen, single_points
from trajkit.figures.template import RED_SCENE_GRID, SCENE_GRID, TEMPLATE
from trajkit.typing import Array, Mask


def manifold(
    embedding: xr.Dataset,
    *,
    color: str | xr.DataArray | None = None,
    components: tuple[int, int, int] = (1, 2, 3),
    runs: xr.DataArray | list[str] | None = None,
    size: float = 2.5,
    opacity: float = 0.8,
) -> go.Figure:
    """Draw trajectories in three components of an embedding.

    Each run is a line through its checkpoints. Reference runs are grey and have their names: single points are
    diamonds, curves are dashed. Time-like axes are red. Axis titles give the explained stress up to that component.

    Parameters
    ----------
    embedding
        What `trajkit.embed` returned.
    color
        Name of a run attribute or per-point variable of `embedding`; "checkpoint"; a DataArray on run or
        (run, checkpoint), such as `tk.progress(ds)`; None for one colour. Text and numbers of few values give a
        legend, others a colour scale.
    components
        The components on the three axes, counted from 1.
    runs
        Draw only these networks and the references; axes, colours and ranges remain those of all runs.
    size
        Size of the markers, in pixels.
    opacity
        Opacity of markers and lines, 0 to 1.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If `embedding` is no such dataset, or a component, colour or run is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> figure = tk.figures.manifold(tk.embed(tk.simulate(spread=0.3)), color="architecture")
    >>> [trace.name for trace in figure.data]
    ['A', 'B', 'ignorance', 'truth', 'geodesic']
    """
    embedding = as_embedding(embedding, "step", "kind", on=ON_RUNS)
    known = embedding["component"].values.tolist()
    if len(components) != 3 or not set(components) <= set(known):
        raise ValueError(f"components: wanted three of {known}, got {components}; embed more with n_components=")
    colors = coloring(embedding, color).escaped()
    xyz = [embedding["coordinate"].sel(component=k).values for k in components]
    shown = chosen(embedding, runs) & (embedding["kind"].values != "reference")
    style = {"size": size, "opacity": opacity}
    figure = go.Figure([*_networks(embedding, xyz, colors, shown, style), *_references(embedding, xyz)])
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 0, "r": 0, "t": 10, "b": 0},
        legend={"title": {"text": colors.title}, "itemsizing": "constant", "x": 0.0, "y": 1.0},
        # A constant revision keeps the reader's camera when data change.
        scene={
            **{f"{x}axis": _axis(embedding.sel(component=k)) for x, k in zip("xyz", components, strict=True)},
            # To scale, all components after the first would be nearly flat.
            "aspectmode": "cube",
            "uirevision": "trajkit",
            "camera": {"eye": {"x": 1.6, "y": -1.6, "z": 0.9}, "center": {"x": 0, "y": 0, "z": -0.12}},
            "annotations": _names(embedding, xyz),
        },
        uirevision="trajkit",
    )


def _axis(axis: xr.Dataset) -> dict[str, Any]:
    """Describe one axis, with a grid that is red where it is time-like."""
    grid = RED_SCENE_GRID if int(axis["signature"]) < 0 else SCENE_GRID
    return component_axis(axis, 0.05) | {"gridcolor": grid, "zerolinecolor": grid}


def _networks(
    embedding: xr.Dataset, xyz: list[Array], colors: Coloring, shown: Mask, style: dict[str, float]
) -> list[go.Scatter3d]:
    if colors.code is None:
        lines = RunLines(embedding, shown)
        assert colors.value is not None
        value = lines.take(colors.value)
        trace = _trace(xyz, lines, style["opacity"])
        trace.update(
            name="networks",
            showlegend=False,
            # plotly wants a colour at every vertex; any number does in a gap, where nothing is drawn.
            line={"color": np.where(lines.is_gap, colors.low, value), "width": 2, **colors.scale(bar=False)},
            marker={"color": value, "size": style["size"], **colors.scale()},
        )
        return [trace]
    traces = []
    for code, category in enumerate(colors.categories):
        lines = RunLines(embedding, shown & (colors.code == code))
        trace = _trace(xyz, lines, style["opacity"])
        paint = colors.palette(code)
        trace.update(name=category, line={"color": paint, "width": 2}, marker={"color": paint, "size": style["size"]})
        # An empty trace stays, so that a view can update trace by trace; only its legend entry goes.
        trace.update(showlegend=bool(lines.run.size) and bool(colors.title), legendrank=code)
        traces.append(trace)
    return traces


def _references(embedding: xr.Dataset, xyz: list[Array]) -> list[go.Scatter3d]:
    traces, single = [], single_points(embedding)
    for row in np.flatnonzero(embedding["kind"].values == "reference"):
        trace = _trace(xyz, RunLines(embedding, np.arange(embedding.sizes["run"]) == row), 1.0)
        trace.update(
            name=escaped(str(embedding["run"].values[row])),
            mode="markers" if row in single else "lines",
            marker={"color": REFERENCE, "size": 6, "symbol": "diamond"},
            line={"color": REFERENCE, "width": 4, "dash": "dash"},
            showlegend=row not in single,
            legendrank=2000,
        )
        traces.append(trace)
    return traces


def _trace(xyz: list[Array], lines: RunLines, opacity: float) -> go.Scatter3d:
    x, y, z = (lines.take(values) for values in xyz)
    return go.Scatter3d(x=x, y=y, z=z, mode="lines+markers", opacity=opacity, **lines.hover())


def _names(embedding: xr.Dataset, xyz: list[Array]) -> list[dict[str, Any]]:
    """Name the single reference points; as the text of a trace, a name would vanish behind markers."""
    return [
        {
            **{letter: float(values[row, k]) for letter, values in zip("xyz", xyz, strict=True)},
            "text": escaped(str(embedding["run"].values[row])),
            "showarrow": False,
            "yshift": 16,
            "font": {"color": REFERENCE, "size": 13},
        }
        for row, k in single_points(embedding).items()
    ]
