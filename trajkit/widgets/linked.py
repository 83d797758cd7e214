"""The Explorer's panels: each measures and draws when it is seen, and what is marked in one is marked in all."""

from __future__ import annotations

import html
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit import figures
from trajkit.analysis import cluster, compare_groups, null_test
from trajkit.figures.coloring import MOST_CATEGORIES
from trajkit.schema import run_attributes, run_table
from trajkit.widgets.code import CodeLine, as_python
from trajkit.widgets.figure_panel import FigurePanel
from trajkit.widgets.layout import share_row, widen_gap
from trajkit.widgets.measurements import QUANTITIES
from trajkit.widgets.table import RunTable

if TYPE_CHECKING:
    from trajkit.widgets.explorer import Explorer

_HEIGHT = 330
# Seen on light and on dark.
_MARK = "#E6007E"


class Panel(ipywidgets.VBox):  # type: ignore[misc]
    """Something of the Explorer that is brought up to date when it is seen and what it shows has changed."""

    title = ""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.seen = False
        self._drawn: Hashable = None
        self.message = ipywidgets.HTML(layout={"margin": "0"})
        self.code_line = CodeLine()
        self.body = ipywidgets.VBox(layout={"width": "100%", "overflow": "hidden"})
        super().__init__([self.message, self.body, self.code_line], layout={"width": "100%", "overflow": "hidden"})

    def refresh(self) -> None:
        """Bring the panel up to date if it is seen: draw anew if it shows something else by now, and mark runs."""
        if not self.seen:
            return
        if self.key() != self._drawn:
            self.say("measuring ...")
            try:
                self.draw()
                self.say("")
                self._show(True)
            # An error in an observer would only reach the log: say it where the reader looks, without what was drawn
            # before, of something else.
            except ValueError as problem:
                self.say(str(problem))
                self._show(False)
            self._drawn = self.key()
        self.mark()

    def key(self) -> Hashable:
        """Give what the panel's picture depends on."""
        raise NotImplementedError

    def draw(self) -> None:
        """Measure and draw."""
        raise NotImplementedError

    def mark(self) -> None:
        """Mark the runs that are highlighted or under the mouse."""

    def say(self, message: str) -> None:
        """Write a message above the panel."""
        self.message.value = f"<div style='line-height:1.4'>{html.escape(message)}</div>" if message else ""
        self.message.layout.display = "" if message else "none"

    def _show(self, drawn: bool) -> None:
        for part in (self.body, self.code_line):
            part.layout.display = "" if drawn else "none"

    def close(self) -> None:
        """Close what the panel holds."""
        for child in (self.message, self.code_line, self.body):
            child.close()
        super().close()


