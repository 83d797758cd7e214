"""Changes to figures that stand in narrow panels. No widgets here."""

from __future__ import annotations

import plotly.graph_objects as go


def widen_gap(figure: go.Figure) -> go.Figure:
    """Leave more room between the two plots of a figure: a narrow panel needs it for the title of the second."""
    return figure.update_layout(xaxis_domain=[0.0, 0.4], xaxis2_domain=[0.6, 1.0])


def without_legend(figure: go.Figure) -> go.Figure:
    """Leave legend and colour bar out: those of the manifold beside serve all panels."""
    return figure.update_layout(showlegend=False).update_traces(marker_showscale=False)
