"""Widgets: slice, turn and compare trajectories in a notebook.

Widgets hold state and layout. Pictures come from `trajkit.figures`, numbers from the public functions of `trajkit`, and
each state can be written as Python, which is shown.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trajkit.widgets.explorer.explorer import Explorer, explore
    from trajkit.widgets.figure_panel import FigurePanel
    from trajkit.widgets.live_view import LiveView
    from trajkit.widgets.manifold_view import ManifoldView
    from trajkit.widgets.slicer import Slicer

__all__ = ["Explorer", "FigurePanel", "LiveView", "ManifoldView", "Slicer", "explore"]

# Loaded when they are first used: the state and the panels of the Explorer are used without ipywidgets.
_FILES = {
    "Explorer": "explorer.explorer",
    "FigurePanel": "figure_panel",
    "LiveView": "live_view",
    "ManifoldView": "manifold_view",
    "Slicer": "slicer",
    "explore": "explorer.explorer",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, for which it would turn every misspelt name into Any.
    def __getattr__(name: str) -> Any:
        if name not in _FILES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
