"""Write the API reference: `python tests/reference.py FOLDER`, then open FOLDER/trajkit.html."""

from __future__ import annotations

import sys
from pathlib import Path

import trajkit as tk


def write(folder: Path) -> None:
    """Write a page for the package and one for each public module."""
    import pdoc

    # pdoc looks at what a module holds; some names are loaded only when they are first asked for.
    vars(tk).update({name: getattr(tk, name) for name in tk.__all__})
    pdoc.render.configure(docformat="numpy", show_source=False, footer_text=f"trajkit {tk.__version__}")
    pdoc.pdoc("trajkit", output_directory=folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/reference.py FOLDER")
    write(Path(sys.argv[1]))
    print(f"wrote {Path(sys.argv[1]) / 'trajkit.html'}")
