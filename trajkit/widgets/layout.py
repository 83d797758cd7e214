"""Layout that several widgets share."""

from __future__ import annotations

import ipywidgets


def share_row(widget: ipywidgets.Widget, flex: str) -> ipywidgets.Widget:
    """Let a widget share a row with others: `flex` is CSS, such as "3 1 420px" (grow, shrink, width at first).

    Examples
    --------
    >>> share_row(ipywidgets.Label("a"), "1 1 300px").layout.flex
    '1 1 300px'
    """
    # "auto" undoes the full width that a widget's own style may ask for; without min_width 0 a plot never shrinks.
    widget.layout.flex, widget.layout.width, widget.layout.min_width = flex, "auto", "0"
    return widget


def wrapping_row(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Put widgets side by side, and below one another where the page is too narrow."""
    return ipywidgets.HBox(widgets, layout={"width": "100%", "flex_flow": "row wrap"})


def close_inside(widget: ipywidgets.Widget) -> None:
    """Close everything inside a widget, also layouts and styles: they live until somebody closes them."""
    for child in getattr(widget, "children", ()):
        close_inside(child)
        child.close()
    for name in ("layout", "style"):
        if isinstance(part := getattr(widget, name, None), ipywidgets.Widget):
            part.close()
