"""A manifold to turn: our own WebGL view, which draws, plays, selects and recolours in the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import pandas as pd
import traitlets
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.figures.coloring import coloring
from trajkit.figures.run_lines import chosen
from trajkit.schema import is_network
from trajkit.typing import Indices
from trajkit.widgets import assets
from trajkit.widgets import manifold_packing as packing
from trajkit.widgets.html_export import write_page

CAMERA: dict[str, Any] = {
    "yaw": -52.0,
    "pitch": 20.0,
    "zoom": 1.0,
    "target": [0.0, 0.0, 0.0],
    "projection": "perspective",
}
_CHOICES = {
    "tool": ("orbit", "pan", "lasso", "box"),
    "theme": ("auto", "light", "dark"),
    "aspect": ("cube", "equal"),
}
_NUMBERS = ("point_size", "line_width", "opacity", "time", "duration", "height")
TOOLBAR = ("color", "filter", "axes", "tools", "camera", "time", "legend", "export")
# What `link` joins, and the traits that this means.
_LINKED = {
    "camera": ("camera",),
    "selection": ("selection",),
    "hovered": ("hovered",),
    "pinned": ("pinned",),
    "highlighted": ("highlighted",),
    "time": ("time_axis", "duration", "playing", "time"),
    "color": ("color", "hidden"),
    "filters": ("filters",),
    "components": ("components",),
    "tool": ("tool",),
}


def _plain_bytes(value: Any, _: object) -> bytes:
    return bytes(value)


def _buffer() -> Any:
    return traitlets.Bytes(b"").tag(sync=True, from_json=_plain_bytes)


class ManifoldView(anywidget.AnyWidget):
    """A 3D view of an embedding: turn, zoom, hover, pin, lasso, recolour, filter and play trajectories.

    Each run is a line through its checkpoints. References are dark, single ones diamonds with their names. Each axis
    has the range of all points of the embedding, whichever runs are drawn, and the three are drawn equally long, as
    in `trajkit.figures.manifold`, or to one scale (`aspect="equal"`). The ranges stay when a new embedding comes
    whose points lie in them and fill half of each, so that the picture does not jump; `reframe` fits them anew.

    Parameters
    ----------
    embedding
        What `trajkit.embed` returned; None leaves the view empty until `show`.
    color
        Name of a run attribute or per-point quantity; "step"; "checkpoint"; a DataArray on run or on
        (run, checkpoint); None for one colour.
    components
        Which components the axes show, counted from 1.
    runs
        Draw only these networks (references stay); None draws all.
    values
        More quantities for the hover card, colours and time: DataArrays on (run, checkpoint) with names, or a dict of
        them, such as `{"progress": tk.progress(ds), "loss": tk.loss(ds)}`.
    titles
        Titles of axes by their component, such as `{1: "width", 2: "depth"}`, of one line or more. Any other says which
        component it is, and its explained stress.
    height
        In pixels.
    traits
        Any of the traits below.

    Traits
    ------
    All are set by the mouse as by Python, and can be observed and linked.

    camera : dict
        "yaw" and "pitch" in degrees, "zoom" (1 shows the whole box), "target" (the point looked at, where the box
        runs from -1 to 1), "projection" ("perspective" or "orthographic"). Some of them may be given. New data never
        change it.
    components : tuple of int
        The components that the axes show.
    color : str
        What is coloured by: an attribute or quantity, "" for one colour.
    point_size, line_width, opacity : float
        Pixels, pixels, and from 0 to 1. Lines of no width or points of no size are not drawn.
    aspect : str
        "cube": axes equally long; "equal": axes to one scale, as distances are.
    theme : str
        "auto" follows the notebook; "light"; "dark".
    tool : str
        What dragging does: "orbit", "pan", "lasso" or "box".
    selection : list
        [run, checkpoint] of the selected points; `selected` has them as a mask.
    highlighted : list
        Names of runs drawn strongly while the others are dimmed; [] for none.
    hidden : list
        Legend entries switched off; shown again when another attribute gives the colours.
    filters : dict
        Attribute -> the values whose runs are drawn, as the legend writes them.
    hovered, pinned : list
        [run, checkpoint] under the mouse, or []; a list of those with a card that stays.
    time_axis : str
        What time is: "step" (on a logarithmic scale), "checkpoint" or a per-point quantity such as "progress"
        (of which a run has reached its largest value so far).
    time : float
        0 to 1 along the range of that axis: trajectories are drawn up to there.
    playing : bool
        Whether time runs, in the browser.
    duration : float
        Seconds from 0 to 1.
    toolbar : list
        The groups of controls that are there: "color", "filter", "axes", "tools", "camera", "time", "legend", "export".

    Raises
    ------
    ValueError
        If `embedding` is none, or a component, run, colour, value or the component of a title is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate()
    >>> view = tk.widgets.ManifoldView(tk.embed(ds), color="architecture", values={"loss": tk.loss(ds)})
    >>> view.camera = {"yaw": 30}
    >>> view.camera["pitch"]
    20.0
    >>> view.color = "loss"
    >>> view.selection = [["A-0", 3]]
    >>> int(view.selected.sum())
    1
    """

    _esm = assets.module("manifold_view/view.js")
    _css = assets.stylesheet("manifold_view/view.css")

    camera: Any = traitlets.Dict(CAMERA).tag(sync=True)
    components = traitlets.Tuple((1, 2, 3)).tag(sync=True)
    color = traitlets.Unicode("").tag(sync=True)
    point_size = traitlets.Float(4.0).tag(sync=True)
    line_width = traitlets.Float(1.5).tag(sync=True)
    opacity = traitlets.Float(0.85).tag(sync=True)
    aspect = traitlets.Unicode("cube").tag(sync=True)
    theme = traitlets.Unicode("auto").tag(sync=True)
    tool = traitlets.Unicode("orbit").tag(sync=True)
    selection: Any = traitlets.List().tag(sync=True)
    highlighted: Any = traitlets.List().tag(sync=True)
    hidden: Any = traitlets.List().tag(sync=True)
    filters: Any = traitlets.Dict().tag(sync=True)
    hovered: Any = traitlets.List().tag(sync=True)
    pinned: Any = traitlets.List().tag(sync=True)
    time_axis = traitlets.Unicode("step").tag(sync=True)
    time = traitlets.Float(1.0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    duration = traitlets.Float(8.0).tag(sync=True)
    height = traitlets.Int(560).tag(sync=True)
    toolbar: Any = traitlets.List(list(TOOLBAR)).tag(sync=True)

    # What is drawn. The browser gets each once, and again only where it changed.
    _runs: Any = traitlets.Dict({"name": [], "networks": 0}).tag(sync=True)
    _axes: Any = traitlets.List().tag(sync=True)
    _attributes: Any = traitlets.List().tag(sync=True)
    _quantities: Any = traitlets.List().tag(sync=True)
    _own_attribute: Any = traitlets.Dict().tag(sync=True)
    _own_quantity: Any = traitlets.Dict().tag(sync=True)
    _offset = _buffer()
    _shown = _buffer()
    _checkpoint = _buffer()
    _step = _buffer()
    _coordinate = _buffer()
    _values = _buffer()
    _own_values = _buffer()
    _live_runs: Any = traitlets.List().tag(sync=True)
    _live = _buffer()
    # Constants that the browser must not know a second time.
    _palette: Any = traitlets.Dict(packing.COLORS).tag(sync=True)
    _start_camera: Any = traitlets.Dict(CAMERA).tag(sync=True)

    def __init__(
        self,
        embedding: xr.Dataset | None = None,
        *,
        color: str | xr.DataArray | None = None,
        components: tuple[int, int, int] = (1, 2, 3),
        runs: xr.DataArray | Sequence[str] | None = None,
        values: Any = None,
        titles: Mapping[int, str] | None = None,
        height: int = 560,
        **traits: Any,
    ) -> None:
        if unknown := sorted(set(traits) - set(self.trait_names())):
            known = sorted(n for n in ManifoldView.class_own_traits() if not n.startswith("_"))
            raise TypeError(f"unknown traits {unknown}: wanted some of {known}, or 'layout'")
        self.embedding: xr.Dataset | None = None
        self._box: packing.Box = {}
        self._titles: dict[int, str] = {}
        self._order: Indices = np.zeros(0, dtype=np.intp)
        self._quantity_arrays: dict[str, xr.DataArray] = {}
        self._linked: list[ManifoldView] = []
        self._png_path: Path | None = None
        super().__init__(height=height)
        self.on_msg(self._receive)
        if embedding is not None:
            self.show(embedding, color=color, components=components, runs=runs, values=values, titles=titles)
        # After the data, which names of runs and colours are checked against.
        for name, value in traits.items():
            setattr(self, name, value)

    # What is drawn

    def show(
        self,
        embedding: xr.Dataset,
        *,
        color: str | xr.DataArray | None = None,
        components: tuple[int, ...] | None = None,
        runs: xr.DataArray | Sequence[str] | None = None,
        values: Any = None,
        titles: Mapping[int, str] | None = None,
    ) -> None:
        """Draw an embedding; camera, selection and time stay. What has not changed is not sent again.

        Parameters
        ----------
        embedding, color, runs, values, titles
            As for the class.
        components
            As for the class; None keeps those shown.

        Raises
        ------
        ValueError
            As for the class; nothing has changed then.

        Examples
        --------
        >>> import trajkit as tk
        >>> embedding = tk.embed(tk.simulate())
        >>> view = tk.widgets.ManifoldView(embedding)
        >>> view.show(embedding, color="step", runs=["A-0", "B-0"])
        """
        wanted = tuple(int(k) for k in (self.components if components is None else components))
        _check_embedding(embedding, wanted)
        if unknown := sorted(set(titles or {}) - set(embedding["component"].values.tolist())):
            raise ValueError(f"titles: the embedding has no components {unknown}, but {embedding['component'].values}")
        quantities = packing.per_point_quantities(embedding, values)
        if not (isinstance(color, str) and color in quantities):
            coloring(embedding, color)
        network = is_network(embedding)
        shown = chosen(embedding, None if runs is None else list(np.asarray(runs)))
        sent = packing.sent_components(embedding, wanted)
        box = packing.framed(embedding, self._box)
        packed = packing.pack(embedding, sent, box, quantities)
        with self.hold_sync():
            if self.embedding is None or not packing.same_attributes(self.embedding, embedding):
                self._attributes = packing.attributes(embedding)
            self.embedding, self._box, self._order = embedding, box, np.argsort(~network, kind="stable")
            self._titles = dict(titles or {})
            self._runs, self._axes = packed.runs, packing.axes(embedding, sent, box, self._titles)
            self._quantities = packing.quantity_ranges(quantities, network)
            self._offset, self._checkpoint = packed.offset.tobytes(), packed.checkpoint.tobytes()
            self._step, self._coordinate = packed.step.tobytes(), packed.coordinate.tobytes()
            self._values = b"".join(packed.quantities[q["name"]].tobytes() for q in self._quantities)
            self._shown = shown[self._order].tobytes()
            self._own_attribute, self._own_quantity, self._own_values = {}, {}, b""
            self.components = wanted
            self._keep_what_is_still_there()
            self.recolor(color)

    def recolor(self, color: str | xr.DataArray | None) -> None:
        """Colour by something else. A name alone is sent; of a DataArray, its values.

        Parameters
        ----------
        color
            As for the class.

        Raises
        ------
        ValueError
            If there is nothing of that name, or it is neither per run nor per point.

        Examples
        --------
        >>> import trajkit as tk
        >>> ds = tk.simulate()
        >>> view = tk.widgets.ManifoldView(tk.embed(ds))
        >>> view.recolor(tk.progress(ds))
        >>> view.color
        'progress'
        """
        if color is None or (isinstance(color, str) and color in self.colors):
            self.color = color or ""
            return
        if self.embedding is None:
            raise ValueError("there is nothing to colour yet: view.show(embedding, color=...) draws something")
        colors = coloring(self.embedding, color)
        with self.hold_sync():
            if isinstance(color, str) or color.dims == ("run",):
                self._own_attribute = packing.attribute(colors.title, colors, self._order)
            else:
                assert colors.value is not None
                recorded = self.embedding["step"].transpose("run", "checkpoint").values[self._order] >= 0
                self._own_quantity = {"name": colors.title, "low": colors.low, "high": colors.high}
                self._own_values = colors.value[self._order][recorded].astype(np.float32).tobytes()
            self.color = colors.title

    @property
    def colors(self) -> list[str]:
        """What can be coloured by: run attributes and per-point quantities, and "" for one colour."""
        own = [d["name"] for d in (self._own_attribute, self._own_quantity) if d]
        offered = [d["name"] for d in (*self._attributes, *self._quantities)]
        return list(dict.fromkeys(["", *offered, *packing.ALWAYS, *own]))

    @property
    def time_axes(self) -> list[str]:
        """What time can be."""
        return list(dict.fromkeys([*packing.ALWAYS, *(q["name"] for q in self._quantities)]))

    @property
    def selected(self) -> xr.DataArray:
        """Which points are selected: a mask on (run, checkpoint) of the embedding.

        Raises
        ------
        ValueError
            If there is no embedding yet.
        """
        if self.embedding is None:
            raise ValueError("there are no points to select yet: view.show(embedding) draws some")
        e = self.embedding
        mask = np.zeros((e.sizes["run"], e.sizes["checkpoint"]), dtype=bool)
        if self.selection:
            runs, checkpoints = zip(*self.selection, strict=True)
            row = e.indexes["run"].get_indexer(pd.Index(runs))
            column = e.indexes["checkpoint"].get_indexer(pd.Index(checkpoints))
            there = (row >= 0) & (column >= 0)
            mask[row[there], column[there]] = True
        return xr.DataArray(
            mask, {"run": e["run"], "checkpoint": e["checkpoint"]}, ("run", "checkpoint"), name="selected"
        )

    def reframe(self) -> None:
        """Fit the box to the points of the present embedding, and look at it as at first."""
        self._box = {}
        if self.embedding is not None:
            box = packing.framed(self.embedding, {})
            sent = [axis["component"] for axis in self._axes]
            packed = packing.pack(self.embedding, sent, box, {})
            with self.hold_sync():
                self._box, self._axes = box, packing.axes(self.embedding, sent, box, self._titles)
                self._coordinate = packed.coordinate.tobytes()
        self.camera = {**CAMERA, "projection": self.camera["projection"]}

    # A run that is being trained

    def append(self, run: str, checkpoint: int, xyz: ArrayLike, value: float = float("nan")) -> None:
        """Draw one more point of a run that is not in the embedding, such as one being trained.

        Only such points are sent, not those of the embedding.

        Parameters
        ----------
        run
            Its name; new or that of earlier such points, which this one is joined to.
        checkpoint
            Its number.
        xyz
            Its coordinates in all components of the embedding, as `trajkit.project` gives them.
        value
            A number for the hover card, such as the loss.

        Raises
        ------
        ValueError
            If there is no embedding, the embedding has a run of this name, or the coordinates are not as many as its
            components or not finite.

        Examples
        --------
        >>> import trajkit as tk
        >>> view = tk.widgets.ManifoldView(tk.embed(tk.simulate()))
        >>> view.append("live", 0, [0.1, 0.0, 0.0], 2.3)
        """
        if self.embedding is None:
            raise ValueError("there is no embedding to append to: view.show(embedding) draws one")
        known, x = self.embedding["component"].values.tolist(), np.asarray(xyz, dtype=np.float64)
        if x.shape != (len(known),) or not np.isfinite(x).all():
            raise ValueError(f"xyz: wanted {len(known)} finite coordinates, one for each of {known}, got {x.tolist()}")
        if run in self._runs["name"]:
            raise ValueError(f"run {run!r} is in the embedding already: give the new points another name")
        if run not in self._live_runs:
            self._live_runs = [*self._live_runs, run]
        box = np.array([self._box[k] for k in known])
        unit = (x - box.mean(1)) / (box[:, 1] / 2 - box[:, 0] / 2)
        sent = [known.index(axis["component"]) for axis in self._axes]
        row = [self._live_runs.index(run), checkpoint, value, *unit[sent]]
        self._live += np.array(row, dtype=np.float32).tobytes()

    def clear_live(self) -> None:
        """Take the appended points away again."""
        with self.hold_sync():
            self._live_runs, self._live = [], b""

    # Several views, and what leaves the notebook

    def link(
        self, other: ManifoldView, what: Iterable[str] = ("camera", "selection", "hovered", "highlighted", "time")
    ) -> Callable[[], None]:
        """Join this view with another: what changes in one changes in both, in the browser also without the kernel.

        Parameters
        ----------
        other
            Another view.
        what
            Some of "camera", "selection", "hovered", "pinned", "highlighted", "time", "color", "filters",
            "components", "tool".

        Returns
        -------
        callable
            Call it to part them again.

        Raises
        ------
        ValueError
            If something else is to be linked.

        Examples
        --------
        >>> import trajkit as tk
        >>> embedding = tk.embed(tk.simulate(), 4)
        >>> a, b = (tk.widgets.ManifoldView(embedding, components=k) for k in ((1, 2, 3), (2, 3, 4)))
        >>> unlink = a.link(b)
        >>> a.camera = {"yaw": 10}
        >>> b.camera["yaw"]
        10.0
        """
        what = list(what)
        if unknown := sorted(set(what) - set(_LINKED)):
            raise ValueError(f"cannot link {unknown}: wanted some of {list(_LINKED)}")
        names = [name for w in what for name in _LINKED[w]]
        self._linked.append(other)
        other._linked.append(self)
        in_browser = [ipywidgets.jslink((self, name), (other, name)) for name in names]
        there, back = _follow(self, other, names), _follow(other, self, names)

        def part() -> None:
            for link in in_browser:
                link.unlink()
            there()
            back()
            self._linked.remove(other)
            other._linked.remove(self)

        return part

    def to_html(self, path: str | Path, *, title: str = "Manifold") -> Path:
        """Write a page that turns, plays, recolours, filters and selects without a kernel or network.

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
        >>> view = tk.widgets.ManifoldView(tk.embed(tk.simulate()), color="architecture")
        >>> view.to_html(tempfile.mkdtemp() + "/manifold.html").name
        'manifold.html'
        """
        return write_page(path, [self], title=title)

    def to_png(self, path: str | Path) -> None:
        """Ask the browser for the picture as the reader sees it; the file is there once the cell is done.

        Nothing comes where no browser shows the view. The view's own button saves the same picture.

        Parameters
        ----------
        path
            Where to.
        """
        self._png_path = Path(path)
        self.send({"ask": "png"})

    def _receive(self, _: object, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if content.get("answer") == "png" and self._png_path is not None:
            self._png_path.write_bytes(bytes(buffers[0]))
            self._png_path = None

    # Checks

    def _keep_what_is_still_there(self) -> None:
        """Drop from the state what the new embedding lacks."""
        runs = set(self._runs["name"])
        self.selection = [pair for pair in self.selection if pair[0] in runs]
        self.pinned = [pair for pair in self.pinned if pair[0] in runs]
        self.highlighted = [run for run in self.highlighted if run in runs]
        self.hovered = self.hovered if self.hovered and self.hovered[0] in runs else []
        offered = {a["name"]: a.get("categories", []) for a in self._attributes}
        kept = {n: [v for v in values if v in offered.get(n, [])] for n, values in self.filters.items()}
        self.filters = {n: values for n, values in kept.items() if values}
        if self.time_axis not in self.time_axes:
            self.time_axis = "step"

    @traitlets.validate("camera")
    def _check_camera(self, proposal: Any) -> dict[str, Any]:
        given = proposal["value"]
        if unknown := sorted(set(given) - set(CAMERA)):
            raise traitlets.TraitError(f"camera: unknown {unknown}, wanted some of {list(CAMERA)}")
        camera = {**CAMERA, **self.camera, **given}
        numbers = [camera["yaw"], camera["pitch"], camera["zoom"], *camera["target"]]
        if len(numbers) != 6 or not all(_is_number(x) for x in numbers) or camera["zoom"] <= 0:
            raise traitlets.TraitError(
                f"camera: wanted finite angles, a zoom above 0 and a target of three numbers, got {given}"
            )
        if camera["projection"] not in ("perspective", "orthographic"):
            raise traitlets.TraitError(
                f"camera: wanted projection 'perspective' or 'orthographic', got {camera['projection']!r}"
            )
        yaw, pitch, zoom, *target = (float(x) for x in numbers)
        return {"yaw": yaw, "pitch": pitch, "zoom": zoom, "target": target, "projection": camera["projection"]}

    @traitlets.validate(*_CHOICES)
    def _check_choice(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        return str(_one_of(name, value, _CHOICES[name]))

    @traitlets.validate("color", "time_axis")
    def _check_offered(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        return str(_one_of(name, value, self.colors if name == "color" else self.time_axes))

    @traitlets.validate("components")
    def _check_components(self, proposal: Any) -> tuple[int, ...]:
        value = tuple(proposal["value"])
        known = value if self.embedding is None else self.embedding["component"].values.tolist()
        if len(value) != 3 or not set(value) <= set(known):
            raise traitlets.TraitError(_wrong_components(list(known), value))
        return value

    @traitlets.validate(*_NUMBERS)
    def _check_number(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if name in ("opacity", "time"):
            fits, wanted = 0 <= value <= 1, "from 0 to 1"
        elif name in ("duration", "height"):
            fits, wanted = 0 < value < np.inf, "above 0"
        else:
            fits, wanted = 0 <= value < np.inf, "of 0 or more"
        if not fits:
            raise traitlets.TraitError(f"{name}: wanted a finite number {wanted}, got {value}")
        return value

    @traitlets.validate("selection", "pinned")
    def _check_points(self, proposal: Any) -> list[list[Any]]:
        return [self._point(proposal["trait"].name, pair) for pair in proposal["value"]]

    @traitlets.validate("hovered")
    def _check_hovered(self, proposal: Any) -> list[Any]:
        return self._point("hovered", proposal["value"]) if proposal["value"] else []

    def _point(self, trait: str, pair: Any) -> list[Any]:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise traitlets.TraitError(f"{trait}: wanted a run and a checkpoint, got {pair!r}")
        self._check_runs(trait, [pair[0]])
        return [str(pair[0]), int(pair[1])]

    @traitlets.validate("highlighted")
    def _check_highlighted(self, proposal: Any) -> list[str]:
        runs = [str(run) for run in proposal["value"]]
        self._check_runs("highlighted", runs)
        return runs

    def _check_runs(self, trait: str, runs: list[Any]) -> None:
        """Refuse runs that neither this view nor one linked with it has."""
        for view in (self, *self._linked):
            if set(runs) <= view._run_names:
                return
        known = self._runs["name"]
        unknown = [run for run in runs if run not in self._run_names]
        raise traitlets.TraitError(
            f"{trait}: unknown runs {unknown[:5]}, wanted some of the {len(known)} runs {known[:5]} ..."
        )

    @property
    def _run_names(self) -> set[str]:
        return {*self._runs["name"], *self._live_runs}

    @traitlets.validate("filters")
    def _check_filters(self, proposal: Any) -> dict[str, list[str]]:
        offered = {a["name"]: a["categories"] for a in self._attributes if "categories" in a}
        for name, values in proposal["value"].items():
            _one_of("filters", name, list(offered))
            for value in values:
                _one_of(f"filters[{name!r}]", value, offered[name])
        return {name: list(values) for name, values in proposal["value"].items()}

    @traitlets.validate("toolbar")
    def _check_toolbar(self, proposal: Any) -> list[str]:
        return [_one_of("toolbar", group, TOOLBAR) for group in proposal["value"]]

    @traitlets.observe("color")
    def _show_all_categories(self, _: object) -> None:
        self.hidden = []

    @traitlets.observe("components")
    def _send_missing_components(self, _: object) -> None:
        if self.embedding is not None and not set(self.components) <= {axis["component"] for axis in self._axes}:
            sent = packing.sent_components(self.embedding, self.components)
            packed = packing.pack(self.embedding, sent, self._box, {})
            with self.hold_sync():
                self._axes = packing.axes(self.embedding, sent, self._box, self._titles)
                self._coordinate = packed.coordinate.tobytes()


def _check_embedding(embedding: xr.Dataset, components: tuple[int, ...]) -> None:
    if not isinstance(embedding, xr.Dataset) or "coordinate" not in embedding:
        raise ValueError(
            "wanted an embedding, with 'coordinate' on (run, checkpoint, component); tk.embed(ds) makes one"
        )
    known = embedding["component"].values.tolist()
    if len(known) < 3:
        raise ValueError(f"three axes need three components, the embedding has {known}: embed with n_components=3")
    if len(components) != 3 or not set(components) <= set(known):
        raise ValueError(_wrong_components(known, components))


def _wrong_components(known: list[int], wanted: tuple[int, ...]) -> str:
    return f"components: wanted three of {known}, got {wanted}; embed more with n_components="


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.integer, np.floating)) and bool(np.isfinite(x))


def _one_of(name: str, value: Any, known: Sequence[str]) -> Any:
    if value not in known:
        listed = list(known[:20])
        raise traitlets.TraitError(f"{name}: wanted one of {listed}{' ...' if len(known) > 20 else ''}, got {value!r}")
    return value


def _follow(leader: ManifoldView, follower: ManifoldView, names: list[str]) -> Callable[[], None]:
    """Let one view follow what Python sets in another; what the mouse sets, the browser links itself.

    Were both to answer the mouse, a view could be sent back to where it was a moment ago.
    """

    def follow(change: Any) -> None:
        if change["name"] not in leader._property_lock:
            setattr(follower, change["name"], change["new"])

    leader.observe(follow, names)
    return lambda: leader.unobserve(follow, names)
