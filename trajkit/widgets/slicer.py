"""Controls that select runs by their attributes."""

from __future__ import annotations

import html
import keyword
from collections.abc import Hashable
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import traitlets
import xarray as xr

from trajkit.figures.coloring import text
from trajkit.schema import run_attributes, run_table, validate
from trajkit.selection import select

# A number with more values than this is sliced by a range.
_MOST_VALUES = 8


class Slicer(ipywidgets.VBox):  # type: ignore[misc]
    """One control for each run attribute that varies; nothing ticked means no restriction.

    Text and numbers of few values are ticked, with the count of runs that each would leave under the other
    conditions; numbers of many values have a range. Attributes that are the same in all runs are listed.

    Traits
    ------
    conditions : dict
        What is selected, as keyword arguments of `trajkit.select`. Setting it moves the controls.

    Examples
    --------
    >>> import trajkit as tk
    >>> slicer = tk.widgets.Slicer(tk.simulate(runs=6, groups=3))
    >>> slicer.conditions = {"architecture": ["A"]}
    >>> slicer.selected.run.values
    array(['A-0', 'A-1'], dtype='<U3')
    >>> slicer.code
    "tk.select(ds, architecture=['A'])"
    """

    conditions = traitlets.Dict()

    def __init__(self, ds: xr.Dataset) -> None:
        validate(ds)
        self.dataset = ds.sel(run=ds["kind"] == "network")
        self._networks_only = {"kind": "network"} if self.dataset.sizes["run"] < ds.sizes["run"] else {}
        if not self.dataset.sizes["run"]:
            raise ValueError("the dataset holds reference runs only: there is nothing to slice")
        self._table = run_table(self.dataset)
        self._moving = False
        self._summary = ipywidgets.HTML()
        self._reset = ipywidgets.Button(description="Reset", tooltip="Select all runs", layout={"width": "70px"})
        self._reset.on_click(lambda _: self.set_trait("conditions", {}))
        names = [n for n in run_attributes(self.dataset) if n != "kind"]
        self.controls = {n: _control(self._table[n]) for n in names if self._table[n].nunique(dropna=False) > 1}
        for control in self.controls.values():
            control.observe(self._controls_moved, "condition")
        same = {n: text(self._table[n].iloc[0]) for n in names if n not in self.controls}
        note = html.escape(", ".join(f"{n} {v}" for n, v in same.items()))
        super().__init__(
            [
                ipywidgets.HBox([self._summary, self._reset], layout={"justify_content": "space-between"}),
                *self.controls.values(),
                ipywidgets.HTML(
                    f"<p style='line-height:1.3; font-size:smaller'>the same in all runs: {note}</p>" if same else ""
                ),
            ],
        )
        self.add_class("trajkit-slicer")
        # In a column that is too low for all, controls keep their height and the column scrolls.
        for child in self.children:
            child.layout.flex = "0 0 auto"
        self._count()

    @property
    def selected(self) -> xr.Dataset:
        """The selected runs as a dataset.

        Raises
        ------
        ValueError
            If no run meets all conditions.
        """
        return select(self.dataset, **self.conditions)

    @property
    def selected_runs(self) -> list[str]:
        """Identities of the selected runs; may be empty."""
        return [str(run) for run in self._table.index[self._mask()]]

    @property
    def code(self) -> str:
        """The line of Python that makes this selection from `ds`."""
        return self.code_on("ds")

    def code_on(self, name: str) -> str:
        """Write the line of Python that makes this selection from a dataset of that name."""
        return f"tk.select({', '.join([name, *map(_written, self.select_arguments.items())])})"

    @property
    def select_arguments(self) -> dict[str, Any]:
        """The conditions; where the dataset holds references, networks are told apart from them."""
        return {**self._networks_only, **self.conditions}

    def _controls_moved(self, _: object) -> None:
        if not self._moving:
            self.conditions = {n: c.condition for n, c in self.controls.items() if c.condition is not None}

    @traitlets.validate("conditions")
    def _check(self, proposal: Any) -> dict[str, Any]:
        for name, condition in proposal["value"].items():
            if name not in self.controls:
                raise traitlets.TraitError(f"no control for {name!r}: wanted some of {list(self.controls)}")
            self.controls[name].check(condition)
        return dict(proposal["value"])

    @traitlets.observe("conditions")
    def _conditions_set(self, _: object) -> None:
        self._moving = True
        try:
            for name, control in self.controls.items():
                control.condition = self.conditions.get(name)
        finally:
            self._moving = False
        self._count()

    def _mask(self, *, without: str | None = None) -> np.ndarray:
        """Which runs meet the conditions, all but one."""
        keep = np.ones(len(self._table), dtype=bool)
        for name in self.conditions:
            if name != without:
                keep &= self.controls[name].matches(self._table[name])
        return keep

    def _count(self) -> None:
        self._summary.value = f"<b>{int(self._mask().sum())}</b> of {len(self._table)} runs"
        for name, control in self.controls.items():
            control.count(self._table[name][self._mask(without=name)])


