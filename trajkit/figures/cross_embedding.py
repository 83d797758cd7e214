"""How much of the distances within each group another group explains."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.analysis.cross_embedding import LEAST_RATIO, MOST_DISTANCE
from trajkit.figures.axes import DOTTED, LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import PALETTE, REFERENCE
from trajkit.figures.escaped import escaped
from trajkit.figures.template import TEMPLATE
from trajkit.typing import Array

# Pixels for each pair of groups.
_ROW = 22


def cross_embedding(found: xr.Dataset) -> go.Figure:
    """Draw, for each pair of groups, the ratio under each null, and the ratio of distances at equal progress.

    Parameters
    ----------
    found
        What `trajkit.cross_embedding` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        A row for each ordered pair, "A explains B". Left the ratios under both nulls with their intervals: at 1, A
        explains as much of B as B's other half does. Right the distance between A and B over that within. On one
        manifold, the lower bounds are above the left dotted line, and the distance is below the right one.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=8, groups=2, samples=20, checkpoints=5, spread=0.3)
    >>> ds = ds.assign_coords(width=("run", [8, 8, 16, 16, 32, 32, 64, 64]))
    >>> figure = tk.figures.cross_embedding(tk.cross_embedding(ds, "architecture", splits=2, null_draws=1))
    >>> figure.data[0].y
    ('A explains B', 'B explains A')
    """
    check_result(found, {"ratio", "distance_ratio", "verdict"}, "cross_embedding(ds, by)", ("group", "group2"))
    found = found.compute()  # xarray cannot select single values of what it turned and has not read
    names = found["group"].values
    rows = [(a, b) for a in names for b in names if a != b]
    labels = [escaped(f"{a} explains {b}") for a, b in rows]
    figure = make_subplots(cols=2, shared_yaxes=True, column_widths=[0.65, 0.35], horizontal_spacing=0.04)

    def of_rows(values: xr.DataArray) -> Array:
        return np.array([float(values.sel(group=a, group2=b)) for a, b in rows])

    def add(some: xr.Dataset, name: str, shown: str, paint: str, column: int) -> None:
        value, low, high = (of_rows(some[f"{name}{bound}"]) for bound in ("", "_lower", "_upper"))
        figure.add_scatter(
            x=value,
            y=labels,
            name=shown,
            mode="markers",
            marker={"color": paint, "size": 8},
            error_x={"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low},
            hovertemplate=f"%{{y}}, {shown}: %{{x:.3g}}<extra></extra>",
            row=1,
            col=column,
        )

    for k, null in enumerate(found["null"].values.tolist()):
        add(found.sel(null=null), "ratio", f"beside {null}", PALETTE[k], 1)
    add(found, "distance_ratio", "distance between / within", REFERENCE, 2)
    figure.add_vline(x=LEAST_RATIO, line=DOTTED, row=1, col=1)
    figure.add_vline(x=MOST_DISTANCE, line=DOTTED, row=1, col=2)
    verdicts = [
        str(found["verdict"].sel(group=a, group2=b).values) for k, (a, b) in enumerate(rows) if (b, a) in rows[k:]
    ]
    counts = ", ".join(f"{word}: {verdicts.count(word)}" for word in sorted(set(verdicts)))
    figure.update_layout(
        template=TEMPLATE,
        height=140 + _ROW * len(rows),
        margin={"l": 20, "r": 10, "t": 70, "b": 45},
        legend=LEGEND,
        title={"text": f"one manifold, pairs of {escaped(str(found.attrs['by']))}s: {counts}", "font": {"size": 12}},
    )
    figure.update_xaxes(title={"text": "(A explains B - null) / (half of B explains B - null)"}, col=1)
    figure.update_xaxes(title={"text": "distance between / within"}, rangemode="tozero", col=2)
    return figure.update_yaxes(automargin=True, autorange="reversed")
