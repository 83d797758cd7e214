"""Write the API reference: `python tests/reference.py FOLDER`, then open FOLDER/trajkit.html.

The first page lists the public names by the groups of `tk.__all__`, each with its first sentence.
"""

import inspect
import sys
from pathlib import Path
from types import ModuleType

from public_names import groups

import trajkit as tk


def index() -> str:
    """Write the list of all names in Markdown; pdoc makes a link of a full name in backticks."""
    lines = []
    for title, names in groups().items():
        lines += ["", f"## {title}", ""]
        for name in names:
            sentence = " ".join((inspect.getdoc(getattr(tk, name)) or "").partition("\n\n")[0].split())
            lines.append(f"- `trajkit.{name}`: {sentence}")
    return "\n".join(lines)


def write(folder: Path) -> None:
    """Write a page for the package and one for each public module."""
    import pdoc

    # pdoc looks at what a module holds; some names are loaded only when they are first asked for.
    for module in (tk, *(m for name in tk.__all__ if isinstance(m := getattr(tk, name), ModuleType))):
        vars(module).update({name: getattr(module, name) for name in module.__all__})
    text = tk.__doc__ or ""
    pdoc.render.configure(docformat="numpy", show_source=False, footer_text=f"trajkit {tk.__version__}")
    try:
        tk.__doc__ = text + index()
        # The file in which a function lives has its name: the function has an entry, the file no page.
        files = [f"!trajkit\\.{name}$" for name in tk.__all__ if callable(getattr(tk, name))]
        pdoc.pdoc("trajkit", *files, r"!trajkit\.\w+\.\w+", output_directory=folder)
    finally:
        tk.__doc__ = text


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/reference.py FOLDER")
    write(Path(sys.argv[1]))
    print(f"wrote {Path(sys.argv[1]) / 'trajkit.html'}")
