"""The panels of the Explorer. To add one: a class here, and its name in `LEFT` or `RIGHT`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from trajkit import figures
from trajkit.analysis import cluster, compare_groups, null_test
from trajkit.figures.coloring import MOST_CATEGORIES
from trajkit.figures.escaped import all_escaped
from trajkit.schema import run_attributes, run_table
from trajkit.widgets.explorer.code import color_code, distance_code, metric_code, part_code
from trajkit.widgets.explorer.measurements import QUANTITIES
from trajkit.widgets.explorer.panel import Action, Option, Panel, Table, rings
from trajkit.widgets.explorer.state import ExplorerState
from trajkit.widgets.narrow import widen_gap, without_legend
from trajkit.widgets.python_text import as_python


class ProgressPanel(Panel):
    """Progress against step."""

    title = "Progress"

    def key(self) -> Hashable:
        """Depend on the selected points and the colour."""
        return self.state.selection_key, self.state.color

    def figure(self) -> go.Figure:
        """Draw progress."""
        s = self.state
        return without_legend(figures.progress(s.shown_part, color=s.color_name, runs=s.runs))

    def code(self) -> str:
        """Write the line."""
        return f"tk.figures.progress({part_code(self.state)}, {color_code(self.state)}runs=selected.run)"


class LossPanel(ProgressPanel):
    """Loss and error against step."""

    title = "Loss and error"

    def figure(self) -> go.Figure:
        """Draw both, side by side."""
        s = self.state
        return widen_gap(without_legend(figures.learning_curves(s.shown_part, color=s.color_name, runs=s.runs)))

    def code(self) -> str:
        """Write the line."""
        return f"tk.figures.learning_curves({part_code(self.state)}, {color_code(self.state)}runs=selected.run)"


class GeodesicPanel(ProgressPanel):
    """Distance to the geodesic against progress."""

    title = "Off the geodesic"

    def key(self) -> Hashable:
        """Depend also on the metric."""
        return super().key(), self.state.metric

    def figure(self) -> go.Figure:
        """Draw the distance to the geodesic."""
        s = self.state
        ds = s.shown_part.assign(distance_to_geodesic=s.distance_to_geodesic())
        return without_legend(
            figures.learning_curves(ds, "distance_to_geodesic", against="progress", color=s.color_name, runs=s.runs)
        )

    def code(self) -> str:
        """Write the lines."""
        s = self.state
        options = "".join(f", {name}={value!r}" for name, value in s.geodesic_options.items())
        return (
            f"away = {part_code(s)}.assign(distance_to_geodesic=tk.distance_to_geodesic(part{options}))\n"
            f"tk.figures.learning_curves(away, 'distance_to_geodesic', against='progress', {color_code(s)}"
            "runs=selected.run)"
        )


class RunsPanel(Panel):
    """A table of the selected runs: where they ended, and their attributes."""

    title = "Runs"

    def key(self) -> Hashable:
        """Depend on the selected points."""
        return self.state.selection_key

    def figures(self) -> list[go.Figure]:
        """Draw no figure."""
        return []

    def table(self) -> Table:
        """Fill the table."""
        selected = self.state.shown_part.sel(run=self.state.runs)
        attributes = run_table(selected).drop(columns=["kind", "checkpoints"])
        attributes = attributes.loc[:, attributes.nunique(dropna=False) > 1]
        # Where runs ended comes first: a panel shows a few columns, and most names of runs say their attributes.
        table = pd.concat([_last(selected), attributes], axis=1)
        rows = [[run, *map(_plain_value, row)] for run, *row in table.itertuples(name=None)]
        return Table(["run", *table.columns], rows)

    def code(self) -> str:
        """Write the line."""
        return "tk.run_table(selected)"


class SpectrumPanel(Panel):
    """Eigenvalues and explained stress."""

    title = "Spectrum"
    fades = False

    def key(self) -> Hashable:
        """Depend on the embedding."""
        return self.state.frame_key

    def figure(self) -> go.Figure:
        """Draw the spectrum of the embedding before it is aligned with another."""
        return figures.spectrum(self.state.own)

    def code(self) -> str:
        """Write the line."""
        return f"tk.figures.spectrum({'own' if self.state.frame == 'selection' else 'frame'})"

    def marks(self, figure: go.Figure, runs: list[str]) -> list[dict[str, Any]]:
        """Mark nothing: a spectrum has no runs."""
        return []


class DistancesPanel(Panel):
    """Distances between the selected runs."""

    title = "Distances"
    fades = False

    def key(self) -> Hashable:
        """Depend on runs, metric and colour."""
        return self.state.runs_key, self.state.metric, self.state.run_color

    def figure(self) -> go.Figure:
        """Draw the matrix, in the order of the groups that the colour makes."""
        distance = _distance_of_several(self.state)
        figure = figures.distance_matrix(distance, order=self._order())
        # Names would take half of the panel, and the hover text has them; the manifold has the legend.
        figure.update_layout(height=None, showlegend=False, margin={"l": 10, "r": 10, "t": 10, "b": 30})
        compared, left_out = distance.sizes["run"], len(self.state.runs) - distance.sizes["run"]
        title = f"{compared} runs" + (f" ({left_out} more reach too little to be compared)" if left_out else "")
        figure.update_xaxes(title_text=title).update_yaxes(showticklabels=False)
        return figure.update_traces(colorbar_title_text=f"distance ({distance.attrs['units']})")

    def code(self) -> str:
        """Write the lines."""
        order = "" if self._order() is None else f", order={self._order()!r}"
        return f"{distance_code(self.state)}\ntk.figures.distance_matrix(distance{order})"

    def runs_of(self, trace: Any, point: int, x: Any, y: Any) -> list[str]:
        """Name both runs of a cell, or the run of a mark."""
        return list(dict.fromkeys([str(y), str(x)]))

    def marks(self, figure: go.Figure, runs: list[str]) -> list[dict[str, Any]]:
        """Mark runs on the diagonal."""
        known = set(figure.data[0].x)
        at = [r for r in runs if r in known]
        return [rings(at, at, at, symbol="square-open", size=8)]

    def _order(self) -> str | None:
        color = self.state.run_color
        return color if color and self.state.categories(color) <= MOST_CATEGORIES else None


class TreePanel(Panel):
    """The selected runs joined to a tree."""

    title = "Tree"
    fades = False

    def key(self) -> Hashable:
        """Depend on runs, metric and colour."""
        return self.state.runs_key, self.state.metric, self.state.run_color

    def figure(self) -> go.Figure:
        """Draw the tree."""
        self._tree = cluster(_distance_of_several(self.state))
        figure = without_legend(figures.dendrogram(self._tree, color=self.state.run_color))
        return figure.update_layout(margin={"l": 75, "r": 10, "t": 10, "b": 30})

    def code(self) -> str:
        """Write the lines."""
        color = f", color={self.state.run_color!r}" if self.state.run_color else ""
        return f"{distance_code(self.state)}\ntk.figures.dendrogram(tk.cluster(distance){color})"

    def runs_of(self, trace: Any, point: int, x: Any, y: Any) -> list[str]:
        """Name the run of a leaf, or all runs below a join."""
        if trace["text"] is not None:
            return super().runs_of(trace, point, x, y)
        join = int(trace["customdata"][point][2])
        return _runs_below(self._tree, join)

    def marks(self, figure: go.Figure, runs: list[str]) -> list[dict[str, Any]]:
        """Mark leaves."""
        leaves = [trace for trace in figure.data if trace.text is not None]
        place = {str(run): float(x) for trace in leaves for run, x in zip(trace.text, trace.x, strict=True)}
        at = [r for r in runs if r in place]
        return [rings([place[r] for r in at], [0.0] * len(at), at, symbol="circle-open", size=11)]


class _Found(NamedTuple):
    """What a button of the panel of groups and nulls measured."""

    figure: go.Figure
    code: str
    note: str = ""


class GroupsPanel(Panel):
    """Groups and nulls, which take seconds: they are measured when the reader asks for them."""

    title = "Groups and nulls"
    fades = False
    actions = (
        Action("compare", "Compare groups", "Distances within and between groups, and what explains them"),
        Action("test", "Test against the null", "The same runs with samples shuffled within class"),
    )

    def __init__(self, state: ExplorerState) -> None:
        super().__init__(state)
        self._found: dict[str, _Found] = {}
        self._found_for: Hashable = None

    def key(self) -> Hashable:
        """Depend on runs and metric."""
        return self.state.runs_key, self.state.metric

    def options(self) -> list[Option]:
        """Offer the attributes that make groups, and the number of draws from the null."""
        table = run_table(self.state.part.sel(run=self.state.runs))
        groups = [n for n in run_attributes(self.state.part) if n != "kind" and _makes_groups(table[n])]
        return [
            Option("by", "by (Ctrl: several)", groups, groups[:2], several=True),
            Option("null_draws", "draws", [9, 19, 49, 99], 19),
        ]

    def act(self, action: str, chosen: Mapping[str, Any]) -> None:
        """Measure."""
        # Kept here and not in the state: no other panel shows it.
        measured = self._compared(list(chosen["by"])) if action == "compare" else self._tested(chosen["null_draws"])
        self._found = {**self._current(), action: measured}
        self._found_for = self.key()

    def figures(self) -> list[go.Figure]:
        """Draw what was measured for these runs."""
        return [found.figure for found in self._current().values()]

    def note(self) -> str:
        """Say what limits the comparison."""
        return "; ".join(found.note for found in self._current().values() if found.note)

    def code(self) -> str:
        """Write the lines."""
        lines = [found.code for found in self._current().values()]
        return "\n".join(lines) or "# nothing is measured before you ask for it"

    def marks(self, figure: go.Figure, runs: list[str]) -> list[dict[str, Any]]:
        """Mark nothing."""
        return []

    def _current(self) -> dict[str, _Found]:
        """Return what was measured for the present runs and metric; groups come before the null."""
        if self._found_for != self.key():
            return {}
        return {action.name: self._found[action.name] for action in self.actions if action.name in self._found}

    def _compared(self, by: list[str]) -> _Found:
        if not by:
            raise ValueError("by: wanted one attribute or more, got none; choose them in the list")
        found = compare_groups(_distance_of_several(self.state), by)
        code = f"tk.figures.compare_groups(tk.compare_groups(distance, {as_python(by)}))"
        limitations = found.attrs["limitations"]
        return _Found(
            figures.compare_groups(found),
            f"{distance_code(self.state)}\n{code}",
            f"limitations: {limitations}" if limitations else "",
        )

    def _tested(self, null_draws: int) -> _Found:
        s = self.state
        found = null_test(s.part.sel(run=s.runs), null_draws=null_draws, **s.metric_options)
        code = f"tk.null_test(part.sel(run=selected.run), null_draws={null_draws}{metric_code(s)})"
        return _Found(figures.null_test(found), f"tk.figures.null_test({code})")


LEFT = (ProgressPanel, LossPanel, GeodesicPanel, RunsPanel)
RIGHT = (SpectrumPanel, DistancesPanel, TreePanel, GroupsPanel)


def _distance_of_several(state: ExplorerState) -> xr.DataArray:
    if len(state.runs) < 2:
        raise ValueError(f"wanted two runs or more to compare, got {len(state.runs)}")
    distance = state.distance()
    if distance.sizes["run"] < 2:
        raise ValueError(f"wanted two runs that reach enough progress to be compared, got {distance.sizes['run']}")
    return distance


def _runs_below(tree: xr.Dataset, join: int) -> list[str]:
    """Name the runs below a join of a tree; nodes from the number of runs on are joins."""
    names, joined = all_escaped(tree["run"].values), tree["joined"].values
    rest, found = [len(names) + join], []
    while rest:
        node = rest.pop()
        if node < len(names):
            found.append(str(names[node]))
        else:
            rest += joined[node - len(names)].tolist()
    return found


def _last(ds: xr.Dataset) -> pd.DataFrame:
    """Take the quantities at the last checkpoint of each run."""
    recorded = ds["step"].transpose("run", "checkpoint").values >= 0
    last = recorded.shape[1] - 1 - recorded[:, ::-1].argmax(1)
    rows = np.arange(len(last))
    values = {f"final {n}": ds[n].transpose("run", "checkpoint").values[rows, last] for n in QUANTITIES}
    return pd.DataFrame(values, index=ds["run"].values)


def _plain_value(value: Any) -> Any:
    """Convert a value to what JSON has: no numpy types, None for NaN and infinity, text for booleans."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not np.isfinite(plain):
        return None
    return str(plain) if isinstance(plain, bool) else plain


def _makes_groups(column: pd.Series[Any]) -> bool:
    # An attribute that is missing somewhere, or different for each run, has no groups to compare.
    values = column.replace("", np.nan) if column.dtype.kind not in "ifb" else column
    return bool(values.notna().all() and 1 < values.nunique() < len(values))
