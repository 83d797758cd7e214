"""The limits of the house: short files, comments that are neither missing nor everywhere, no circle of imports."""

from itertools import pairwise

import house


def test_files__are_short() -> None:
    assert not house.too_long(), "split them by what their parts do; `python tests/house.py` shows the sizes"


def test_files__import_each_other_in_no_circle() -> None:
    circles = [" <-> ".join(str(path.relative_to(house.ROOT)) for path in circle) for circle in house.circles()]
    assert not circles


def test_comments__are_four_to_nine_in_a_hundred_lines() -> None:
    """A comment says why; code that needs none may have none, so a folder has no lower limit."""
    assert 4 <= round(house.python_comments(house.python_files())) <= 9
    assert 4 <= round(house.javascript_comments(house.javascript_files())) <= 9


def test_comments__do_not_stand_twice_in_a_row() -> None:
    twice = [
        f"{path.relative_to(house.ROOT)}:{k + 2}"
        for path in house.python_files()
        for k, (line, after) in enumerate(pairwise(path.read_text(encoding="utf-8").splitlines()))
        if line.strip().startswith("# ") and line.strip() == after.strip()
    ]
    assert not twice


def test_functions__are_short() -> None:
    whole = house.house()
    assert whole["body"] <= 16
    assert whole["> 20"] <= 0.45
    assert whole["helpers"] <= 0.16


def test_tests__are_less_than_the_code() -> None:
    assert house.house()["tests"] < 0.75
