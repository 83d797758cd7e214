"""How a panel of the Explorer is drawn by ipywidgets."""

from __future__ import annotations

import html
from collections.abc import Callable, Hashable
from typing import Any

import ipywidgets

from trajkit.figures.escaped import all_escaped, unescaped
from trajkit.widgets.code import CodeLine
from trajkit.widgets.explorer.panel import Action, Option, Panel
from trajkit.widgets.figure_panel import FigurePanel
from trajkit.widgets.layout import close_inside, share_row, wrapping_row
from trajkit.widgets.table import RunTable

_HEIGHT = 330


class PanelView(ipywidgets.VBox):  # type: ignore[misc]
    """The widget of a panel: it measures and draws when it is seen and its key has changed.

    Attributes
    ----------
    panel : Panel
        What is drawn.
    seen : bool
        Whether the tab of the panel is open.
    figures : list of FigurePanel
        The figures; each keeps its view when it is drawn again.
    table : RunTable or None
        The table, if the panel has one.
    options, buttons : dict
        The controls, by the names of options and actions.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel, self.state, self.title = panel, panel.state, panel.title
        self.seen = False
        self._drawn: Hashable = None
        self._marked: tuple[Hashable, ...] = ()
        self._kept: list[FigurePanel] = []
        self.figures: list[FigurePanel] = []
        self.table: RunTable | None = None
        self.options: dict[str, ipywidgets.Widget] = {}
        self.buttons: dict[str, ipywidgets.Button] = {}
        self.message = ipywidgets.HTML(layout={"margin": "0"})
        self.controls = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
        self.row = wrapping_row()
        self.note = ipywidgets.HTML(layout={"display": "none"})
        self.body = ipywidgets.VBox(
            [self.controls, self.row, self.note], layout={"width": "100%", "overflow": "hidden"}
        )
        self.code_line = CodeLine()
        super().__init__([self.message, self.body, self.code_line], layout={"width": "100%", "overflow": "hidden"})

    def refresh(self) -> None:
        """Bring the panel up to date if it is seen: draw it again if its key has changed, and mark runs."""
        if not self.seen:
            return
        if self.panel.key() != self._drawn:
            self._try(self._draw_all)
            self._drawn = self.panel.key()
        self._mark()

    def close(self) -> None:
        """Close everything inside, also figures that are not shown now."""
        for figure in self._kept:
            figure.close()
        close_inside(self)
        super().close()

    # Drawing

    def _try(self, draw: Callable[[], None]) -> None:
        """Draw, or say why that is impossible, without the figures of other runs."""
        self._say("measuring ...")
        try:
            draw()
            problem = ""
        # An error in an observer would reach only the log.
        except ValueError as error:
            problem = str(error)
        self._say(problem)
        for part in (self.body, self.code_line):
            part.layout.display = "none" if problem else ""

    def _draw_all(self) -> None:
        options = self.panel.options()
        for option in options:
            self._offer(option)
        if (options or self.panel.actions) and not self.controls.children:
            self._arrange_controls(options)
        self._draw()

    def _draw(self) -> None:
        """Draw figures or a table, the note and the code."""
        table, figures = self.panel.table(), self.panel.figures()
        # Views are kept and drawn again: a new view for each figure would never be freed (anywidget issue #929).
        while len(self._kept) < len(figures):
            self._kept.append(self._new_figure_panel())
        self.figures = self._kept[: len(figures)]
        for shown, figure in zip(self.figures, figures, strict=True):
            shown.draw(figure)
        if table is not None:
            self.table = self.table or self._new_table()
            with self.table.hold_sync():
                self.table.columns, self.table.rows = table.columns, table.rows
        # Drawing a figure removes its marks.
        self._marked = ()
        note = self.panel.note()
        self.note.value = f"<small>{html.escape(note)}</small>"
        self.note.layout.display = "" if note else "none"
        self.code_line.code = self.panel.code()
        self.row.children = self.figures if self.table is None else [self.table]

    def _say(self, message: str) -> None:
        self.message.value = f"<div style='line-height:1.4'>{html.escape(message)}</div>" if message else ""
        self.message.layout.display = "" if message else "none"

    def _new_figure_panel(self) -> FigurePanel:
        made = FigurePanel(_HEIGHT)
        made.listen(lambda event, points, more: self._happened(made, event, points, more))
        return share_row(made, "1 1 460px")

    def _new_table(self) -> RunTable:
        made = RunTable()
        made.observe(lambda change: self.state.set_trait("highlighted", change["new"]), "highlighted")
        return share_row(made, "1 1 460px")

    # Controls

    def _button(self, action: Action) -> ipywidgets.Button:
        made = ipywidgets.Button(description=action.label, tooltip=action.tooltip, layout={"width": "170px"})
        made.on_click(lambda _: self._act(action))
        return made

    def _offer(self, option: Option) -> None:
        """Show an option; what was chosen before stays if it is offered still."""
        made = self.options.get(option.name)
        if made is None:
            made = self.options[option.name] = (
                ipywidgets.SelectMultiple(rows=4, layout={"width": "170px"})
                if option.several
                else ipywidgets.Dropdown(layout={"width": "70px"})
            )
        before = made.value if option.several else [made.value]
        kept = [value for value in before if value in option.offered]
        made.options = option.offered
        made.value = (kept if option.several else kept[0]) if kept else option.chosen

    def _arrange_controls(self, options: list[Option]) -> None:
        """Put lists beside a column of the buttons and the small choices."""
        self.buttons = {action.name: self._button(action) for action in self.panel.actions}
        lists = [ipywidgets.VBox([ipywidgets.Label(o.label), self.options[o.name]]) for o in options if o.several]
        small = [ipywidgets.HBox([self.options[o.name], ipywidgets.Label(o.label)]) for o in options if not o.several]
        self.controls.children = [*lists, ipywidgets.VBox([*self.buttons.values(), *small])]

    def _act(self, action: Action) -> None:
        chosen = {name: made.value for name, made in self.options.items()}
        for button in self.buttons.values():
            button.disabled = True
        self._say("measuring ...")
        try:
            self.panel.act(action.name, chosen)
            self._draw()
            self._say("")
        except ValueError as error:
            self._say(str(error))
        finally:
            for button in self.buttons.values():
                button.disabled = False

    # Marks

    def _mark(self) -> None:
        """Draw marked runs above the others, and draw the others faint while some runs are highlighted."""
        if self.table is not None:
            self.table.highlighted = list(self.state.highlighted)
        runs, faded = self.state.marked, bool(self.state.highlighted) and self.panel.fades
        if (*runs, faded) == self._marked or (not runs and not faded and not self._marked):
            return
        # Panels name runs as figures do.
        named = all_escaped(runs).tolist()
        for shown in self.figures:
            if shown.figure.data:
                shown.mark(self.panel.marks(shown.figure, named) if runs else [], faded=faded)
        self._marked = (*runs, faded)

    def _happened(self, shown: FigurePanel, event: str, points: list[dict[str, Any]], more: bool) -> None:
        """Highlight what is clicked or lassoed; tell the state what is under the mouse."""
        own = len(shown.figure.data)
        runs: dict[str, None] = {}
        for p in points:
            trace = shown.figure.data[p["trace"]] if p["trace"] < own else shown.marks[p["trace"] - own]
            runs |= dict.fromkeys(map(unescaped, self.panel.runs_of(trace, p["point"], p["x"], p["y"])))
        # A place that stands for several runs, such as a cell of the matrix, is no run under the mouse.
        if event in ("hover", "leave"):
            self.state.hovered = next(iter(runs)) if len(runs) == 1 else ""
        elif runs and event == "click":
            self.state.toggle(list(runs), more=more)
        elif runs:
            self.state.highlight_too(list(runs))


def tabs_of(panels: list[PanelView]) -> ipywidgets.Tab:
    """Put panels behind one another; the one in front is seen."""
    tab = share_row(ipywidgets.Tab(panels), "1 1 400px")
    for i, panel in enumerate(panels):
        tab.set_title(i, panel.title)

    def turn(_: object = None) -> None:
        for i, panel in enumerate(panels):
            panel.seen = i == tab.selected_index
            panel.refresh()

    tab.selected_index = 0
    tab.observe(turn, "selected_index")
    turn()
    return tab
