"""Axes, titles and legends that several figures share."""

from __future__ import annotations

from typing import Any

import xarray as xr

from trajkit.figures.coloring import REFERENCE, TIME_LIKE
from trajkit.figures.template import GRID, RED_GRID

# With more runs than this their names overlap.
MOST_NAMES = 48
# Above the axes, from the left: beside them it would make narrow panels narrower still.
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 10}}
# A line at a value to compare with.
DOTTED = {"color": REFERENCE, "dash": "dot", "width": 1}


def component_axis(axis: xr.Dataset, margin: float, titled: bool = True) -> dict[str, Any]:
    """Describe the axis of one component: red where it is time-like, with a range that holds all runs.

    `margin` widens the range at both ends, as a share of it.
    """
    time_like = int(axis["signature"]) < 0
    low, high = float(axis["coordinate"].min()), float(axis["coordinate"].max())
    room, paint = margin * (high - low) or 1.0, TIME_LIKE if time_like else REFERENCE
    return {
        "title": {"text": component_title(axis) if titled else "", "font": {"size": 12, "color": paint}},
        "range": [low - room, high + room],
        "tickfont": {"size": 10, "color": paint},
        "nticks": 5,
        "zerolinecolor": RED_GRID if time_like else GRID,
    }


def component_title(axis: xr.Dataset) -> str:
    """Name a component, with the explained stress up to it if that is known (an aligned embedding has none)."""
    title = f"component {int(axis['component'])}{' (time-like)' if int(axis['signature']) < 0 else ''}"
    if "explained_stress" in axis:
        title += f"<br>explained stress {float(axis['explained_stress']):.3f}"
    return title


def result_title(text: str) -> dict[str, Any]:
    """Describe a title that gives a result in a line or two, at the top edge of the figure."""
    # At the edge of the figure, not of the axes: the legend is between them.
    return {"text": text, "font": {"size": 12}, "y": 1, "yref": "container", "pad": {"t": 10}}
