"""Controls that select runs by their attributes, samples by split, and checkpoints by progress or step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
import xarray as xr

from trajkit.figures.coloring import text
from trajkit.schema import networks, run_attributes, run_table
from trajkit.select import matches, point_progress, select, where_mask
from trajkit.typing import Mask
from trajkit.widgets import assets
from trajkit.widgets.code import CodeLine, as_argument
from trajkit.widgets.slicer_facets import Facet, RangeFacet, facet

Conditions = dict[str, Any]

# Arguments of `tk.select` that are no run attributes; one of such a name has no control.
_ARGUMENTS = ("ds", "where", "split", "progress", "step")


class Board(anywidget.AnyWidget):
    """The controls as the browser shows them: what there is, what is chosen, and what follows from it."""

    _esm = assets.module("slicer/slicer.js")
    _css = assets.stylesheet("slicer/slicer.css")
    spec = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)


class Slicer(ipywidgets.VBox):  # type: ignore[misc]
    """A control for each run attribute that varies, for samples and for checkpoints; nothing chosen is no restriction.

    Text and numbers of few values are chosen one by one, many values by a search, numbers of many values by a range
    (logarithmic where they span decades); missing numbers are a choice of their own, "(none)". Each count is of the
    runs that the choice would leave under all other conditions.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are not selected.
    progress
        A function of the split (or None) that gives progress on (run, checkpoint), where it is known already.

    Attributes
    ----------
    conditions : dict
        What is selected, as keyword arguments of `trajkit.select`. A trait: setting it moves the controls.
    code : str
        The line of Python that makes the selection from `ds`. A trait.
    presets : dict
        Conditions by name. A trait.

    Raises
    ------
    ValueError
        If there are reference runs only.

    Examples
    --------
    >>> import trajkit as tk
    >>> slicer = tk.widgets.Slicer(tk.simulate(runs=6, groups=3))
    >>> slicer.conditions = {"architecture": "A", "split": "test"}
    >>> slicer.selected.run.values
    array(['A-0', 'A-1'], dtype='<U3')
    >>> slicer.code
    "tk.select(ds, architecture=['A'], split='test')"
    """

    conditions = traitlets.Dict()
    code = traitlets.Unicode()
    presets = traitlets.Dict()

    def __init__(self, ds: xr.Dataset, *, progress: Callable[[str | None], xr.DataArray] | None = None) -> None:
        self.dataset = networks(ds)
        self._networks_only = {"kind": "network"} if self.dataset.sizes["run"] < ds.sizes["run"] else {}
        self._progress = progress or self._measured_progress
        self._measured: dict[str | None, xr.DataArray] = {}
        self._table = run_table(self.dataset)
        self._recorded = self.dataset["step"].transpose("run", "checkpoint").values >= 0
        self.splits = list(dict.fromkeys(self.dataset["split"].values.tolist()))
        self.facets, same = _facets(self.dataset)
        self._masks: dict[str, Mask] = {}
        # Made when it is asked for, and again when conditions have changed.
        self._chosen: Mask | None = None
        self._past: list[Conditions] = []
        self._future: list[Conditions] = []
        self._travels = self._settles = False
        self._draft = self._problem = ""
        self.board = Board(spec=self._spec(same), state=self._state({}))
        self.code_line = CodeLine()
        super().__init__([self.board, self.code_line])
        self.add_class("trajkit-slicer")
        self.board.observe(self._front_changed, "state")
        self.board.on_msg(self._asked)
        self.code = self.code_line.code = self.code_on("ds")
        self._show()

    def __repr__(self) -> str:
        return f"Slicer({self.code})"

    @property
    def selected(self) -> xr.Dataset:
        """What is selected, as a dataset.

        Raises
        ------
        ValueError
            If nothing meets all conditions.
        """
        if "progress" not in self.conditions or "progress" in self.dataset:
            return select(self.dataset, **self.conditions)
        measured = self.dataset.assign(progress=self._progress(self.conditions.get("split")))
        return select(measured, **self.conditions).drop_vars("progress")

    @property
    def selected_runs(self) -> list[str]:
        """Identities of the selected runs; may be empty."""
        return [str(run) for run in self._table.index[np.flatnonzero(self._points().any(1))]]

    @property
    def selected_points(self) -> xr.DataArray:
        """Whether each point is selected: booleans (run, checkpoint), of the networks."""
        return self.dataset["step"].copy(data=self._points()).rename("selected")

    @property
    def select_arguments(self) -> Conditions:
        """The conditions; where the dataset holds references, networks are told apart from them."""
        return {**self._networks_only, **self.conditions}

    def code_on(self, name: str, without: tuple[str, ...] = ()) -> str:
        """Write the line of Python that makes this selection from a dataset of that name."""
        arguments = [as_argument(k, v) for k, v in self.select_arguments.items() if k not in without]
        return f"tk.select({', '.join([name, *arguments])})"

    def counts(self, name: str) -> dict[str, int]:
        """Count the runs for each value of an attribute, as its control shows them.

        Raises
        ------
        KeyError
            If the attribute has no control with values.
        """
        found = self._facet(name)
        values = found.spec().get("values")
        if values is None:
            raise KeyError(f"{name!r} has a range, not single values")
        return dict(zip(values, found.counts(self._mask(without=name)), strict=True))

    def reset(self) -> None:
        """Select everything."""
        self.conditions = {}

    def undo(self) -> None:
        """Go back to the conditions before, if there were any."""
        self._travel(self._past, self._future)

    def redo(self) -> None:
        """Take back an undo, if there was any."""
        self._travel(self._future, self._past)

    def save(self, name: str) -> None:
        """Keep the present conditions under a name, in place of those that had it."""
        self.presets = {**self.presets, name: dict(self.conditions)}

    def recall(self, name: str) -> None:
        """Select what was kept under a name.

        Raises
        ------
        KeyError
            If nothing was.
        """
        if name not in self.presets:
            raise KeyError(f"no preset {name!r}: wanted one of {list(self.presets)}")
        self.conditions = self.presets[name]

    def close(self) -> None:
        """Close the controls and let the dataset go."""
        if hasattr(self, "board"):
            self.board.close()
            self.code_line.close()
            self._measured.clear()
        super().close()

    # State

    @traitlets.validate("conditions")
    def _check(self, proposal: Any) -> Conditions:
        given = {str(name): condition for name, condition in proposal["value"].items()}
        known = [f.name for f in self.facets]
        if unknown := [n for n in given if n not in (*known, "where", "split")]:
            raise traitlets.TraitError(f"no control for {unknown[0]!r}: wanted some of {[*known, 'where', 'split']}")
        if (split := given.get("split")) is not None and split not in self.splits:
            raise traitlets.TraitError(f"split: wanted one of {self.splits} or None for all, got {split!r}")
        if not isinstance(where := given.get("where"), str | None):
            raise traitlets.TraitError(f"where: wanted an expression as text, got {type(where).__name__}")
        try:
            checked = {f.name: f.normalized(given[f.name]) for f in self.facets if given.get(f.name) is not None}
            self._masks = self._run_masks(checked, where)
        except ValueError as problem:
            raise traitlets.TraitError(str(problem)) from problem
        windows: Conditions = {n: checked.pop(n) for n in ("progress", "step") if n in checked}
        rest: Conditions = {n: given[n] for n in ("where", "split") if given.get(n) is not None}
        return {**checked, **rest, **windows}

    @traitlets.observe("conditions")
    def _conditions_changed(self, change: Any) -> None:
        self._chosen = None
        if not self._travels:
            self._past.append(change["old"])
            self._future.clear()
        if not self._settles:
            self._problem = ""
        self.code = self.code_line.code = self.code_on("ds")
        self._show()

    @traitlets.observe("presets")
    def _presets_changed(self, _: object) -> None:
        self._show()

    def _travel(self, back: list[Conditions], on: list[Conditions]) -> None:
        if not back:
            return
        self._travels = True
        try:
            on.append(self.conditions)
            self.conditions = back.pop()
        finally:
            self._travels = False
        self._show()

    def _front_changed(self, change: Any) -> None:
        """Take what the reader chose; a "where" that makes no sense is said beside it and leaves the one before."""
        if self._settles:
            return
        state = change["new"]
        wanted = {
            f.name: f.condition(choice)
            for f, choice in zip(self.facets, state["facets"], strict=True)
            if choice is not None
        }
        self._draft, self._problem = state["where"], ""
        where: str | None = state["where"].strip() or None
        try:
            if where is not None:
                where_mask(self._table, where)
        except ValueError as problem:
            self._problem, where = str(problem), self.conditions.get("where")
        self._settles = True
        try:
            self.conditions = {**wanted, "where": where, "split": state["split"]}
        finally:
            self._settles = False
        self._show(serial=state.get("serial", 0))

    def _asked(self, _: object, content: dict[str, Any], __: object) -> None:
        """Do what a button in the browser asks for."""
        deeds: dict[str, Callable[..., None]] = {"undo": self.undo, "redo": self.redo, "reset": self.reset}
        deeds |= {"save": self.save, "recall": self.recall}
        deeds[content["do"]](*content.get("with", []))

    def _show(self, serial: int = 0) -> None:
        """Bring the browser, and the line of Python, up to date."""
        if self._settles:
            return
        points = self._points()
        self._settles = True
        try:
            with self.board.hold_sync():
                self.board.state = self._state(self.conditions)
                self.board.shown = {
                    "runs": int(points.any(1).sum()),
                    "of": len(self._table),
                    "points": int(points.sum()),
                    "counts": [
                        [] if f.name in ("progress", "step") else f.counts(self._mask(without=f.name))
                        for f in self.facets
                    ],
                    "problem": self._problem,
                    "presets": list(self.presets),
                    "undo": bool(self._past),
                    "redo": bool(self._future),
                    "serial": serial,
                }
        finally:
            self._settles = False

    def _spec(self, same: dict[str, str]) -> dict[str, Any]:
        return {
            "facets": [f.spec() | {"window": f.name in ("progress", "step")} for f in self.facets],
            "splits": self.splits,
            "same": [f"{name} {value}" for name, value in same.items()],
        }

    def _state(self, conditions: Conditions) -> dict[str, Any]:
        return {
            "facets": [f.choice(conditions[f.name]) if f.name in conditions else None for f in self.facets],
            "split": conditions.get("split"),
            "where": self._draft if self._problem else conditions.get("where", ""),
        }

    # Masks

    def _facet(self, name: str) -> Facet:
        for f in self.facets:
            if f.name == name:
                return f
        raise KeyError(f"no control for {name!r}: wanted one of {[f.name for f in self.facets]}")

    def _run_masks(self, checked: Conditions, where: str | None) -> dict[str, Mask]:
        table = self._table.reset_index()
        masks = {
            name: matches(table[name].to_numpy(), condition, name)
            for name, condition in checked.items()
            if name not in ("progress", "step")
        }
        return masks | ({} if where is None else {"where": where_mask(self._table, where)})

    def _mask(self, *, without: str | None = None) -> Mask:
        """Which runs meet the conditions on runs, all but one."""
        keep = np.ones(len(self._table), dtype=bool)
        for name, mask in self._masks.items():
            if name != without:
                keep &= mask
        return keep

    def _points(self) -> Mask:
        """Which points (run, checkpoint) meet all conditions: asked for many times in a change of one."""
        if self._chosen is None:
            self._chosen = self._measured_points()
            self._chosen.flags.writeable = False
        return self._chosen

    def _measured_points(self) -> Mask:
        out = self._recorded & self._mask()[:, None]
        for name in ("progress", "step"):
            if name in self.conditions:
                values = self.dataset["step"] if name == "step" else self._progress(self.conditions.get("split"))
                along = values.transpose("run", "checkpoint").sel(run=self.dataset["run"]).values
                inside = np.zeros_like(out)
                inside[self._recorded] = matches(along[self._recorded], self.conditions[name], name)
                out &= inside
        return out

    def _measured_progress(self, split: str | None) -> xr.DataArray:
        if split not in self._measured:
            part = self.dataset if split is None else select(self.dataset, split=split)
            self._measured[split] = point_progress(part)
        return self._measured[split]


def _facets(ds: xr.Dataset) -> tuple[list[Facet], dict[str, str]]:
    """Make controls for what varies, checkpoints last; give the values of what does not."""
    found: list[Facet] = []
    same: dict[str, str] = {}
    for name in (n for n in run_attributes(ds) if n != "kind"):
        values = ds[name].values
        if name in _ARGUMENTS:
            same[name] = "(named like an argument of tk.select)"
        elif (control := facet(name, values)) is not None:
            found.append(control)
        else:
            same[name] = text(values[0])
    if (runs := facet("run", ds["run"].values)) is not None:
        found.append(runs)
    step = ds["step"].values
    found.append(RangeFacet("progress", np.array([0.0, 1.0])))
    if (step >= 0).any() and np.ptp(step[step >= 0]) > 0:
        found.append(RangeFacet("step", step[step >= 0]))
    return found, same
