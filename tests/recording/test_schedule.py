"""Laws of schedules: `RecordAt` is a value that holds the steps at which to record."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trajkit as tk

steps = st.frozensets(st.integers(0, 60), max_size=5)
intervals = st.frozensets(st.integers(1, 30), max_size=3)


@given(steps, intervals, steps, intervals)
def test_record_at__a_union_holds_the_steps_of_both(a: set[int], k: set[int], b: set[int], m: set[int]) -> None:
    first, second = tk.RecordAt(a, every=k), tk.RecordAt(b, every=m)
    joined = first | second
    for step in range(130):
        assert (step in first) == (step in a or 0 in [step % interval for interval in k])
        assert (step in joined) == (step in first or step in second)
    assert joined == second | first
    assert hash(joined) == hash(second | first)


@given(st.integers(2, 40), st.integers(0, 5000))
def test_record_at__log_spaced_goes_from_the_first_to_the_last(n: int, last: int) -> None:
    at = sorted(tk.RecordAt.log_spaced(n, last).steps)
    assert at[0] == 0
    assert at[-1] == last
    assert len(at) <= n
    gaps = np.diff(at)
    assert (np.diff(gaps) >= -1).all()  # ever wider, but for rounding


@pytest.mark.parametrize(("per_epoch", "epochs"), [(100, 200), (391, 200), (3, 70), (1, 3), (8, 5), (8, 26)])
def test_record_at__published_is_the_schedule_of_the_paper(per_epoch: int, epochs: int) -> None:
    at = tk.RecordAt.published(per_epoch, epochs)
    due = {0, per_epoch * epochs}
    for epoch in range(1, epochs + 1):
        if epoch <= 25 or (epoch <= 65 and (epoch - 25) % 4 == 0) or (epoch > 65 and (epoch - 65) % 15 == 0):
            due.add(epoch * per_epoch)
        if epoch <= 5:
            due |= {round((epoch - 1 + quarter / 4) * per_epoch) for quarter in (1, 2, 3)}
    assert at.steps == due
    assert not at.every


def test_record_at__is_a_value() -> None:
    assert tk.RecordAt([1, 2]) == tk.RecordAt((2, 1, 1))
    with pytest.raises(AttributeError):
        tk.RecordAt([1]).steps = {2}  # type: ignore[misc]
    for wrong, message in (({"steps": [-1]}, "steps: wanted whole numbers from 0"), ({"every": 0}, "every: wanted")):
        with pytest.raises(ValueError, match=message):
            tk.RecordAt(**wrong)
