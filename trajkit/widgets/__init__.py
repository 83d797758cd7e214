"""Widgets: slicing and turning trajectories in a notebook.

Widgets hold state and layout; pictures come from `trajkit.figures`, numbers from the functions at the top level, and
every state can be written as a line of Python, which is shown.
"""

from trajkit.widgets.explorer import Explorer, explore
from trajkit.widgets.figure_panel import FigurePanel
from trajkit.widgets.live_view import LiveView
from trajkit.widgets.manifold_view import ManifoldView
from trajkit.widgets.slicer import Slicer

__all__ = ["Explorer", "FigurePanel", "LiveView", "ManifoldView", "Slicer", "explore"]
