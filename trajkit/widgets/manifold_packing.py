"""An embedding as the browser needs it: tables of runs in JSON, everything per point in binary arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from plotly.colors import get_colorscale

from trajkit.figures.axes import component_title
from trajkit.figures.coloring import PALETTE, SCALE, TIME_LIKE, Coloring, coloring
from trajkit.schema import is_network, run_attributes
from trajkit.typing import Array, Indices, Mask

# So many components go to the browser, where axes are changed without the kernel; others when they are asked for.
MOST_COMPONENTS = 8
# What every point has besides the quantities given.
ALWAYS = ("checkpoint", "step")
MISSING_COLOR = "#9AA0A6"
# Colours that belong to no attribute: the browser has none of its own but the ink of its page.
COLORS = {
    "scale": [color for _, color in get_colorscale(SCALE)],
    "missing": MISSING_COLOR,
    "one": PALETTE[0],
    "live": [PALETTE[k] for k in (5, 3, 0, 2)],
    # The red of the figures is too dark for thin lines and small text on a dark page.
    "time_like": {"light": TIME_LIKE, "dark": "#FF7B72"},
}
# On each point, but of the embedding, not of the network.
_NOT_OFFERED = ("step", "mean_distance", "weight", "is_landmark")

Box = dict[int, tuple[float, float]]


class Packed(NamedTuple):
    """Points in the order of their runs, networks first and references last.

    `coordinate` (component, point) runs from -1 to 1 over the box, in float32: how precisely a point is drawn does not
    depend on the scale or origin of an axis.
    """

    runs: dict[str, Any]
    offset: NDArray[np.uint32]
    checkpoint: NDArray[np.uint32]
    step: Array
    coordinate: NDArray[np.float32]
    quantities: dict[str, NDArray[np.float32]]


def pack(embedding: xr.Dataset, components: Iterable[int], box: Box, quantities: Mapping[str, xr.DataArray]) -> Packed:
    """Lay the recorded points of all runs out one after another."""
    is_reference = embedding["kind"].values == "reference"
    order = np.argsort(is_reference, kind="stable")
    step = embedding["step"].transpose("run", "checkpoint").values[order]
    run, checkpoint = np.nonzero(step >= 0)
    coordinate = embedding["coordinate"].transpose("component", "run", "checkpoint")
    axes = [coordinate.sel(component=k).values[order][run, checkpoint] for k in components]
    unit = [(x - sum(box[k]) / 2) / (box[k][1] / 2 - box[k][0] / 2) for k, x in zip(components, axes, strict=True)]
    per_point = {n: q.transpose("run", "checkpoint").values[order][run, checkpoint] for n, q in quantities.items()}
    counts = np.bincount(run, minlength=len(order))
    return Packed(
        {"name": embedding["run"].values[order].tolist(), "networks": int((~is_reference).sum())},
        np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32),
        embedding["checkpoint"].values[checkpoint].astype(np.uint32),
        step[run, checkpoint].astype(np.float64),
        np.stack(unit).astype(np.float32),
        {n: q.astype(np.float32) for n, q in per_point.items()},
    )


def sent_components(embedding: xr.Dataset, components: Iterable[int]) -> list[int]:
    """Which components the browser gets: the first ones, and those that are shown."""
    known = embedding["component"].values.tolist()
    return [k for i, k in enumerate(known) if i < MOST_COMPONENTS or k in set(components)]


def framed(embedding: xr.Dataset, kept: Box) -> Box:
    """Give the range of each component's axis: `kept` if the points still fill it, else theirs with a margin.

    A picture that hardly changes must not jump: a box stays while all points lie in it and fill half of it or more
    along every component.

    Raises
    ------
    ValueError
        If a component has no finite coordinate, or an infinite one.
    """
    coordinate = embedding["coordinate"].where(embedding["step"] >= 0)
    low, high = (getattr(coordinate, end)(("run", "checkpoint")).values.astype(float) for end in ("min", "max"))
    known = embedding["component"].values.tolist()
    if bad := [k for k, a, b in zip(known, low, high, strict=True) if not np.isfinite([a, b]).all()]:
        raise ValueError(f"components {bad} have no finite range of coordinates: leave them out, or embed anew")
    ends = dict(zip(known, zip(low.tolist(), high.tolist(), strict=True), strict=True))
    if set(kept) == set(ends) and all(_fills(ends[k], kept[k]) for k in ends):
        return kept
    return {k: _with_margin(a, b) for k, (a, b) in ends.items()}


def _fills(ends: tuple[float, float], box: tuple[float, float]) -> bool:
    return box[0] <= ends[0] and ends[1] <= box[1] and (ends[1] - ends[0]) >= 0.5 * (box[1] - box[0])


def _with_margin(low: float, high: float) -> tuple[float, float]:
    """Widen a range as `trajkit.figures.manifold` does; where all points are equal, so that it has a width at all."""
    margin = 0.05 * (high - low)
    # Beyond rounding, for a box of no width has no inside.
    return (low - margin, high + margin) if low - margin < low < high < high + margin else _around(low)


def _around(middle: float) -> tuple[float, float]:
    return middle - max(1.0, abs(middle)), middle + max(1.0, abs(middle))


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


def attributes(embedding: xr.Dataset) -> list[dict[str, Any]]:
    """Describe each run attribute: categories with their colours and a code per run, or a number per run."""
    names = [n for n in run_attributes(embedding) if n != "kind"]
    order = np.argsort(embedding["kind"].values == "reference", kind="stable")
    return [attribute(name, coloring(embedding, name), order) for name in names]


def same_attributes(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Whether two embeddings have the same runs and attributes, as when only checkpoints differ: comparing is cheap."""
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


def per_point_quantities(embedding: xr.Dataset, values: Any) -> dict[str, xr.DataArray]:
    """Collect the numbers on (run, checkpoint) that `embedding` holds, and those of `values`, aligned to it."""
    own = {str(n): v for n, v in embedding.data_vars.items() if n not in _NOT_OFFERED}
    found = {n: v for n, v in own.items() if set(v.dims) == {"run", "checkpoint"}}
    found |= {n: aligned(embedding, n, v) for n, v in _named(values).items()}
    numbers = {n: v.astype(np.float64) for n, v in found.items() if v.dtype.kind in "bif"}
    return {n: v.where(embedding["step"] >= 0) for n, v in numbers.items() if np.isfinite(v.values).any()}


def aligned(embedding: xr.Dataset, name: str, values: xr.DataArray) -> xr.DataArray:
    """Bring values on (run, checkpoint) into the order of `embedding`, NaN where they have none.

    Raises
    ------
    ValueError
        If they lack the dimensions, or any of the networks.
    """
    if set(values.dims) != {"run", "checkpoint"} or "run" not in values.coords:
        raise ValueError(f"values: wanted {name!r} on (run, checkpoint) with coordinate run, got {values.dims}")
    networks = embedding["run"].values[is_network(embedding)]
    if unknown := set(networks.tolist()) - set(values["run"].values.tolist()):
        raise ValueError(f"values: {name!r} lacks {len(unknown)} of the runs, {sorted(unknown)[0]!r} for one")
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


def quantity_ranges(quantities: Mapping[str, xr.DataArray], is_network: Mask) -> list[dict[str, Any]]:
    """Describe each per-point quantity: its name and range over the networks."""
    out = []
    for name, q in quantities.items():
        shown = q.transpose("run", "checkpoint").values[is_network]
        shown = shown[np.isfinite(shown)]
        if shown.size:
            out.append({"name": name, "low": float(shown.min()), "high": float(shown.max())})
    return out
