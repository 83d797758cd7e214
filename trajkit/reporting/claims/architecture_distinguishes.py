"""Claim: architectures have distinguishable trajectories."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from trajkit import figures
from trajkit.analysis.null_test import written_p
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import Finding, Number, interval_of, judged
from trajkit.reporting.part import ARCHITECTURE, Part


def examine(part: Part) -> Finding:
    """Explain distances by architecture, alone and beyond all other settings."""
    part.need_architecture()
    how, found = part.settings, part.groups.sel(attribute=ARCHITECTURE)
    p, apart, draws = float(found["p_value"]), float(found["ratio"]), how.permutations
    line = f"groups.{{}}.sel(attribute={ARCHITECTURE!r})"
    numbers = [
        Number(
            "R² of architecture", ARCHITECTURE, *interval_of(part.r_squared.sel(attribute=ARCHITECTURE)), p_value=p,
            p_least=how.least_of_permutations, decisive=True, code=line.format("r_squared"),
        ),
        Number(
            "R² beyond all other settings", ARCHITECTURE, float(found["unique_r_squared"]),
            p_value=float(found["unique_p_value"]), p_least=how.least_of_permutations,
            code=line.format("unique_r_squared"),
        ),
        Number(
            "distance between / within architectures", ARCHITECTURE, apart, null=1.0,
            code=line.format("ratio"),
        ),
        Number(
            "R² of all settings", "all settings", float(found["joint_r_squared"]), code="groups.joint_r_squared"
        ),
    ]  # fmt: skip
    because = (
        f"runs of different architectures are {apart:.2f} times as far apart as runs of the same architecture "
        f"({written_p(p, draws)})"
    )
    return judged(apart > 1, because, numbers, part.code_of_groups, part.distance)


def draw(distance: xr.DataArray) -> go.Figure:
    """Draw the distances, sorted by architecture."""
    return figures.distance_matrix(distance, order=ARCHITECTURE)


CLAIM = Claim(
    name="architecture distinguishes",
    statement="Architectures have distinguishable trajectories.",
    rule=(
        "Holds if runs of different architectures are farther apart than runs of the same architecture, significantly "
        "more than with permuted architectures."
    ),
    examine=examine,
    draw=draw,
    caption="Distances between runs, sorted by architecture.",
)
