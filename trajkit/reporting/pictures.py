"""The figure of each claim, from what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import xarray as xr

from trajkit import figures
from trajkit.curves import progress
from trajkit.embedding import embed
from trajkit.reporting.finding import Finding, Settings
from trajkit.reporting.questions import ARCHITECTURE

# From so many points on, the picture of all is made from landmarks.
_LANDMARKS, _MANY = 1500, 6000

# Of each claim: the result that is drawn, how, and what is seen.
_DRAWN: dict[str, tuple[str, Callable[[Any], go.Figure], str]] = {
    "low-dimensional": (
        "dimensionality",
        figures.dimensionality,
        "What a number of components explains together, with intervals, beside the draws of the null.",
    ),
    "one manifold": (
        "null_test",
        figures.null_test,
        "Each pair of runs: its distance at equal progress beside the mean of its null.",
    ),
    "architecture distinguishes": (
        "distance",
        lambda distance: figures.distance_matrix(distance, order=ARCHITECTURE),
        "Distances between runs, sorted by architecture.",
    ),
    "others matter less": ("groups", figures.compare_groups, "Share of the distances that each setting explains."),
    "architecture predicts": (
        "importance",
        figures.importance,
        "How much worse distances of held-out runs are predicted when a setting is permuted.",
    ),
    "larger is faster": ("speed", figures.speed_comparison, "Optimizer steps that networks of each size take."),
    "starts converge": ("convergence", figures.convergence, "Distances within and between kinds of initial weights."),
    "stable picture": ("stability", figures.stability, "How far points move when the embedding is made from less."),
    "same order": (
        "data_map",
        figures.data_map,
        "Samples by the mean and the spread of the probability of their label over training, over all runs.",
    ),
}


def picture(claim: str, finding: Finding) -> tuple[go.Figure, str] | None:
    """Draw what was found about a claim, and say what is seen; None where there is nothing to draw."""
    if claim not in _DRAWN:
        return None
    result, draw, text = _DRAWN[claim]
    return (draw(finding.results[result]), text) if result in finding.results else None


def overview(ds: xr.Dataset, settings: Settings) -> list[tuple[go.Figure, str]]:
    """Draw the manifold, and progress along training."""
    several = ARCHITECTURE in ds.coords and len(set(ds[ARCHITECTURE].values.tolist())) > 1
    color = ARCHITECTURE if several else None
    points = int((ds["step"] >= 0).sum())
    landmarks = _LANDMARKS if points > _MANY else None
    embedding = embed(ds, metric=settings.metric, landmarks=landmarks, seed=settings.seed)
    stress, kept = (float(embedding[name][2]) for name in ("explained_stress", "explained_distance"))
    said = f"All {points} points in three components of InPCA, which explain {kept:.0%} of the distances"
    beside = "what of it shuffled runs explain too is said below" if kept else ""
    return [
        (figures.manifold(embedding, color=color), f"{said} (explained stress {stress:.3f}); {beside}."),
        (figures.progress(ds.assign(progress=progress(ds)), color=color), "Progress towards truth."),
    ]
