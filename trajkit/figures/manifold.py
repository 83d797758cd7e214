"""The manifold in three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.axes import component_axis
from trajkit.figures.coloring import REFERENCE, Coloring, coloring
from trajkit.figures.run_lines import Strands, chosen
from trajkit.figures.template import RED_SCENE_GRID, SCENE_GRID, TEMPLATE


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

    Each run is a line through its checkpoints. Reference runs are drawn in grey, with their names: single
    points as diamonds, curves dashed. Time-like axes are red. Axis titles give the explained stress up to that
    component.

    Parameters
    ----------
    embedding
        What `trajkit.embed` returned.
    color
        Name of a run attribute or per-point variable of `embedding`; "checkpoint"; a DataArray on run or
        (run, checkpoint), such as `tk.progress(ds)`; None for one colour. Text and numbers of few values give a
        legend, others a colour scale.
    components
        Which components the three axes show, counted from 1.
    runs
        Draw only these networks (references stay); axes, colours and ranges remain those of all.
    size
        Of the markers, in pixels.
    opacity
        Of markers and lines, 0 to 1.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If a component, colour or run is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> figure = tk.figures.manifold(tk.embed(tk.simulate(spread=0.3)), color="architecture")
    >>> [trace.name for trace in figure.data]
    ['A', 'B', 'ignorance', 'truth', 'geodesic']
    """
    axes = _axes(embedding, components)
    colors = coloring(embedding, color)
    xyz = [embedding["coordinate"].sel(component=k).transpose("run", "checkpoint").values for k in components]
    is_reference = embedding["kind"].values == "reference"
    shown = chosen(embedding, runs) & ~is_reference
    style = {"size": size, "opacity": opacity}
    traces = _network_traces(embedding, xyz, colors, shown, style) + _reference_traces(embedding, xyz, is_reference)
    figure = go.Figure(traces)
    figure.update_layout(
        template=TEMPLATE,
        margin={"l": 0, "r": 0, "t": 10, "b": 0},
        legend={
            "title": {"text": colors.title},
            "itemsizing": "constant",
            "x": 0.0,
            "y": 1.0,
        },
        # A constant revision keeps the reader's camera when data change.
        scene={
            **axes,
            "aspectmode": "cube",
            "uirevision": "trajkit",
            "camera": {"eye": {"x": 1.6, "y": -1.6, "z": 0.9}, "center": {"x": 0, "y": 0, "z": -0.12}},
            "annotations": _names(embedding, xyz, is_reference),
        },
        uirevision="trajkit",
    )
    return figure


def _axes(embedding: xr.Dataset, components: tuple[int, int, int]) -> dict[str, dict[str, Any]]:
    if "coordinate" not in embedding:
        raise ValueError(
            "wanted an embedding, with 'coordinate' on (run, checkpoint, component); tk.embed(ds) makes one"
        )
    known = embedding["component"].values.tolist()
    if len(components) != 3 or not set(components) <= set(known):
        raise ValueError(f"components: wanted three of {known}, got {components}; embed more with n_components=")
    return {f"{letter}axis": _axis(embedding.sel(component=k)) for letter, k in zip("xyz", components, strict=True)}


def _axis(axis: xr.Dataset) -> dict[str, Any]:
    """Describe one axis, with a grid that is red where it is time-like."""
    grid = RED_SCENE_GRID if int(axis["signature"]) < 0 else SCENE_GRID
    return component_axis(axis, 0.05) | {"gridcolor": grid, "zerolinecolor": grid}


def _network_traces(
    embedding: xr.Dataset, xyz: list[Any], colors: Coloring, shown: np.ndarray, style: dict[str, float]
) -> list[go.Scatter3d]:
    if colors.code is None:
        strands = Strands(embedding, shown)
        assert colors.value is not None
        value = strands.take(colors.value)
        trace = _strand_trace(xyz, strands, style["opacity"])
        trace.update(
            name="networks",
            showlegend=False,
            # A gap has no value; any number does, for nothing is drawn there.
            line={"color": np.where(strands.is_gap, colors.low, value), "width": 2, **_without_bar(colors)},
            marker={"color": value, "size": style["size"], **colors.scale()},
        )
        return [trace]
    traces = []
    for code, category in enumerate(colors.categories):
        strands = Strands(embedding, shown & (colors.code == code))
        trace = _strand_trace(xyz, strands, style["opacity"])
        paint = colors.palette(code)
        trace.update(name=category, line={"color": paint, "width": 2}, marker={"color": paint, "size": style["size"]})
        # An empty trace keeps its place, so that a view can update trace by trace; its legend entry goes.
        trace.update(showlegend=bool(strands.run.size) and bool(colors.title), legendrank=code)
        traces.append(trace)
    return traces


def _without_bar(colors: Coloring) -> dict[str, Any]:
    return {k: v for k, v in colors.scale().items() if k != "colorbar"}


def _strand_trace(xyz: list[Any], strands: Strands, opacity: float) -> go.Scatter3d:
    x, y, z = (strands.take(v) for v in xyz)
    return go.Scatter3d(x=x, y=y, z=z, mode="lines+markers", opacity=opacity, **strands.hover())


def _reference_traces(embedding: xr.Dataset, xyz: list[Any], is_reference: np.ndarray) -> list[go.Scatter3d]:
    traces = []
    for row in np.flatnonzero(is_reference):
        strands = Strands(embedding, np.arange(len(is_reference)) == row)
        trace = _strand_trace(xyz, strands, 1.0)
        trace.update(
            name=str(embedding["run"].values[row]),
            mode="markers" if _is_single(embedding, row) else "lines",
            marker={"color": REFERENCE, "size": 6, "symbol": "diamond"},
            line={"color": REFERENCE, "width": 4, "dash": "dash"},
            showlegend=not _is_single(embedding, row),
            legendrank=2000,
        )
        traces.append(trace)
    return traces


def _is_single(embedding: xr.Dataset, row: np.intp) -> bool:
    return int((embedding["step"].isel(run=row) >= 0).sum()) == 1


def _names(embedding: xr.Dataset, xyz: list[Any], is_reference: np.ndarray) -> list[dict[str, Any]]:
    """Name the single reference points; text of a trace would vanish behind markers."""
    rows = [row for row in np.flatnonzero(is_reference) if _is_single(embedding, row)]
    at = [int((embedding["step"].isel(run=row).values >= 0).argmax()) for row in rows]
    return [
        {
            **{letter: float(v[row, k]) for letter, v in zip("xyz", xyz, strict=True)},
            "text": str(embedding["run"].values[row]),
            "showarrow": False,
            "yshift": 16,
            "font": {"color": REFERENCE, "size": 13},
        }
        for row, k in zip(rows, at, strict=True)
    ]
