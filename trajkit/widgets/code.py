"""Lines of Python that the reader can copy."""

from __future__ import annotations

import anywidget
import traitlets

from trajkit.widgets import assets


class CodeLine(anywidget.AnyWidget):
    """Lines of Python with a button that copies them.

    Attributes
    ----------
    code, title : str
        The lines, and a title above them. Traits.

    Examples
    --------
    >>> CodeLine(code="tk.select(ds)").code
    'tk.select(ds)'
    """

    _esm = assets.module("code.js")
    _css = assets.stylesheet("code.css")

    code = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
