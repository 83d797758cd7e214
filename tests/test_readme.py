"""README and CHANGELOG quote the numbers of the shipped files."""

import re
from pathlib import Path

import pytest
import xarray as xr

import trajkit as tk

ROOT = Path(__file__).parents[1]
README, CHANGELOG = (ROOT / "README.md").read_text(), (ROOT / "CHANGELOG.md").read_text()
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}


def shipped(name: str) -> xr.Dataset:
    return tk.sample_data(name)


def row(name: str) -> str:
    """Return the row of a file in the table of data."""
    (line,) = re.findall(rf"^\| `data/{name}\.nc` \|.*$", README, flags=re.MULTILINE)
    return line


def test_data__are_all_in_the_table_and_small() -> None:
    files = {path.stem: path.stat().st_size / 1e6 for path in (ROOT / "data").glob("*.nc")}
    assert (
        sorted(files) == sorted(tk.sample_data()) == sorted(re.findall(r"^\| `data/(\w+)\.nc`", README, re.MULTILINE))
    )
    most, together = re.search(
        r"at most (\d+) MB for a file, (\d+) MB for all", (ROOT / "CONTRIBUTING.md").read_text()
    ).groups()
    assert max(files.values()) <= int(most)
    assert sum(files.values()) <= int(together)


@pytest.mark.parametrize("name", tk.sample_data())
def test_table__counts_the_runs(name: str) -> None:
    runs = shipped(name).sizes["run"]
    assert row(name).endswith(f"| {runs} |")
    assert re.search(rf'`"{name}"`\)?,\s+{runs}\b|tk\.sample_data\("{name}"\)`, {runs}\b', CHANGELOG)


def test_table__says_what_was_varied() -> None:
    digits, cifar, sloppy = (tk.run_table(shipped(name)) for name in ("digits", "cifar10", "sloppy"))
    architectures = digits.architecture.nunique()
    widths = digits.groupby("architecture").width.nunique().max()
    assert f"{NUMBERS[architectures]} architectures in up to {NUMBERS[widths]} widths" in row("digits")
    assert set(cifar.architecture) == set(digits.architecture)
    assert "the same six" in row("cifar10")
    assert f"for {NUMBERS[sloppy.decay.nunique()]} c" in row("sloppy")


def test_animation__is_described_by_the_number_of_its_networks() -> None:
    assert f"![{shipped('digits').sizes['run']} networks that learn handwritten digits" in README


def test_limits__count_the_networks_that_did_not_learn_their_images() -> None:
    error = tk.run_table(shipped("cifar10")).train_error
    said = f"{(error > 0.1).sum()} of the {len(error)} did not"
    assert f"{said} reach a training error of 0.1" in README
    assert said in tk.sample_data.__doc__
