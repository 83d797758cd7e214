"""Lines of Python to copy."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__).parent


class CodeLine(anywidget.AnyWidget):
    """Lines of Python with a button that copies them.

    Attributes
    ----------
    code, title : str
        The lines, and what stands above them. Traits.

    Examples
    --------
    >>> CodeLine(code="tk.select(ds)").code
    'tk.select(ds)'
    """

    # As text: of a path, anywidget would keep a reference to each widget for ever.
    _esm = (_HERE / "code.js").read_text()
    _css = (_HERE / "code.css").read_text()
    code = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
