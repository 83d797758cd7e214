"""A statistic under several metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.figures.axes import LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import REFERENCE, SPACE_LIKE
from trajkit.figures.intervals import add_markers, beside
from trajkit.figures.template import TEMPLATE


def compare_metrics(found: xr.Dataset) -> go.Figure:
    """Draw a statistic under several metrics, each beside its null.

    Parameters
    ----------
    found
        What `trajkit.compare_metrics` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel for each quantity, with an axis of its own: the observed value large, each draw of the null small.

    Raises
    ------
    ValueError
        If `found` is no such dataset, or has dimensions other than metric, quantity and draw.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, samples=20, checkpoints=5, spread=0.4)
    >>> found = tk.compare_metrics(ds, metrics=["bhattacharyya", "hellinger"], null_draws=2)
    >>> len(tk.figures.compare_metrics(found).data)
    6
    """
    check_result(found, {"observed", "null", "ratio"}, "compare_metrics(ds)")
    if set(found["observed"].dims) - {"metric", "quantity"} or "metric" not in found.dims:
        raise ValueError(f"wanted values on metric and quantity, got {found['observed'].dims}")
    if "quantity" not in found.dims:
        found = found.expand_dims(quantity=["statistic"])
    quantities, metrics = found["quantity"].values.tolist(), found["metric"].values.tolist()
    figure = make_subplots(cols=len(quantities), horizontal_spacing=0.07, subplot_titles=quantities)
    for column, quantity in enumerate(quantities, start=1):
        some = found.sel(quantity=quantity)
        shown: dict[str, Any] = {"showlegend": column == 1, "row": 1, "col": column}
        null = some["null"].transpose("metric", "draw").values
        x = np.concatenate([beside(k, null.shape[1]) for k in range(len(metrics))])
        add_markers(figure, x, null.ravel(), "null", f"{quantity}, one draw of the null: %{{y:.4g}}", **shown)
        figure.add_scatter(
            x=np.arange(len(metrics)),
            y=some["observed"].values,
            mode="markers",
            name="observed",
            legendgroup="observed",
            marker={"color": SPACE_LIKE, "size": 10, "symbol": "diamond"},
            customdata=some["ratio"].values,
            hovertemplate=f"{quantity}: %{{y:.4g}}, %{{customdata:.3g}} of its null<extra></extra>",
            **shown,
        )
    figure.update_layout(template=TEMPLATE, margin={"l": 45, "r": 10, "t": 70, "b": 45}, legend=LEGEND | {"y": 1.12})
    figure.update_xaxes(tickvals=np.arange(len(metrics)), ticktext=metrics, range=[-0.6, len(metrics) - 0.4])
    figure.update_xaxes(zeroline=False, tickangle=-35, linecolor=REFERENCE)
    for column, quantity in enumerate(quantities, start=1):
        # Ratios are read from 0; explained shares differ in their last tenth.
        if not quantity.startswith("explained"):
            figure.update_yaxes(rangemode="tozero", col=column)
    return figure
