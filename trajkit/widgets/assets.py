"""JavaScript and CSS of the widgets, as anywidget takes them."""

from __future__ import annotations

import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

_FOLDER = Path(__file__).parent / "js"
_IMPORT = re.compile(r'^import \{\s*\w+(?:,\s*\w+)*,?\s*\} from "(\.{1,2}/[\w./]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|let|function|class) )", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


@cache
def stylesheet(name: str) -> str:
    """Read a stylesheet of `widgets/js`, after the reset that keeps the styles of the host page out of the widget.

    The widget's rules are nested in a selector of the weight of an id, which fits every page, so that they are stronger
    than the reset, and the reset stronger than the host.
    """
    reset, own = ((_FOLDER / file).read_text(encoding="utf-8") for file in ("reset.css", name))
    return f"{reset}\n:is(:root, #trajkit) {{\n{own}}}\n"


@cache
def module(name: str, *, folder: Path = _FOLDER) -> str:
    """Join a module of `widgets/js` with all it imports into one module, in the order of the imports.

    anywidget takes the JavaScript of a widget as one text, and a text cannot import files. (Given a path instead, it
    watches the file and keeps a reference to each widget.) The joined modules share one scope: two of them must not
    define the same name at top level.

    Parameters
    ----------
    name
        The module, by its path in the folder, such as "manifold_view/view.js".
    folder
        Where the modules are.

    Raises
    ------
    ValueError
        If modules import each other in a circle, or one has an import or export of another form than
        `import { name } from "./file.js";`, `export function`, and, at the end of the first, `export default`.
    """
    sources: dict[Path, str] = {}
    imports: dict[Path, list[Path]] = {}
    entry = (folder / name).resolve()
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path not in sources:
            sources[path] = path.read_text(encoding="utf-8")
            imports[path] = [(path.parent / target).resolve() for target in _IMPORT.findall(sources[path])]
            waiting += imports[path]
    try:
        order = list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        circle = " -> ".join(path.name for path in error.args[1])
        raise ValueError(f"modules import each other in a circle: {circle}; move what they share to a third") from None
    return "\n".join(_without_imports(path, sources[path], is_entry=path == entry) for path in order)


def _without_imports(path: Path, source: str, *, is_entry: bool) -> str:
    text = _EXPORT.sub("", _IMPORT.sub("", source))
    for left in _OTHER.findall(text):
        if not (is_entry and left.startswith("export default ")):
            raise ValueError(
                f'{path.name}: wanted `import {{ name }} from "./file.js";` or `export function`, got: {left}'
            )
    return text
