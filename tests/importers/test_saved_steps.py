"""Laws of the schedule of the reference code."""

import pytest

import trajkit as tk


@pytest.mark.parametrize(
    ("batch_size", "epochs", "count", "last"), [(200, 200, 67, 50000), (500, 200, 62, 20000), (1000, 30, 49, 1500)]
)
def test_saved_steps__are_those_of_the_reference_code(batch_size: int, epochs: int, count: int, last: int) -> None:
    # Counted with the function `get_ts` of its utils/load_models.py.
    steps = tk.importers.saved_steps(batch_size, epochs)
    assert (len(steps), steps[0], steps[-1]) == (count, 0, last)
