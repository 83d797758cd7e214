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
        text has p-values, distances and the matched ratio. The title gives the R^2 of all attributes together.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=8, groups=2, spread=0.3)
    >>> found = tk.compare_groups(ds, ["architecture", "seed"], unit="run", permutations=99)
    >>> tk.figures.compare_groups(found).data[0].y[-1]
    'architecture'
    """
    check_result(found, {"r_squared", "unique_r_squared", "ratio"}, "compare_groups(ds, by)")
    # Plotly draws the first bar at the bottom.
    order = np.argsort(found["r_squared"].fillna(-1).values, kind="stable")
    found = found.isel(attribute=order)
    names, unit = all_escaped(found["attribute"].values), units(found["within"])
    about = np.stack([_p_values(found, name) for name in ("p_value", "unique_p_value")] + [_distances(found, unit)], 1)
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
                f"<b>%{{y}}</b>, {label}: R<sup>2</sup> %{{x:.3f}}%{{customdata[{p}]}}<br>"
                "%{customdata[2]}<extra></extra>"
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


def _p_values(found: xr.Dataset, name: str) -> list[str]:
    """Write the p-values; a comparison of configurations has one for each attribute, and none where it has no test."""
    values = found[name].values if name in found else np.full(found.sizes["attribute"], np.nan)
    return [f", p {value:.3g}" if np.isfinite(value) else "" for value in values]


def _distances(found: xr.Dataset, unit: str) -> list[str]:
    """Write distances within and between groups, and the matched ratio if the result has it."""
    lines = []
    for name in found["attribute"].values:
        at = found.sel(attribute=name)
        line = f"distance within {float(at.within):.3g}, between {float(at.between):.3g} {unit}"
        line += f" (ratio {float(at.ratio):.2f})"
        if "matched_ratio" in found and int(at.matched_pairs):
            low, high = float(at.matched_lower), float(at.matched_upper)
            interval = f" ({low:.2f} to {high:.2f})" if np.isfinite(low) else ""
            pairs = f"{int(at.matched_pairs)} matched pair{'s' if at.matched_pairs > 1 else ''}"
            line += f"<br>{pairs}: {float(at.matched_ratio):.2f} times the distance between seeds{interval}"
        lines.append(line)
    return lines


def _joint(found: xr.Dataset) -> str:
    joint, p = float(found["joint_r_squared"]), float(found["joint_p_value"])
    if not np.isfinite(joint):
        return f"each {found.attrs['unit']} has its own combination of values: no joint test is possible"
    said = f", {written_p(p, found.attrs['permutations'])}" if np.isfinite(p) else ""
    return f"all together R<sup>2</sup> {joint:.2f}{said}"
