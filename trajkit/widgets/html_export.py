"""Widgets as a page that needs neither kernel nor network."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import anywidget
from ipywidgets.widgets.widget import _remove_buffers

from trajkit.storage.atomic import atomic_write

# Run in the page: builds a model of each state, joins those that are linked, and renders them.
_STAND_IN = (Path(__file__).parent / "page.js").read_text()
# Nothing may be fetched: a page that tried would be stopped by the browser.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def write_page(
    path: str | Path,
    views: Sequence[anywidget.AnyWidget],
    *,
    title: str,
    links: Iterable[tuple[int, int, Sequence[str]]] = (),
    columns: int = 1,
) -> Path:
    """Write views of one class to a single HTML file, in which their module runs on a stand-in for the widget model.

    Parameters
    ----------
    path
        Where to.
    views
        Widgets of the same class, in the order of the page.
    title
        Of the page; text, whatever it contains.
    links
        (view, view, traits): which traits of which two views change together, by their place in `views`.
    columns
        How many views stand side by side.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If there is no view, or they are of several classes.
    FileNotFoundError
        If the folder of the file does not exist.
    """
    modules = {str(view._esm) for view in views}
    if len(modules) != 1:
        raise ValueError(f"wanted one or more views of one class, got {[type(view).__name__ for view in views]}")
    data = {
        "views": [_state(view) for view in views],
        "links": [[i, j, list(traits)] for i, j, traits in links],
    }
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>
{views[0]._css}
body {{ margin: 0; }}
main {{ display: grid; grid-template-columns: repeat({int(columns)}, minmax(0, 1fr)); gap: 8px; padding: 8px; }}
</style>
</head>
<body>
<main></main>
<script id="data" type="application/json">{_inside_script(data)}</script>
<script type="module">
{modules.pop()}
{_STAND_IN}
</script>
</body>
</html>
"""
    out = Path(path)
    with atomic_write(out, overwrite=True) as part:
        part.write_text(page, encoding="utf-8")
    return out


def _state(widget: anywidget.AnyWidget) -> dict[str, Any]:
    """Give a widget's own traits: plain values, and buffers in base64."""
    own = {k: v for k, v in widget.get_state().items() if k not in ("_esm", "_css", "layout", "tabbable", "tooltip")}
    own = {k: v for k, v in own.items() if not k.startswith(("_model_", "_view_", "_dom_", "_anywidget"))}
    plain, paths, buffers = _remove_buffers(own)
    encoded = [base64.b64encode(b).decode("ascii") for b in buffers]
    return {"state": plain, "buffers": [[path, text] for path, text in zip(paths, encoded, strict=True)]}


def _inside_script(data: object) -> str:
    """Write JSON that no text in it can end the script element, or open a comment in it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
