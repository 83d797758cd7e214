"""Conditions on runs, samples and checkpoints, and the points that meet them. No widgets here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from trajkit.figures.coloring import text
from trajkit.schema import networks_of, run_attributes, run_table
from trajkit.select import matches, point_progress, select, where_mask
from trajkit.typing import Mask
from trajkit.widgets.python_text import as_argument
from trajkit.widgets.slicer_facets import Facet, RangeFacet, facet

Conditions = dict[str, Any]

# Arguments of `tk.select` that are no run attributes. An attribute with such a name gets no control.
_ARGUMENTS = ("ds", "where", "split", "progress", "step")
# Conditions on single checkpoints; all others are on whole runs.
WINDOWS = ("progress", "step")


class Selection(traitlets.HasTraits):
    """Conditions on the networks of a dataset, and the points that meet all of them.

    Parameters
    ----------
    ds
        A trajectory dataset that is known to be valid. Reference runs are left out.
    progress
        A function that takes the name of a split (or None) and returns progress on (run, checkpoint), where progress
        is known already.

    Attributes
    ----------
    conditions : dict
        Keyword arguments of `trajkit.select`. A trait.
    facets : list of Facet
        What can be asked of each attribute that varies.
    same : dict
        The values of the attributes that do not vary.
    splits : list of str
        Names of the splits.

    Examples
    --------
    >>> import trajkit as tk
    >>> selection = Selection(tk.simulate(runs=6, groups=3))
    >>> selection.conditions = {"architecture": "A"}
    >>> selection.runs
    ['A-0', 'A-1']
    """

    conditions = traitlets.Dict()

    def __init__(self, ds: xr.Dataset, *, progress: Callable[[str | None], xr.DataArray] | None = None) -> None:
        super().__init__()
        self.dataset = networks_of(ds)
        self._networks_only = {"kind": "network"} if self.dataset.sizes["run"] < ds.sizes["run"] else {}
        self._progress = progress or self._measured_progress
        self._measured: dict[str | None, xr.DataArray] = {}
        self._table = run_table(self.dataset)
        self._recorded = self.dataset["step"].transpose("run", "checkpoint").values >= 0
        self.splits = list(dict.fromkeys(self.dataset["split"].values.tolist()))
        self.facets, self.same = _facets(self.dataset)
        # Both are asked for many times in one change of `conditions`, and computed once.
        self._run_masks: dict[str, Mask] | None = None
        self._point_mask: Mask | None = None

    @property
    def selected(self) -> xr.Dataset:
        """The selected runs, samples and checkpoints as a dataset.

        Raises
        ------
        ValueError
            If nothing meets all conditions.
        """
        # `select` takes progress from the dataset; it is lent for the selection, and taken out of the result.
        if "progress" not in self.conditions or "progress" in self.dataset:
            return select(self.dataset, **self.conditions)
        measured = self.dataset.assign(progress=self._progress(self.split))
        return select(measured, **self.conditions).drop_vars("progress")

    @property
    def split(self) -> str | None:
        """The split whose samples are selected; None for all samples."""
        return self.conditions.get("split")

    @property
    def has_window(self) -> bool:
        """Whether there is a condition on single checkpoints."""
        return not self.conditions.keys().isdisjoint(WINDOWS)

    @property
    def runs(self) -> list[str]:
        """Names of the selected runs; may be empty."""
        return [str(run) for run in self._table.index[np.flatnonzero(self.mask.any(1))]]

    @property
    def points(self) -> xr.DataArray:
        """Whether each point of the networks is selected: booleans (run, checkpoint)."""
        return self.dataset["step"].copy(data=self.mask).rename("selected")

    @property
    def mask(self) -> Mask:
        """`points` as an array."""
        if self._point_mask is None:
            self._point_mask = self._measured_points()
            self._point_mask.flags.writeable = False
        return self._point_mask

    @property
    def select_arguments(self) -> Conditions:
        """The conditions, with `kind="network"` if the dataset holds references."""
        return {**self._networks_only, **self.conditions}

    def code_on(self, name: str, without: tuple[str, ...] = ()) -> str:
        """Write the line of Python that makes this selection from the dataset called `name`."""
        arguments = [as_argument(k, v) for k, v in self.select_arguments.items() if k not in without]
        return f"tk.select({', '.join([name, *arguments])})"

    def facet(self, name: str) -> Facet:
        """Find the facet of an attribute.

        Raises
        ------
        KeyError
            If it has none.
        """
        for found in self.facets:
            if found.name == name:
                return found
        raise KeyError(f"no control for {name!r}: wanted one of {[f.name for f in self.facets]}")

    def counts(self, facet: Facet) -> list[int]:
        """Count the runs for each value of a facet, among the runs that meet all other conditions on runs."""
        return [] if facet.name in WINDOWS else facet.counts(self._run_mask(without=facet.name))

    def check_where(self, where: str) -> None:
        """Evaluate an expression on the table of runs.

        Raises
        ------
        ValueError
            If that fails.
        """
        where_mask(self._table, where)

    def check(self, conditions: Conditions) -> Conditions:
        """Check conditions and bring them into their one form.

        Raises
        ------
        traitlets.TraitError
            If there is no control for a condition, or its value makes no sense.
        """
        given = {str(name): condition for name, condition in conditions.items()}
        known = [f.name for f in self.facets]
        if unknown := [n for n in given if n not in (*known, "where", "split")]:
            raise traitlets.TraitError(f"no control for {unknown[0]!r}: wanted some of {[*known, 'where', 'split']}")
        if (split := given.get("split")) is not None and split not in self.splits:
            raise traitlets.TraitError(f"split: wanted one of {self.splits} or None for all, got {split!r}")
        if not isinstance(where := given.get("where"), str | None):
            raise traitlets.TraitError(f"where: wanted an expression as text, got {type(where).__name__}")
        try:
            checked = {f.name: f.normalized(given[f.name]) for f in self.facets if given.get(f.name) is not None}
            windows: Conditions = {n: checked.pop(n) for n in WINDOWS if n in checked}
            rest: Conditions = {n: given[n] for n in ("where", "split") if given.get(n) is not None}
            # Only to see that every condition can be evaluated; the masks are made again when the trait has changed.
            self._masks_of({**checked, **rest})
        except ValueError as problem:
            raise traitlets.TraitError(str(problem)) from problem
        return {**checked, **rest, **windows}

    def close(self) -> None:
        """Let what was measured go."""
        self._measured.clear()

    @traitlets.validate("conditions")
    def _check(self, proposal: Any) -> Conditions:
        return self.check(proposal["value"])

    @traitlets.observe("conditions")
    def _conditions_changed(self, _: object) -> None:
        self._run_masks = self._point_mask = None

    def _masks_of(self, conditions: Conditions) -> dict[str, Mask]:
        """Which runs meet each of the conditions on whole runs."""
        table = self._table.reset_index()
        return {
            name: where_mask(self._table, condition)
            if name == "where"
            else matches(table[name].to_numpy(), condition, name)
            for name, condition in conditions.items()
            if name not in (*WINDOWS, "split")
        }

    def _run_mask(self, *, without: str | None = None) -> Mask:
        """Which runs meet the conditions on whole runs, all but one."""
        if self._run_masks is None:
            self._run_masks = self._masks_of(self.conditions)
        keep = np.ones(len(self._table), dtype=bool)
        for name, mask in self._run_masks.items():
            if name != without:
                keep &= mask
        return keep

    def _measured_points(self) -> Mask:
        out = self._recorded & self._run_mask()[:, None]
        for name in WINDOWS:
            if name in self.conditions:
                values = self.dataset["step"] if name == "step" else self._progress(self.split)
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