class FigureOf(Panel):
    """A panel of one figure; runs are marked by traces above its own."""

    # Whether the others are drawn faint where some runs are highlighted.
    fades = True

    def __init__(self, explorer: Explorer) -> None:
        super().__init__(explorer)
        self.panel: FigurePanel | None = None
        self._marked: tuple[Hashable, ...] = ()

    def draw(self) -> None:
        """Draw the figure, on the view that the panel keeps."""
        if self.panel is None:
            self.panel = FigurePanel(_HEIGHT)
            self.panel.listen(self._happened)
            self.body.children = [self.panel]
        self.panel.draw(self.figure())
        self._marked = ()
        self.code_line.code = self.code()

    def figure(self) -> go.Figure:
        """Make the figure."""
        raise NotImplementedError

    def code(self) -> str:
        """Write the Python that makes it, after the Explorer's lines."""
        raise NotImplementedError

    def marks(self, runs: list[str]) -> list[dict[str, Any]]:
        """Make the traces that mark runs: of each trace of the figure, their points once more."""
        return [_stronger(trace, runs) for trace in self.drawn.data]

    def runs_of(self, trace: int, point: int, x: Any, y: Any) -> list[str]:
        """Which runs a point stands for; `trace` counts the figure's traces, then the marks."""
        text = self.shown(trace)["text"]
        return [] if text is None or not 0 <= point < len(text) else [str(text[point])]

    @property
    def drawn(self) -> go.Figure:
        """The figure that is drawn."""
        assert self.panel is not None
        return self.panel.figure

    def shown(self, trace: int) -> Any:
        """Give a trace of the figure, or one that marks."""
        assert self.panel is not None
        own = len(self.drawn.data)
        return self.drawn.data[trace] if trace < own else self.panel.marks[trace - own]

    def mark(self) -> None:
        """Draw marked runs above the others, and these faint where some are highlighted."""
        if self.panel is None or not self.seen or not self.panel.figure.data:
            return
        runs, faded = self.explorer.marked, bool(self.explorer.highlighted) and self.fades
        if (*runs, faded) == self._marked or (not runs and not faded and not self._marked):
            return
        self.panel.mark(self.marks(runs) if runs else [], faded=faded)
        self._marked = (*runs, faded)

    def _happened(self, event: str, points: list[dict[str, Any]], more: bool) -> None:
        """Highlight what is clicked or lassoed; tell the others what is under the mouse."""
        found = (self.runs_of(p["trace"], p["point"], p["x"], p["y"]) for p in points)
        runs = list(dict.fromkeys(r for some in found for r in some))
        if event in ("hover", "leave"):
            self.explorer.hovered = runs[0] if len(runs) == 1 else ""
        elif runs and event == "click":
            self.explorer.toggle(runs, more=more)
        elif runs:
            self.explorer.highlighted = list(dict.fromkeys([*self.explorer.highlighted, *runs]))

    def close(self) -> None:
        """Close the figure's view."""
        if self.panel is not None:
            self.panel.close()
        super().close()


class ProgressPanel(FigureOf):
    """Progress against step."""

    title = "Progress"

    def key(self) -> Hashable:
        """Depend on what is selected and the colour."""
        return self.explorer.selection_key, self.explorer.color

    def figure(self) -> go.Figure:
        """Draw it without the legend, which the manifold has."""
        e = self.explorer
        return _plain(figures.progress(e.shown_part, color=e.color_name, runs=e.runs))

    def code(self) -> str:
        """Write the line."""
        return f"tk.figures.progress({self.explorer.part_code}, {self.explorer.color_code}runs=selected.run)"


class LossPanel(ProgressPanel):
    """Loss and error against step."""

    title = "Loss and error"

    def figure(self) -> go.Figure:
        """Draw both, side by side; in a narrow panel the second title needs more room than between two large plots."""
        e = self.explorer
        return widen_gap(_plain(figures.learning_curves(e.shown_part, color=e.color_name, runs=e.runs)))

    def code(self) -> str:
        """Write the line."""
        return f"tk.figures.learning_curves({self.explorer.part_code}, {self.explorer.color_code}runs=selected.run)"


class AwayPanel(ProgressPanel):
    """Distance to the geodesic against progress."""

    title = "Off the geodesic"

    def key(self) -> Hashable:
        """Depend also on the metric."""
        return super().key(), self.explorer.metric

    def figure(self) -> go.Figure:
        """Draw it."""
        e = self.explorer
        away = e.measured.away(e.split, e.metric)
        ds = e.shown_part.assign(distance_to_geodesic=away)
        return _plain(
            figures.learning_curves(ds, "distance_to_geodesic", against="progress", color=e.color_name, runs=e.runs)
        )

    def code(self) -> str:
        """Write the line."""
        e = self.explorer
        metric = ", metric='fisher_rao'" if e.metric == "fisher_rao" else ""
        return (
            f"away = {e.part_code}.assign(distance_to_geodesic=tk.distance_to_geodesic(part{metric}))\n"
            f"tk.figures.learning_curves(away, 'distance_to_geodesic', against='progress', {e.color_code}"
            "runs=selected.run)"
        )


class SpectrumPanel(FigureOf):
    """Eigenvalues and explained stress."""

    title = "Spectrum"
    fades = False

    def key(self) -> Hashable:
        """Depend on the frame."""
        return self.explorer.frame_key

    def figure(self) -> go.Figure:
        """Draw the spectrum of what was embedded, before it is laid upon another."""
        return figures.spectrum(self.explorer.own)

    def code(self) -> str:
        """Write the line."""
        return f"tk.figures.spectrum({'own' if self.explorer.frame == 'selection' else 'frame'})"

    def marks(self, runs: list[str]) -> list[dict[str, Any]]:
        """Mark nothing: a spectrum has no runs."""
        return []


