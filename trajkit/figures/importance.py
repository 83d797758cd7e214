"""The attributes that predict the distances between runs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.analysis.importance import NOISE
from trajkit.figures.axes import DOTTED
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import REFERENCE, SPACE_LIKE
from trajkit.figures.escaped import all_escaped, escaped
from trajkit.figures.template import TEMPLATE


def importance(found: xr.Dataset) -> go.Figure:
    """Draw the importance of each attribute: a bar for its mean over folds, a dot for each fold.

    Parameters
    ----------
    found
        What `trajkit.importance` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        The most important attribute on top. The random attribute, the null, is grey; a dotted line marks its
        importance. The title gives the R^2 of the prediction.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=12, checkpoints=4, samples=20, groups=2, spread=0.4)
    >>> figure = tk.figures.importance(tk.importance(ds, ["architecture", "seed"], folds=2, unit="run"))
    >>> figure.data[0].y[-1]
    'architecture'
    """
    check_result(found, {"importance", "r_squared"}, "importance(ds, by)")
    mean = found["importance"].mean("fold")
    # Plotly draws the first bar at the bottom.
    order = np.argsort(mean.values, kind="stable")
    names, values = all_escaped(found["attribute"].values[order]), found["importance"].values[order]
    paint = [REFERENCE if name == NOISE else SPACE_LIKE for name in names]
    look = {"orientation": "h", "marker_color": paint, "opacity": 0.75, "name": "mean over folds", "showlegend": False}
    figure = go.Figure(go.Bar(x=values.mean(1), y=names, hovertemplate="%{y}: %{x:.3g}<extra></extra>", **look))
    figure.add_scatter(
        x=values.ravel(),
        y=np.repeat(names, values.shape[1]),
        mode="markers",
        name="single folds",
        showlegend=False,
        marker={"color": REFERENCE, "size": 5, "opacity": 0.6},
        hovertemplate="%{y}, one fold: %{x:.3g}<extra></extra>",
    )
    if NOISE in names:
        figure.add_vline(x=float(mean.sel(attribute=NOISE)), line=DOTTED)
    # Importances mean little where distances are not predicted at all.
    score = found["r_squared"].values
    told = f"R<sup>2</sup> on held-out runs {score.mean():.2f} ({score.min():.2f} to {score.max():.2f})"
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 20, "r": 10, "t": 40, "b": 45},
        title={
            "text": told if np.isfinite(score).all() else escaped(found.attrs.get("limitations", "cannot be told")),
            "font": {"size": 12},
        },
        xaxis={"title": {"text": "importance: fall of R<sup>2</sup> when permuted"}},
        yaxis={"automargin": True},
    )
