"""Laws of validation: predictions are checked once, where a dataset enters, and by one rule."""

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import xarray as xr
from counted import Counted
from numpy.typing import NDArray

import trajkit as tk
from trajkit import schema
from trajkit.embedding.embed import embedded
from trajkit.probabilities import row_sums

PACKAGE = Path(tk.__file__).parent

ENTRIES: dict[str, Callable[[xr.Dataset], Any]] = {
    "embed": tk.embed,
    "explore": lambda ds: tk.explore(ds).close(),
    "null_test": lambda ds: tk.null_test(ds, null_draws=9),
    "compare_groups": lambda ds: tk.compare_groups(ds, "architecture", permutations=9),
    "mean_trajectory": lambda ds: tk.mean_trajectory(ds, "architecture", n=5),
    "progress": tk.progress,
    "trajectory_distance": lambda ds: tk.trajectory_distance(ds, n=5),
    "tube": lambda ds: tk.tube(ds, "architecture", n=5),
}


class CountedChecks(Counted):
    """Predictions that count the bytes that are read of them in order to check them."""

    def __init__(self, values: NDArray[Any]) -> None:
        super().__init__(values)
        self.checked = 0

    def _piece(self, key: tuple[Any, ...]) -> NDArray[Any]:
        out = super()._piece(key)
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_filename != schema.__file__:
            frame = frame.f_back
        self.checked += 0 if frame is None else out.nbytes
        return out


def summed(call: Callable[[], object]) -> int:
    """Count the numbers that pass through the one row check, under whichever name it is called."""
    numbers = 0

    def watch(frame: FrameType, event: str, _: object) -> None:
        nonlocal numbers
        if event == "call" and frame.f_code is row_sums.__code__:
            numbers += frame.f_locals["log_prob"].size

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(before)
    return numbers


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.simulate(runs=6, groups=2, checkpoints=6, samples=20, spread=0.3)


@pytest.mark.parametrize("name", ENTRIES)
def test_predictions__are_checked_once_where_they_enter(ds: xr.Dataset, name: str) -> None:
    counted = CountedChecks(ds.log_prob.values)
    numbers = summed(lambda: ENTRIES[name](ds.assign(log_prob=counted.lazy(ds.log_prob))))
    assert numbers / ds.log_prob.size == 1, "numbers that pass through the row check, in units of the dataset"
    assert counted.checked / ds.log_prob.nbytes == 1, "reads of the predictions for checking"


def test_embed__reads_predictions_once_more_than_without_checks(ds: xr.Dataset) -> None:
    reads = []
    for function in (tk.embed, embedded):
        counted = Counted(ds.log_prob.values)
        function(ds.assign(log_prob=counted.lazy(ds.log_prob)))
        reads.append(counted.read / ds.log_prob.nbytes)
    assert reads == [2, 1]


def test_row_tolerance__judges_rows_in_one_module() -> None:
    """Besides, it gives the number of bits that a packed file keeps."""
    users = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(isinstance(n, ast.Name) and n.id == "ROW_TOLERANCE" for n in ast.walk(ast.parse(path.read_text())))
    }
    assert users == {"probabilities.py", "storage/rounding.py"}


@pytest.mark.parametrize("name", [n for n in ENTRIES if n != "explore"])
def test_predictions__that_do_not_sum_to_one_are_refused_by_run_and_checkpoint(ds: xr.Dataset, name: str) -> None:
    wrong = ds.copy(deep=True)
    wrong.log_prob[3, 2, 7] += np.float32(0.1)
    with pytest.raises(
        tk.SchemaError, match=r"checkpoint 2: the probabilities of sample 7 sum to 1\.1|positive log-probability"
    ):
        ENTRIES[name](wrong)
