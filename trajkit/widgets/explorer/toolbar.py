"""The row of controls above the manifold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
import traitlets

from trajkit.widgets.explorer.measurements import N_COMPONENTS
from trajkit.widgets.explorer.state import FRAMES, ExplorerState

_NOTHING_HIGHLIGHTED = "click a line, or lasso points"


class Toolbar(ipywidgets.HBox):  # type: ignore[misc]
    """Controls of metric, frame and axes, and what to do with highlighted runs.

    Parameters
    ----------
    state
        What the controls set.
    clear
        Called when the reader clears the highlighted runs.

    Attributes
    ----------
    controls : dict
        The controls of "metric" and "frame".
    axes : list
        The three controls of the components.
    """

    def __init__(self, state: ExplorerState, clear: Callable[[], None]) -> None:
        self.state = state
        self.controls = {
            "metric": ipywidgets.Dropdown(options=state.metrics, layout={"width": "135px"}),
            "frame": ipywidgets.ToggleButtons(
                options=FRAMES,
                style={"button_width": "88px"},
                tooltips=[
                    "Every slice keeps its place",
                    "Each slice is embedded by itself, then aligned with all runs",
                ],
            ),
        }
        for name, control in self.controls.items():
            traitlets.link((state, name), (control, "value"))
        self.axes = [self._axis(i) for i in range(3)]
        self._highlighted = ipywidgets.Label(_NOTHING_HIGHLIGHTED)
        narrow = {"width": "auto"}
        keep = ipywidgets.Button(description="Keep only these", layout=narrow, disabled=True)
        keep.on_click(lambda _: state.keep_highlighted())
        forget = ipywidgets.Button(description="Clear", layout=narrow, disabled=True)
        forget.on_click(lambda _: clear())
        self._buttons = [keep, forget]
        state.observe(self._count, "highlighted")
        groups = [
            [ipywidgets.Label("metric"), self.controls["metric"]],
            [ipywidgets.Label("frame"), self.controls["frame"]],
            [ipywidgets.Label("axes"), *self.axes],
            [self._highlighted, *self._buttons],
        ]
        super().__init__(
            [ipywidgets.HBox(group, layout={"margin": "0 14px 0 0", "align_items": "center"}) for group in groups],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )

    def _axis(self, i: int) -> ipywidgets.Dropdown:
        made = ipywidgets.Dropdown(
            options=range(1, N_COMPONENTS + 1), value=self.state.components[i], layout={"width": "52px"}
        )
        made.observe(lambda change: self._pick(i, change["new"]), "value")
        traitlets.dlink((self.state, "components"), (made, "value"), lambda components: components[i])
        return made

    def _pick(self, i: int, component: int) -> None:
        """Show another component on an axis; the axis that has it gets the component of this one."""
        old = self.state.components
        new = list(old)
        if component in old:
            new[old.index(component)] = old[i]
        new[i] = component
        self.state.components = tuple(new)

    def _count(self, change: Any) -> None:
        count = len(change["new"])
        self._highlighted.value = f"{count} highlighted" if count else _NOTHING_HIGHLIGHTED
        for button in self._buttons:
            button.disabled = not count
