"""The Explorer: slice, colour and turn trajectories, with linked panels beside them."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets
import xarray as xr

from trajkit.widgets.code import CodeLine
from trajkit.widgets.explorer.code import picture_code
from trajkit.widgets.explorer.export import write_explorer
from trajkit.widgets.explorer.panel_view import PanelView, tabs_of
from trajkit.widgets.explorer.panels import LEFT, RIGHT
from trajkit.widgets.explorer.state import ExplorerState
from trajkit.widgets.explorer.toolbar import Toolbar
from trajkit.widgets.layout import close_inside, wrapping_row
from trajkit.widgets.manifold_view import ManifoldView
from trajkit.widgets.slicer import Slicer

# The state of the view, beside the data, that is written in Python where it differs from the default.
_LOOKS = ("camera", "highlighted", "hidden", "time_axis", "time", "aspect", "point_size", "line_width", "opacity")
# Traits that the Explorer and its state have in common.
_SHARED = ("color", "components", "metric", "frame", "highlighted", "hovered")


def explore(
    ds: xr.Dataset,
    *,
    metric: str = "bhattacharyya",
    cap: float | None = None,
    landmarks: int | None = None,
    height: int = 520,
) -> Explorer:
    """Open the Explorer on a trajectory dataset: slice by run attributes, colour, turn the manifold, compare runs.

    The picture is the InPCA of all runs (`trajkit.embed`), in which every run keeps its place whatever is selected; or
    the InPCA of the selected runs alone, aligned with that of all runs (`trajkit.align`). The Python that makes the
    picture stands below it.

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound. "jeffreys" needs it here, where the truth is one of the points.
    landmarks
        Number of points to embed exactly; the other points are projected. By default 2000 if there are more than 8000
        points, and otherwise all points are embedded exactly.
    height
        Height of the manifold, in pixels.

    Returns
    -------
    Explorer
        A widget. `.selected` is the selected dataset, `.embedding` what is drawn, `.code` the Python.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset.
    traitlets.TraitError
        If the metric is unknown or not symmetric, or needs a cap.
    ValueError
        If a distance is infinite, or as `trajkit.embed` does.

    Examples
    --------
    >>> import trajkit as tk
    >>> explorer = tk.explore(tk.simulate(runs=6, groups=3))
    >>> explorer.slicer.conditions = {"architecture": ["A", "B"]}
    >>> explorer.selected.sizes["run"]
    4
    """
    return Explorer(ds, metric=metric, cap=cap, landmarks=landmarks, height=height)


class Explorer(ipywidgets.VBox):  # type: ignore[misc]
    """Slicer, manifold and linked panels of one dataset. See `explore`.

    Attributes
    ----------
    color : str
        A run attribute, "progress", "loss", "error", another per-point variable, "step" or "checkpoint"; "" for one
        colour. This and the following attributes up to `code` are traits: they can be set and observed.
    components : tuple of int
        The components that the axes show.
    metric : str
        The metric of the distances between points and between runs.
    frame : str
        "all runs" or "selection": what is embedded.
    highlighted : list
        Runs that are marked in every panel; [] for none.
    hovered : str
        The run under the mouse, or "".
    code : str
        Python that makes the picture from `ds`.
    slicer : Slicer
        The controls that select. Its `conditions` are a trait.
    view : ManifoldView
        The manifold. Its camera, time and so on are traits.
    panels : list of PanelView
        The panels, first those on the left.
    embedding : xarray.Dataset
        The embedding that is drawn.
    own : xarray.Dataset
        The embedding of what `frame` says, before it is aligned with that of all runs.
    state : ExplorerState
        Everything that the Explorer knows, without widgets.

    Examples
    --------
    >>> import trajkit as tk
    >>> explorer = tk.explore(tk.simulate(runs=4))
    >>> explorer.color = "progress"
    >>> print(explorer.code)
    part = ds.assign(progress=tk.progress(ds), loss=tk.loss(ds), error=tk.error(ds))
    selected = tk.select(part)
    frame = tk.embed(part, n_components=6)
    tk.widgets.ManifoldView(frame, color='progress', runs=selected.run)
    """

    color = traitlets.Unicode()
    components = traitlets.Tuple((1, 2, 3))
    metric = traitlets.Unicode()
    frame = traitlets.Unicode("all runs")
    highlighted: Any = traitlets.List()
    hovered = traitlets.Unicode()
    code = traitlets.Unicode()

    def __init__(
        self,
        ds: xr.Dataset,
        *,
        metric: str = "bhattacharyya",
        cap: float | None = None,
        landmarks: int | None = None,
        height: int = 520,
    ) -> None:
        self.state = ExplorerState(ds, metric=metric, cap=cap, landmarks=landmarks)
        # First of all, so that a dataset that cannot be embedded leaves no open widgets behind.
        self.own, self.embedding = self.state.own, self.state.embedding
        super().__init__()
        self.slicer = Slicer(ds, selection=self.state.selection)
        self.slicer.code_line.layout.display = "none"
        self.view = ManifoldView(height=height, toolbar=["color", "tools", "camera", "time", "legend", "export"])
        self.toolbar = Toolbar(self.state, self._clear)
        self._status = ipywidgets.HTML()
        self._code_line = CodeLine(title="The same in Python, with your dataset as ds:")
        self.panels = [PanelView(panel(self.state)) for panel in (*LEFT, *RIGHT)]
        self._redraw()
        self.children = self._arrange()
        self.add_class("trajkit-explorer")
        traitlets.link((self.state, "color"), (self.view, "color"))
        traitlets.link((self.state, "highlighted"), (self.view, "highlighted"))
        self.view.observe(self._lassoed, "selection")
        self.view.observe(self._view_hovered, "hovered")
        self.view.observe(self._write_code, list(_LOOKS))
        self.state.selection.observe(self._redraw, "conditions")
        self.state.observe(self._redraw, ["frame", "metric", "components"])
        self.state.observe(self._recolored, "color")
        self.state.observe(self._marks_changed, ["highlighted", "hovered"])
        # Last, so that whoever observes the Explorer finds the pictures and the code up to date.
        for name in _SHARED:
            traitlets.link((self.state, name), (self, name))

    def __repr__(self) -> str:
        return f"Explorer({self.dataset.sizes['run']} runs, {len(self.runs)} selected)"

    @traitlets.validate(*_SHARED)
    def _check(self, proposal: Any) -> Any:
        """Set the state first: it refuses what makes no sense, before this trait has changed."""
        name = proposal["trait"].name
        self.state.set_trait(name, proposal["value"])
        return getattr(self.state, name)

    # The state, for users

    @property
    def dataset(self) -> xr.Dataset:
        """The dataset that is explored."""
        return self.state.dataset

    @property
    def split(self) -> str | None:
        """The split whose samples are measured; None for all samples."""
        return self.state.split

    @property
    def part(self) -> xr.Dataset:
        """All runs on the samples of the split, with progress, loss and error."""
        return self.state.part

    @property
    def runs(self) -> list[str]:
        """Names of the selected runs."""
        return self.state.runs

    @property
    def selected(self) -> xr.Dataset:
        """The selected runs, checkpoints and samples as a dataset, with progress, loss and error.

        Raises
        ------
        ValueError
            If nothing meets all conditions.
        """
        return self.state.selected

    @property
    def marked(self) -> list[str]:
        """Runs that are marked: the highlighted runs and the run under the mouse, as far as they are selected."""
        return self.state.marked

    def toggle(self, runs: list[str], *, more: bool = False) -> None:
        """Highlight runs; if they are highlighted already, stop highlighting them.

        Parameters
        ----------
        runs
            Their names.
        more
            Whether the other highlighted runs stay highlighted.
        """
        self.state.toggle(runs, more=more)

    def keep_highlighted(self) -> None:
        """Select only the highlighted runs."""
        self.state.keep_highlighted()

    def show_panel(self, title: str) -> PanelView:
        """Open the tab of a panel, as a click on it does.

        Parameters
        ----------
        title
            "Progress", "Loss and error", "Off the geodesic", "Runs", "Spectrum", "Distances", "Tree" or
            "Groups and nulls".

        Returns
        -------
        PanelView
            The widget of the panel.

        Raises
        ------
        ValueError
            If there is no panel of that title.
        """
        for tab in self.tabs:
            for i, panel in enumerate(tab.children):
                if panel.title == title:
                    tab.selected_index = i
                    return panel
        raise ValueError(f"no panel {title!r}: wanted one of {[p.title for p in self.panels]}")

    def to_html(self, path: str | Path, *, title: str = "Trajectories") -> Path:
        """Write a page without kernel or network: the manifold as it is drawn now, and progress and error against step.

        Both turn, play, recolour, filter and select in the browser. What is chosen in one is chosen in the other.

        Parameters
        ----------
        path
            Path of the page.
        title
            Title of the page.

        Returns
        -------
        pathlib.Path
            `path`.

        Examples
        --------
        >>> import tempfile, trajkit as tk
        >>> explorer = tk.explore(tk.simulate(runs=4))
        >>> explorer.to_html(tempfile.mkdtemp() + "/view.html").name
        'view.html'
        """
        looks = {name: getattr(self.view, name) for name in _LOOKS}
        return write_explorer(path, self.state, self.embedding, self.view.components, looks, title=title)

    def close(self) -> None:
        """Close every widget inside, and let distances and embeddings go."""
        if self.comm is not None and hasattr(self, "panels"):
            for panel in self.panels:
                panel.close()
            self.slicer.close()
            close_inside(self)
            self.state.close()
            del self.own, self.embedding
            self.view.embedding = None
        super().close()

    # Drawing

    def _redraw(self, _: object = None) -> None:
        """Bring the manifold, the panels that are seen and the code up to date."""
        if not self.runs:
            self._say("nothing meets all conditions: the pictures show the last selection that was not empty")
            return
        self._say("measuring ...")
        try:
            self.own, self.embedding = self.state.own, self.state.embedding
        # An error in an observer would reach only the log.
        except ValueError as problem:
            self._say(f"cannot embed this: {problem}")
            return
        known = set(self.embedding["component"].values.tolist())
        components = self.state.components if set(self.state.components) <= known else None
        self.view.show(self.embedding, color=self.state.color_name, components=components, runs=self.runs)
        self._write_code()
        self._refresh_panels()
        self._say(self._summary())

    def _recolored(self, _: object) -> None:
        self._write_code()
        self._refresh_panels()

    def _refresh_panels(self) -> None:
        for panel in self.panels:
            panel.refresh()

    def _marks_changed(self, change: Any) -> None:
        self._refresh_panels()
        # The state, not the traits of this widget, which follow it last.
        hovered = self.state.hovered
        if change["name"] == "hovered" and (not self.view.hovered or self.view.hovered[0] != hovered):
            self.view.hovered = self._last_point(hovered) if hovered else []

    def _last_point(self, run: str) -> list[Any]:
        """Find the last selected point of a run, as the view names points."""
        chosen = self.state.selection.points
        if run not in chosen["run"].values:
            return []
        at = chosen["checkpoint"].values[chosen.sel(run=run).values]
        return [run, int(at[-1])] if len(at) else []

    def _lassoed(self, change: Any) -> None:
        self.highlighted = list(dict.fromkeys(run for run, _ in change["new"] if run in set(self.runs)))

    def _view_hovered(self, change: Any) -> None:
        run = change["new"][0] if change["new"] else ""
        self.hovered = run if run in set(self.runs) else ""

    def _clear(self) -> None:
        self.view.selection = []
        self.highlighted = []

    def _write_code(self, _: object = None) -> None:
        values = {name: getattr(self.view, name) for name in _LOOKS}
        looks = {name: value for name, value in values.items() if value != self.view.traits()[name].default()}
        self.code = self._code_line.code = picture_code(self.state, looks)

    def _summary(self) -> str:
        state = self.state
        split = "all" if state.split is None else state.split
        what = "all runs" if state.frame == "all runs" else "the selection, aligned with all runs"
        stress, kept = (float(self.own[n].sel(component=3)) for n in ("explained_stress", "explained_distance"))
        landmarks = f" from {state.measured.landmarks} landmarks" if "is_landmark" in self.own else ""
        misfit = f"; misfit {self.embedding.attrs['misfit']:.2g}" if "misfit" in self.embedding.attrs else ""
        return (
            f"InPCA of {what}{landmarks}, {state.metric}, {state.part.sizes['sample']} samples ({split}): three "
            f"components explain {stress:.3f} of the stress and {kept:.3f} of the distances{misfit}"
        )

    def _say(self, message: str) -> None:
        self._status.value = f"<div style='font-size:11px; line-height:1.4'>{html.escape(message)}</div>"

    # Layout

    def _arrange(self) -> list[ipywidgets.Widget]:
        """Put the slicer to the left of the manifold, two groups of tabs below, and the code below these."""
        self.controls, self.axes = self.toolbar.controls, self.toolbar.axes
        self.slicer.layout = {"width": "270px", "flex": "0 0 270px", "height": f"{self.view.height + 64}px"}
        self.slicer.board.layout = {"height": "100%"}
        middle = ipywidgets.VBox([self.toolbar, self.view, self._status], layout={"flex": "1 1 0", "min_width": "0"})
        top = ipywidgets.HBox([self.slicer, middle], layout={"width": "100%", "overflow": "hidden"})
        half = len(LEFT)
        self.tabs = [tabs_of(self.panels[:half]), tabs_of(self.panels[half:])]
        return [top, wrapping_row(*self.tabs), self._code_line]