class MatrixPanel(FigureOf):
    """Distances of the selected runs to one another."""

    title = "Distances"
    fades = False

    def key(self) -> Hashable:
        """Depend on runs, metric and colour."""
        return self.explorer.runs_key, self.explorer.metric, self.explorer.run_color

    def figure(self) -> go.Figure:
        """Draw the matrix, in the order of the colour's groups."""
        if len(self.explorer.runs) < 2:
            raise ValueError(f"wanted two runs or more to compare, got {len(self.explorer.runs)}")
        figure = figures.distance_matrix(self.explorer.distance(), order=self._order())
        # Names, which the hover text has as well, would take half of a panel, and the legend is the manifold's.
        figure.update_layout(height=None, showlegend=False, margin={"l": 10, "r": 10, "t": 10, "b": 30})
        figure.update_xaxes(title_text=f"{len(self.explorer.runs)} runs").update_yaxes(showticklabels=False)
        return figure.update_traces(colorbar_title_text=f"distance ({self.explorer.distance().attrs['units']})")

    def code(self) -> str:
        """Write the lines."""
        order = "" if self._order() is None else f", order={self._order()!r}"
        return f"{self.explorer.distance_code}\ntk.figures.distance_matrix(distance{order})"

    def runs_of(self, trace: int, point: int, x: Any, y: Any) -> list[str]:
        """Name both runs of a cell; or the one of a mark."""
        return list(dict.fromkeys([str(y), str(x)]))

    def marks(self, runs: list[str]) -> list[dict[str, Any]]:
        """Mark runs on the diagonal."""
        known = set(self.drawn.data[0].x)
        at = [r for r in runs if r in known]
        return [_rings(at, at, at, symbol="square-open", size=8)]

    def _order(self) -> str | None:
        color = self.explorer.run_color
        return color if color and self.explorer.categories(color) <= MOST_CATEGORIES else None


class TreePanel(FigureOf):
    """The selected runs joined to a tree."""

    title = "Tree"
    fades = False

    def key(self) -> Hashable:
        """Depend on runs, metric and colour."""
        return self.explorer.runs_key, self.explorer.metric, self.explorer.run_color

    def figure(self) -> go.Figure:
        """Draw the tree."""
        self._tree = cluster(self.explorer.distance())
        figure = figures.dendrogram(self._tree, color=self.explorer.run_color or None)
        leaves = [trace for trace in figure.data if trace.text is not None]
        self._place = {str(r): float(x) for trace in leaves for r, x in zip(trace.text, trace.x, strict=True)}
        return _plain(figure).update_layout(margin={"l": 75, "r": 10, "t": 10, "b": 30})

    def code(self) -> str:
        """Write the lines."""
        color = f", color={self.explorer.run_color!r}" if self.explorer.run_color else ""
        return f"{self.explorer.distance_code}\ntk.figures.dendrogram(tk.cluster(distance){color})"

    def runs_of(self, trace: int, point: int, x: Any, y: Any) -> list[str]:
        """Name the run of a leaf, or all below a join."""
        shown = self.shown(trace)
        if shown["text"] is not None:
            return [str(shown["text"][point])]
        return self._below(int(shown["customdata"][point][2]))

    def marks(self, runs: list[str]) -> list[dict[str, Any]]:
        """Mark leaves."""
        at = [r for r in runs if r in self._place]
        return [_rings([self._place[r] for r in at], [0.0] * len(at), at, symbol="circle-open", size=11)]

    def _below(self, join: int) -> list[str]:
        names, joined = self._tree["run"].values, self._tree["joined"].values
        rest, out = [len(names) + join], []
        while rest:
            node = rest.pop()
            if node < len(names):
                out.append(str(names[node]))
            else:
                rest += joined[node - len(names)].tolist()
        return out


