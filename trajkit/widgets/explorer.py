"""The Explorer: slice, colour and turn trajectories, with linked panels beside them."""

from __future__ import annotations

import html
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import traitlets
import xarray as xr

from trajkit.figures.coloring import coloring
from trajkit.schema import is_network, run_attributes, validate
from trajkit.select import select
from trajkit.widgets.code import CodeLine, as_python
from trajkit.widgets.html_export import write_page
from trajkit.widgets.linked import LEFT, RIGHT, Panel
from trajkit.widgets.manifold_view import ManifoldView
from trajkit.widgets.measurements import (
    N_COMPONENTS,
    QUANTITIES,
    Measurements,
    fitting,
    laid_upon,
    metrics,
    only,
    partners,
)
from trajkit.widgets.slicer import Slicer

_FRAMES = ("all runs", "selection")
# What the view shows beside the data, as it is written in Python where it is not as at first.
_LOOKS = ("camera", "highlighted", "hidden", "time_axis", "time", "aspect", "point_size", "line_width", "opacity")
# What the two views of an exported page share, and how its second is seen: progress upwards, steps to the right.
_TOGETHER = (
    "selection",
    "highlighted",
    "hovered",
    "time_axis",
    "time",
    "playing",
    "duration",
    "color",
    "hidden",
    "filters",
)
_FROM_ABOVE = {"yaw": -90.0, "pitch": 90.0, "projection": "orthographic", "zoom": 1.9}
# Of an embedding's own axes, which are gone once it is laid upon another.
_OF_AXES = ("eigenvalue", "explained_stress", "explained_distance")


