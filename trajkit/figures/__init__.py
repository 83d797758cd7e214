"""Figures: pure functions from the results of trajkit to `plotly.graph_objects.Figure`.

`trajkit.figures.X` draws what `trajkit.X` returns. A figure computes no distances and no statistics; it summarises what
it draws at most: a mean over folds or draws, a median and range over runs. Colours can be distinguished with any colour
vision; time-like axes are red. All figures have the plotly template `TEMPLATE`, which suits light and dark pages:
`plotly.io.templates.default = tk.figures.TEMPLATE` applies it to your own figures.
"""

from typing import NoReturn

from trajkit.figures.compare_groups import compare_groups
from trajkit.figures.compare_metrics import compare_metrics
from trajkit.figures.convergence import convergence
from trajkit.figures.cross_embedding import cross_embedding
from trajkit.figures.data_map import data_map
from trajkit.figures.dendrogram import dendrogram
from trajkit.figures.dimensionality import dimensionality
from trajkit.figures.distance_matrix import distance_matrix
from trajkit.figures.importance import importance
from trajkit.figures.input_spectrum import input_spectrum
from trajkit.figures.learning_curves import learning_curves
from trajkit.figures.learning_order import learning_order
from trajkit.figures.manifold import manifold
from trajkit.figures.null_test import null_test
from trajkit.figures.pair_plot import pair_plot
from trajkit.figures.phase_map import phase_map
from trajkit.figures.progress import progress
from trajkit.figures.spectrum import spectrum
from trajkit.figures.speed_comparison import speed_comparison
from trajkit.figures.stability import stability
from trajkit.figures.template import TEMPLATE as TEMPLATE  # a name, without a page in the reference
from trajkit.figures.tube import tube

__all__ = [
    "compare_groups",
    "compare_metrics",
    "convergence",
    "cross_embedding",
    "data_map",
    "dendrogram",
    "dimensionality",
    "distance_matrix",
    "importance",
    "input_spectrum",
    "learning_curves",
    "learning_order",
    "manifold",
    "null_test",
    "pair_plot",
    "phase_map",
    "progress",
    "spectrum",
    "speed_comparison",
    "stability",
    "tube",
]

_RENAMED = {"groups": "compare_groups"}


def __getattr__(name: str) -> NoReturn:
    if name in _RENAMED:
        raise AttributeError(f"trajkit.figures.{name} has another name now: write trajkit.figures.{_RENAMED[name]}")
    raise AttributeError(f"module 'trajkit.figures' has no attribute {name!r}")