class _Values(ipywidgets.VBox):  # type: ignore[misc]
    """Tick boxes for the values of an attribute, each with the count of its runs."""

    condition: Any = traitlets.List(default_value=None, allow_none=True)

    def __init__(self, column: pd.Series) -> None:
        unique = column.unique() if column.dtype.kind not in "ifb" else np.sort(column.dropna().unique())
        self.values = [v.item() if hasattr(v, "item") else str(v) for v in unique]
        if column.isna().any():
            self.values.append(np.nan)
        self._setting = False
        self.boxes = [
            ipywidgets.Checkbox(indent=False, layout={"width": "auto", "margin": "0 8px 0 0"}) for _ in self.values
        ]
        for box in self.boxes:
            box.observe(self._ticked, "value")
        grid = ipywidgets.Box(self.boxes, layout={"flex_flow": "row wrap", "flex": "0 0 auto", "overflow": "visible"})
        super().__init__([ipywidgets.HTML(f"<b>{html.escape(str(column.name))}</b>"), grid])
        self.count(column)

    def _ticked(self, _: object) -> None:
        if not self._setting:
            self.condition = [v for v, box in zip(self.values, self.boxes, strict=True) if box.value] or None

    @traitlets.observe("condition")
    def _set(self, _: object) -> None:
        ticked = self.condition or []
        self._setting = True
        for value, box in zip(self.values, self.boxes, strict=True):
            box.value = value in ticked
        self._setting = False

    def check(self, condition: Any) -> None:
        unknown = [v for v in condition if v not in self.values] if isinstance(condition, list) else [condition]
        if unknown or not condition:
            raise traitlets.TraitError(f"wanted a list of some of {self.values}, got {condition!r}")

    def matches(self, column: pd.Series) -> np.ndarray:
        return column.isin(self.condition or self.values).to_numpy()

    def count(self, column: pd.Series) -> None:
        for value, box in zip(self.values, self.boxes, strict=True):
            box.description = f"{text(value)} ({column.isin([value]).sum()})"


class _Range(ipywidgets.VBox):  # type: ignore[misc]
    """A range over the values that an attribute takes."""

    condition: Any = traitlets.Tuple(default_value=None, allow_none=True)

    def __init__(self, column: pd.Series) -> None:
        self.values = [v.item() for v in np.sort(column.dropna().unique())]
        options = [(text(v), v) for v in self.values]
        self.slider = ipywidgets.SelectionRangeSlider(
            options=options, index=(0, len(options) - 1), layout={"width": "95%"}, readout=True
        )
        self.slider.observe(self._slid, "index")
        self._title, self._name = ipywidgets.HTML(), html.escape(str(column.name))
        super().__init__([self._title, self.slider])
        self.count(column)

    def _slid(self, _: object) -> None:
        low, high = self.slider.index
        whole = (low, high) == (0, len(self.values) - 1)
        self.condition = None if whole else (self.values[low], self.values[high])

    @traitlets.observe("condition")
    def _set(self, _: object) -> None:
        if self.condition is None:
            self.slider.index = (0, len(self.values) - 1)
        else:
            self.slider.index = tuple(self.values.index(v) for v in self.condition)

    def check(self, condition: Any) -> None:
        known = isinstance(condition, tuple) and len(condition) == 2 and set(condition) <= set(self.values)
        if not known or condition[0] > condition[1]:
            raise traitlets.TraitError(f"wanted (low, high) from {self.values}, got {condition!r}")

    def matches(self, column: pd.Series) -> np.ndarray:
        if self.condition is None:
            return np.ones(len(column), dtype=bool)
        return column.between(*self.condition).to_numpy()

    def count(self, column: pd.Series) -> None:
        self._title.value = f"<b>{self._name}</b> <small>({len(column)} runs)</small>"


def _written(argument: tuple[Hashable, Any]) -> str:
    """Write a condition as a keyword argument, also where the attribute's name is no Python name."""
    name, condition = str(argument[0]), repr(argument[1]).replace("nan", "float('nan')")
    is_name = name.isidentifier() and not keyword.iskeyword(name)
    return f"{name}={condition}" if is_name else f"**{{{name!r}: {condition}}}"


def _control(column: pd.Series) -> _Values | _Range:
    is_number = column.dtype.kind in "if"
    return _Range(column) if is_number and column.nunique() > _MOST_VALUES else _Values(column)