class TablePanel(Panel):
    """The selected runs, with where they ended."""

    title = "Runs"

    def __init__(self, explorer: Explorer) -> None:
        super().__init__(explorer)
        self.table = RunTable()
        self.table.observe(lambda change: explorer.set_trait("highlighted", change["new"]), "highlighted")
        self.body.children = [self.table]

    def key(self) -> Hashable:
        """Depend on what is selected."""
        return self.explorer.selection_key

    def draw(self) -> None:
        """Fill the table."""
        e = self.explorer
        table = run_table(e.shown_part.sel(run=e.runs)).drop(columns=["kind", "checkpoints"])
        last = final(e.shown_part.sel(run=e.runs))
        attributes = [n for n in table.columns if table[n].nunique(dropna=False) > 1]
        # Where runs ended comes first: a panel shows a few columns, and attributes are in the names already.
        columns = ["run", *last, *attributes]
        with self.table.hold_sync():
            self.table.columns = columns
            self.table.rows = [
                [run, *(_plain_value(last[n][i]) for n in last), *(_plain_value(table[n].iloc[i]) for n in attributes)]
                for i, run in enumerate(e.runs)
            ]
        self.code_line.code = "tk.run_table(selected)"
        self.mark()

    def mark(self) -> None:
        """Mark highlighted rows."""
        self.table.highlighted = list(self.explorer.highlighted)

    def close(self) -> None:
        """Close the table."""
        self.table.close()
        super().close()


class GroupsPanel(Panel):
    """Groups and nulls: measured when the reader asks for it."""

    title = "Groups and nulls"

    def __init__(self, explorer: Explorer) -> None:
        super().__init__(explorer)
        self.groups: FigurePanel | None = None
        self.null: FigurePanel | None = None
        self.by = ipywidgets.SelectMultiple(rows=4, layout={"width": "170px"})
        self.draws = ipywidgets.Dropdown(options=[9, 19, 49, 99], value=19, layout={"width": "70px"})
        wide = {"width": "170px"}
        self.compare = ipywidgets.Button(
            description="Compare groups",
            tooltip="Distances within and between groups, and what explains them",
            layout=wide,
        )
        self.test = ipywidgets.Button(
            description="Test against the null", tooltip="The same runs with samples shuffled within class", layout=wide
        )
        self.compare.on_click(lambda _: self._ask(self._compare))
        self.test.on_click(lambda _: self._ask(self._test))
        self.text = ipywidgets.HTML()
        self._codes: dict[str, str] = {}
        draws = ipywidgets.HBox([self.draws, ipywidgets.Label("draws")])
        asked = ipywidgets.HBox(
            [
                ipywidgets.VBox([ipywidgets.Label("by (Ctrl: several)"), self.by]),
                ipywidgets.VBox([self.compare, self.test, draws]),
            ],
            layout={"flex_flow": "row wrap"},
        )
        self.figures = ipywidgets.HBox(layout={"width": "100%", "flex_flow": "row wrap"})
        self.body.children = [asked, self.figures, self.text]

    def key(self) -> Hashable:
        """Depend on runs and metric."""
        return self.explorer.runs_key, self.explorer.metric

    def draw(self) -> None:
        """Offer the attributes that make groups; what was measured of other runs goes."""
        table = run_table(self.explorer.part.sel(run=self.explorer.runs))
        offered = [n for n in run_attributes(self.explorer.part) if n != "kind" and _makes_groups(table[n])]
        kept = [n for n in self.by.value if n in offered]
        self.by.options = offered
        self.by.value = kept or offered[:2]
        self.figures.children = ()
        self.text.value, self._codes = "", {}
        self.code_line.code = "# nothing is measured before you ask for it"

    def _ask(self, deed: Any) -> None:
        for button in (self.compare, self.test):
            button.disabled = True
        self.say("measuring ...")
        try:
            deed()
            self.say("")
        except ValueError as problem:
            self.say(str(problem))
        finally:
            for button in (self.compare, self.test):
                button.disabled = False
        self.code_line.code = "\n".join(self._codes.values()) or "# nothing was measured"

    def _compare(self) -> None:
        by = list(self.by.value)
        if not by:
            raise ValueError("by: wanted one attribute or more, got none; choose them in the list")
        found = compare_groups(self.explorer.distance(), by)
        self.groups = self.groups or FigurePanel(_HEIGHT)
        self.groups.draw(figures.compare_groups(found))
        self._codes["groups"] = (
            f"{self.explorer.distance_code}\ntk.figures.compare_groups(tk.compare_groups(distance, {as_python(by)}))"
        )
        limitations = found.attrs["limitations"]
        self.text.value = f"<small>{html.escape(f'limitations: {limitations}')}</small>" if limitations else ""
        self._arrange()

    def _test(self) -> None:
        e, n = self.explorer, self.draws.value
        found = null_test(e.part.sel(run=e.runs), null_draws=n, **e.metric_options)
        self.null = self.null or FigurePanel(_HEIGHT)
        self.null.draw(figures.null_test(found))
        found_code = f"tk.null_test(part.sel(run=selected.run), null_draws={n}{e.metric_code})"
        self._codes["null"] = f"tk.figures.null_test({found_code})"
        self._arrange()

    def _arrange(self) -> None:
        shown = [
            p for name, p in (("groups", self.groups), ("null", self.null)) if p is not None and name in self._codes
        ]
        for panel in shown:
            # Side by side only where both can be read.
            share_row(panel, "1 1 460px")
        self.figures.children = shown

    def close(self) -> None:
        """Close both figures."""
        for panel in (self.groups, self.null):
            if panel is not None:
                panel.close()
        super().close()


