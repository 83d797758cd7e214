"""The time that may be spent beside a training."""

from __future__ import annotations

import pytest

from trajkit.widgets.time_budget import TimeBudget


def test_budget__counts_each_second_once_and_allows_a_share_of_the_others(clock) -> None:
    budget = TimeBudget(0.1, clock)
    budget.start()
    clock.now += 8
    budget.start()
    with budget.spending(), budget.spending("draw"):
        clock.now += 2
    assert (budget.spent, budget.expected("draw"), budget.expected("other")) == (2, 2, 0)
    # 4 seconds are a tenth of 40, beside which 2 were spent so far, in 10.
    assert budget.wait(2) == pytest.approx(42 - 10)
    for _ in range(5):
        with budget.spending("draw", times=4):
            clock.now += 4
    assert budget.expected("draw") == 1
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        TimeBudget(0)
