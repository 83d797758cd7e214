"""Groups of runs, and runs beside their null."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.colors import hex_to_rgb

from trajkit.analysis.nulls import written_p
from trajkit.figures.coloring import REFERENCE, SPACE_LIKE, TIME_LIKE, quantity, units
from trajkit.figures.results import refuse_others
from trajkit.figures.template import TEMPLATE
from trajkit.figures.titles import LEGEND


def groups(found: xr.Dataset) -> go.Figure:
    """Draw how much of the distances between runs each attribute explains.

    Parameters
    ----------
    found
        What `trajkit.compare_groups` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        For each attribute R^2 by itself and, lighter, beyond all others, the largest on top; the hover text has
        p-values and distances. The title says what all explain together.

    Raises
    ------
    ValueError
        If `found` is nothing of that kind.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.compare_groups(tk.simulate(runs=8, groups=2, spread=0.3), ["architecture", "seed"], n=99)
    >>> tk.figures.groups(found).data[0].y[-1]
    'architecture'
    """
    refuse_others(found, {"r_squared", "unique_r_squared", "ratio"}, "compare_groups(ds, by)")
    # Plotly draws the first bar at the bottom.
    order = np.argsort(found["r_squared"].values, kind="stable")
    found = found.isel(attribute=order)
    names, unit = found["attribute"].values, units(found["within"])
    about = np.stack([found[n].values for n in ("p_value", "unique_p_value", "within", "between", "ratio")], axis=1)
    figure = go.Figure()
    for name, label, p, opacity in (
        ("unique_r_squared", "beyond all others", 1, 0.4),
        ("r_squared", "by itself", 0, 0.9),
    ):
        figure.add_bar(
            x=found[name].values,
            y=names,
            name=label,
            orientation="h",
            customdata=about,
            # In the colour, which the legend shows as well; not as the opacity of the marker.
            marker={"color": f"rgba{(*hex_to_rgb(SPACE_LIKE), opacity)}"},
            hovertemplate=(
                f"<b>%{{y}}</b>, {label}: R<sup>2</sup> %{{x:.3f}}, p %{{customdata[{p}]:.3g}}<br>"
                f"distance within %{{customdata[2]:.3g}}, between %{{customdata[3]:.3g}} {unit} "
                "(ratio %{customdata[4]:.2f})<extra></extra>"
            ),
        )
    figure.update_layout(
        template=TEMPLATE,
        margin={"l": 20, "r": 10, "t": 60, "b": 45},
        title={"text": _joint(found), "font": {"size": 12}, "y": 1, "yref": "container", "pad": {"t": 10}},
        barmode="group",
        legend=LEGEND | {"y": 1.0, "traceorder": "reversed"},
        xaxis={"title": {"text": "share of squared distance explained, R<sup>2</sup>"}, "rangemode": "tozero"},
        yaxis={"automargin": True, "type": "category"},
    )
    return figure


def _joint(found: xr.Dataset) -> str:
    joint = float(found["joint_r_squared"])
    if not np.isfinite(joint):
        return "as many combinations of values as runs: nothing is left to test all together"
    p = written_p(float(found["joint_p_value"]), found.attrs["permutations"])
    return f"all together R<sup>2</sup> {joint:.2f}, {p}"


def null_test(found: xr.Dataset) -> go.Figure:
    """Draw pairs of runs beside their null.

    Parameters
    ----------
    found
        What `trajkit.null_test` returned for a statistic of pairs, such as its own distance.

    Returns
    -------
    plotly.graph_objects.Figure
        A marker for each pair at the mean of its null and at what is observed; on the line they are alike, below it
        the pair is nearer than its null. The title gives the median ratio, the share of pairs below, and the p-value.

    Raises
    ------
    ValueError
        If `found` is nothing of that kind.

    Examples
    --------
    >>> import trajkit as tk
    >>> test = tk.null_test(tk.simulate(runs=3, groups=1, spread=0.3), n=4)
    >>> len(tk.figures.null_test(test).data[0].x)
    3
    """
    refuse_others(found, {"observed", "null", "median_ratio"}, "null_test(ds)")
    if found["observed"].dims != ("pair",):
        raise ValueError(f"wanted a statistic of pairs of runs, got one on {found['observed'].dims}")
    x, y, unit = found["null"].mean("draw").values, found["observed"].values, units(found["observed"])
    figure = go.Figure(
        go.Scattergl(
            x=x,
            y=y,
            mode="markers",
            name="pairs of runs",
            showlegend=False,
            text=[f"{a}<br>{b}" for a, b in zip(found["run"].values, found["run2"].values, strict=True)],
            marker={"size": 5, "opacity": 0.6, "color": SPACE_LIKE},
            hovertemplate=f"<b>%{{text}}</b><br>observed %{{y:.3g}}, null %{{x:.3g}} {unit}<extra></extra>",
        )
    )
    most = 1.05 * float(max(x.max(), y.max()))
    for at, name, dash, paint in ((1.0, "as far as the null", "solid", REFERENCE), (None, "median", "dot", TIME_LIKE)):
        slope = float(found["median_ratio"]) if at is None else at
        figure.add_scatter(
            x=[0, most], y=[0, slope * most], mode="lines", name=f"{name} ({slope:.2f})", hoverinfo="skip"
        )
        figure.data[-1].line = {"color": paint, "dash": dash, "width": 1.2}
    draws = found.sizes["draw"]
    title = (
        f"{float(found['share_below']):.0%} of pairs below their null,<br>"
        f"median ratio {float(found['median_ratio']):.2f}, {written_p(float(found['overall_p_value']), draws)}"
    )
    figure.update_layout(
        template=TEMPLATE,
        margin={"l": 65, "r": 10, "t": 85, "b": 45},
        title={"text": title, "font": {"size": 12}, "y": 1, "yref": "container", "pad": {"t": 10}},
        legend=LEGEND | {"y": 1.0},
        xaxis={"title": {"text": f"with samples shuffled, mean of {draws} draws"}, "range": [0, most]},
        yaxis={"title": {"text": quantity(found["observed"])}, "range": [0, most]},
    )
    return figure
