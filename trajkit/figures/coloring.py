"""The colours of runs and points, the same in every figure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.figures.escaped import escaped
from trajkit.schema import is_network, run_attributes
from trajkit.storable import kind_of
from trajkit.typing import AnyArray, Array, Labels, Mask

# Okabe & Ito's palette, which readers with any colour vision can distinguish, then darker tones. Yellow comes last:
# it is faint on white.
PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"),
    *("#4B4E9E", "#8C6D1F", "#12594A", "#7A2C5B", "#5A5A5A", "#F0E442"),
)
SCALE = "Viridis"
TIME_LIKE = "#D62728"
SPACE_LIKE = "#3A6EA5"
# As far from black as from white, so that it is visible on light and on dark pages.
REFERENCE = "#767A80"
# Numbers with at most so many values get one colour each, others a colour scale.
MOST_CATEGORIES = len(PALETTE)


class Coloring(NamedTuple):
    """What colours mean: either `categories` with a code per run, or a `value` per point with its range.

    `code` (run) indexes `categories`, -1 for a run without category; `value` is (run, checkpoint).
    """

    title: str
    categories: tuple[str, ...] = ()
    code: Labels | None = None
    value: Array | None = None
    low: float = 0.0
    high: float = 1.0

    def escaped(self) -> Coloring:
        """Let plotly show the title and the categories as they are."""
        return self._replace(title=escaped(self.title), categories=tuple(map(escaped, self.categories)))

    def palette(self, category: int) -> str:
        """Colour of a category; after the last colour of the palette they repeat, first lighter, then darker."""
        paint, again = PALETTE[category % len(PALETTE)], category // len(PALETTE) % 3
        return paint if again == 0 else _mixed(paint, 255 if again == 1 else 0)

    def scale(self, bar: bool = True) -> dict[str, Any]:
        """Describe the colour scale to plotly, with its colour bar unless another trace has it."""
        scale = {"colorscale": SCALE, "cmin": self.low, "cmax": self.high}
        return scale | ({"colorbar": color_bar(self.title)} if bar else {})

    def legend(self) -> dict[str, Any]:
        """Describe the legend of the categories."""
        return {"title": {"text": self.title if self.categories else ""}, "font": {"size": 11}, "tracegroupgap": 2}


def color_bar(title: str, length: float = 0.7) -> dict[str, Any]:
    """Describe a colour bar, `length` being the share of the figure's height that it takes."""
    return {"title": {"text": title, "side": "right"}, "thickness": 14, "len": length}


def coloring(ds: xr.Dataset, color: str | xr.DataArray | None) -> Coloring:
    """Find out what `color` means for the networks among the runs of `ds`.

    Parameters
    ----------
    ds
        A dataset with run attributes.
    color
        Name of a run attribute or of a per-point variable of `ds`; "checkpoint"; a DataArray on run or on
        (run, checkpoint), matched to `ds` by its coordinates; None for one colour.

    Raises
    ------
    TypeError, ValueError
        If it is of another type, the name is unknown, or the values are neither per run nor per point.
    """
    _refuse_other_kinds(color, "color")
    network = is_network(ds)
    if color is None:
        return Coloring("", ("networks",), np.where(network, 0, -1))
    values = _values(ds, color)
    title = str(values.name or "value")
    if values.dims == ("run",):
        codes, categories = _categories(values.values, network)
        if len(categories) <= MOST_CATEGORIES or kind_of(values.dtype) == "U":
            return Coloring(title, tuple(categories), codes)
        values = values.expand_dims(checkpoint=ds["checkpoint"].values, axis=1)
    if values.dims != ("run", "checkpoint"):
        raise ValueError(f"color: wanted values on run or on (run, checkpoint), got dimensions {values.dims}")
    value = np.where(network[:, None], values.values.astype(np.float64), np.nan)
    # The range is that of networks: references would stretch the scale.
    shown = value[np.isfinite(value)]
    if not shown.size:
        raise ValueError(f"color={title!r} has no finite value for any network")
    if values.name == "step":
        # Checkpoints are recorded at equal ratios of the step, not at equal differences.
        value, shown, title = np.log10(1 + value), np.log10(1 + shown), "log10(1 + step)"
    return Coloring(title, value=value, low=float(shown.min()), high=float(shown.max()))


