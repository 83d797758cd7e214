"""The state of a `ManifoldView`: the traits that Python and the browser share, and what each may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
import xarray as xr

from trajkit.embedding.as_embedding import ON_RUNS, as_embedding
from trajkit.widgets.manifold_packing import ALWAYS, COLORS

CAMERA: dict[str, Any] = {
    "yaw": -52.0,
    "pitch": 20.0,
    "zoom": 1.0,
    "target": [0.0, 0.0, 0.0],
    "projection": "perspective",
}
TOOLBAR = ("color", "filter", "axes", "tools", "camera", "time", "legend", "export")
_NUMBERS = ("point_size", "line_width", "opacity", "time", "duration", "height")


def _buffer() -> Any:
    return traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, _: bytes(value))


class ManifoldTraits(anywidget.AnyWidget):
    """What a `ManifoldView` shares with the browser; `ManifoldView` describes the public traits.

    A value that does not fit is refused when it is set, and the trait keeps its old value.
    """

    camera: Any = traitlets.Dict(CAMERA).tag(sync=True)
    components = traitlets.Tuple((1, 2, 3)).tag(sync=True)
    color = traitlets.Unicode("").tag(sync=True)
    point_size = traitlets.Float(4.0).tag(sync=True)
    line_width = traitlets.Float(1.5).tag(sync=True)
    opacity = traitlets.Float(0.85).tag(sync=True)
    aspect = traitlets.Enum(["cube", "equal"], "cube").tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], "auto").tag(sync=True)
    tool = traitlets.Enum(["orbit", "pan", "lasso", "box"], "orbit").tag(sync=True)
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

    # The data. They are many traits, not one, so that a change sends only the part that changed.
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

    # Constants that JavaScript must not state a second time.
    _palette: Any = traitlets.Dict(COLORS).tag(sync=True)
    _start_camera: Any = traitlets.Dict(CAMERA).tag(sync=True)

    embedding: xr.Dataset | None = None

    def __init__(self, **traits: Any) -> None:
        self._linked: list[ManifoldTraits] = []
        super().__init__(**traits)

    @property
    def colors(self) -> list[str]:
        """Names that `color` may take: run attributes, per-point quantities, and "" for one colour."""
        own = [d["name"] for d in (self._own_attribute, self._own_quantity) if d]
        offered = [d["name"] for d in (*self._attributes, *self._quantities)]
        return list(dict.fromkeys(["", *offered, *ALWAYS, *own]))

    @property
    def time_axes(self) -> list[str]:
        """Names that `time_axis` may take: "checkpoint", "step" and the per-point quantities."""
        return list(dict.fromkeys([*ALWAYS, *(q["name"] for q in self._quantities)]))

    @traitlets.validate("camera")
    def _check_camera(self, proposal: Any) -> dict[str, Any]:
        given = proposal["value"]
        if unknown := sorted(set(given) - set(CAMERA)):
            raise traitlets.TraitError(f"camera: unknown keys {unknown}; wanted some of {list(CAMERA)}")
        # `{"yaw": 30}` turns the present camera; it does not put the rest back to the start.
        camera = {**CAMERA, **self.camera, **given}
        numbers = [camera["yaw"], camera["pitch"], camera["zoom"], *camera["target"]]
        if len(numbers) != 6 or not all(_is_number(x) for x in numbers) or camera["zoom"] <= 0:
            raise traitlets.TraitError(
                f"camera: wanted finite angles, a zoom above 0 and a target of three numbers, got {given}"
            )
        _one_of("camera['projection']", camera["projection"], ("perspective", "orthographic"))
        yaw, pitch, zoom, *target = (float(x) for x in numbers)
        return {"yaw": yaw, "pitch": pitch, "zoom": zoom, "target": target, "projection": camera["projection"]}

    @traitlets.validate("color", "time_axis")
    def _check_offered(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        return str(_one_of(name, value, self.colors if name == "color" else self.time_axes))

    @traitlets.validate("components")
    def _check_components(self, proposal: Any) -> tuple[int, ...]:
        value = tuple(proposal["value"])
        # An empty view takes any: it does not know yet what there will be.
        known = value if self.embedding is None else self.embedding["component"].values.tolist()
        try:
            _check_components(list(known), value)
        except ValueError as problem:
            raise traitlets.TraitError(str(problem)) from None
        return value

    @traitlets.validate(*_NUMBERS)
    def _check_number(self, proposal: Any) -> Any:
        # Not the bounds of `traitlets.Float`: they let NaN pass.
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

    @traitlets.validate("highlighted")
    def _check_highlighted(self, proposal: Any) -> list[str]:
        runs = [str(run) for run in proposal["value"]]
        self._check_runs("highlighted", runs)
        return runs

    def _point(self, trait: str, pair: Any) -> list[Any]:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise traitlets.TraitError(f"{trait}: wanted a run and a checkpoint, got {pair!r}")
        self._check_runs(trait, [pair[0]])
        return [str(pair[0]), int(pair[1])]

    def _check_runs(self, trait: str, runs: list[Any]) -> None:
        # Linked views may hold different runs: what one of them selects must pass through the others.
        if any(set(runs) <= {*view._runs["name"], *view._live_runs} for view in (self, *self._linked)):
            return
        known = [*self._runs["name"], *self._live_runs]
        unknown = [run for run in runs if run not in known]
        raise traitlets.TraitError(
            f"{trait}: unknown runs {unknown[:5]}, wanted some of the {len(known)} runs {known[:5]} ..."
        )

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

    def _drop_what_is_gone(self) -> None:
        """Drop from the state the runs, categories and time that the data no longer hold."""
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

    # Entries of another legend have other names, and hidden ones could not be switched on again.
    @traitlets.observe("color")
    def _show_all_categories(self, _: object) -> None:
        self.hidden = []


def checked_embedding(embedding: Any, components: tuple[int, ...], titles: Mapping[int, str]) -> xr.Dataset:
    """Check that this is an embedding that has these three components, and those with titles; return it in order.

    Raises
    ------
    TypeError, ValueError
        Otherwise.
    """
    embedding = as_embedding(embedding, "step", on=ON_RUNS)
    known = embedding["component"].values.tolist()
    if len(known) < 3:
        raise ValueError(f"three axes need three components, the embedding has {known}: embed with n_components=3")
    _check_components(known, components)
    if unknown := sorted(set(titles) - set(known)):
        raise ValueError(f"titles: the embedding has no components {unknown}; wanted some of {known}")
    return embedding


def _check_components(known: list[int], wanted: tuple[int, ...]) -> None:
    if len(wanted) != 3 or not set(wanted) <= set(known):
        raise ValueError(f"components: wanted three of {known}, got {wanted}; embed more with n_components=")


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.integer, np.floating)) and bool(np.isfinite(x))


def _one_of(name: str, value: Any, known: Sequence[str]) -> Any:
    if value not in known:
        listed = list(known[:20])
        raise traitlets.TraitError(f"{name}: wanted one of {listed}{' ...' if len(known) > 20 else ''}, got {value!r}")
    return value
