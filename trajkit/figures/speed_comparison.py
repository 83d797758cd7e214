"""Steps that groups of runs need for a given progress."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.axes import LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import PALETTE, text
from trajkit.figures.escaped import escaped
from trajkit.figures.intervals import add_markers, beside
from trajkit.figures.template import TEMPLATE


def speed_comparison(found: xr.Dataset) -> go.Figure:
    """Draw how many optimizer steps groups of runs need to reach given values of progress.

    Parameters
    ----------
    found
        What `trajkit.speed_comparison` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        For each value of progress a marker for each run, and the median of each group with its interval; p-values are
        below. The hover text of a median gives the share of runs that reach the progress.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.speed_comparison(tk.simulate(runs=12, groups=2), "architecture")
    >>> [t.name for t in tk.figures.speed_comparison(found).data if t.showlegend is None]
    ['A', 'B']
    """
    check_result(found, {"steps", "median", "reached"}, "speed_comparison(ds, by)")
    by, groups, at = found.attrs["by"], found["group"].values, found["progress"].values
    figure, width = go.Figure(), 0.8 / len(groups)
    for g, group in enumerate(groups):
        name = escaped(text(group))
        paint, own = (
            PALETTE[g % len(PALETTE)],
            found["steps"].transpose("run", "progress").values[found[by].values == group],
        )
        place = np.arange(len(at)) + (g - (len(groups) - 1) / 2) * width
        for k in range(len(at)):
            there = np.sort(own[np.isfinite(own[:, k]), k])
            spots = place[k] + (beside(0, len(there)) * width)
            add_markers(figure, spots, there, name, f"{name}, one run: %{{y:.4g}} steps", paint, showlegend=False)
        # The median is infinite if less than half of the group arrives; then only the runs are drawn.
        one = found.isel(group=g)
        middle, *bounds = (one[name].where(np.isfinite(one[name])).values for name in ("median", "lower", "upper"))
        down, up = (np.abs(bound - middle) for bound in bounds)
        figure.add_scatter(
            x=place,
            y=middle,
            name=name,
            legendgroup=name,
            mode="markers",
            marker={"color": paint, "size": 11, "symbol": "line-ew", "line": {"width": 3, "color": paint}},
            error_y={"array": up, "arrayminus": down, "symmetric": False, "color": paint, "thickness": 1.5, "width": 0},
            customdata=np.stack([one["reached"].values, np.full(len(at), int(one["runs"]))], axis=1),
            hovertemplate=(
                f"<b>{name}</b>: median %{{y:.4g}} steps<br>"
                "%{customdata[0]:.0%} of %{customdata[1]} runs get there<extra></extra>"
            ),
        )
    ticks = [f"{v:g}<br><sup>p {p:.2g}</sup>" for v, p in zip(at, found["p_value"].values, strict=True)]
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 60, "r": 10, "t": 40, "b": 55},
        legend=LEGEND | {"title": {"text": escaped(str(by))}},
        xaxis={"title": {"text": "progress"}, "tickvals": np.arange(len(at)), "ticktext": ticks, "zeroline": False},
        # Ticks at 1, 2 and 5: the steps of most comparisons are within one or two powers of ten.
        yaxis={"title": {"text": "optimizer steps"}, "type": "log", "dtick": "D2"},
    )
