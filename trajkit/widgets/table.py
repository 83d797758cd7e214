"""A table of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

_HERE = Path(__file__).parent


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

    # As text: of a path, anywidget would keep a reference to each widget for ever.
    _esm = (_HERE / "table.js").read_text()
    _css = (_HERE / "table.css").read_text()
    columns: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    highlighted: Any = traitlets.List().tag(sync=True)
