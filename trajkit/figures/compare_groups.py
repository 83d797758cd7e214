"""Groups of runs, and runs beside their null."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.colors import hex_to_rgb

from trajkit.analysis.null_test import written_p
from trajkit.figures.axes import LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import SPACE_LIKE, units
from trajkit.figures.template import TEMPLATE


def compare_groups(found: xr.Dataset) -> go.Figure:
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
    >>> found = tk.compare_groups(tk.simulate(runs=8, groups=2, spread=0.3), ["architecture", "seed"], permutations=99)
    >>> tk.figures.compare_groups(found).data[0].y[-1]
    'architecture'
    """
    check_result(found, {"r_squared", "unique_r_squared", "ratio"}, "compare_groups(ds, by)")
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
