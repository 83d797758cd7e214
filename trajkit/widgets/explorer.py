"""The Explorer: slice, colour and turn trajectories."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets
import traitlets
import xarray as xr

from trajkit import figures
from trajkit.curves import error, loss, progress
from trajkit.embedding import embed
from trajkit.selection import select
from trajkit.widgets.manifold_view import ManifoldView
from trajkit.widgets.panels import FigurePanel
from trajkit.widgets.slicer import Slicer

_QUANTITIES = {"progress": progress, "loss": loss, "error": error}
_N_COMPONENTS = 6


def explore(ds: xr.Dataset, *, metric: str = "bhattacharyya", cap: float | None = None) -> Explorer:
    """Open the Explorer on a trajectory dataset: slice by run attributes, colour, choose axes, turn the manifold.

    The frame is the InPCA of all runs (`trajkit.embed`), so that what is selected keeps its place; or of the
    selected runs alone. Below the panels stands the Python that makes the picture from `ds`.

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric, cap
        Of the distances; see `trajkit.pairwise`.

    Returns
    -------
    Explorer
        A widget. `.selected` is the selected dataset, `.embedding` what is drawn, `.code` the Python.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> explorer = tk.explore(tk.simulate(runs=6, groups=3))
    >>> explorer.slicer.conditions = {"architecture": ["A", "B"]}
    >>> explorer.selected.sizes["run"]
    4
    """
    return Explorer(ds, metric=metric, cap=cap)


class Explorer(ipywidgets.VBox):  # type: ignore[misc]
    """Slicer, manifold, progress and spectrum of one dataset. See `explore`.

    Traits
    ------
    split : str
        "all", "train" or "test": the samples that distances and progress are measured on.
    frame : str
        "all runs" or "selection": what is embedded.
    color : str
        A run attribute, "progress", "loss", "error", "step" or "checkpoint".
    components : tuple of int
        The components that the axes show.

    Examples
    --------
    >>> import trajkit as tk
    >>> explorer = tk.explore(tk.simulate(runs=4))
    >>> explorer.color = "progress"
    >>> print(explorer.code)
    selected = tk.select(ds)
    embedding = tk.embed(ds, n_components=6)
    tk.figures.manifold(embedding, color=tk.progress(ds), components=(1, 2, 3), runs=selected.run)
    """

    split = traitlets.Unicode("all")
    frame = traitlets.Unicode("all runs")
    color = traitlets.Unicode()
    components = traitlets.Tuple((1, 2, 3))

    def __init__(self, ds: xr.Dataset, *, metric: str = "bhattacharyya", cap: float | None = None) -> None:
        self.slicer = Slicer(ds)
        self.dataset = ds
        self._options: dict[str, Any] = {"metric": metric, "cap": cap}
        self._measured: dict[str, xr.Dataset] = {}
        self._embedded: dict[tuple[str, tuple[str, ...]], xr.Dataset] = {}
        self._status = ipywidgets.HTML()
        self._code = ipywidgets.HTML()
        super().__init__()
        colors = [*self.slicer.controls, *_QUANTITIES, "step", "checkpoint"]
        self._allowed = {
            "color": colors,
            "split": ["all", *dict.fromkeys(ds["split"].values.tolist())],
            "frame": ["all runs", "selection"],
        }
        self.color = colors[0]
        # Each plotly view brings megabytes of its own, and anywidget gives up after two seconds on one that waits its
        # turn to load: each is made before a computation, so that they load one after another meanwhile.
        self.progress = FigurePanel(height=300)
        self._part()
        self.spectrum = FigurePanel(height=300)
        self.embedding = self._embed()
        self.manifold = ManifoldView()
        self.children = self._arrange()
        self._redraw()
        self.slicer.observe(self._redraw, "conditions")
        self.observe(self._redraw, ["split", "frame", "color", "components"])

    @traitlets.validate("color", "split", "frame")
    def _check_choice(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, str(proposal["value"])
        if value not in self._allowed[name]:
            raise traitlets.TraitError(f"{name}: wanted one of {self._allowed[name]}, got {value!r}")
        return value

    @traitlets.validate("components")
    def _check_components(self, proposal: Any) -> tuple[int, ...]:
        value: tuple[int, ...] = proposal["value"]
        if len(value) != 3 or not set(value) <= set(range(1, _N_COMPONENTS + 1)):
            raise traitlets.TraitError(f"components: wanted three from 1 to {_N_COMPONENTS}, got {value}")
        return value

    @property
    def selected(self) -> xr.Dataset:
        """The selected runs and samples as a dataset.

        Raises
        ------
        ValueError
            If no run meets all conditions.
        """
        split = {} if self.split == "all" else {"split": self.split}
        return select(self.dataset, **split, **self.slicer.select_arguments)

    @property
    def code(self) -> str:
        """Python that makes the picture from `ds`."""
        part = "ds" if self.split == "all" else "part"
        lines = [] if part == "ds" else [f"part = tk.select(ds, split={self.split!r})"]
        lines.append(f"selected = {self.slicer.code_on(part)}")
        framed = "selected" if self.frame == "selection" else part
        arguments = [f"n_components={_N_COMPONENTS}", *(f"{k}={v!r}" for k, v in self._changed_options().items())]
        lines.append(f"embedding = tk.embed({framed}, {', '.join(arguments)})")
        color = f"tk.{self.color}({part})" if self.color in _QUANTITIES else repr(self.color)
        lines.append(
            f"tk.figures.manifold(embedding, color={color}, components={tuple(self.components)}, runs=selected.run)"
        )
        return "\n".join(lines)

    def _changed_options(self) -> dict[str, Any]:
        defaults = {"metric": "bhattacharyya", "cap": None}
        return {k: v for k, v in self._options.items() if v != defaults[k]}

    def _arrange(self) -> list[ipywidgets.Widget]:
        """Lay the panels out: controls to the left, the manifold beside them, two panels and the code below."""
        self.controls = {
            "color": ipywidgets.Dropdown(
                options=self._allowed["color"], description="colour by", layout={"width": "230px"}
            ),
            "split": ipywidgets.ToggleButtons(options=self._allowed["split"], style={"button_width": "55px"}),
            "frame": ipywidgets.ToggleButtons(options=self._allowed["frame"], style={"button_width": "80px"}),
        }
        for name, control in self.controls.items():
            traitlets.link((self, name), (control, "value"))
        self.axes = [
            ipywidgets.Dropdown(
                options=self.embedding["component"].values.tolist(),
                value=k,
                description=letter,
                layout={"width": "80px"},
                style={"description_width": "14px"},
            )
            for letter, k in zip("xyz", self.components, strict=True)
        ]
        for i, axis in enumerate(self.axes):
            axis.observe(lambda change, i=i: self._pick_axis(i, change["new"]), "value")
            traitlets.dlink((self, "components"), (axis, "value"), lambda components, i=i: components[i])
        toolbar = ipywidgets.HBox(
            [
                self.controls["color"],
                *self.axes,
                ipywidgets.Label("samples", layout={"margin": "0 6px 0 16px"}),
                self.controls["split"],
                ipywidgets.Label("embed", layout={"margin": "0 6px 0 16px"}),
                self.controls["frame"],
            ],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        self.slicer.layout = {"width": "250px", "flex": "0 0 250px", "max_height": "600px", "overflow": "hidden auto"}
        self.manifold.layout.flex = "1 1 auto"
        self.manifold.layout.width = "auto"
        top = ipywidgets.HBox([self.slicer, self.manifold], layout={"width": "100%"})
        bottom = ipywidgets.HBox([self.progress, self.spectrum], layout={"width": "100%"})
        return [toolbar, top, self._status, bottom, self._code]

    def _pick_axis(self, i: int, component: int) -> None:
        self.components = (*self.components[:i], component, *self.components[i + 1 :])

    def _part(self) -> xr.Dataset:
        """Give the dataset on the chosen samples with its per-point quantities, computed once for each split."""
        if self.split not in self._measured:
            part = self.dataset if self.split == "all" else select(self.dataset, split=self.split)
            self._measured[self.split] = part.assign({name: f(part) for name, f in _QUANTITIES.items()})
        return self._measured[self.split]

    def _embed(self) -> xr.Dataset:
        runs = self.slicer.selected_runs if self.frame == "selection" else []
        key = self.split, tuple(runs)
        if key not in self._embedded:
            part = self._part().sel(run=runs) if runs else self._part()
            self._say(f"embedding {int((part['step'] >= 0).sum())} points ...")
            # Only the newest frames are kept: each is small, but a reader may ask for hundreds.
            while len(self._embedded) > 8:
                self._embedded.pop(next(iter(self._embedded)))
            self._embedded[key] = embed(part, _N_COMPONENTS, **self._options)
        return self._embedded[key]

    def _coloring(self) -> str | xr.DataArray:
        return self._part()[self.color] if self.color in _QUANTITIES else self.color

    def _redraw(self, _: object = None) -> None:
        """Bring every panel up to date with the present state."""
        if not self.slicer.selected_runs:
            self._say("no run meets all conditions: the picture shows the last selection that had some")
            return
        try:
            self.embedding = self._embed()
            self._draw()
        # An error in an observer would only reach the log: say it where the reader looks.
        except ValueError as problem:
            self._say(f"cannot draw this: {problem}")

    def _draw(self) -> None:
        runs, color = self.slicer.selected_runs, self._coloring()
        self.manifold.show(self.embedding, color=color, components=self.components, runs=runs)
        progress = figures.progress(self._part(), color=color, runs=runs)
        # The manifold above has the legend or colour bar of both.
        progress.update_traces(marker_showscale=False).update_layout(showlegend=False)
        self.progress.draw(progress)
        self.spectrum.draw(figures.spectrum(self.embedding))
        self._say(self._summary(runs))
        self._code.value = (
            "<small>the same in Python, with your dataset as <code>ds</code>:</small>"
            f"<pre style='margin:2px 0; overflow-x:auto; line-height:1.35'>{html.escape(self.code)}</pre>"
        )

    def _summary(self, runs: list[str]) -> str:
        points = int((self._part()["step"].sel(run=runs) >= 0).sum())
        what = "all runs" if self.frame == "all runs" else "the selected runs"
        stress = float(self.embedding["explained_stress"].sel(component=3))
        return (
            f"{points} points of {len(runs)} runs on {self._part().sizes['sample']} samples; "
            f"frame: InPCA of {what}, explained stress of 3 components {stress:.3f}"
        )

    def _say(self, message: str) -> None:
        self._status.value = f"<small>{html.escape(message)}</small>"
