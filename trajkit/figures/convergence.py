"""Distances within and between groups of runs along training."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.figures.axes import DOTTED, LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import PALETTE
from trajkit.figures.escaped import escaped
from trajkit.figures.intervals import add_curve
from trajkit.figures.template import TEMPLATE


def convergence(found: xr.Dataset) -> go.Figure:
    """Draw the distances within and between groups along progress, and their ratio.

    Parameters
    ----------
    found
        What `trajkit.convergence` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        Left the two distances, right their ratio, between / within, each with its interval. At a ratio of 1, runs of
        different groups are as near to each other as runs of one group.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.convergence(tk.simulate(runs=4, spread=0.3), "architecture", n=5, draws=20)
    >>> [t.name for t in tk.figures.convergence(found).data if t.mode == "lines+markers"]
    ['within', 'between', 'ratio']
    """
    check_result(found, {"estimate", "lower", "upper"}, "convergence(ds, by)", ("quantity", "progress"))
    by, x = escaped(str(found.attrs["by"])), found["progress"].values
    figure = make_subplots(cols=2, horizontal_spacing=0.12)
    for k, (name, column) in enumerate((("within", 1), ("between", 1), ("ratio", 2))):
        add_curve(figure, found.sel(quantity=name), x, name, PALETTE[k], row=1, col=column)
    # At 1, groups do not matter.
    # At 1, groups do not matter.
    figure.add_hline(y=1, line=DOTTED, row=1, col=2)
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
