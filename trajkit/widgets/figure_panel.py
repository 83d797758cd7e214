"""A plotly figure that stays alive while data change."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import anywidget
import plotly.graph_objects as go
import traitlets
from plotly.io import to_json
from plotly.offline import get_plotlyjs

from trajkit.figures.coloring import REFERENCE
from trajkit.widgets import assets

_NOTHING = '{"data": []}'

# Called with the event ("click", "select", "hover" or "leave"), its points (trace, point, x, y), and whether the key is
# held that adds to what is marked.
Listener = Callable[[str, list[dict[str, Any]], bool], None]


class FigurePanel(anywidget.AnyWidget):
    """A view of plotly figures that lives as long as its page: `draw` shows another figure and keeps the reader's zoom.

    All panels of a page share one copy of plotly.js, which the kernel sends once. On a dark page, figures are dark.

    Parameters
    ----------
    height
        Height in pixels.

    Examples
    --------
    >>> import trajkit as tk
    >>> panel = tk.widgets.FigurePanel(height=250)
    >>> panel.draw(tk.figures.spectrum(tk.embed(tk.simulate())))
    >>> [trace.name for trace in panel.figure.data]
    ['space-like', 'time-like', 'explained stress', 'explained distance']
    """

    # Not plotly's own FigureWidget: each holds 5 MB of JavaScript that is never freed (anywidget issue #929), and
    # anywidget gives up if the browser needs more than two seconds to read it.
    _esm = assets.module("figure_panel.js")
    _css = assets.stylesheet("figure_panel.css")

    height = traitlets.Int(300).tag(sync=True)
    _drawn = traitlets.Unicode("").tag(sync=True)
    _marks = traitlets.Unicode(_NOTHING).tag(sync=True)
    _faded = traitlets.Bool(False).tag(sync=True)
    # The colour of text and references in figures. The browser replaces it by the text colour of its page.
    _gray = traitlets.Unicode(REFERENCE).tag(sync=True)

    def __init__(self, height: int = 300) -> None:
        self.figure = go.Figure()
        self.marks: list[dict[str, Any]] = []
        self._listener: Listener | None = None
        super().__init__(height=height)
        self.on_msg(self._receive)

    def draw(self, figure: go.Figure) -> None:
        """Show a figure, without marks."""
        self.figure, self.marks = figure, []
        with self.hold_sync():
            self._drawn, self._marks, self._faded = str(to_json(figure, validate=False)), _NOTHING, False

    def mark(self, traces: Sequence[dict[str, Any]], *, faded: bool) -> None:
        """Draw more traces above those of the figure; `faded` draws the figure's own traces faintly."""
        self.marks = list(traces)
        with self.hold_sync():
            self._marks, self._faded = str(to_json({"data": self.marks}, validate=False)), faded

    def listen(self, listener: Listener) -> None:
        """Call a function for each event of the mouse; it replaces the one before."""
        self._listener = listener

    def close(self) -> None:
        """Close the view and release the figure."""
        self._listener = None
        self.__dict__.pop("figure", None)
        super().close()

    def _receive(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("need") == "plotly":
            self.send({"library": "plotly"}, buffers=[_library()])
        elif self._listener is not None:
            self._listener(content["event"], content.get("points", []), bool(content.get("more")))


@cache
def _library() -> bytes:
    return gzip.compress(get_plotlyjs().encode(), compresslevel=5)
