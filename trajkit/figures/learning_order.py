"""The order in which groups of runs learn samples."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.figures.axes import LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import SCALE, SPACE_LIKE, color_bar, text
from trajkit.figures.escaped import escaped
from trajkit.figures.intervals import add_markers, beside, error_bars
from trajkit.figures.template import TEMPLATE


def learning_order(found: xr.Dataset) -> go.Figure:
    """Draw how well runs of one group, and of different groups, agree on the order in which samples are learned.

    Parameters
    ----------
    found
        What `trajkit.learning_order` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        Left the agreement within groups (the ceiling) and between groups, with intervals, beside the draws of the null;
        right the mean agreement of each group with each other group.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.sample_data("digits")
    >>> few = ds.isel(run=(ds.optimizer == "adam") & (ds.seed < 3))
    >>> found = tk.learning_order(few, "architecture", over="sample", draws=9, null_draws=2, interval="percentile")
    >>> tk.figures.learning_order(found).data[-1].type
    'heatmap'
    """
    check_result(found, {"agreement", "of_groups", "estimate"}, "learning_order(ds, by)")
    halves = found.sel(quantity=["within", "between"])
    by = escaped(str(found.attrs["by"]))
    figure = make_subplots(cols=2, column_widths=[0.4, 0.6], horizontal_spacing=0.2)
    null = halves["null"].transpose("quantity", "draw").values
    spots = np.concatenate([beside(k, null.shape[1]) for k in range(2)])
    add_markers(figure, spots, null.ravel(), "null", "one draw of the null: %{y:.3f}", row=1, col=1)
    figure.add_scatter(
        x=[0, 1],
        y=halves["estimate"].values,
        mode="markers",
        name="observed",
        marker={"color": SPACE_LIKE, "size": 10, "symbol": "diamond"},
        hovertemplate="mean rank correlation %{y:.3f}<extra></extra>",
        row=1,
        col=1,
        error_y=error_bars(halves),
    )
    groups = [escaped(text(value)) for value in found["group"].values]
    figure.add_heatmap(
        x=groups,
        y=groups,
        z=found["of_groups"].values,
        colorscale=SCALE,
        # Numbers in more cells than these overlap.
        texttemplate="%{z:.2f}" if len(groups) <= 10 else None,
        colorbar=color_bar("rank correlation", 1.0),
        hovertemplate="%{y} and %{x}: %{z:.3f}<extra></extra>",
        row=1,
        col=2,
    )
    share = found.sel(quantity="share of ceiling")
    low, high = float(share["lower"]), float(share["upper"])
    title = f"between / within {float(share['estimate']):.2f} ({low:.2f} to {high:.2f})"
    figure.update_layout(
        template=TEMPLATE,
        margin={"l": 55, "r": 10, "t": 60, "b": 45},
        title={"text": title, "font": {"size": 12}},
        legend=LEGEND,
    )
    names = ["within<br>(the ceiling)", "between"]
    figure.update_xaxes(tickvals=[0, 1], ticktext=names, tickangle=0, range=[-0.6, 1.6], zeroline=False, col=1)
    figure.update_xaxes(title={"text": f"groups by {by}"}, col=1)
    figure.update_yaxes(title={"text": "mean rank correlation of samples"}, rangemode="tozero", col=1)
    figure.update_xaxes(type="category", title={"text": by}, col=2)
    # The first group on top, as in a table.
    figure.update_yaxes(type="category", autorange="reversed", automargin=True, col=2)
    return figure
