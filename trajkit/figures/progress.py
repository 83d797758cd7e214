"""Progress towards truth as training goes on."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.coloring import coloring
from trajkit.figures.strands import Strands, chosen


def progress(
    ds: xr.Dataset, *, color: str | xr.DataArray | None = None, runs: xr.DataArray | list[str] | None = None
) -> go.Figure:
    """Draw progress against the optimizer step, on a logarithmic axis of 1 + step (so that step 0 has a place).

    Parameters
    ----------
    ds
        A dataset with `step` and `progress` on (run, checkpoint), such as `ds.assign(progress=tk.progress(ds))`.
        Reference runs are not drawn.
    color, runs
        As for `manifold`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If `ds` has no `progress`, or a colour or run is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate()
    >>> figure = tk.figures.progress(ds.assign(progress=tk.progress(ds)), color="architecture")
    >>> figure.layout.yaxis.title.text
    'progress'
    """
    if "progress" not in ds:
        raise ValueError("the dataset has no 'progress': give it one with ds.assign(progress=tk.progress(ds))")
    if lacking := int(((ds["step"] >= 0) & ds["progress"].isnull() & (ds["kind"] == "network")).sum()):
        raise ValueError(f"{lacking} points have no progress: compute it anew with ds.assign(progress=tk.progress(ds))")
    colors = coloring(ds, color)
    shown = chosen(ds, runs) & (ds["kind"].values == "network")
    step = ds["step"].transpose("run", "checkpoint").values + 1.0
    value = ds["progress"].transpose("run", "checkpoint").values
    groups = [shown] if colors.code is None else [shown & (colors.code == c) for c in range(len(colors.categories))]
    figure = go.Figure()
    for code, group in enumerate(groups):
        strands = Strands(ds, group)
        trace = go.Scatter(
            x=strands.take(step),
            y=strands.take(value),
            text=strands.per_run(ds["run"].values),
            hovertemplate="<b>%{text}</b><br>1 + step %{x}, progress %{y:.3f}<extra></extra>",
        )
        if colors.code is None:
            assert colors.value is not None
            trace.update(mode="markers", marker={"color": strands.take(colors.value), "size": 4, **colors.scale()})
            trace.update(name="networks", showlegend=False)
        else:
            trace.update(mode="lines", name=colors.categories[code], legendrank=code)
            trace.update(line={"color": colors.palette(code), "width": 1.2}, opacity=0.7)
            trace.update(showlegend=bool(strands.run.size) and bool(colors.title))
        figure.add_trace(trace)
    high = np.log10(step.max()) + 0.05
    figure.update_layout(
        template="plotly_white",
        margin={"l": 55, "r": 10, "t": 10, "b": 45},
        legend={"title": {"text": colors.title if colors.categories else ""}, "font": {"size": 10}},
        xaxis={"title": {"text": "1 + step"}, "type": "log", "range": [-0.05, high], "dtick": 1},
        yaxis={"title": {"text": "progress"}, "range": [-0.03, 1.03]},
    )
    return figure
