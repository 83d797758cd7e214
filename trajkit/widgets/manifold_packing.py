"""An embedding in the form that the browser needs: tables of runs as JSON, numbers per point as binary arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from plotly.colors import get_colorscale

from trajkit.curves.start import after_start
from trajkit.figures.axes import component_title
from trajkit.figures.coloring import PALETTE, SCALE, TIME_LIKE, Coloring, coloring
from trajkit.schema import is_network, run_attributes
from trajkit.typing import AnyArray, Array, Indices, Mask

# The browser gets these many components at once and changes axes without the kernel; others are sent when they are
# first shown.
MOST_COMPONENTS = 8
# Quantities that every point has.
ALWAYS = ("checkpoint", "step")
MISSING_COLOR = "#9AA0A6"
# Colours that belong to no attribute. The browser has no colours of its own but the text colour of its page.
COLORS = {
    "scale": [color for _, color in get_colorscale(SCALE)],
    "missing": MISSING_COLOR,
    "one": PALETTE[0],
    "live": [PALETTE[k] for k in (5, 3, 0, 2)],
    # The red of the figures is too dark for thin lines and small text on a dark page.
    "time_like": {"light": TIME_LIKE, "dark": "#FF7B72"},
}
# Variables on (run, checkpoint) that describe the embedding, not the networks.
_NOT_OFFERED = ("step", "mean_distance", "weight", "is_landmark")

Box = dict[int, tuple[float, float]]


class PointOrder:
    """The recorded points of an embedding in the order in which they are sent: run after run, networks first.

    Attributes
    ----------
    runs : array of int
        Place in the embedding of each run that is sent.
    offset : array of uint32
        Number of points before each run, and of all points.
    checkpoint : array of uint32
        Number of each point's checkpoint.
    """

    def __init__(self, embedding: xr.Dataset) -> None:
        self.runs: Indices = np.argsort(~is_network(embedding), kind="stable")
        recorded = after_start(embedding)[self.runs]
        self._at = np.nonzero(recorded)
        self.offset = np.concatenate([[0], np.cumsum(recorded.sum(1))]).astype(np.uint32)
        self.checkpoint = embedding["checkpoint"].values[self._at[1]].astype(np.uint32)

    def take(self, values: xr.DataArray | AnyArray) -> AnyArray:
        """Give values on (run, checkpoint) as one value per point."""
        array = values.transpose("run", "checkpoint").values if isinstance(values, xr.DataArray) else values
        return array[self.runs][self._at]


def as_buffer(values: AnyArray) -> bytes:
    """Give numbers as the browser reads them."""
    return values.astype(np.float32).tobytes()


# Points and axes


def packed_coordinate(
    embedding: xr.Dataset, points: PointOrder, components: Iterable[int], box: Box
) -> NDArray[np.float32]:
    """Coordinates (component, point), from -1 to 1 over the box.

    float32 is enough: in units of the box, the precision of a picture does not depend on scale or origin of an axis.
    """
    rows = [to_box(points.take(embedding["coordinate"].sel(component=k)), box[k]) for k in components]
    return np.stack(rows).astype(np.float32)


def to_box(x: AnyArray, ends: tuple[float, float]) -> AnyArray:
    """Scale coordinates so that the box runs from -1 to 1."""
    return (x - (ends[0] + ends[1]) / 2) / (ends[1] / 2 - ends[0] / 2)


def place_in_box(embedding: xr.Dataset, xyz: ArrayLike, box: Box, components: Sequence[int]) -> list[float]:
    """Scale the coordinates of a new point, given in all components, and give those of some components.

    Raises
    ------
    ValueError
        If there is not one finite number for each component.
    """
    known, x = embedding["component"].values.tolist(), np.asarray(xyz, dtype=np.float64)
    if x.shape != (len(known),) or not np.isfinite(x).all():
        raise ValueError(f"xyz: wanted {len(known)} finite coordinates, one for each of {known}, got {x.tolist()}")
    return [float(to_box(x[known.index(k)], box[k])) for k in components]


def sent_components(embedding: xr.Dataset, components: Iterable[int]) -> list[int]:
    """Which components the browser gets: the first ones, and those that are shown."""
    known = embedding["component"].values.tolist()
    return [k for i, k in enumerate(known) if i < MOST_COMPONENTS or k in set(components)]


def framed(embedding: xr.Dataset, kept: Box) -> Box:
    """Give the range of each component's axis: `kept` if the points still fill it, else their own with a margin.

    A picture that hardly changes must not jump. Therefore a box is kept while all points lie inside it and fill at
    least half of it along every component.

    Raises
    ------
    ValueError
        If a component has no finite coordinate, or an infinite one.
    """
    coordinate = embedding["coordinate"].where(embedding["step"] >= 0)
    low, high = (getattr(coordinate, end)(("run", "checkpoint")).values.astype(float) for end in ("min", "max"))
    known = embedding["component"].values.tolist()
    if bad := [k for k, a, b in zip(known, low, high, strict=True) if not np.isfinite([a, b]).all()]:
        raise ValueError(
            f"components {bad} have no finite range of coordinates: wanted finite numbers; drop these components with "
            ".sel(component=...), or compute the embedding again"
        )
    ends = dict(zip(known, zip(low.tolist(), high.tolist(), strict=True), strict=True))
    if set(kept) == set(ends) and all(_fills(ends[k], kept[k]) for k in ends):
        return kept
    return {k: _with_margin(a, b) for k, (a, b) in ends.items()}


def _fills(ends: tuple[float, float], box: tuple[float, float]) -> bool:
    return box[0] <= ends[0] and ends[1] <= box[1] and (ends[1] - ends[0]) >= 0.5 * (box[1] - box[0])


def _with_margin(low: float, high: float) -> tuple[float, float]:
    """Widen a range as `trajkit.figures.manifold` does."""
    margin = 0.05 * (high - low)
    # A box without a width has no inside, and a margin below rounding gives it none.
    if low - margin < low < high < high + margin:
        return low - margin, high + margin
    return low - max(1.0, abs(low)), low + max(1.0, abs(low))


def axes(
    embedding: xr.Dataset, components: Iterable[int], box: Box, titles: Mapping[int, str] | None = None
) -> list[dict[str, Any]]:
    """Describe each axis: component, range, lines of the title, and whether it is time-like."""
    own = titles or {}
    return [
        {
            "component": k,
            "low": box[k][0],
            "high": box[k][1],
            "time_like": int(embedding["signature"].sel(component=k)) < 0,
            "title": own[k].split("\n") if k in own else component_title(embedding.sel(component=k)).split("<br>"),
        }
        for k in components
    ]


def point_mask(embedding: xr.Dataset, pairs: Sequence[Sequence[Any]]) -> xr.DataArray:
    """Mark pairs of run and checkpoint in a mask on (run, checkpoint); pairs of other runs are left out."""
    dims = ("run", "checkpoint")
    mask = np.zeros(tuple(embedding.sizes[d] for d in dims), dtype=bool)
    if pairs:
        names = zip(dims, zip(*pairs, strict=True), strict=True)
        row, column = (embedding.indexes[d].get_indexer(pd.Index(values)) for d, values in names)
        there = (row >= 0) & (column >= 0)
        mask[row[there], column[there]] = True
    return xr.DataArray(mask, {d: embedding[d] for d in dims}, dims, name="selected")


# Attributes of runs


def attributes(embedding: xr.Dataset, order: Indices) -> list[dict[str, Any]]:
    """Describe each run attribute: categories with their colours and a code per run, or a number per run."""
    names = [n for n in run_attributes(embedding) if n != "kind"]
    return [attribute(name, coloring(embedding, name), order) for name in names]


def same_attributes(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Whether two embeddings have the same runs and attributes. It saves describing them again, which takes longer."""
    names = run_attributes(one)
    same = names == run_attributes(other)
    return same and all(one[n].identical(other[n]) for n in ("run", *names))


