"""A table of runs."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from trajkit.widgets import assets


class RunTable(anywidget.AnyWidget):
    """A table of runs. A click on a column's head sorts the rows, a click on a row highlights its run.

    Attributes
    ----------
    columns, rows : list
        Names of the columns; for each row a list of text and numbers, with None for a missing value. The first column
        names the run. Traits.
    highlighted : list
        Names of the runs that are marked. A trait, which clicks set.

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
