"""A table of runs."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from trajkit.widgets import assets


class RunTable(anywidget.AnyWidget):
    """Rows to sort by a click on a column's head and to highlight by a click on the row.

    Attributes
    ----------
    columns, rows : list
        Names, and a list of text and numbers (None where there is none) for each row, its first the run.
    highlighted : list
        Runs that are marked. A trait that clicks set.

    Examples
    --------
    >>> table = RunTable(columns=["run", "loss"], rows=[["A-0", 0.5]])
    >>> table.highlighted = ["A-0"]
    """

    _esm = assets.module("table.js")
    _css = assets.stylesheet("table.css")

    columns: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    highlighted: Any = traitlets.List().tag(sync=True)
