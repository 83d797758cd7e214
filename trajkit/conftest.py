"""What pytest does before it reads the examples of a file; left out of the wheel."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path


def pytest_collect_file(file_path: Path) -> None:
    """Import the package of a file in the usual way.

    pytest imports a file by itself and then sets it as an attribute of its package. `trajkit.curves.progress` would
    be the module then, and examples that call the function of that name would fail.
    """
    if file_path.suffix == ".py":
        import_module(".".join(file_path.parent.relative_to(Path(__file__).parents[1]).parts))
