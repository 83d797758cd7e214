"""Claim: architectures have distinguishable trajectories."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit import figures
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import Finding, Number, judged, untold
from trajkit.reporting.part import ARCHITECTURE, Part, limitations_of, matched_number


def examine(part: Part) -> Finding:
    """Test architecture with whole configurations permuted, and compare its effect with that of another seed."""
    part.need_architecture()
    found = part.groups.sel(attribute=ARCHITECTURE)
    line = f"groups.{{}}.sel(attribute={ARCHITECTURE!r})"

    def number(statistic: str, name: str, null: float = np.nan) -> Number:
        return Number(statistic, ARCHITECTURE, float(found[name]), null=null, code=line.format(name))

    numbers = [
        matched_number(part.groups, ARCHITECTURE, decisive=True),
        number("distance between / within architectures", "ratio", null=1.0),
        number("R² of architecture", "r_squared"),
        number("R² beyond all other settings", "unique_r_squared"),
        number("p-value of its mean effect", "main_p_value"),
        number("p-value of its largest interaction", "interaction_p_value"),
        number("p-value of differences in spread", "dispersion_p_value"),
        Number("R² of all settings", "all settings", float(found["joint_r_squared"]), code="groups.joint_r_squared"),
    ]
    matched, p = numbers[0], float(found["p_value"])
    code, pairs = part.code_of_groups, int(found["matched_pairs"])
    if np.isnan(p):
        return untold(limitations_of(part.groups, ARCHITECTURE), numbers, code, part.distance)
    depends = f", depending on {found['depends_on'].item()}" if _depends(found, part.settings.significant) else ""
    because = (
        f"{pairs} pairs of configurations that differ in architecture alone are {matched.value:.2f} times as far apart "
        f"as their seeds{depends} (p = {p:.2g})"
    )
    return judged(not matched.value <= 1, because, numbers, code, part.distance)


def _depends(found: xr.Dataset, significant: float) -> bool:
    return bool(found["depends_on"].item()) and float(found["interaction_p_value"]) <= significant


def draw(distance: xr.DataArray) -> go.Figure:
    """Draw the distances, sorted by architecture."""
    return figures.distance_matrix(distance, order=ARCHITECTURE)


CLAIM = Claim(
    name="architecture distinguishes",
    statement="Architectures have distinguishable trajectories.",
    rule=(
        "Holds if configurations that differ in architecture alone are farther apart than their seeds, and whole "
        "configurations with permuted architectures are significantly less so."
    ),
    examine=examine,
    draw=draw,
    caption="Distances between runs, sorted by architecture.",
)
