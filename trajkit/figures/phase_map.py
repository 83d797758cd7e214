"""What few components explain of the trajectories of linear models."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import SCALE
from trajkit.figures.template import TEMPLATE

_MEASURES = ("explained_stress", "explained_distance")


def phase_map(
    swept: xr.Dataset, *, measure: str = "explained_distance", component: int = 3, boundary: float | None = 0.9
) -> go.Figure:
    """Draw a sweep over decay of the inputs, initial scale and number of steps: a heat map for each number of steps.

    Parameters
    ----------
    swept
        What `trajkit.theory.sweep` returned.
    measure
        "explained_stress" or "explained_distance".
    component
        Number of components whose cumulative measure is drawn.
    boundary
        Value at which to draw a white line, the border of the region of hyper-ribbons; None draws none. There is no
        line if decay or scale has one value.

    Returns
    -------
    plotly.graph_objects.Figure
        Decay to the right, scale upwards; both as categories of equal width, since they need not be evenly spaced.

    Raises
    ------
    ValueError
        If `swept` is no such dataset, or measure or component are unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> swept = tk.theory.sweep(decay=[0.0, 0.5, 1.0], scale=[0.1, 1.0], steps=[100, 10000])
    >>> figure = tk.figures.phase_map(swept)
    >>> [type(trace).__name__ for trace in figure.data]
    ['Heatmap', 'Contour', 'Heatmap', 'Contour']
    """
    check_result(swept, {*_MEASURES, "progress"}, "theory.sweep(...)")
    if measure not in _MEASURES or component not in swept["component"].values:
        raise ValueError(
            f"wanted measure in {list(_MEASURES)} and component in {swept['component'].values.tolist()}, "
            f"got {measure!r} and {component}"
        )
    values = swept[measure].sel(component=component).transpose("steps", "scale", "decay")
    reached = swept["progress"].transpose("steps", "scale", "decay")
    decay, scale = ([f"{v:g}" for v in values[name].values] for name in ("decay", "scale"))
    steps = values["steps"].values
    figure = make_subplots(
        cols=len(steps), subplot_titles=[f"{t:g} steps" for t in steps], shared_yaxes=True, horizontal_spacing=0.03
    )
    drawn = boundary is not None and min(len(decay), len(scale)) > 1
    for k in range(len(steps)):
        place = {"row": 1, "col": k + 1}
        heat = {"x": decay, "y": scale, "z": values.values[k], "customdata": reached.values[k]}
        what = f"decay %{{x}}, scale %{{y}}<br>{values.name} %{{z:.3f}}".replace("_", " ")
        hover = f"{what}<br>progress %{{customdata:.2f}}<extra></extra>"
        figure.add_trace(go.Heatmap(heat, coloraxis="coloraxis", hovertemplate=hover), **place)
        if drawn:
            # A heat map has no contours: a second trace draws the only level.
            line = {"start": boundary, "end": boundary, "size": 1, "coloring": "lines", "showlabels": True}
            paint = {"colorscale": [[0, "white"], [1, "white"]], "showscale": False, "line": {"width": 2.5}}
            at = {"x": decay, "y": scale, "z": values.values[k]}
            figure.add_trace(go.Contour(at, contours=line, hoverinfo="skip", **paint), **place)
        figure.update_xaxes(title_text="decay of eigenvalues" if k == len(steps) // 2 else "", type="category", **place)
        figure.update_yaxes(title_text="initial scale" if k == 0 else "", type="category", **place)
    name = f"{measure.replace('_', ' ')},<br>{component} component{'s' if component > 1 else ''}"
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 60, "r": 10, "t": 30, "b": 45},
        coloraxis={
            "colorscale": SCALE,
            # Explained distance can be negative.
            "cmin": min(0.0, float(np.nanmin(values.values))),
            "cmax": 1,
            "colorbar": {"title": {"text": name}, "thickness": 14, "len": 0.9},
        },
    )
