"""Estimates with their intervals, and the nulls beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.coloring import REFERENCE
from trajkit.typing import AnyArray, Array, Mask

# How far apart the markers of one category lie that would cover each other, in categories.
_SPREAD = 0.15


def add_band(
    figure: go.Figure, x: AnyArray, low: AnyArray, high: AnyArray, name: str, paint: str, **where: Any
) -> None:
    """Shade between two curves; where one is NaN there is a gap."""
    known = np.isfinite(low) & np.isfinite(high)
    for some in stretches(known):
        figure.add_scatter(
            x=np.concatenate([x[some], x[some][::-1]]),
            y=np.concatenate([high[some], low[some][::-1]]),
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


def stretches(known: Mask) -> list[slice]:
    """Give each stretch of known values, without the gaps between them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def add_curve(
    figure: go.Figure, found: xr.Dataset, x: AnyArray, name: str, paint: str, dash: str = "solid", **where: Any
) -> None:
    """Draw an estimate along x with its interval."""
    bounds = "%{customdata[0]:.3g} to %{customdata[1]:.3g}"
    add_band(figure, x, found["lower"].values, found["upper"].values, name, paint, **where)
    figure.add_scatter(
        x=x,
        y=found["estimate"].values,
        name=name,
        legendgroup=name,
        mode="lines+markers",
        line={"color": paint, "width": 2, "dash": dash},
        marker={"size": 5},
        customdata=np.stack([found["lower"].values, found["upper"].values], axis=1),
        hovertemplate=f"{name} at %{{x:.3g}}: %{{y:.3g}} ({bounds})<extra></extra>",
        **where,
    )


def error_bars(found: xr.Dataset, axis: str) -> dict[str, Any]:
    """Describe intervals to plotly: distances of bounds from the estimate, none where they are NaN."""
    up, down = (found["upper"] - found["estimate"]).values, (found["estimate"] - found["lower"]).values
    bars = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.5, "width": 4}
    return {f"error_{axis}": bars}


def beside(place: float, number: int) -> Array:
    """Give places around a category to so many markers."""
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
