"""What an examination of a claim gives: numbers, a verdict and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from trajkit.distances import BHATTACHARYYA, Metric

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be told"


@dataclass(frozen=True)
class Settings:
    """How claims are examined; `significant` is the largest p-value that counts as evidence."""

    metric: Metric = BHATTACHARYYA
    null_draws: int = 19
    permutations: int = 999
    level: float = 0.95
    seed: int = 0
    significant: float = 0.05

    @property
    def distance(self) -> dict[str, Any]:
        """Keywords of every function that takes a metric."""
        return self.metric.identity


@dataclass(frozen=True)
class Number:
    """A statistic of something, the `subject`, with its interval, its value under the null and its p-value.

    NaN stands for a part that does not exist. `draws` is the number of random draws behind the p-value. `code` is a
    Python expression that gives the value after the lines of `Finding.code`.
    """

    statistic: str
    subject: str
    value: float
    lower: float = np.nan
    upper: float = np.nan
    null: float = np.nan
    p_value: float = np.nan
    unit: str = ""
    draws: int = 0
    code: str = ""

    @property
    def p_least(self) -> float:
        """The smallest p-value that so many draws can give; NaN without a p-value."""
        return 1 / (1 + self.draws) if np.isfinite(self.p_value) else np.nan

    @property
    def p_is_bound(self) -> bool:
        """Whether more draws could give a smaller p-value."""
        return self.p_value <= self.p_least * (1 + 1e-9)


def interval_of(found: xr.Dataset) -> tuple[float, float, float]:
    """Give `value`, `lower` and `upper` of a `Number` from what `bootstrap` returned.

    Examples
    --------
    >>> interval_of(xr.Dataset({"estimate": 2.0, "lower": 1.0, "upper": 3.0}))
    (2.0, 1.0, 3.0)
    """
    return float(found["estimate"]), float(found["lower"]), float(found["upper"])


@dataclass(frozen=True)
class Finding:
    """What was found about a claim on one part of the samples.

    `code` holds the lines of Python that the code of each number continues; `result` is what the figure is drawn from.
    """

    numbers: tuple[Number, ...]
    verdict: str
    because: str
    code: str = ""
    result: Any = None


class CannotTellError(ValueError):
    """The dataset cannot answer the question; the message says why."""


def judged(holds: bool, because: str, numbers: list[Number], code: list[str], result: Any = None) -> Finding:
    """Give the verdict on a claim that the dataset can answer."""
    return Finding(tuple(numbers), HOLDS if holds else FAILS, because, "\n".join(code), result)


def written(**arguments: object) -> str:
    """Write keywords as Python, for the code that gives a number.

    Examples
    --------
    >>> written(metric="hellinger", seed=3)
    "metric='hellinger', seed=3"
    """
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
