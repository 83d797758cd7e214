"""How much time may be spent beside a training."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

# The next task of a kind is expected to take as long as the slowest of this many. By their mean, every second task
# would exceed the budget.
_REMEMBERED = 5


class TimeBudget:
    """A share of a training's own time, and what has been spent of it.

    When s of t seconds were spent here, share (t - s) seconds are allowed: the training's own time counts, without the
    time by which it was slowed.

    Parameters
    ----------
    share
        Share of the training's own time, above 0 and at most 1.
    clock
        Function that gives the time in seconds.

    Attributes
    ----------
    spent : float
        Seconds that were spent.

    Raises
    ------
    ValueError
        If the share is out of range.

    Examples
    --------
    >>> seconds = 0.0
    >>> budget = TimeBudget(0.1, clock=lambda: seconds)
    >>> budget.start()
    >>> with budget.spending("draw"):
    ...     seconds += 1.0
    >>> budget.wait(budget.expected("draw"))  # 2 seconds in all are a tenth of 20, and 1 has passed beside them
    20.0
    >>> seconds += 20.0
    >>> budget.wait(budget.expected("draw"))
    0.0
    """

    def __init__(self, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share: wanted a share of the training's time, above 0 and at most 1, got {share}")
        self.share, self.spent, self.clock = share, 0.0, clock
        self._started: float | None = None
        self._took: defaultdict[str, deque[float]] = defaultdict(partial(deque[float], maxlen=_REMEMBERED))
        self._depth = 0

    def start(self) -> None:
        """Start counting; a second call changes nothing."""
        if self._started is None:
            self._started = self.clock()

    def restart(self) -> None:
        """Forget what was spent and the start, but keep how long tasks take."""
        self.spent, self._started = 0.0, None

    @contextmanager
    def spending(self, task: str = "", times: int = 1) -> Iterator[None]:
        """Count the time inside the block as spent, and remember how long one of `times` tasks took.

        Blocks may be nested: their time is counted once.
        """
        start = self.clock()
        self._depth += 1
        try:
            yield
        finally:
            took = self.clock() - start
            self._depth -= 1
            if not self._depth:
                self.spent += took
            if task:
                self._took[task].append(took / times)

    def expected(self, task: str) -> float:
        """Seconds that a task is expected to take: the slowest of the last five, or 0 before the first."""
        return max(self._took[task], default=0.0)

    def wait(self, seconds: float) -> float:
        """Seconds until a task of this length may start; 0 if it may start now."""
        if self._started is None:
            return 0.0
        # The budget allows it at the time t with share (t - spent) = spent + seconds.
        due = self._started + self.spent + (self.spent + seconds) / self.share
        return max(0.0, due - self.clock())
