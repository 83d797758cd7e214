"""What axes are called, and where legends stand."""

from __future__ import annotations

import xarray as xr

# With more runs than this, names would run into one another.
MOST_NAMES = 48
# Above the axes, from the left.
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 10}}


def component_title(axis: xr.Dataset) -> str:
    """Name a component, with the explained stress up to it where that is known (an aligned embedding has none)."""
    title = f"component {int(axis['component'])}{' (time-like)' if int(axis['signature']) < 0 else ''}"
    if "explained_stress" in axis:
        title += f"<br>explained stress {float(axis['explained_stress']):.3f}"
    return title
