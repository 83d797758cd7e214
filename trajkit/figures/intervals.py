"""Estimates with their intervals, and single draws or runs beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.coloring import REFERENCE
from trajkit.typing import AnyArray, Array

# Markers of one category that would cover each other are spread by so much to both sides, in categories.
_SPREAD = 0.15


def add_band(
    figure: go.Figure, x: AnyArray, low: AnyArray, high: AnyArray, name: str, paint: str, **where: Any
) -> None:
    """Shade the area between two curves, with a gap where either is NaN."""
    around_x, around_y = outline(x, low, high)
    figure.add_scatter(
        x=around_x,
        y=around_y,
        fill="toself",
        fillcolor=paint,
        opacity=0.22,
        line={"width": 0},
        mode="lines",
        name=name,
        legendgroup=name,
        showlegend=False,
        hoverinfo="skip",
        **where,
    )


def outline(x: AnyArray, low: AnyArray, high: AnyArray) -> tuple[Array, Array]:
    """Go forth along `high` and back along `low` around each stretch where both are known, with NaN after each."""
    known = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    gap = np.array([np.nan])
    xs, ys = [np.empty(0)], [np.empty(0)]
    for start, stop in edges.reshape(-1, 2):
        xs += [x[start:stop], x[start:stop][::-1], gap]
        ys += [high[start:stop], low[start:stop][::-1], gap]
    return np.concatenate(xs), np.concatenate(ys)


def add_curve(figure: go.Figure, found: xr.Dataset, x: AnyArray, name: str, paint: str, **where: Any) -> None:
    """Draw an estimate along x with its interval."""
    bounds = "%{customdata[0]:.3g} to %{customdata[1]:.3g}"
    add_band(figure, x, found["lower"].values, found["upper"].values, name, paint, **where)
    figure.add_scatter(
        x=x,
        y=found["estimate"].values,
        name=name,
        legendgroup=name,
        mode="lines+markers",
        line={"color": paint, "width": 2},
        marker={"size": 5},
        customdata=np.stack([found["lower"].values, found["upper"].values], axis=1),
        hovertemplate=f"{name} at %{{x:.3g}}: %{{y:.3g}} ({bounds})<extra></extra>",
        **where,
    )


def error_bars(found: xr.Dataset) -> dict[str, Any]:
    """Describe intervals as plotly's error bars: distances of the bounds from the estimate."""
    up, down = (found["upper"] - found["estimate"]).values, (found["estimate"] - found["lower"]).values
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.5, "width": 4}


def beside(place: float, number: int) -> Array:
    """Spread the places of so many markers around a category."""
    return place + (np.linspace(-_SPREAD, _SPREAD, number) if number > 1 else np.zeros(number))


def add_markers(figure: go.Figure, x: Any, y: Any, name: str, text: str, paint: str = REFERENCE, **where: Any) -> None:
    """Draw single draws or runs, faint and small."""
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        name=name,
        legendgroup=name,
        marker={"color": paint, "size": 5, "opacity": 0.45},
        hovertemplate=f"{text}<extra></extra>",
        **where,
    )
