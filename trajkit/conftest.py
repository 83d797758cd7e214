"""What pytest does before it reads the examples of a file; left out of the wheel."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from lacking import lacks, pytest_collection_modifyitems, pytest_make_collect_report  # noqa: F401


def pytest_collect_file(file_path: Path) -> None:
    """Import the package of a file in the usual way.

    pytest imports a file by itself and then sets it as an attribute of its package. `trajkit.curves.progress` would
    be the module then, and examples that call the function of that name would fail.
    """
    if file_path.suffix != ".py":
        return
    try:
        import_module(".".join(file_path.parent.relative_to(Path(__file__).parents[1]).parts))
    except ModuleNotFoundError as error:
        if name := lacks(error):
            pytest.skip(f"{file_path.parent}: {name} is not installed", allow_module_level=True)
        raise
