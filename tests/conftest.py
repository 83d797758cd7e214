"""Settings of hypothesis, and a report of the largest numerical deviations."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from lacking import pytest_collection_modifyitems, pytest_make_collect_report, pytest_pyfunc_call  # noqa: F401
from oracles import deviations

here = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("here", here)
settings.register_profile("ci", here, derandomize=True)
settings.register_profile("thorough", here, max_examples=1000)  # pytest --hypothesis-profile=thorough
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """With -v, print the largest deviation that the tests saw for each law."""
    if deviations and terminalreporter.verbosity > 0:
        terminalreporter.section("largest deviations")
        for law, (largest, bound) in sorted(deviations.items()):
            terminalreporter.write_line(f"{largest:9.2e} of {bound:.0e}  {law}")
