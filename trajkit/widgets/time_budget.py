"""How much of a training's time may be spent beside it."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

# The slowest of so many tasks of a kind is what the next is expected to take.
_REMEMBERED = 5


class Budget:
    """A share of a training's own time, and what has been spent of it.

    After t seconds, of which s were spent here, share (t - s) are allowed: the training's own time counts, not that by
    which it was slowed.

    Parameters
    ----------
    share
        Of the training's own time, above 0 and at most 1.
    clock
        Gives seconds.

    Attributes
    ----------
    spent : float
        Seconds.

    Raises
    ------
    ValueError
        If the share is out of range.

    Examples
    --------
    >>> seconds = 0.0
    >>> budget = Budget(0.1, clock=lambda: seconds)
    >>> budget.start()
    >>> with budget.spending("draw"):
    ...     seconds += 1.0
    >>> budget.wait(budget.expected("draw"))  # 2 seconds in all are a tenth of 20, beside the one that was spent
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
        """Begin to count, unless it has begun."""
        if self._started is None:
            self._started = self.clock()

    def restart(self) -> None:
        """Forget what was spent and since when, but not how long tasks take."""
        self.spent, self._started = 0.0, None

    @contextmanager
    def spending(self, task: str = "", times: int = 1) -> Iterator[None]:
        """Count what happens within, but once where one stands within another; remember what one `task` took."""
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
        """Seconds that a task will take: the slowest of the last five; 0 before the first."""
        return max(self._took[task], default=0.0)

    def wait(self, seconds: float) -> float:
        """How long until so many seconds may be spent, 0 if they may be now."""
        if self._started is None:
            return 0.0
        # share (t - spent) = spent + seconds
        due = self._started + self.spent + (self.spent + seconds) / self.share
        return max(0.0, due - self.clock())
