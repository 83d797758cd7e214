"""Controls that select runs by their attributes, samples by split, and checkpoints by progress or step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import ipywidgets
import traitlets
import xarray as xr

from trajkit.schema import validated
from trajkit.widgets import assets
from trajkit.widgets.code import CodeLine
from trajkit.widgets.slicer_facets import Facet
from trajkit.widgets.slicer_selection import WINDOWS, Conditions, Selection


class Board(anywidget.AnyWidget):
    """The controls in the browser: what they offer (`spec`), what is chosen (`state`), and what follows (`shown`)."""

    _esm = assets.module("slicer/slicer.js")
    _css = assets.stylesheet("slicer/slicer.css")
    spec = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)


class Slicer(ipywidgets.VBox):  # type: ignore[misc]
    """Controls for each run attribute that varies, for samples and for checkpoints.

    With nothing chosen, everything is selected. Text and numbers of few values have a button for each value, attributes
    of many values a search box, and numbers of many values a range (logarithmic if they span decades). "(none)" stands
    for missing numbers. The count beside a value says how many runs it would leave under all other conditions.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    progress
        Function from a split, or None for all samples, to progress on (run, checkpoint), if it is known already. By
        default progress is measured when it is first needed.
    selection
        The selection that the controls set, such as one that several views share. By default a new one on `ds`.

    Attributes
    ----------
    conditions : dict
        What is selected, as keyword arguments of `trajkit.select`. A trait: setting it moves the controls.
    code : str
        The line of Python that makes the selection from `ds`. A trait.
    presets : dict
        Saved conditions by name. A trait.

    Raises
    ------
    ValueError
        If `ds` has no networks.

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

    def __init__(
        self,
        ds: xr.Dataset,
        *,
        progress: Callable[[str | None], xr.DataArray] | None = None,
        selection: Selection | None = None,
    ) -> None:
        if selection is None:
            ds = validated(ds)
            selection = Selection(ds, progress=progress)
        self.selection = selection
        self._past: list[Conditions] = []
        self._future: list[Conditions] = []
        # While `undo` or `redo` sets conditions, they are no new step of the history. While the board is updated, its
        # new state is not a choice of the reader.
        self._travels = self._settles = False
        # What was typed as "where", and why it is not valid. It stays in its box, so that the reader can correct it.
        self._draft = self._problem = ""
        self.board = Board(spec=self._spec(), state=self._state({}))
        self.code_line = CodeLine()
        super().__init__([self.board, self.code_line])
        self.add_class("trajkit-slicer")
        self.conditions = self.selection.conditions
        self.board.observe(self._front_changed, "state")
        self.board.on_msg(self._asked)
        self.selection.observe(self._selection_changed, "conditions")
        self.code = self.code_line.code = self.code_on("ds")
        self._show()

    def __repr__(self) -> str:
        return f"Slicer({self.code})"

    @property
    def facets(self) -> list[Facet]:
        """What can be asked of each attribute that varies."""
        return self.selection.facets

    @property
    def splits(self) -> list[str]:
        """Names of the splits."""
        return self.selection.splits

    @property
    def selected(self) -> xr.Dataset:
        """The selected runs, checkpoints and samples, as a dataset.

        Raises
        ------
        ValueError
            If nothing meets all conditions.
        """
        return self.selection.selected

    @property
    def selected_runs(self) -> list[str]:
        """Names of the selected runs; may be empty."""
        return self.selection.runs

    @property
    def selected_points(self) -> xr.DataArray:
        """Which points of the networks are selected: booleans on (run, checkpoint)."""
        return self.selection.points

    def code_on(self, name: str, without: tuple[str, ...] = ()) -> str:
        """Write the line of Python that makes this selection from a dataset called `name`."""
        return self.selection.code_on(name, without)

    def counts(self, name: str) -> dict[str, int]:
        """Count the runs with each value of an attribute, as its control shows them.

        Raises
        ------
        KeyError
            If the attribute has no control with values.
        """
        found = self.selection.facet(name)
        values = found.spec().get("values")
        if values is None:
            raise KeyError(f"{name!r} has a range, not single values")
        return dict(zip(values, self.selection.counts(found), strict=True))

    def reset(self) -> None:
        """Select everything."""
        self.conditions = {}

    def undo(self) -> None:
        """Return to the previous conditions, if there are any."""
        self._travel(self._past, self._future)

    def redo(self) -> None:
        """Take back the last `undo`, if there was one."""
        self._travel(self._future, self._past)

    def save(self, name: str) -> None:
        """Save the present conditions under a name. Conditions of the same name are replaced."""
        self.presets = {**self.presets, name: dict(self.conditions)}

    def recall(self, name: str) -> None:
        """Select what was saved under a name.

        Raises
        ------
        KeyError
            If nothing has this name.
        """
        if name not in self.presets:
            raise KeyError(f"no preset {name!r}: wanted one of {list(self.presets)}")
        self.conditions = self.presets[name]

    def close(self) -> None:
        """Close the controls and release what was measured."""
        if hasattr(self, "board") and self.comm is not None:
            self.board.close()
            self.code_line.close()
            # A selection that is shared lives on.
            self.selection.unobserve(self._selection_changed, "conditions")
        super().close()

    # State

    @traitlets.validate("conditions")
    def _check(self, proposal: Any) -> Conditions:
        return self.selection.check(proposal["value"])

    @traitlets.observe("conditions")
    def _conditions_changed(self, change: Any) -> None:
        self.selection.conditions = change["new"]

    def _selection_changed(self, change: Any) -> None:
        if not self._travels:
            self._past.append(change["old"])
            self._future.clear()
        # Conditions from Python replace what was typed; those from the board come with it.
        if not self._settles:
            self._problem = ""
        self.conditions = change["new"]
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
        """Take what the reader chose. If "where" is not valid, the last valid one stays and the board says why."""
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
                self.selection.check_where(where)
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
        # A table, not `getattr`: the browser must not name any method.
        deeds: dict[str, Callable[..., None]] = {"undo": self.undo, "redo": self.redo, "reset": self.reset}
        deeds |= {"save": self.save, "recall": self.recall}
        deeds[content["do"]](*content.get("with", []))

    def _show(self, serial: int = 0) -> None:
        """Update the controls in the browser."""
        if self._settles:
            return
        points = self.selection.mask
        self._settles = True
        try:
            with self.board.hold_sync():
                self.board.state = self._state(self.conditions)
                self.board.shown = {
                    "runs": int(points.any(1).sum()),
                    "of": len(points),
                    "points": int(points.sum()),
                    "counts": [self.selection.counts(f) for f in self.facets],
                    "problem": self._problem,
                    "presets": list(self.presets),
                    "undo": bool(self._past),
                    "redo": bool(self._future),
                    # Tells the browser which of its messages this answers; older answers would undo newer clicks.
                    "serial": serial,
                }
        finally:
            self._settles = False

    def _spec(self) -> dict[str, Any]:
        return {
            "facets": [f.spec() | {"window": f.name in WINDOWS} for f in self.facets],
            "splits": self.splits,
            "same": [f"{name} {value}" for name, value in self.selection.same.items()],
        }

    def _state(self, conditions: Conditions) -> dict[str, Any]:
        return {
            "facets": [f.choice(conditions[f.name]) if f.name in conditions else None for f in self.facets],
            "split": conditions.get("split"),
            "where": self._draft if self._problem else conditions.get("where", ""),
        }
