"""Figures: pure functions from datasets to `plotly.graph_objects.Figure`. They compute no distances.

Colours are told apart by colour-blind readers; time-like axes are red.
"""

from trajkit.figures.data_map import data_map
from trajkit.figures.dendrogram import dendrogram
from trajkit.figures.distance_matrix import distance_matrix
from trajkit.figures.importance import importance
from trajkit.figures.input_spectrum import input_spectrum
from trajkit.figures.manifold import manifold
from trajkit.figures.pair_plot import pair_plot
from trajkit.figures.phase_map import phase_map
from trajkit.figures.progress import progress
from trajkit.figures.spectrum import spectrum
from trajkit.figures.tube import tube

__all__ = [
    "data_map",
    "dendrogram",
    "distance_matrix",
    "importance",
    "input_spectrum",
    "manifold",
    "pair_plot",
    "phase_map",
    "progress",
    "spectrum",
    "tube",
]
