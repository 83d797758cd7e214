"""Distances between runs beside those of shuffled runs."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from trajkit.analysis.null_test import written_p
from trajkit.figures.axes import LEGEND, result_title
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import REFERENCE, SPACE_LIKE, TIME_LIKE, quantity, units
from trajkit.figures.escaped import all_escaped
from trajkit.figures.template import TEMPLATE


def null_test(found: xr.Dataset) -> go.Figure:
    """Draw pairs of runs beside their null.

    Parameters
    ----------
    found
        What `trajkit.null_test` returned for a statistic of pairs, such as its own distance.

    Returns
    -------
    plotly.graph_objects.Figure
        A marker for each pair: the mean of its null to the right, the observed value upwards. Both are equal on the
        solid line; below it the pair is nearer than its null. The title gives the share of pairs below, the median
        ratio and the p-value.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> test = tk.null_test(tk.simulate(runs=3, groups=1, spread=0.3), null_draws=4)
    >>> len(tk.figures.null_test(test).data[0].x)
    3
    """
    check_result(found, {"observed", "null", "median_ratio"}, "null_test(ds)")
    if found["observed"].dims != ("pair",):
        raise ValueError(f"wanted a statistic of pairs of runs, got one on {found['observed'].dims}")
    x, y, unit = found["null"].mean("draw").values, found["observed"].values, units(found["observed"])
    figure = go.Figure(
        # WebGL: 129 runs have 8256 pairs.
        go.Scattergl(
            x=x,
            y=y,
            mode="markers",
            name="pairs of runs",
            showlegend=False,
            text=[f"{a}<br>{b}" for a, b in zip(*(all_escaped(found[n].values) for n in ("run", "run2")), strict=True)],
            marker={"size": 5, "opacity": 0.6, "color": SPACE_LIKE},
            hovertemplate=f"<b>%{{text}}</b><br>observed %{{y:.3g}}, null %{{x:.3g}} {unit}<extra></extra>",
        )
    )
    # The same range on both axes, so that the solid line is the diagonal.
    most = 1.05 * float(max(x.max(), y.max()))
    median = float(found["median_ratio"])
    for slope, name, dash, paint in (
        (1.0, "as far as the null", "solid", REFERENCE),
        (median, "median", "dot", TIME_LIKE),
    ):
        figure.add_scatter(
            x=[0, most],
            y=[0, slope * most],
            mode="lines",
            name=f"{name} ({slope:.2f})",
            line={"color": paint, "dash": dash, "width": 1.2},
            hoverinfo="skip",
        )
    draws = found.sizes["draw"]
    title = (
        f"{float(found['share_below']):.0%} of pairs below their null,<br>"
        f"median ratio {median:.2f}, {written_p(float(found['overall_p_value']), draws)}"
    )
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 65, "r": 10, "t": 85, "b": 45},
        title=result_title(title),
        legend=LEGEND | {"y": 1.0},
        xaxis={"title": {"text": f"with samples shuffled, mean of {draws} draws"}, "range": [0, most]},
        yaxis={"title": {"text": quantity(found["observed"])}, "range": [0, most]},
    )
