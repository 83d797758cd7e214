"""Panels that show a figure and keep it alive while data change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import plotly.graph_objects as go
import xarray as xr

from trajkit import figures


class _Fit(anywidget.AnyWidget):
    """Makes the plot beside it fill the width of its panel, also when that changes."""

    _esm = Path(__file__).parent / "fit.js"


class FigurePanel(ipywidgets.VBox):  # type: ignore[misc]
    """One long-lived plotly view; `draw` brings it up to date with a new figure.

    A new FigureWidget for each change would never be freed (anywidget issue #929), and would lose the camera.

    Parameters
    ----------
    height
        In pixels.

    Examples
    --------
    >>> import trajkit as tk
    >>> panel = tk.widgets.FigurePanel(height=250)
    >>> panel.draw(tk.figures.spectrum(tk.embed(tk.simulate())))
    >>> [trace.name for trace in panel.view.data]
    ['space-like', 'time-like', 'explained stress', 'explained distance']
    """

    def __init__(self, height: int = 300) -> None:
        self._layout: dict[str, Any] | None = None
        self.view = go.FigureWidget(layout={"height": height, "autosize": True})
        self.view._config = {**self.view._config, "responsive": True, "displaylogo": False}
        super().__init__([_Fit(), self.view], layout={"width": "100%", "overflow": "hidden"})
        self.add_class("trajkit-panel")

    def draw(self, figure: go.Figure) -> None:
        """Show `figure` with the reader's camera, in one message where its traces match those shown."""
        new = [trace.to_plotly_json() for trace in figure.data]
        layout = figure.to_dict()["layout"]
        same_traces = [t["type"] for t in new] == [t.type for t in self.view.data]
        with self.view.batch_update():
            # Setting a layout costs more than drawing, and most changes leave it as it is.
            if layout != self._layout:
                self.view.update_layout(layout if self._layout is None else _without_camera(layout))
                if "scene" in layout:
                    # An update would merge them with the old ones.
                    self.view.layout.scene.annotations = layout["scene"].get("annotations", [])
            if same_traces:
                for trace, properties in zip(self.view.data, new, strict=True):
                    trace.update(properties)
        if not same_traces:
            self.view.data = ()
            self.view.add_traces(new)
        self._layout = layout


def _without_camera(layout: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is the reader's own, and the template, which never changes."""
    out = {k: v for k, v in layout.items() if k != "template"}
    if "scene" in out:
        out["scene"] = {k: v for k, v in out["scene"].items() if k != "camera"}
    return out


class ManifoldView(FigurePanel):
    """A 3D view of an embedding that keeps its camera while what it shows changes.

    Parameters
    ----------
    embedding
        What `trajkit.embed` returned; None leaves the view empty until `show`.
    height
        In pixels.
    options
        As for `trajkit.figures.manifold`.

    Examples
    --------
    >>> import trajkit as tk
    >>> embedding = tk.embed(tk.simulate())
    >>> view = tk.widgets.ManifoldView(embedding, color="architecture")
    >>> view.show(embedding, color="architecture", runs=["A-0"])
    >>> len(view.view.data[0].x)  # 20 checkpoints and the gap after a run
    21
    """

    def __init__(self, embedding: xr.Dataset | None = None, *, height: int = 560, **options: Any) -> None:
        super().__init__(height)
        if embedding is not None:
            self.show(embedding, **options)

    def show(self, embedding: xr.Dataset, **options: Any) -> None:
        """Draw an embedding, with the options of `trajkit.figures.manifold`."""
        self.draw(figures.manifold(embedding, **options))
