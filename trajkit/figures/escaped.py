"""Names and values that plotly shows as they are, although it reads markup and templates in every text."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def escaped(text: str) -> str:
    """Escape what plotly would read: tags such as <b>, entities such as &lt; and places of templates such as %{x}.

    Examples
    --------
    >>> escaped("a<b"), escaped("R&D"), escaped("%{y}")
    ('a&lt;b', 'R&amp;D', '%&#123;y}')
    """
    return html.escape(text, quote=False).replace("%{", "%&#123;")


def all_escaped(texts: Iterable[Any]) -> NDArray[np.str_]:
    """Escape each text of an array.

    Examples
    --------
    >>> all_escaped(["<b>", "plain"]).tolist()
    ['&lt;b&gt;', 'plain']
    """
    return np.array([escaped(str(text)) for text in texts], dtype=str)


def unescaped(text: str) -> str:
    """Give back what was escaped.

    Examples
    --------
    >>> unescaped(escaped("<b> &amp; %{y}"))
    '<b> &amp; %{y}'
    """
    return html.unescape(text)
