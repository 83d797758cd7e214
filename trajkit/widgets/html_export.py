"""HTML pages of widgets, which need neither kernel nor network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
from ipywidgets.widgets.widget import _remove_buffers

from trajkit.storage.atomic import atomic_write, user_path
from trajkit.widgets import assets

if TYPE_CHECKING:
    import jinja2


def write_page(
    path: str | Path,
    views: Sequence[anywidget.AnyWidget],
    *,
    title: str,
    links: Iterable[tuple[int, int, Sequence[str]]] = (),
    columns: int = 1,
) -> Path:
    """Write views of one class to a single HTML file.

    The page holds their JavaScript, and a stand-in for the widget model with their state (`js/html_export.js`).

    Parameters
    ----------
    path
        Path of the file. An existing file is replaced.
    views
        Widgets of the same class, in the order of the page.
    title
        Title of the page. HTML in it is shown as text.
    links
        (i, j, traits) for each two views, `views[i]` and `views[j]`, of which these traits change together.
    columns
        Number of views side by side.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If there is no view, if views are of several classes, or if a number is NaN or infinite.
    FileNotFoundError
        If the folder of the file does not exist.
    """
    modules = {str(view._esm) for view in views}
    if len(modules) != 1:
        got = [type(view).__name__ for view in views]
        raise ValueError(f"views: wanted one or more widgets of one class, got {got}; write a page for each class")
    data = {
        "views": [_state(view) for view in views],
        "links": [[i, j, list(traits)] for i, j, traits in links],
    }
    page = _template().render(
        title=title,
        css=views[0]._css,
        columns=int(columns),
        data=data,
        # In one script, because the policy of the page forbids it to load modules.
        javascript=modules.pop() + assets.module("html_export.js"),
    )
    out = user_path(path)
    with atomic_write(out, overwrite=True) as part:
        part.write_text(page, encoding="utf-8")
    return out


def _state(widget: anywidget.AnyWidget) -> dict[str, Any]:
    """Give the traits that belong to the widget itself: plain values, and buffers in base64."""
    own = {k: v for k, v in widget.get_state().items() if k not in ("_esm", "_css", "layout", "tabbable", "tooltip")}
    own = {k: v for k, v in own.items() if not k.startswith(("_model_", "_view_", "_dom_", "_anywidget"))}
    plain, paths, buffers = _remove_buffers(own)
    encoded = [base64.b64encode(b).decode("ascii") for b in buffers]
    return {"state": plain, "buffers": [[path, text] for path, text in zip(paths, encoded, strict=True)]}


@cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(loader=jinja2.PackageLoader("trajkit.widgets", "js"), autoescape=True)
    # NaN is no JSON, and a page with NaN would not open: refuse it here.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment.get_template("html_export.html")
