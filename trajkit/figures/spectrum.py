"""Eigenvalues of an embedding and what its components explain."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.axes import LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import REFERENCE, SPACE_LIKE, TIME_LIKE
from trajkit.figures.template import TEMPLATE


def spectrum(embedding: xr.Dataset) -> go.Figure:
    """Draw the |eigenvalue| of each component, red if time-like, with explained stress and explained distance.

    Parameters
    ----------
    embedding
        What `trajkit.inpca` or `trajkit.embed` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        Bars on a logarithmic left axis; the two cumulative measures on the right axis. An explained distance can be
        negative: the components up to there reproduce distances worse than no component.

    Raises
    ------
    ValueError
        If `embedding` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> [t.name for t in tk.figures.spectrum(tk.embed(tk.simulate())).data]
    ['space-like', 'time-like', 'explained stress', 'explained distance']
    """
    wanted = {"eigenvalue", "signature", "explained_stress", "explained_distance"}
    check_result(embedding, wanted, "inpca(distance)")
    component, time_like = embedding["component"].values, embedding["signature"].values < 0
    size = np.abs(embedding["eigenvalue"].values)
    figure = go.Figure()
    for name, mask, paint in (("space-like", ~time_like, SPACE_LIKE), ("time-like", time_like, TIME_LIKE)):
        # With NaN instead of fewer bars, each bar stays at its component.
        figure.add_bar(x=component, y=np.where(mask, size, np.nan), name=name, marker_color=paint)
    for name, dash in (("explained stress", "solid"), ("explained distance", "dot")):
        figure.add_scatter(
            x=component,
            y=embedding[name.replace(" ", "_")].values,
            name=name,
            yaxis="y2",
            mode="lines+markers",
            line={"color": REFERENCE, "dash": dash, "width": 1.5},
        )
    lowest = min(0.0, float(embedding["explained_distance"].min()))
    return figure.update_layout(
        template=TEMPLATE,
        # Grouped, each bar would leave room for the other kind.
        barmode="overlay",
        margin={"l": 60, "r": 55, "t": 10, "b": 40},
        legend=LEGEND,
        xaxis={"title": {"text": "component"}, "dtick": 1 if len(component) <= 20 else None},
        yaxis={"title": {"text": "|eigenvalue|"}, "type": "log", "exponentformat": "power", "dtick": 1},
        yaxis2={
            "title": {"text": "explained (cumulative)"},
            "overlaying": "y",
            "side": "right",
            "range": [1.1 * lowest, 1.05],
            "dtick": 0.25,
            "showgrid": False,
        },
    )
