"""How groups of runs develop: convergence with progress, and speed."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.figures.bands import add_curve, add_markers, beside
from trajkit.figures.coloring import PALETTE, REFERENCE, text
from trajkit.figures.results import refuse_others
from trajkit.figures.template import TEMPLATE
from trajkit.figures.titles import LEGEND


def convergence(found: xr.Dataset) -> go.Figure:
    """Draw the distances within and between groups along progress, and their ratio.

    Parameters
    ----------
    found
        What `trajkit.convergence` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        Left the two distances, right between / within, each with its interval; at 1 groups are no further apart than
        their own runs.

    Raises
    ------
    ValueError
        If `found` is nothing of that kind.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.convergence(tk.simulate(runs=4, spread=0.3), "architecture", n=5, draws=20)
    >>> [t.name for t in tk.figures.convergence(found).data if t.mode == "lines+markers"]
    ['within', 'between', 'ratio']
    """
    refuse_others(found, {"estimate", "lower", "upper"}, "convergence(ds, by)", ("quantity", "progress"))
    by, x = found.attrs["by"], found["progress"].values
    figure = make_subplots(cols=2, horizontal_spacing=0.12)
    for k, (name, column) in enumerate((("within", 1), ("between", 1), ("ratio", 2))):
        add_curve(figure, found.sel(quantity=name), x, name, PALETTE[k], row=1, col=column)
    figure.add_hline(y=1, line={"color": REFERENCE, "dash": "dot", "width": 1}, row=1, col=2)
    unit = found.attrs.get("units", "")
    figure.update_layout(template=TEMPLATE, margin={"l": 60, "r": 10, "t": 40, "b": 45}, legend=LEGEND)
    figure.update_xaxes(title={"text": "progress"}, range=[-0.02, 1.02])
    figure.update_yaxes(
        title={"text": f"{found.attrs.get('metric', '')} distance of groups by {by} ({unit})"},
        rangemode="tozero",
        col=1,
    )
    figure.update_yaxes(title={"text": "between / within"}, rangemode="tozero", col=2)
    return figure


def speed_comparison(found: xr.Dataset) -> go.Figure:
    """Draw how many optimizer steps groups of runs take to given progress.

    Parameters
    ----------
    found
        What `trajkit.speed_comparison` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        For each progress a marker for each run, and for each group its median with the interval; p-values stand below.
        Runs that do not get there are counted in the hover text of the median.

    Raises
    ------
    ValueError
        If `found` is nothing of that kind.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.speed_comparison(tk.simulate(runs=12, groups=2), "architecture")
    >>> [t.name for t in tk.figures.speed_comparison(found).data if t.showlegend is None]
    ['A', 'B']
    """
    refuse_others(found, {"steps", "median", "reached"}, "speed_comparison(ds, by)")
    by, groups, at = found.attrs["by"], found["group"].values, found["progress"].values
    figure, width = go.Figure(), 0.8 / len(groups)
    for g, group in enumerate(groups):
        paint, own = PALETTE[g % len(PALETTE)], found["steps"].values[found[by].values == group]
        place = np.arange(len(at)) + (g - (len(groups) - 1) / 2) * width
        for k in range(len(at)):
            there = np.sort(own[np.isfinite(own[:, k]), k])
            spots = place[k] + (beside(0, len(there)) * width)
            add_markers(
                figure, spots, there, text(group), f"{text(group)}, one run: %{{y:.4g}} steps", paint, showlegend=False
            )
        one = found.isel(group=g)
        middle, *bounds = (one[name].where(np.isfinite(one[name])).values for name in ("median", "lower", "upper"))
        down, up = (np.abs(bound - middle) for bound in bounds)
        figure.add_scatter(
            x=place,
            y=middle,
            name=text(group),
            legendgroup=text(group),
            mode="markers",
            marker={"color": paint, "size": 11, "symbol": "line-ew", "line": {"width": 3, "color": paint}},
            error_y={"array": up, "arrayminus": down, "symmetric": False, "color": paint, "thickness": 1.5, "width": 0},
            customdata=np.stack([one["reached"].values, np.full(len(at), int(one["runs"]))], axis=1),
            hovertemplate=(
                f"<b>{text(group)}</b>: median %{{y:.4g}} steps<br>"
                "%{customdata[0]:.0%} of %{customdata[1]} runs get there<extra></extra>"
            ),
        )
    ticks = [f"{v:g}<br><sup>p {p:.2g}</sup>" for v, p in zip(at, found["p_value"].values, strict=True)]
    figure.update_layout(
        template=TEMPLATE,
        margin={"l": 60, "r": 10, "t": 40, "b": 55},
        legend=LEGEND | {"title": {"text": by}},
        xaxis={"title": {"text": "progress"}, "tickvals": np.arange(len(at)), "ticktext": ticks, "zeroline": False},
        yaxis={"title": {"text": "optimizer steps"}, "type": "log", "dtick": "D2"},
    )
    return figure
