"""Without torch or another optional library, tests that need it are skipped; imported by both `conftest.py`.

Only an import in a test, or in a module of trajkit that is made of torch, is a reason to skip. If any other module of
trajkit needs torch, that is a fault, and the test fails.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from importlib.util import find_spec
from pathlib import Path
from traceback import extract_tb
from typing import Any

import pytest
from _pytest.doctest import DoctestItem

OPTIONAL = ("torch", "torchvision", "keras", "lightning", "transformers")
LACKING = [name for name in OPTIONAL if find_spec(name) is None]
ROOT = Path(__file__).parents[1]
MADE_OF_TORCH = ("trajkit/zoo/", "trajkit/distances/gpu.py", "trajkit/recording/torch_")


def lacks(error: BaseException | None) -> str | None:
    """Return the library whose lack is a reason to skip what raised `error`, or None."""
    while error is not None and not isinstance(error, ModuleNotFoundError):
        error = error.__cause__
    name = str(error.name).partition(".")[0] if error is not None else ""
    if error is None or name not in LACKING:
        return None
    frames = [frame.filename for frame in extract_tb(error.__traceback__) if str(ROOT) in frame.filename]
    importer = Path(frames[-1]).relative_to(ROOT).as_posix() if frames else ""
    return name if importer.startswith(("tests/", *MADE_OF_TORCH)) else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Skip files that cannot be imported."""
    report = yield
    if report.failed and (name := lacks(report.call.excinfo.value)):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: {name} is not installed")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Skip tests that import a library themselves."""
    try:
        return (yield)
    except ModuleNotFoundError as error:
        if name := lacks(error):
            pytest.skip(f"{name} is not installed")
        raise


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Skip examples in docstrings that import a library."""
    needs = re.compile(rf"\b(?:import|from)\b.*\b({'|'.join(LACKING)})\b")
    for item in items if LACKING else ():
        if isinstance(item, DoctestItem) and (found := needs.search(item.dtest.docstring or "")):
            item.add_marker(pytest.mark.skip(f"{found[1]} is not installed"))