def explore(
    ds: xr.Dataset,
    *,
    metric: str = "bhattacharyya",
    cap: float | None = None,
    landmarks: int | None = None,
    height: int = 520,
) -> Explorer:
    """Open the Explorer on a trajectory dataset: slice by run attributes, colour, turn the manifold, compare runs.

    The frame is the InPCA of all runs (`trajkit.embed`), so that what is selected keeps its place; or of the
    selected runs alone, laid upon that of all (`trajkit.align`). Below stands the Python that makes the picture.

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric, cap
        Of the distances; see `trajkit.pairwise`. "jeffreys" needs a cap.
    landmarks
        Of `trajkit.embed`. None: 2000 where there are more than 8000 points, and every point otherwise.
    height
        Of the manifold, in pixels.

    Returns
    -------
    Explorer
        A widget. `.selected` is the selected dataset, `.embedding` what is drawn, `.code` the Python.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset.
    ValueError
        If the metric is unknown or has no distances to the truth, or as `trajkit.embed` does.

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
        colour. A trait, as are all up to `code`.
    components : tuple of int
        The components that the axes show.
    metric : str
        Of distances between points and between runs.
    frame : str
        "all runs" or "selection": what is embedded.
    highlighted : list
        Runs that are marked in every panel; [] for none.
    hovered : str
        The run under the mouse, or "".
    code : str
        Python that makes the picture from `ds`.
    slicer : Slicer
        What selects. Its `conditions` are a trait.
    view : ManifoldView
        The manifold; its camera, time and so on are traits.
    embedding : xarray.Dataset
        What is drawn.
    own : xarray.Dataset
        What was embedded, before a slice is laid upon the frame of all runs.

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
        validate(ds)
        self.measured = Measurements(ds, cap=cap, landmarks=landmarks)
        self._busy = True
        super().__init__()
        self.metric = metric
        self.slicer = Slicer(ds, progress=lambda split: self.measured.part(split)["progress"])
        self.slicer.code_line.layout.display = "none"
        self.view = ManifoldView(height=height, toolbar=["color", "tools", "camera", "time", "legend", "export"])
        self._status = ipywidgets.HTML()
        self._code_line = CodeLine(title="The same in Python, with your dataset as ds:")
        self.panels: list[Panel] = [panel(self) for panel in (*LEFT, *RIGHT)]
        first = next((f.name for f in self.slicer.facets if f.name in run_attributes(ds)), "")
        self.own = self.embedding = self.measured.embedding(None, metric)
        self.color = first
        self._busy = False
        self._redraw()
        self.children = self._arrange()
        self.add_class("trajkit-explorer")
        traitlets.link((self, "color"), (self.view, "color"))
        traitlets.link((self, "highlighted"), (self.view, "highlighted"))
        self.view.observe(self._lassoed, "selection")
        self.view.observe(self._view_hovered, "hovered")
        self.view.observe(self._write_code, list(_LOOKS))
        self.slicer.observe(self._redraw, "conditions")
        self.observe(self._redraw, ["frame", "metric", "components"])
        self.observe(self._recolored, "color")
        self.observe(self._marks_changed, ["highlighted", "hovered"])

    def __repr__(self) -> str:
        return f"Explorer({self.dataset.sizes['run']} runs, {len(self.runs)} selected)"

    @traitlets.validate("frame", "metric")
    def _check_choice(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, str(proposal["value"])
        allowed = {"frame": list(_FRAMES), "metric": metrics(self.measured.cap)}[name]
        if value not in allowed:
            needs = " (jeffreys needs cap=)" if value == "jeffreys" else ""
            raise traitlets.TraitError(f"{name}: wanted one of {allowed}, got {value!r}{needs}")
        return value

    @traitlets.validate("components")
    def _check_components(self, proposal: Any) -> tuple[int, ...]:
        value = tuple(proposal["value"])
        if len(set(value)) != 3 or len(value) != 3 or not set(value) <= set(range(1, N_COMPONENTS + 1)):
            raise traitlets.TraitError(f"components: wanted three different ones from 1 to {N_COMPONENTS}, got {value}")
        return value

    @traitlets.validate("color")
    def _check_color(self, proposal: Any) -> str:
        known = self.view.colors if self.view.embedding is not None else [proposal["value"]]
        if proposal["value"] not in known:
            named = [name for name in known if name]
            raise traitlets.TraitError(f"color: wanted one of {named}, or '' for one colour, got {proposal['value']!r}")
        return str(proposal["value"])

    @traitlets.validate("highlighted")
    def _check_runs(self, proposal: Any) -> list[str]:
        known = set(self.measured.dataset["run"].values.tolist())
        if unknown := [r for r in proposal["value"] if r not in known]:
            raise traitlets.TraitError(f"highlighted: {unknown[:5]} are no runs of the dataset")
        return list(proposal["value"])

    # State

    @property
    def dataset(self) -> xr.Dataset:
        """The dataset that is explored."""
        return self.measured.dataset

    @property
    def split(self) -> str | None:
        """The split whose samples are measured on, None for all."""
        return self.slicer.conditions.get("split")

    @property
    def part(self) -> xr.Dataset:
        """All runs on those samples, with progress, loss and error."""
        return self.measured.part(self.split)

    @property
    def runs(self) -> list[str]:
        """Identities of the selected runs."""
        return self.slicer.selected_runs

    @property
    def selected(self) -> xr.Dataset:
        """The selected runs, checkpoints and samples as a dataset, with progress, loss and error.

        Raises
        ------
        ValueError
            If nothing meets all conditions.
        """
        conditions = {k: v for k, v in self.slicer.select_arguments.items() if k != "split"}
        return select(self.part, **conditions)

    @property
    def marked(self) -> list[str]:
        """Runs to mark: those highlighted and the one under the mouse, as far as they are selected."""
        hovered = [self.hovered] if self.hovered and self.hovered not in self.highlighted else []
        there = set(self.runs)
        return [r for r in (*self.highlighted, *hovered) if r in there]

    def toggle(self, runs: list[str], *, more: bool = False) -> None:
        """Highlight runs, or no longer if they are; with `more` beside those that are highlighted already.

        Parameters
        ----------
        runs
            Their names.
        more
            Keep the others.
        """
        if not more:
            self.highlighted = [] if self.highlighted == runs else runs
        elif set(runs) <= set(self.highlighted):
            self.highlighted = [r for r in self.highlighted if r not in runs]
        else:
            self.highlighted = list(dict.fromkeys([*self.highlighted, *runs]))

    def keep_highlighted(self) -> None:
        """Select the highlighted runs alone."""
        if self.highlighted:
            self.slicer.conditions = {**self.slicer.conditions, "run": list(self.highlighted)}

    def to_html(self, path: str | Path, *, title: str = "Trajectories") -> Path:
        """Write a page without kernel or network: the manifold as it is drawn now, and progress and error against step.

        Both turn, play, recolour, filter and select in the browser, and what is chosen in one is chosen in the other.

        Parameters
        ----------
        path
            Where to.
        title
            Of the page.

        Returns
        -------
        pathlib.Path
            The file.

        Examples
        --------
        >>> import tempfile, trajkit as tk
        >>> explorer = tk.explore(tk.simulate(runs=4))
        >>> explorer.to_html(tempfile.mkdtemp() + "/view.html").name
        'view.html'
        """
        looks: dict[str, Any] = {name: getattr(self.view, name) for name in _LOOKS}
        shown: dict[str, Any] = {"color": self.color_name, "runs": self.runs}
        manifold = ManifoldView(self.embedding, components=self.view.components, **shown, **looks)
        course = ManifoldView(_course(self.embedding), titles=_ALONG, height=380, camera=_FROM_ABOVE, **shown)
        course.highlighted = self.highlighted
        links = [(0, 1, _TOGETHER)]
        try:
            return write_page(path, [manifold, course], title=title, links=links)
        finally:
            for view in (manifold, course):
                view.close()

    def close(self) -> None:
        """Close every part, and let distances and embeddings go."""
        if self.comm is not None and hasattr(self, "panels"):
            for panel in self.panels:
                panel.close()
            self.slicer.close()
            for widget in list(_within(self)):
                widget.close()
            self.measured.close()
            del self.own, self.embedding
            self.view.embedding = None
        super().close()

    # What panels ask for

    @property
    def shown_part(self) -> xr.Dataset:
        """The runs of `part`, without checkpoints outside the window that is chosen."""
        return only(self.part, self.slicer.selected_points) if self._has_window else self.part

    @property
    def color_name(self) -> str | None:
        """The colour, None for one colour."""
        return self.color or None

    @property
    def run_color(self) -> str:
        """The colour if it is a run attribute, "" otherwise."""
        return self.color if self.color in run_attributes(self.dataset) else ""

    def categories(self, name: str) -> int:
        """How many categories an attribute has as a colour; many where it has a scale."""
        colors = coloring(self.part, name)
        return len(colors.categories) or self.part.sizes["run"]

    def distance(self) -> xr.DataArray:
        """Distances of the selected runs' whole trajectories to one another."""
        whole = self.measured.distances(self.split, self.metric)
        return whole.sel(run=self.runs, run2=self.runs)

    @property
    def selection_key(self) -> Hashable:
        """What changes with the selected points or samples."""
        return self.split, self.slicer.selected_points.values.tobytes()

    @property
    def runs_key(self) -> Hashable:
        """What changes with the selected runs or samples."""
        return self.split, tuple(self.runs)

    @property
    def frame_key(self) -> Hashable:
        """What changes with the embedding."""
        return self.metric, self.frame, self.selection_key if self.frame == "selection" else self.split

    @property
    def part_code(self) -> str:
        """Write `shown_part`."""
        if not self._has_window:
            return "part"
        networks = ".where(part.kind == 'network', part.step)" if self._has_references else ""
        return f"part.assign(step=selected.step.reindex_like(part.step, fill_value=-1){networks})"

    @property
    def color_code(self) -> str:
        """Write the colour as an argument."""
        return f"color={self.color!r}, " if self.color else ""

    @property
    def distance_code(self) -> str:
        """Write `distance`."""
        part = "tk.select(part, kind='network')" if self._has_references else "part"
        runs = "run=selected.run.values, run2=selected.run.values"
        return f"distance = tk.trajectory_distance({part}{self.metric_code}).sel({runs})"

    @property
    def metric_options(self) -> dict[str, Any]:
        """The metric and its cap as further arguments, where they are not the default."""
        options = {} if self.metric == "bhattacharyya" else {"metric": self.metric}
        cap = self.measured.cap_of(self.metric)
        return options | ({} if cap is None else {"cap": cap})

    @property
    def metric_code(self) -> str:
        """Write `metric_options`."""
        return "".join(f", {k}={v!r}" for k, v in self.metric_options.items())

    # Drawing

    @property
    def _has_window(self) -> bool:
        return not {"progress", "step"}.isdisjoint(self.slicer.conditions)

    @property
    def _has_references(self) -> bool:
        return bool((self.dataset["kind"] == "reference").any())

    def _redraw(self, _: object = None) -> None:
        """Bring the manifold, the panels that are seen and the code up to date."""
        if self._busy:
            return
        if not self.runs:
            self._say("nothing meets all conditions: the pictures show the last selection that had something")
            return
        try:
            self.own, self.embedding = self._embed()
        # An error in an observer would only reach the log: say it where the reader looks.
        except ValueError as problem:
            self._say(f"cannot embed this: {problem}")
            return
        components = (
            self.components if set(self.components) <= set(self.embedding["component"].values.tolist()) else None
        )
        self.view.show(self.embedding, color=self.color_name, components=components, runs=self.runs)
        self._write_code()
        for panel in self.panels:
            panel.refresh()
        self._say(self._summary())

    def _embed(self) -> tuple[xr.Dataset, xr.Dataset]:
        """Embed what the frame says: as it is by itself, and as it is drawn."""
        chosen = self.slicer.selected_points
        self._say("measuring ...")
        frame = self.measured.embedding(self.split, self.metric)
        if self.frame == "all runs":
            return frame, only(frame, chosen) if self._has_window else frame
        own = self.measured.embedding(self.split, self.metric, chosen)
        moved = laid_upon(frame, own, self.components)
        if moved is None:
            raise ValueError(
                f"the slice has no components with the signatures of components {self.components} of all runs; "
                "choose other axes, or embed all runs"
            )
        step = moved["step"].reindex_like(frame["step"], fill_value=-1)
        shown = frame.sel(component=list(self.components)).drop_vars(_OF_AXES)
        return own, shown.assign(coordinate=moved["coordinate"], step=step).assign_attrs(misfit=moved.attrs["misfit"])

    def _recolored(self, _: object) -> None:
        self._write_code()
        for panel in self.panels:
            panel.refresh()

    def _marks_changed(self, change: Any) -> None:
        for panel in self.panels:
            panel.refresh()
        if change["name"] == "highlighted":
            count = len(self.highlighted)
            self._highlight_label.value = f"{count} highlighted" if count else "click a line, or lasso points"
            for button in self._highlight_buttons:
                button.disabled = not count
        elif not self.view.hovered or self.view.hovered[0] != self.hovered:
            self.view.hovered = self._last_point(self.hovered) if self.hovered else []

    def _last_point(self, run: str) -> list[Any]:
        chosen = self.slicer.selected_points
        if run not in chosen["run"].values:
            return []
        at = chosen["checkpoint"].values[chosen.sel(run=run).values]
        return [run, int(at[-1])] if len(at) else []

    def _lassoed(self, change: Any) -> None:
        self.highlighted = list(dict.fromkeys(run for run, _ in change["new"] if run in set(self.runs)))

    def _view_hovered(self, change: Any) -> None:
        run = change["new"][0] if change["new"] else ""
        self.hovered = run if run in set(self.runs) else ""

    def _summary(self) -> str:
        split = "all" if self.split is None else self.split
        what = "all runs" if self.frame == "all runs" else "the selection, laid upon that of all runs"
        stress, kept = (float(self.own[n].sel(component=3)) for n in ("explained_stress", "explained_distance"))
        landmarks = f" from {self.measured.landmarks} landmarks" if "is_landmark" in self.own else ""
        misfit = f"; misfit {self.embedding.attrs['misfit']:.2g}" if "misfit" in self.embedding.attrs else ""
        return (
            f"InPCA of {what}{landmarks}, {self.metric}, {self.part.sizes['sample']} samples ({split}): three "
            f"components explain {stress:.3f} of the stress and {kept:.3f} of the distances{misfit}"
        )

    def _say(self, message: str) -> None:
        self._status.value = f"<div style='font-size:11px; line-height:1.4'>{html.escape(message)}</div>"

    # Python

    def _write_code(self, _: object = None) -> None:
        if not self._busy:
            self.code = self._code_line.code = "\n".join(self._code())

    def _code(self) -> Iterator[str]:
        """Write the lines that make the picture from `ds`."""
        source = "ds"
        if self.split is not None:
            yield f"part = tk.select(ds, split={self.split!r})"
            source = "part"
        values = ", ".join(f"{name}=tk.{name}({source})" for name in QUANTITIES)
        yield f"part = {source}.assign({values})"
        yield f"selected = {self.slicer.code_on('part', without=('split',))}"
        yield f"frame = {self._embed_code('part', self.part)}"
        drawn, components = "frame", f"components={self.components}, "
        if self.frame == "selection":
            yield from self._slice_code()
            drawn = "embedding"
        elif self._has_window:
            yield "step = selected.step.reindex_like(frame.step, fill_value=-1)"
            yield "embedding = frame.assign(step=step.where(frame.kind == 'network', frame.step))"
            drawn = "embedding"
        components = "" if self.components == (1, 2, 3) else components
        yield f"tk.widgets.ManifoldView({drawn}, {self.color_code}{components}runs=selected.run{self._looks()})"

    def _embed_code(self, name: str, ds: xr.Dataset) -> str:
        options = self.metric_options
        if self.measured.landmarks is not None and (landmarks := fitting(self.measured.landmarks, ds)) is not None:
            options["landmarks"] = landmarks
        return f"tk.embed({name}, n_components={N_COMPONENTS}{''.join(f', {k}={v!r}' for k, v in options.items())})"

    def _slice_code(self) -> Iterator[str]:
        shown = "selected"
        if self._has_references:
            shown = "together"
            yield "together = tk.concat([selected, tk.select(part, kind='reference')])"
        yield f"own = {self._embed_code(shown, only(self.part, self.slicer.selected_points))}"
        frame = self.measured.embedding(self.split, self.metric)
        wanted = list(self.components)
        own = partners(frame, self.own, wanted)
        yield f"moved = tk.align(frame.sel(component={wanted}), own.sel(component={own}))"
        yield f"embedding = frame.sel(component={wanted}).drop_vars({list(_OF_AXES)})"
        yield (
            "embedding = embedding.assign(coordinate=moved.coordinate, "
            "step=moved.step.reindex_like(frame.step, fill_value=-1))"
        )

    def _looks(self) -> str:
        """Write what of the view is not as at first."""
        out = ""
        for name in _LOOKS:
            value, default = getattr(self.view, name), self.view.traits()[name].default()
            if value != default:
                out += f", {name}={as_python(_rounded(value))}"
        return out

    # Layout

    def _arrange(self) -> list[ipywidgets.Widget]:
        """Lay the parts out: the slicer to the left of the manifold, two rows of tabs below, and the code."""
        narrow = {"width": "auto"}
        self.controls = {
            "metric": ipywidgets.Dropdown(options=metrics(self.measured.cap), layout={"width": "135px"}),
            "frame": ipywidgets.ToggleButtons(
                options=_FRAMES,
                style={"button_width": "88px"},
                tooltips=[
                    "Every slice keeps its place",
                    "Each slice is embedded anew, laid upon the frame of all runs",
                ],
            ),
        }
        for name, control in self.controls.items():
            traitlets.link((self, name), (control, "value"))
        self.axes = [
            ipywidgets.Dropdown(options=range(1, N_COMPONENTS + 1), value=k, layout={"width": "52px"})
            for k in self.components
        ]
        for i, axis in enumerate(self.axes):
            axis.observe(lambda change, i=i: self._pick_axis(i, change["new"]), "value")
            traitlets.dlink((self, "components"), (axis, "value"), lambda components, i=i: components[i])
        self._highlight_label = ipywidgets.Label("click a line, or lasso points")
        keep = ipywidgets.Button(description="Keep only these", layout=narrow, disabled=True)
        clear = ipywidgets.Button(description="Clear", layout=narrow, disabled=True)
        keep.on_click(lambda _: self.keep_highlighted())
        clear.on_click(lambda _: self._clear())
        self._highlight_buttons = [keep, clear]
        groups = [
            [ipywidgets.Label("metric"), self.controls["metric"]],
            [ipywidgets.Label("frame"), self.controls["frame"]],
            [ipywidgets.Label("axes"), *self.axes],
            [self._highlight_label, *self._highlight_buttons],
        ]
        toolbar = ipywidgets.HBox(
            [ipywidgets.HBox(group, layout={"margin": "0 14px 0 0", "align_items": "center"}) for group in groups],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        self.slicer.layout = {"width": "270px", "flex": "0 0 270px", "height": f"{self.view.height + 64}px"}
        self.slicer.board.layout = {"height": "100%"}
        middle = ipywidgets.VBox([toolbar, self.view, self._status], layout={"flex": "1 1 0", "min_width": "0"})
        top = ipywidgets.HBox([self.slicer, middle], layout={"width": "100%", "overflow": "hidden"})
        half = len(LEFT)
        self.tabs = [self._tab(self.panels[:half]), self._tab(self.panels[half:])]
        bottom = ipywidgets.HBox(self.tabs, layout={"width": "100%", "flex_flow": "row wrap"})
        return [top, bottom, self._code_line]

    def _tab(self, panels: list[Panel]) -> ipywidgets.Tab:
        tab = ipywidgets.Tab(panels, layout={"flex": "1 1 400px", "min_width": "0"})
        for i, panel in enumerate(panels):
            tab.set_title(i, panel.title)

        def turn(_: object = None) -> None:
            for i, panel in enumerate(panels):
                panel.seen = i == tab.selected_index
            for panel in panels:
                panel.refresh()

        tab.selected_index = 0
        tab.observe(turn, "selected_index")
        turn()
        return tab

    def show_panel(self, title: str) -> Any:
        """Turn to a panel, as a click on its tab does.

        Parameters
        ----------
        title
            "Progress", "Loss and error", "Off the geodesic", "Runs", "Spectrum", "Distances", "Tree" or
            "Groups and nulls".

        Returns
        -------
        Panel

        Raises
        ------
        ValueError
            If there is none of that title.
        """
        for tab in self.tabs:
            for i, panel in enumerate(tab.children):
                if panel.title == title:
                    tab.selected_index = i
                    return panel
        raise ValueError(f"no panel {title!r}: wanted one of {[p.title for p in self.panels]}")

    def _pick_axis(self, i: int, component: int) -> None:
        """Show another component on an axis; the axis that has it takes this one's."""
        old = self.components
        new = list(old)
        if component in old:
            new[old.index(component)] = old[i]
        new[i] = component
        self.components = tuple(new)

    def _clear(self) -> None:
        self.view.selection = []
        self.highlighted = []


# Titles of what `_course` lays out. Not the loss: that of a perfect prediction is 0, and has no place on a logarithmic
# axis.
_ALONG = {1: "log10(1 + step)", 2: "progress", 3: "classification error"}


def _course(embedding: xr.Dataset) -> xr.Dataset:
    """Lay the networks' points out by step, progress and error, in place of components."""
    # References take no steps.
    networks = embedding.isel(run=is_network(embedding))
    steps = networks["step"].where(networks["step"] >= 0)
    along: list[Any] = [np.log10(1.0 + steps), networks["progress"], networks["error"]]
    coordinate = xr.concat([x.reset_coords(drop=True) for x in along], "component")
    bare = networks.drop_vars([n for n, v in networks.variables.items() if "component" in v.dims])
    out: xr.Dataset = bare.assign(
        coordinate=coordinate.transpose("run", "checkpoint", "component"), signature=("component", [1, 1, 1])
    )
    return out.assign_coords(component=list(_ALONG))


def _within(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """Give everything inside a widget, with layouts and styles, which live as long as nobody closes them."""
    for child in getattr(widget, "children", ()):
        yield from _within(child)
        yield child
    for name in ("layout", "style"):
        if isinstance(part := getattr(widget, name, None), ipywidgets.Widget):
            yield part


def _rounded(value: Any) -> Any:
    """Leave of a camera what can be seen."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value
