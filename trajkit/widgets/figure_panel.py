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

# What happened ("click", "select", "hover", "leave"), to which points, and whether a key says "beside the others".
Listener = Callable[[str, list[dict[str, Any]], bool], None]


class FigurePanel(anywidget.AnyWidget):
    """One long-lived view of plotly figures; `draw` brings it up to date with a new one, and the reader's zoom stays.

    All panels of a page share one copy of plotly.js, which the kernel sends once. (Each of plotly's own FigureWidgets
    brings its own 5 MB, of which anywidget gives up when they are not read within two seconds, and is never freed:
    anywidget issue #929.) On a dark page, figures are dark.

    Parameters
    ----------
    height
        In pixels.

    Examples
    --------
    >>> import trajkit as tk
    >>> panel = tk.widgets.FigurePanel(height=250)
    >>> panel.draw(tk.figures.spectrum(tk.embed(tk.simulate())))
    >>> [trace.name for trace in panel.figure.data]
    ['space-like', 'time-like', 'explained stress', 'explained distance']
    """

    _esm = assets.module("figure_panel.js")
    _css = assets.stylesheet("figure_panel.css")

    height = traitlets.Int(300).tag(sync=True)
    _drawn = traitlets.Unicode("").tag(sync=True)
    _marks = traitlets.Unicode(_NOTHING).tag(sync=True)
    _faded = traitlets.Bool(False).tag(sync=True)
    # What figures use for text and references; the browser replaces it with the ink of the page.
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
        """Draw some traces more, above those of the figure, and these faint if they are to be `faded`."""
        self.marks = list(traces)
        with self.hold_sync():
            self._marks, self._faded = str(to_json({"data": self.marks}, validate=False)), faded

    def listen(self, listener: Listener) -> None:
        """Have a function called with what happened, to which points (trace, point, x, y), and whether to add them."""
        self._listener = listener

    def close(self) -> None:
        """Close the view and let the figure go."""
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
