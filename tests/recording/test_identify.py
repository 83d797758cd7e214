"""Laws of a run's attributes: the store and its table can hold them."""

from pathlib import Path
from typing import Any

import pytest
from trainings import probe

import trajkit as tk


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"step": 3, "seed": 1}, "run attribute 'step': the name is reserved"),
        ({"state": "x"}, "run attribute 'state': the name is reserved"),
        ({"layers": [1, 2]}, "run attribute 'layers' holds list: wanted text, integers, floats or booleans"),
        ({}, "the run has no name"),
        ("", "the run has no name"),
    ],
)
def test_identify__attributes_that_no_table_can_hold_are_refused(tmp_path: Path, run: Any, message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        tk.Recorder(tmp_path / "store", probe(), run)
    assert not (tmp_path / "store").exists()
