"""At which steps to record."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np


@dataclass(frozen=True, init=False)
class RecordAt:
    """Steps at which to record: single steps, multiples of a number, or both; `|` joins two schedules.

    Parameters
    ----------
    steps
        Single steps, counted in optimizer updates; 0 is before training.
    every
        Record at all multiples of this number, or of these numbers; 0 is one of them.

    Raises
    ------
    ValueError
        If a step is negative, or `every` is less than 1.

    Examples
    --------
    >>> import trajkit as tk
    >>> at = tk.RecordAt([0, 1, 2, 5], every=100)
    >>> [step for step in range(301) if step in at]
    [0, 1, 2, 5, 100, 200, 300]
    """

    steps: frozenset[int]
    every: frozenset[int]

    def __init__(self, steps: Iterable[int] = (), *, every: Iterable[int] | int = ()) -> None:
        every = (every,) if isinstance(every, int | np.integer) else every
        for name, values, least in (("steps", steps, 0), ("every", every, 1)):
            whole = frozenset(operator.index(value) for value in values)
            if wrong := sorted(value for value in whole if value < least):
                raise ValueError(f"{name}: wanted whole numbers from {least}, got {wrong[:5]}")
            # A frozen dataclass refuses plain assignment, also in its own __init__.
            object.__setattr__(self, name, whole)

    def __contains__(self, step: object) -> bool:
        # A Container of the standard library takes any object; typed for whole numbers, this one would not be one.
        if not isinstance(step, SupportsIndex):
            return False
        index = operator.index(step)
        return index in self.steps or any(index % k == 0 for k in self.every)

    def __or__(self, other: RecordAt) -> RecordAt:
        return RecordAt(self.steps | other.steps, every=self.every | other.every)

    @classmethod
    def log_spaced(cls, n: int, last: int, *, offset: float = 8) -> RecordAt:
        """Choose up to `n` steps from 0 to `last`, evenly spaced in log(step + offset).

        Networks change most within the first hundreds of steps, but little within the first few. Without an offset, a
        third of all checkpoints would lie below step 10. Steps that round to the same integer count once.

        Parameters
        ----------
        n
            Largest number of steps.
        last
            The last step, in optimizer updates.
        offset
            Number of updates added before the logarithm. A larger offset gives fewer early steps.

        Raises
        ------
        ValueError
            If `n` is less than 2, `last` negative or `offset` not positive.

        Examples
        --------
        >>> sorted(RecordAt.log_spaced(10, last=920).steps)
        [0, 6, 15, 31, 58, 104, 182, 315, 539, 920]
        """
        if n < 2 or last < 0 or offset <= 0:
            raise ValueError(f"wanted n of at least 2, last of at least 0 and a positive offset, got {n, last, offset}")
        return cls(np.rint(np.geomspace(offset, last + offset, n) - offset).astype(int).tolist())

    @classmethod
    def published(cls, steps_per_epoch: int, epochs: int) -> RecordAt:
        """Record as arXiv 2305.01604 did: more often at first, 60 checkpoints in 200 epochs.

        This is before training, four times in each of the first 5 epochs, then after every epoch up to the 25th, after
        every 4th up to the 65th, after every 15th from there on, and after the last.

        Parameters
        ----------
        steps_per_epoch
            Number of optimizer updates in an epoch.
        epochs
            Number of epochs of the training.

        Raises
        ------
        ValueError
            If either is less than 1.

        Examples
        --------
        >>> at = RecordAt.published(steps_per_epoch=100, epochs=200)
        >>> len(at.steps), sorted(at.steps)[:5], sorted(at.steps)[-3:]
        (60, [0, 25, 50, 75, 100], [17000, 18500, 20000])
        """
        if min(steps_per_epoch, epochs) < 1:
            raise ValueError(f"wanted steps_per_epoch and epochs of at least 1, got {steps_per_epoch} and {epochs}")
        quarters = [*range(20), *range(20, 100, 4), *range(100, 260, 16), *range(260, 4 * epochs, 60)]
        steps = {round(quarter * steps_per_epoch / 4) for quarter in quarters if quarter < 4 * epochs}
        return cls({*steps, epochs * steps_per_epoch})
