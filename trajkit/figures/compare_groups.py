"""What attributes explain of the distances between runs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.colors import hex_to_rgb

from trajkit.analysis.null_test import written_p
from trajkit.figures.axes import LEGEND, result_title
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import SPACE_LIKE, units
from trajkit.figures.escaped import all_escaped
from trajkit.figures.template import TEMPLATE


def compare_groups(found: xr.Dataset) -> go.Figure:
    """Draw the share of the squared distances between runs that each attribute explains.

    Parameters
    ----------
    found
        What `trajkit.compare_groups` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        For each attribute the R^2 by itself and, lighter, the R^2 beyond all others, with the largest on top. The hover
        text has p-values and distances. The title gives the R^2 of all attributes together.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

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
    names, unit = all_escaped(found["attribute"].values), units(found["within"])
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
            # The legend shows an opacity that is part of the colour, but not the opacity of the marker.
            marker={"color": f"rgba{(*hex_to_rgb(SPACE_LIKE), opacity)}"},
            hovertemplate=(
                f"<b>%{{y}}</b>, {label}: R<sup>2</sup> %{{x:.3f}}, p %{{customdata[{p}]:.3g}}<br>"
                f"distance within %{{customdata[2]:.3g}}, between %{{customdata[3]:.3g}} {unit} "
                "(ratio %{customdata[4]:.2f})<extra></extra>"
            ),
        )
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 20, "r": 10, "t": 60, "b": 45},
        title=result_title(_joint(found)),
        barmode="group",
        legend=LEGEND | {"y": 1.0, "traceorder": "reversed"},
        xaxis={"title": {"text": "share of squared distance explained, R<sup>2</sup>"}, "rangemode": "tozero"},
        yaxis={"automargin": True, "type": "category"},
    )


def _joint(found: xr.Dataset) -> str:
    joint = float(found["joint_r_squared"])
    if not np.isfinite(joint):
        return "each run has its own combination of values: no joint test is possible"
    p = written_p(float(found["joint_p_value"]), found.attrs["permutations"])
    return f"all together R<sup>2</sup> {joint:.2f}, {p}"
