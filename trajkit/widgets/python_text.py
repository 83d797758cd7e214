"""Values and arguments as text of Python."""

from __future__ import annotations

import keyword
from typing import Any

import numpy as np


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
