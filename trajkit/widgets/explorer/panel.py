"""What a panel of the Explorer is: title, figures, code, marks and options as plain data. No widgets here."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from trajkit.widgets.explorer.state import ExplorerState

# Visible on light and on dark pages.
MARK = "#E6007E"


class Option(NamedTuple):
    """Something that the reader can set on a panel.

    With `several`, any number of the offered values can be chosen, and `chosen` is a sequence of them.
    """

    name: str
    label: str
    offered: Sequence[Any]
    chosen: Any
    several: bool = False


class Action(NamedTuple):
    """A button of a panel. The method `act` of the panel does what it says."""

    name: str
    label: str
    tooltip: str


class Table(NamedTuple):
    """Rows of text and numbers; the first value of each row is the run."""

    columns: list[str]
    rows: list[list[Any]]


class Panel:
    """A panel reads the state of the Explorer and returns what is to be drawn. The layout draws it.

    The simplest panel defines `title`, `key`, `figure` and `code`.

    Attributes
    ----------
    title : str
        The text of the tab.
    fades : bool
        Whether the other runs are drawn faint while some runs are highlighted.
    actions : tuple of Action
        The buttons.
    """

    title = ""
    fades = True
    actions: tuple[Action, ...] = ()

    def __init__(self, state: ExplorerState) -> None:
        self.state = state

    def key(self) -> Hashable:
        """Return what the panel depends on. When it changes, the panel is drawn again."""
        raise NotImplementedError

    def figure(self) -> go.Figure:
        """Make the figure.

        Raises
        ------
        ValueError
            If it cannot be drawn for this state. The reader sees the message in place of the figure.
        """
        raise NotImplementedError

    def figures(self) -> list[go.Figure]:
        """Make all figures; they stand side by side."""
        return [self.figure()]

    def table(self) -> Table | None:
        """Make a table in place of figures."""
        return None

    def note(self) -> str:
        """Return a sentence to be written below."""
        return ""

    def code(self) -> str:
        """Write the Python that makes the figure, after the lines of `picture_code`."""
        raise NotImplementedError

    def options(self) -> list[Option]:
        """Return what the reader can set."""
        return []

    def act(self, action: str, chosen: Mapping[str, Any]) -> None:
        """Do what a button says; `chosen` holds the value of each option.

        Raises
        ------
        ValueError
            If that cannot be done. The reader sees the message.
        """
        raise NotImplementedError

    def marks(self, figure: go.Figure, runs: list[str]) -> list[dict[str, Any]]:
        """Make traces that mark runs, named as in figures. By default they repeat the runs' points, stronger."""
        return [_stronger(trace, runs) for trace in figure.data]

    def runs_of(self, trace: Any, point: int, x: Any, y: Any) -> list[str]:
        """Name the runs that a point of a trace stands for. By default its text names the run."""
        text = trace["text"]
        return [] if text is None or not 0 <= point < len(text) else [str(text[point])]


def rings(x: list[Any], y: list[Any], runs: list[str], **look: Any) -> dict[str, Any]:
    """Make a trace that marks places by open symbols."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "text": runs,
        "marker": {"color": MARK, "line": {"width": 2, "color": MARK}, **look},
        "showlegend": False,
        "hovertemplate": "<b>%{text}</b><extra></extra>",
        "cliponaxis": False,
    }


def _stronger(trace: go.Scatter, runs: list[str]) -> dict[str, Any]:
    """Copy the points of some runs, with thicker lines or larger markers."""
    text = np.asarray([] if trace.text is None else trace.text, dtype=str)
    keep = np.isin(text, runs)
    out: dict[str, Any] = {name: np.asarray(trace[name])[keep] for name in ("x", "y")}
    out |= {"type": "scatter", "mode": trace.mode, "text": text[keep].tolist(), "showlegend": False}
    out |= {name: trace[name] for name in ("xaxis", "yaxis", "hovertemplate") if trace[name] is not None}
    # Lines have one colour, markers one for each point: with a scale of their own they would change colour.
    if trace.mode == "lines":
        return out | {"line": {"color": trace.line.color, "width": 2.8}}
    scale = {name: trace.marker[name] for name in ("cmin", "cmax", "colorscale") if trace.marker[name] is not None}
    color = np.asarray(trace.marker.color)[keep]
    return out | {"marker": {"size": 7, "color": color, "line": {"width": 1, "color": MARK}, **scale}}
