"""Figures: pure functions from datasets to `plotly.graph_objects.Figure`. They compute no distances.

Colours are told apart by colour-blind readers; time-like axes are red.
"""

from trajkit.figures.manifold import manifold
from trajkit.figures.progress import progress
from trajkit.figures.spectrum import spectrum

__all__ = ["manifold", "progress", "spectrum"]
