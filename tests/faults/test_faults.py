"""Every attack with a small count by default, and with its full count when slow tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from count_faults import ATTACKS, attack_named

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.parametrize("name", ATTACKS)
def test_attack__breaks_no_promise(name: str, tmp_path: Path) -> None:
    module = attack_named(name)
    assert module.attack(module.SHORT, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_attack__breaks_no_promise_at_full_count_and_readme_says_what_it_says(name: str, tmp_path: Path) -> None:
    module = attack_named(name)
    # Counts of what chance decided, such as "412 of them before the first checkpoint", differ from run to run.
    sentence, *_ = module.attack(module.FULL, tmp_path).partition(":")
    assert f"- {sentence}" in README


@pytest.mark.parametrize("name", ATTACKS)
def test_readme__quotes_the_full_count_of_every_attack(name: str) -> None:
    lines = README.partition("## What was tried to break it")[2].partition("\n## ")[0]
    assert re.search(rf"\b{attack_named(name).FULL:,}\b", lines)
