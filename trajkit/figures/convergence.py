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

# Name and panel of each quantity.
_CURVES = {
    "within": ("within", 1),
    "between": ("between", 1),
    "straight": ("straight", 1),
    "ratio": ("between / within", 2),
    "straight ratio": ("between / straight", 2),
}


def convergence(found: xr.Dataset) -> go.Figure:
    """Draw the distances within and between groups along progress, and those of straight roads, and their ratios.

    Parameters
    ----------
    found
        What `trajkit.convergence` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        Left the three distances, right the ratios of "between" to the other two, each with its interval. Where between
        / within is 1, runs of different groups are as near to each other as runs of one group; where between / straight
        is 1, as near as if they went straight to truth. The title gives the statements about path and end.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.convergence(tk.simulate(runs=4, spread=0.3), "architecture", n=5, draws=20)
    >>> [t.name for t in tk.figures.convergence(found).data if t.mode == "lines+markers"]
    ['within', 'between', 'straight', 'between / within', 'between / straight']
    """
    wanted = {"estimate", "lower", "upper", "stage_estimate", "stage_lower", "stage_upper"}
    check_result(found, wanted, "convergence(ds, by)", ("quantity", "progress", "stage"))
    by, x = escaped(str(found.attrs["by"])), found["progress"].values
    figure = make_subplots(cols=2, horizontal_spacing=0.12)
    for k, (quantity, (name, column)) in enumerate(_CURVES.items()):
        add_curve(figure, found.sel(quantity=quantity), x, name, PALETTE[k], row=1, col=column)
    # At 1, groups do not matter.
    figure.add_hline(y=1, line=DOTTED, row=1, col=2)
    unit = found.attrs.get("units", "")
    title = {"text": f"{_said(found, 'path', 'straight ratio')}; {_said(found, 'end', 'ratio')}", "font": {"size": 12}}
    figure.update_layout(template=TEMPLATE, margin={"l": 60, "r": 10, "t": 60, "b": 45}, legend=LEGEND, title=title)
    figure.update_xaxes(title={"text": "progress"}, range=[-0.02, 1.02])
    figure.update_yaxes(
        title={"text": f"{found.attrs.get('metric', '')} distance of groups by {by} ({unit})"},
        rangemode="tozero",
        col=1,
    )
    figure.update_yaxes(title={"text": "ratio"}, rangemode="tozero", col=2)
    return figure


def _said(found: xr.Dataset, stage: str, quantity: str) -> str:
    """Write one ratio at one stage with its interval."""
    value, low, high = (
        float(found[f"stage_{what}"].sel(stage=stage, quantity=quantity)) for what in ("estimate", "lower", "upper")
    )
    return f"{stage}: {_CURVES[quantity][0]} {value:.2f} ({low:.2f} to {high:.2f})"
