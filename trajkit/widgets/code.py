"""Lines of Python: how values are written in them, and the widget from which they are copied."""

from __future__ import annotations

import keyword
from typing import Any

import anywidget
import numpy as np
import traitlets

from trajkit.widgets import assets


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

    _esm = assets.module("code.js")
    _css = assets.stylesheet("code.css")

    code = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)


def as_python(value: Any) -> str:
    """Write a value as Python that gives it back, also NaN and infinity, whose `repr` is no Python.

    Examples
    --------
    >>> as_python([(0.1, None), float("nan")])
    "[(0.1, None), float('nan')]"
    """
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, list):
        return f"[{', '.join(map(as_python, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(as_python, value))})"
    return repr(value)


def as_argument(name: str, value: Any) -> str:
    """Write a keyword argument, also where the name is no Python name.

    Examples
    --------
    >>> as_argument("seed", [0]), as_argument("learning rate", 0.1)
    ('seed=[0]', "**{'learning rate': 0.1}")
    """
    is_name = name.isidentifier() and not keyword.iskeyword(name)
    return f"{name}={as_python(value)}" if is_name else f"**{{{name!r}: {as_python(value)}}}"
