"""Eigenvalues of inputs."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import PALETTE, SPACE_LIKE
from trajkit.figures.template import TEMPLATE


def input_spectrum(found: xr.Dataset) -> go.Figure:
    """Draw the eigenvalues of inputs and the laws that were fitted to them.

    Parameters
    ----------
    found
        What `trajkit.input_spectrum` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        Markers on a logarithmic axis; each law is a line over the range of its fit.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import numpy as np, trajkit as tk
    >>> x = np.random.default_rng(0).standard_normal((200, 10)) * np.exp(-0.25 * np.arange(10))
    >>> [trace.name for trace in tk.figures.input_spectrum(tk.input_spectrum(x)).data][0]
    'eigenvalues'
    """
    check_result(found, {"eigenvalue", "fitted", "decay"}, "input_spectrum(x)")
    component = found["component"].values
    figure = go.Figure()
    look = {"mode": "markers", "marker": {"color": SPACE_LIKE, "size": 5}}
    figure.add_scatter(x=component, y=found["eigenvalue"].values, name="eigenvalues", **look)
    for k, law in enumerate(found["law"].values.tolist()):
        fit = found.sel(law=law)
        text = f"{law}: {float(fit.decay):.3g} ({float(fit.lower):.3g} to {float(fit.upper):.3g})"
        # The two lines are often close: the legend has the numbers.
        name = f"{text}, R<sup>2</sup> {float(fit.r_squared):.3f}"
        line = {"color": PALETTE[(1, 5)[k]], "width": 2, "dash": ("solid", "dash")[k]}
        figure.add_scatter(x=component, y=fit["fitted"].values, name=name, mode="lines", line=line)
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 60, "r": 10, "t": 10, "b": 45},
        legend={"x": 1, "xanchor": "right", "y": 1},
        xaxis={"title": {"text": "component"}},
        yaxis={"title": {"text": "eigenvalue"}, "type": "log", "exponentformat": "power"},
    )
