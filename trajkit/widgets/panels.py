"""Panels that show a figure and keep it alive while data change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import plotly.graph_objects as go
import traitlets
import xarray as xr

from trajkit import figures


class _Fit(anywidget.AnyWidget):  # type: ignore[misc]
    """Makes the plot beside it fill the width of its panel, also when that changes."""

    _esm = Path(__file__).parent / "fit.js"


class FigurePanel(ipywidgets.VBox):  # type: ignore[misc]
    """One long-lived plotly view; `draw` brings it up to date with a new figure.

    A new FigureWidget for each change would never be freed (anywidget issue #929), and would lose the camera.
    """

    def __init__(self, height: int = 300) -> None:
        self.view = go.FigureWidget(layout={"height": height, "autosize": True})
        self.view._config = {**self.view._config, "responsive": True, "displaylogo": False}
        super().__init__([_Fit(), self.view], layout={"width": "100%", "overflow": "hidden"})
        self.add_class("trajkit-panel")

    def draw(self, figure: go.Figure) -> None:
        """Show `figure` with the reader's camera, in one message where its traces match those shown."""
        new = [trace.to_plotly_json() for trace in figure.data]
        with self.view.batch_update():
            self.view.update_layout(_without_camera(figure, first=not self.view.data))
            if [t["type"] for t in new] == [t.type for t in self.view.data]:
                for trace, properties in zip(self.view.data, new, strict=True):
                    trace.update(properties, overwrite=False)
        if len(new) != len(self.view.data):
            self.view.data = ()
            self.view.add_traces(new)


def _without_camera(figure: go.Figure, *, first: bool) -> dict[str, Any]:
    layout: dict[str, Any] = figure.to_dict()["layout"]
    if not first:
        layout.pop("template", None)
        layout.get("scene", {}).pop("camera", None)
    return layout


class ManifoldView(FigurePanel):
    """A 3D view of an embedding that keeps its camera. Set a trait and it redraws.

    Traits
    ------
    embedding : xarray.Dataset
        What `trajkit.embed` returned.
    color
        As for `trajkit.figures.manifold`.
    components : tuple of int
        Which components the axes show.
    runs : list of str or None
        The networks drawn; None for all.

    Examples
    --------
    >>> import trajkit as tk
    >>> view = tk.widgets.ManifoldView(tk.embed(tk.simulate()), color="architecture")
    >>> view.runs = ["A-0"]
    >>> len(view.view.data[0].x)  # 20 checkpoints and the gap after a run
    21
    """

    embedding = traitlets.Instance(xr.Dataset)
    color = traitlets.Any(None, allow_none=True)
    components = traitlets.Tuple((1, 2, 3))
    runs = traitlets.List(traitlets.Unicode(), None, allow_none=True)

    def __init__(self, embedding: xr.Dataset, *, height: int = 560, **traits: Any) -> None:
        super().__init__(height)
        with self.hold_trait_notifications():
            self.embedding = embedding
            for name, value in traits.items():
                if not self.has_trait(name):
                    raise TypeError(f"ManifoldView has no trait {name!r}: wanted color, components or runs")
                setattr(self, name, value)
        self.redraw()
        self.observe(self.redraw, ["embedding", "color", "components", "runs"])

    def redraw(self, _: object = None) -> None:
        """Draw the present state."""
        self.draw(figures.manifold(self.embedding, color=self.color, components=tuple(self.components), runs=self.runs))