def attribute(name: str, colors: Coloring, order: Indices) -> dict[str, Any]:
    """Describe one run attribute, with the runs in `order`."""
    out: dict[str, Any] = {"name": name, "title": colors.title}
    if colors.code is not None:
        paint = [MISSING_COLOR if c == "(none)" else colors.palette(i) for i, c in enumerate(colors.categories)]
        return {**out, "categories": list(colors.categories), "paint": paint, "code": colors.code[order].tolist()}
    assert colors.value is not None
    # JSON has no NaN.
    value = [x if np.isfinite(x) else None for x in colors.value[order, 0].tolist()]
    return {**out, "value": value, "low": colors.low, "high": colors.high}


# Quantities of points


def per_point_quantities(embedding: xr.Dataset, values: Any) -> dict[str, xr.DataArray]:
    """Collect the numbers on (run, checkpoint) that `embedding` holds, and those of `values`, aligned with it."""
    own = {str(n): v for n, v in embedding.data_vars.items() if n not in _NOT_OFFERED}
    found = {n: v for n, v in own.items() if set(v.dims) == {"run", "checkpoint"}}
    found |= {n: aligned(embedding, n, v) for n, v in _named(values).items()}
    numbers = {n: v.astype(np.float64) for n, v in found.items() if v.dtype.kind in "bif"}
    return {n: v.where(embedding["step"] >= 0) for n, v in numbers.items() if np.isfinite(v.values).any()}


def aligned(embedding: xr.Dataset, name: str, values: xr.DataArray) -> xr.DataArray:
    """Bring values on (run, checkpoint) into the order of `embedding`; where they have none, NaN.

    Raises
    ------
    ValueError
        If a dimension or one of the networks is missing.
    """
    if set(values.dims) != {"run", "checkpoint"} or "run" not in values.coords:
        raise ValueError(f"values: wanted {name!r} on (run, checkpoint) with coordinate run, got {values.dims}")
    networks = embedding["run"].values[is_network(embedding)]
    if unknown := set(networks.tolist()) - set(values["run"].values.tolist()):
        raise ValueError(
            f"values: {name!r} lacks {len(unknown)} of the runs, such as {sorted(unknown)[0]!r}; "
            "compute it from the dataset that was embedded"
        )
    where = {d: embedding[d].values for d in ("run", "checkpoint")}
    return values.astype(np.float64).reindex(where).reset_coords(drop=True)


def _named(values: Any) -> dict[str, xr.DataArray]:
    if values is None:
        return {}
    if isinstance(values, xr.DataArray):
        values = [values]
    pairs = values.items() if isinstance(values, Mapping) else ((v.name, v) for v in values)
    out = {}
    for name, value in pairs:
        if name is None:
            raise ValueError("values: wanted DataArrays with names, got one without; give it one with .rename('loss')")
        if not isinstance(value, xr.DataArray):
            raise TypeError(f"values: wanted a DataArray for {name!r}, got {type(value).__name__}")
        out[str(name)] = value
    return out


def quantity_ranges(quantities: Mapping[str, xr.DataArray], networks: Mask) -> list[dict[str, Any]]:
    """Describe each per-point quantity: its name, and its range over the networks."""
    out = []
    for name, q in quantities.items():
        shown: Array = q.transpose("run", "checkpoint").values[networks]
        shown = shown[np.isfinite(shown)]
        if shown.size:
            out.append({"name": name, "low": float(shown.min()), "high": float(shown.max())})
    return out