LEFT = (ProgressPanel, LossPanel, AwayPanel, TablePanel)
RIGHT = (SpectrumPanel, MatrixPanel, TreePanel, GroupsPanel)


def final(ds: xr.Dataset) -> dict[str, np.ndarray]:
    """Give the quantities at each run's last checkpoint."""
    recorded = ds["step"].transpose("run", "checkpoint").values >= 0
    last = recorded.shape[1] - 1 - recorded[:, ::-1].argmax(1)
    rows = np.arange(len(last))
    return {f"final {n}": ds[n].transpose("run", "checkpoint").values[rows, last] for n in QUANTITIES}


def _stronger(trace: go.Scatter, runs: list[str]) -> dict[str, Any]:
    """Copy the points of some runs, with a little more ink."""
    text = np.asarray([] if trace.text is None else trace.text, dtype=str)
    keep = np.isin(text, runs)
    out: dict[str, Any] = {name: np.asarray(trace[name])[keep] for name in ("x", "y")}
    out |= {"type": "scatter", "mode": trace.mode, "text": text[keep].tolist(), "showlegend": False}
    out |= {name: trace[name] for name in ("xaxis", "yaxis", "hovertemplate") if trace[name] is not None}
    if trace.mode == "lines":
        return out | {"line": {"color": trace.line.color, "width": 2.8}}
    scale = {name: trace.marker[name] for name in ("cmin", "cmax", "colorscale") if trace.marker[name] is not None}
    color = np.asarray(trace.marker.color)[keep]
    return out | {"marker": {"size": 7, "color": color, "line": {"width": 1, "color": _MARK}, **scale}}


def _rings(x: list[Any], y: list[Any], runs: list[str], **look: Any) -> dict[str, Any]:
    """Mark places by open marks, seen on light and on dark."""
    marker = {"color": _MARK, "line": {"width": 2, "color": _MARK}, **look}
    text = "<b>%{text}</b><extra></extra>"
    out = {"type": "scatter", "mode": "markers", "x": x, "y": y, "text": runs, "marker": marker}
    return out | {"showlegend": False, "hovertemplate": text, "cliponaxis": False}


def _plain(figure: go.Figure) -> go.Figure:
    """Leave legend and colour bar to the manifold."""
    return figure.update_layout(showlegend=False).update_traces(marker_showscale=False)


def _plain_value(value: Any) -> Any:
    """Give a value as JSON has it."""
    out = value.item() if isinstance(value, np.generic) else value
    if isinstance(out, float) and not np.isfinite(out):
        return None
    return str(out) if isinstance(out, bool) else out


def _makes_groups(column: Any) -> bool:
    values = column.replace("", np.nan) if column.dtype.kind not in "ifb" else column
    return bool(values.notna().all() and 1 < values.nunique() < len(values))