def coloring_of_runs(
    values: xr.DataArray | xr.Dataset, color: str | xr.DataArray | None, argument: str = "color"
) -> Coloring:
    """Find out what a run attribute means for a result that has runs but no checkpoints.

    Parameters
    ----------
    values
        A result with the dimension `run` that kept the run attributes.
    color
        Name of a run attribute; "run"; a DataArray on run; None for one colour.
    argument
        The argument's name in the function that the user called, for the error.

    Returns
    -------
    Coloring
        Its `value`, if there are no categories, is (run, 1).

    Raises
    ------
    TypeError, ValueError
        If it is of another type, there is no such attribute, or the values are not per run.
    """
    _refuse_other_kinds(color, argument)
    known = ["run", *run_attributes(values)]
    if isinstance(color, str) and color not in known:
        raise ValueError(f"no {argument} {color!r}: wanted one of {known}, or a DataArray on run")
    if isinstance(color, xr.DataArray) and color.dims != ("run",):
        raise ValueError(f"{argument}: wanted values on run, got dimensions {color.dims}")
    return coloring(xr.Dataset(coords={**{name: values[name] for name in known}, "checkpoint": [0]}), color)


def quantity(values: xr.DataArray, separator: str = " ") -> str:
    """Write an array's quantity for an axis: long name, metric unless the name has it, and units."""
    name = escaped(str(values.attrs.get("long_name") or values.name or "distance"))
    metric = escaped(str(values.attrs.get("metric", "")))
    brackets = ", ".join(part for part in ("" if metric in name else metric, units(values)) if part)
    return f"{name}{separator}({brackets})" if brackets else name


def units(values: xr.DataArray) -> str:
    """Write an array's units, nothing for a plain number."""
    written = escaped(str(values.attrs.get("units", "")))
    return "" if written == "1" else written


def text(value: Any) -> str:
    """Write an attribute's value for a legend: 0.001, adam, 3, True; (none) if it is missing."""
    if isinstance(value, str | np.str_):
        return str(value) or "(none)"
    if isinstance(value, bool | np.bool_):
        return str(value)
    if np.isnan(value):
        return "(none)"
    short = f"{value:g}"
    # Six digits are enough for a learning rate, not for a seed like 20240101.
    return short if float(short) == value else str(value)


def _mixed(paint: str, gray: int) -> str:
    """Mix 58 % of a colour with 42 % of a gray from 0 to 255."""
    parts = [int(paint[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(0.58 * part + 0.42 * gray):02X}" for part in parts)


def _refuse_other_kinds(color: Any, argument: str) -> None:
    if color is not None and not isinstance(color, str | xr.DataArray):
        raise TypeError(f"{argument}: wanted a name or a DataArray with a coordinate 'run', got {type(color).__name__}")


def _values(ds: xr.Dataset, color: str | xr.DataArray) -> xr.DataArray:
    if isinstance(color, xr.DataArray):
        if "run" not in color.coords:
            raise ValueError(f"color: wanted a DataArray with a coordinate 'run', got coordinates {list(color.coords)}")
        if unknown := set(ds["run"].values[is_network(ds)].tolist()) - set(color["run"].values.tolist()):
            raise ValueError(f"color has no values for {len(unknown)} of the runs, such as {sorted(unknown)[0]!r}")
        wanted = {d: ds[d].values for d in color.dims if d in ("run", "checkpoint")}
        # References have no values. Without a fill value of the same type, text would turn into objects.
        fill: Any = {"U": "", "b": False, "i": -1}.get(kind_of(color.dtype), np.nan)
        return color.reindex(wanted, fill_value=fill).reset_coords(drop=True)
    if color == "checkpoint":
        return ds["checkpoint"].broadcast_like(ds["step"]).where(ds["step"] >= 0).transpose("run", "checkpoint")
    known = [*run_attributes(ds), *(str(n) for n, v in ds.data_vars.items() if v.dims == ("run", "checkpoint"))]
    if color not in known and color != "run":
        raise ValueError(f"no color {color!r}: wanted one of {['run', 'checkpoint', *known]}, or a DataArray")
    values = ds[color]
    return values.where(ds["step"] >= 0) if values.dims == ("run", "checkpoint") and color == "step" else values


def _categories(values: AnyArray, network: Mask) -> tuple[Labels, list[str]]:
    """Give each value of the networks a code: numbers in order of size, text in order of appearance."""
    shown = values[network]
    codes = np.full(len(values), -1)
    if kind_of(values.dtype) == "U":
        codes[network], unique = pd.factorize(shown)
    else:
        # In order of size, so that colours follow widths or depths.
        unique, codes[network] = np.unique(shown, return_inverse=True)
    return codes, [text(v) for v in unique]
