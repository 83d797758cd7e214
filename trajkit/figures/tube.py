"""The width of the tube of each group's trajectories."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.colors import hex_to_rgb

from trajkit.figures.coloring import coloring_of_runs, quantity, units
from trajkit.figures.intervals import outline
from trajkit.figures.template import TEMPLATE


def tube(widths: xr.DataArray, *, color: str | xr.DataArray | None = None) -> go.Figure:
    """Draw the width of trajectory tubes against progress: median and range over the runs of each group.

    Parameters
    ----------
    widths
        What `trajkit.tube` returned.
    color
        Name of the run attribute that makes the groups, or a DataArray on run; None for one group of all.

    Returns
    -------
    plotly.graph_objects.Figure
        For each group a band from the smallest to the largest width, and a line for the median. Both have a gap where
        a width of the group is missing.

    Raises
    ------
    TypeError
        If `widths` is no DataArray.
    ValueError
        If `widths` is not what `trajkit.tube` returns, or the attribute is unknown or has too many values for groups.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, groups=2, spread=0.3)
    >>> figure = tk.figures.tube(tk.tube(ds, "architecture", n=11), color="architecture")
    >>> [trace.name for trace in figure.data if trace.showlegend]
    ['A', 'B']
    """
    if not isinstance(widths, xr.DataArray):
        raise TypeError(f"wanted what `tk.tube(ds, by)` returns, a DataArray, got {type(widths).__name__}")
    if set(widths.dims) != {"run", "checkpoint"} or "progress" not in widths.coords:
        raise ValueError(
            f"wanted what `tk.tube(ds, by)` returns, widths (run, checkpoint) with the coordinate progress, got "
            f"dimensions {widths.dims} and coordinates {[str(c) for c in widths.coords]}"
        )
    if not widths.size:
        raise ValueError(f"wanted one width or more, got {dict(widths.sizes)}")
    colors = coloring_of_runs(widths, color).escaped()
    if colors.code is None:
        raise ValueError(f"color={colors.title!r} has too many values to make groups: use an attribute that runs share")
    progress, values = widths["progress"].values, widths.transpose("run", "checkpoint").values
    unit = units(widths)
    bands, lines = [], []
    for code, category in enumerate(colors.categories):
        group = values[colors.code == code]
        look = {"legendgroup": category, "name": category, "legendrank": code}
        x, y = outline(progress, group.min(0), group.max(0))
        band = go.Scatter(x=x, y=y, mode="lines", fill="toself", hoverinfo="skip", showlegend=False, **look)
        paint = colors.palette(code)
        # Bands overlap, so they are nearly transparent.
        bands.append(band.update(line={"color": paint, "width": 0.6}, fillcolor=f"rgba{(*hex_to_rgb(paint), 0.13)}"))
        line = go.Scatter(x=progress, y=np.median(group, axis=0), mode="lines", **look)
        line.update(
            line={"color": paint, "width": 2.2},
            showlegend=bool(colors.title),
            customdata=np.stack([group.min(0), group.max(0)], axis=1),
            hovertemplate=(
                f"<b>{category}</b>, {len(group)} runs<br>progress %{{x:.3f}}<br>median %{{y:.4g}} {unit}<br>"
                "range %{customdata[0]:.4g} to %{customdata[1]:.4g}<extra></extra>"
            ),
        )
        lines.append(line)
    # Lines after all bands: a band would cover them.
    return go.Figure(bands + lines).update_layout(
        template=TEMPLATE,
        margin={"l": 75, "r": 10, "t": 15, "b": 45},
        legend=colors.legend(),
        xaxis={"title": {"text": "progress"}, "range": [-0.02, 1.02]},
        yaxis={
            "title": {"text": f"{quantity(widths)}<br><sup>line: median, band: range of runs</sup>"},
            "rangemode": "tozero",
        },
    )
