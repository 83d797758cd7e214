"""A manifold to turn: our own WebGL view, which draws, plays, selects and recolours in the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.figures.coloring import coloring
from trajkit.figures.run_lines import chosen
from trajkit.schema import is_network
from trajkit.widgets import assets, manifold_links
from trajkit.widgets import manifold_packing as packing
from trajkit.widgets.html_export import write_page
from trajkit.widgets.manifold_traits import CAMERA, ManifoldTraits, checked_embedding


class ManifoldView(ManifoldTraits):
    """A 3D view of an embedding: turn, zoom, hover, pin, lasso, recolour, filter and play trajectories.

    Each run is a line through its checkpoints. References are dark; a reference of one point is a diamond with its
    name. Every axis covers the range of all points of the embedding, also of runs that are not drawn. The three axes
    are equally long, as in `trajkit.figures.manifold`; `aspect="equal"` gives them one scale.

    When another embedding is shown, the axes keep their ranges while its points lie inside them and fill at least half
    of each, so that the picture does not jump. `reframe` fits the ranges to the points.

    Parameters
    ----------
    embedding
        What `trajkit.embed` returned. None leaves the view empty until `show` is called.
    color
        Name of a run attribute or per-point quantity, "step", "checkpoint", a DataArray on run or on (run, checkpoint),
        or None for one colour.
    components
        The components that the three axes show, counted from 1.
    runs
        Names of the networks to draw. References are always drawn. By default all networks are drawn.
    values
        More per-point quantities: named DataArrays on (run, checkpoint), or a dict such as `{"loss": tk.loss(ds)}`.
    titles
        Titles of axes by component, such as `{1: "width"}`. Other axes name their component and its explained stress.
    height
        Height in pixels.
    traits
        Any of the traits below. The mouse and Python set the same traits; all can be observed and linked.

    Traits
    ------
    camera : dict
        "yaw", "pitch" (degrees), "zoom" (1 shows the whole box), "target" (the point in the middle, where the box runs
        from -1 to 1), "projection" ("perspective" or "orthographic"). Missing keys keep their value. New data never
        move the camera.
    components : tuple of int
        The components that the axes show.
    color : str
        Name of the attribute or quantity that gives the colours; "" for one colour.
    point_size, line_width, opacity : float
        In pixels, where 0 draws no points or no lines; opacity from 0 to 1.
    aspect : str
        "cube": the axes are equally long; "equal": they have one scale, so that distances can be compared.
    theme : str
        "light", "dark", or "auto" for the theme of the notebook.
    tool : str
        What dragging does: "orbit", "pan", "lasso" or "box".
    selection : list
        [run, checkpoint] of each selected point; `selected` gives them as a mask.
    highlighted : list
        Names of runs that are drawn strongly while the others are dimmed; [] for none.
    hidden : list
        Legend entries that are switched off. Another colour shows all entries again.
    filters : dict
        Attribute -> values, written as in the legend; only runs with these values are drawn.
    hovered : list
        [run, checkpoint] of the point under the mouse, or [].
    pinned : list
        [run, checkpoint] of each point whose card stays open.
    time_axis : str
        "step" (on a logarithmic scale), "checkpoint", or a per-point quantity such as "progress". Where a quantity
        falls again, time follows the largest value that the run has reached so far.
    time : float
        Place on the time axis, from 0 to 1: trajectories are drawn up to there.
    playing : bool
        Whether time runs, in the browser.
    duration : float
        Seconds that time takes from 0 to 1.
    toolbar : list
        Groups of controls that are shown: "color", "filter", "axes", "tools", "camera", "time", "legend", "export".

    Raises
    ------
    ValueError
        If `embedding` is not an embedding, or a component, run, colour, value or title's component is unknown.

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
            known = sorted(n for n in ManifoldTraits.class_own_traits() if not n.startswith("_"))
            raise TypeError(f"unknown traits {unknown}: wanted some of {known}, or 'layout'")
        self._points: packing.PointOrder | None = None
        self._box: packing.Box = {}
        self._titles: dict[int, str] = {}
        self._png_path: Path | None = None
        super().__init__(height=height)
        self.on_msg(self._receive)
        if embedding is not None:
            self.show(embedding, color=color, components=components, runs=runs, values=values, titles=titles)
        # After the data, because names of runs and colours are checked against them.
        for name, value in traits.items():
            setattr(self, name, value)

    # The data

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
        """Draw an embedding. Camera, selection and time stay, and only what has changed is sent.

        Parameters
        ----------
        embedding, color, runs, values, titles
            As for the class.
        components
            As for the class. By default the axes keep their components.

        Raises
        ------
        ValueError
            As for the class. The view is unchanged then.

        Examples
        --------
        >>> import trajkit as tk
        >>> embedding = tk.embed(tk.simulate())
        >>> view = tk.widgets.ManifoldView(embedding)
        >>> view.show(embedding, color="step", runs=["A-0", "B-0"])
        """
        wanted = tuple(int(k) for k in (self.components if components is None else components))
        embedding = checked_embedding(embedding, wanted, titles or {})
        quantities = packing.per_point_quantities(embedding, values)
        if not (isinstance(color, str) and color in quantities):
            coloring(embedding, color)
        shown = chosen(embedding, runs)
        box = packing.framed(embedding, self._box)
        points = packing.PointOrder(embedding)
        # Everything is checked by now: nothing below fails half-way.
        with self.hold_sync():
            if self.embedding is None or not packing.same_attributes(self.embedding, embedding):
                self._attributes = packing.attributes(embedding, points.runs)
            self.embedding, self._points, self._box, self._titles = embedding, points, box, dict(titles or {})
            network = is_network(embedding)
            self._runs = {"name": embedding["run"].values[points.runs].tolist(), "networks": int(network.sum())}
            self._offset, self._checkpoint = points.offset.tobytes(), points.checkpoint.tobytes()
            self._step = points.take(embedding["step"]).astype(np.float64).tobytes()
            self._send_axes(packing.sent_components(embedding, wanted))
            self._quantities = packing.quantity_ranges(quantities, network)
            self._values = b"".join(packing.as_buffer(points.take(quantities[q["name"]])) for q in self._quantities)
            self._shown = shown[points.runs].tobytes()
            self._own_attribute, self._own_quantity, self._own_values = {}, {}, b""
            self.components = wanted
            self._drop_what_is_gone()
            self.recolor(color)

    def recolor(self, color: str | xr.DataArray | None) -> None:
        """Colour by something else. Of a name only the name is sent, of a DataArray its values.

        Parameters
        ----------
        color
            As for the class.

        Raises
        ------
        ValueError
            If nothing has this name, or the DataArray is neither per run nor per point.

        Examples
        --------
        >>> import trajkit as tk
        >>> ds = tk.simulate()
        >>> view = tk.widgets.ManifoldView(tk.embed(ds))
        >>> view.recolor(tk.progress(ds))
        >>> view.color
        'progress'
        """
        # The browser has the numbers of every name in `colors` already.
        if color is None or (isinstance(color, str) and color in self.colors):
            self.color = color or ""
            return
        if self.embedding is None or self._points is None:
            raise ValueError("there is nothing to colour yet: view.show(embedding, color=...) draws something")
        colors = coloring(self.embedding, color)
        with self.hold_sync():
            if isinstance(color, str) or color.dims == ("run",):
                self._own_attribute = packing.attribute(colors.title, colors, self._points.runs)
            else:
                assert colors.value is not None
                self._own_quantity = {"name": colors.title, "low": colors.low, "high": colors.high}
                self._own_values = packing.as_buffer(self._points.take(colors.value))
            self.color = colors.title

    def reframe(self) -> None:
        """Fit the axes to the points that are shown, and put the camera back to its start."""
        self._box = {}
        if self.embedding is not None:
            self._box = packing.framed(self.embedding, {})
            self._send_axes([axis["component"] for axis in self._axes])
        # The projection is the reader's choice, not a part of the frame.
        self.camera = {**CAMERA, "projection": self.camera["projection"]}

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
        return packing.point_mask(self.embedding, self.selection)

    def _send_axes(self, components: list[int]) -> None:
        """Send the axes of some components, and where the points lie along them."""
        assert self.embedding is not None
        assert self._points is not None
        coordinate = packing.packed_coordinate(self.embedding, self._points, components, self._box)
        with self.hold_sync():
            self._axes = packing.axes(self.embedding, components, self._box, self._titles)
            self._coordinate = coordinate.tobytes()

    @traitlets.observe("components")
    def _send_missing_components(self, _: object) -> None:
        if self.embedding is not None and not set(self.components) <= {axis["component"] for axis in self._axes}:
            self._send_axes(packing.sent_components(self.embedding, self.components))

    # A run that is being trained

    def append(self, run: str, checkpoint: int, xyz: ArrayLike, value: float = float("nan")) -> None:
        """Draw one more point of a run that is not in the embedding, such as one that is being trained.

        The points of the embedding are not sent again.

        Parameters
        ----------
        run
            Name of the run. A line joins the points of one name.
        checkpoint
            Number of the checkpoint.
        xyz
            Coordinates of the point in all components of the embedding, as `trajkit.project` gives them.
        value
            Number for the hover card, such as the loss.

        Raises
        ------
        ValueError
            If there is no embedding, the embedding has a run of this name, or the coordinates are not one finite number
            for each component.

        Examples
        --------
        >>> import trajkit as tk
        >>> view = tk.widgets.ManifoldView(tk.embed(tk.simulate()))
        >>> view.append("live", 0, [0.1, 0.0, 0.0], 2.3)
        """
        if self.embedding is None:
            raise ValueError("there is no embedding to append to: view.show(embedding) draws one")
        if run in self._runs["name"]:
            raise ValueError(f"run {run!r} is in the embedding already: give the new points another name")
        place = packing.place_in_box(self.embedding, xyz, self._box, [axis["component"] for axis in self._axes])
        if run not in self._live_runs:
            self._live_runs = [*self._live_runs, run]
        # Earlier points are sent again with each new one: they are few, and a view that opens later needs them all.
        row = [self._live_runs.index(run), checkpoint, value, *place]
        self._live += np.array(row, dtype=np.float32).tobytes()

    def clear_live(self) -> None:
        """Remove all points that `append` drew."""
        with self.hold_sync():
            self._live_runs, self._live = [], b""

    # Several views, and pictures that leave the notebook

    def link(
        self, other: ManifoldView, what: Iterable[str] = ("camera", "selection", "hovered", "highlighted", "time")
    ) -> Callable[[], None]:
        """Link this view with another: what changes in one changes in both, in the browser even without a kernel.

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
            Call it to unlink the views.

        Raises
        ------
        ValueError
            If `what` holds another word.

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
        return manifold_links.link(self, other, what)

    def to_html(self, path: str | Path, *, title: str = "Manifold") -> Path:
        """Write a page that turns, plays, recolours, filters and selects without a kernel or network.

        Parameters
        ----------
        path
            Path of the file. An existing file is replaced.
        title
            Title of the page.

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
        """Ask the browser for the picture that the reader sees. The file is there after the cell has run.

        No file is written if no browser shows the view. The view has a button that saves the same picture.

        Parameters
        ----------
        path
            Path of the file.
        """
        self._png_path = Path(path).expanduser()
        self.send({"ask": "png"})

    def _receive(self, _: object, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if content.get("answer") == "png" and self._png_path is not None:
            self._png_path.write_bytes(bytes(buffers[0]))
            self._png_path = None
