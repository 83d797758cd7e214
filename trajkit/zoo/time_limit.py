"""Which jobs can still be trained before a time limit."""

from __future__ import annotations

import time
from collections.abc import Sequence

from trajkit.zoo.settings import Settings
from trajkit.zoo.training import steps


class OutOfTime(Exception):
    """The time limit was reached while a network was trained."""


class TimeLimit:
    """The end of a training, and the seconds that its jobs take.

    A job is estimated by the slowest finished job of its architecture, per image: the widths of an architecture differ,
    and a job that starts for nothing is a loss. The first jobs of an architecture start in any case.

    Examples
    --------
    >>> limit = TimeLimit(samples=1000, end=time.time() + 60)
    >>> long, short = (Settings("fc", "sgd", 0.1, epochs=epochs) for epochs in (40, 2))
    >>> limit.allows([long])
    True
    >>> limit.learn([long], seconds=100)
    >>> limit.allows([long]), limit.allows([short]), limit.allows([Settings("vit", "sgd", 0.1)])
    (False, True, True)
    """

    def __init__(self, samples: int, end: float) -> None:
        self.end = end
        self._samples = samples
        self._seconds_per_image: dict[str, float] = {}

    def learn(self, job: Sequence[Settings], seconds: float) -> None:
        """Note how long a finished job took."""
        name = job[0].architecture
        self._seconds_per_image[name] = max(self._seconds_per_image.get(name, 0.0), seconds / self._images(job))

    def allows(self, job: Sequence[Settings]) -> bool:
        """Whether the job would end in time if it started now."""
        seconds = self._seconds_per_image.get(job[0].architecture, 0.0) * self._images(job)
        return time.time() + seconds < self.end

    def _images(self, job: Sequence[Settings]) -> int:
        return sum(steps(settings, self._samples) * settings.batch_size for settings in job)
