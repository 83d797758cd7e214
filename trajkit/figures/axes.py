"""What axes are called, and where legends stand."""

from __future__ import annotations

from typing import Any

import xarray as xr

from trajkit.figures.coloring import REFERENCE, TIME_LIKE
from trajkit.figures.template import GRID, RED_GRID

# With more runs than this, names would run into one another.
MOST_NAMES = 48
# Above the axes, from the left.
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 10}}


def component_axis(axis: xr.Dataset, margin: float, titled: bool = True) -> dict[str, Any]:
    """Describe the axis of a component: its range over all runs with a share of it more, and red where time-like."""
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
    """Name a component, with the explained stress up to it where that is known (an aligned embedding has none)."""
    title = f"component {int(axis['component'])}{' (time-like)' if int(axis['signature']) < 0 else ''}"
    if "explained_stress" in axis:
        title += f"<br>explained stress {float(axis['explained_stress']):.3f}"
    return title
