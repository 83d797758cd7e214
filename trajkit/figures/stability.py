"""Changes of the embedding when samples or runs are left out."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.figures.axes import DOTTED, LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import PALETTE, SPACE_LIKE
from trajkit.figures.escaped import all_escaped
from trajkit.figures.intervals import add_markers, beside
from trajkit.figures.template import TEMPLATE


def stability(found: xr.Dataset) -> go.Figure:
    """Draw how the embedding changes when samples, runs or groups of runs are left out.

    Parameters
    ----------
    found
        What `trajkit.stability` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        A marker for each repeat of each change: left the misfit, right what the components explain. Dotted lines mark
        what they explain of all data.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, samples=40, checkpoints=6, groups=2, spread=0.3)
    >>> figure = tk.figures.stability(tk.stability(ds, shares=[0.5], repeats=2))
    >>> figure.layout.yaxis.ticktext
    ('50 % of samples', '50 % of runs', 'without architecture A', 'without architecture B')
    """
    check_result(found, {"misfit", "explained_stress", "explained_distance"}, "stability(ds)")
    whole, changes = found.isel(change=0, repeat=0), found.isel(change=slice(1, None))
    figure = make_subplots(cols=2, shared_yaxes=True, horizontal_spacing=0.04)
    for name, column, paint in (
        ("misfit", 1, SPACE_LIKE),
        ("explained_stress", 2, PALETTE[2]),
        ("explained_distance", 2, PALETTE[1]),
    ):
        words, values = name.replace("_", " "), changes[name].transpose("change", "repeat").values
        x = [values[k][np.isfinite(values[k])] for k in range(len(values))]
        y = np.concatenate([beside(k, len(some)) for k, some in enumerate(x)])
        add_markers(figure, np.concatenate(x), y, words, f"{words} %{{x:.3f}}", paint, row=1, col=column)
        # Repeats are few and are the estimate itself: larger than draws of a null.
        figure.data[-1].marker.update(size=8, opacity=0.8)
        if column == 2:
            figure.add_vline(x=float(whole[name]), line=DOTTED | {"color": paint}, row=1, col=2)
    figure.update_layout(template=TEMPLATE, margin={"l": 20, "r": 10, "t": 40, "b": 45}, legend=LEGEND)
    names = all_escaped(changes["change"].values).tolist()
    figure.update_yaxes(tickvals=np.arange(len(names)), range=[len(names) - 0.5, -0.5], zeroline=False)
    figure.update_yaxes(ticktext=names, automargin=True, col=1)
    figure.update_xaxes(title={"text": "misfit, in units of the spread of points"}, rangemode="tozero", col=1)
    figure.update_xaxes(title={"text": f"explained by {found.attrs['components']} components"}, col=2)
    return figure
