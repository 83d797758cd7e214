"""Loss, error or any other quantity of points along training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.arranged import as_dataset
from trajkit.figures.coloring import coloring, quantity
from trajkit.figures.run_lines import RunLines, chosen
from trajkit.figures.template import TEMPLATE
from trajkit.schema import is_network

# Quantities that approach zero over several powers of ten.
_LOGARITHMIC = ("loss",)
_AGAINST = ("step", "progress")


def learning_curves(
    ds: xr.Dataset,
    of: str | Sequence[str] = ("loss", "error"),
    *,
    against: str = "step",
    color: str | xr.DataArray | None = None,
    runs: xr.DataArray | list[str] | None = None,
) -> go.Figure:
    """Draw quantities of points against the optimizer step, on a logarithmic axis of 1 + step, or against progress.

    Parameters
    ----------
    ds
        A dataset with `step` and the quantities on (run, checkpoint), such as `ds.assign(loss=tk.loss(ds))`. Reference
        runs are not drawn.
    of
        Names of the quantities, one panel for each. The axis of "loss" is logarithmic.
    against
        "step", or "progress"; `ds` must have `progress` then.
    color, runs
        As for `trajkit.figures.manifold`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If `ds` has no such quantity, or a colour or run is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate()
    >>> figure = tk.figures.learning_curves(ds.assign(loss=tk.loss(ds), error=tk.error(ds)))
    >>> figure.layout.yaxis2.title.text
    'classification error'
    """
    names = [of] if isinstance(of, str) else list(of)
    if against not in _AGAINST:
        raise ValueError(f"against: wanted one of {list(_AGAINST)}, got {against!r}")
    needed = [*names, *(["progress"] if against == "progress" else [])]
    if lacking := [n for n in needed if n not in as_dataset(ds) or set(ds[n].dims) != {"run", "checkpoint"}]:
        raise ValueError(
            f"the dataset has no {lacking} on (run, checkpoint): add it, as in ds.assign(loss=tk.loss(ds))"
        )
    colors = coloring(ds, color).escaped()
    shown = chosen(ds, runs) & is_network(ds)
    # Step 0 has no place on a logarithmic axis, 1 + step has.
    along = ds[against].transpose("run", "checkpoint").values + (1.0 if against == "step" else 0.0)
    groups = [shown] if colors.code is None else [shown & (colors.code == c) for c in range(len(colors.categories))]
    figure = make_subplots(cols=len(names), horizontal_spacing=0.11)
    for column, name in enumerate(names, start=1):
        value = ds[name].transpose("run", "checkpoint").values
        for code, group in enumerate(groups):
            lines = RunLines(ds, group)
            trace = go.Scatter(x=lines.take(along), y=lines.take(value), text=lines.names())
            label = "1 + step" if against == "step" else against
            trace.update(hovertemplate=f"<b>%{{text}}</b><br>{label} %{{x:.4g}}, {name} %{{y:.4g}}<extra></extra>")
            if colors.code is None:
                assert colors.value is not None
                scale = {"color": lines.take(colors.value), **colors.scale(bar=column == 1)}
                trace.update(mode="markers", marker={"size": 4, **scale})
                trace.update(name="networks", showlegend=False)
            else:
                trace.update(mode="lines", name=colors.categories[code], legendgroup=colors.categories[code])
                trace.update(line={"color": colors.palette(code), "width": 1.2}, opacity=0.7, legendrank=code)
                trace.update(showlegend=column == 1 and bool(lines.run.size) and bool(colors.title))
            figure.add_trace(trace, row=1, col=column)
        log = (
            {"type": "log", "exponentformat": "power", "dtick": 1} if name in _LOGARITHMIC else {"rangemode": "tozero"}
        )
        figure.update_yaxes(title_text=quantity(ds[name]), row=1, col=column, **log)
    if against == "step":
        # plotly takes the range of a logarithmic axis as exponents of 10.
        figure.update_xaxes(title_text="1 + step", type="log", range=[-0.05, np.log10(along.max()) + 0.05], dtick=1)
    else:
        figure.update_xaxes(title_text="progress", range=[-0.02, 1.02])
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 60, "r": 10, "t": 10, "b": 45},
        legend=colors.legend() | {"font": {"size": 10}, "tracegroupgap": 0},
    )
