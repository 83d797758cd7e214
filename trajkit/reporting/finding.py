"""What an examination of a claim gives: numbers, a verdict and its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from trajkit.distances import BHATTACHARYYA, Metric

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be told"
# On a page that is not complete.
WAITING = "not yet told"


# Draws on the parts of the samples that are not the primary one: they are shown, but decide nothing.
FEWER = 199


@dataclass(frozen=True)
class Settings:
    """How claims are examined; `significant` is the largest p-value that counts as evidence."""

    metric: Metric = BHATTACHARYYA
    null_draws: int = 999
    permutations: int = 999
    level: float = 0.95
    seed: int = 0
    significant: float = 0.05

    def with_fewer_draws(self) -> Settings:
        """Give the settings for parts of the samples that decide nothing."""
        return replace(self, null_draws=min(self.null_draws, FEWER))

    @property
    def least_of_draws(self) -> float:
        """The smallest p-value that draws from a null can give."""
        return 1 / (1 + self.null_draws)

    @property
    def least_of_permutations(self) -> float:
        """The smallest p-value that permutations can give."""
        return 1 / (1 + self.permutations)

    @property
    def distance(self) -> dict[str, Any]:
        """Keywords of every function that takes a metric."""
        return self.metric.identity


@dataclass(frozen=True)
class Number:
    """A statistic of something, the `subject`, with its interval, its value under the null and its p-value.

    NaN stands for a part that does not exist. `p_least` is the smallest p-value that the test could give. The verdict
    rests on the p-value of the number that is `decisive`; `p_corrected` is that p-value after correction for the number
    of claims. `code` is a Python expression that gives the value after the lines of `Finding.code`.
    """

    statistic: str
    subject: str
    value: float
    lower: float = np.nan
    upper: float = np.nan
    null: float = np.nan
    p_value: float = np.nan
    p_least: float = np.nan
    unit: str = ""
    code: str = ""
    decisive: bool = False
    p_corrected: float = np.nan

    @property
    def p_is_bound(self) -> bool:
        """Whether the p-value is the smallest that the test could give."""
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

    @property
    def decisive(self) -> Number | None:
        """The number on whose p-value the verdict rests, if there is one and the claim can be told."""
        tests = [n for n in self.numbers if n.decisive and np.isfinite(n.p_value)]
        return tests[0] if tests and self.verdict != UNKNOWN else None


class CannotTellError(ValueError):
    """The dataset cannot answer the question; the message says why."""


def judged(holds: bool, because: str, numbers: list[Number], code: list[str], result: Any = None) -> Finding:
    """Give the verdict on a claim that the dataset can answer.

    If a number is decisive, `holds` is the rest of the rule; `decided` looks at its p-value and those of other claims.
    """
    return Finding(tuple(numbers), HOLDS if holds else FAILS, because, "\n".join(code), result)


def untold(because: str, numbers: list[Number], code: list[str], result: Any = None) -> Finding:
    """Give the estimates for a claim on which the dataset allows no verdict, and the reason."""
    return Finding(tuple(numbers), UNKNOWN, because, "\n".join(code), result)


def decided(findings: list[Finding], significant: float, *, correct: bool) -> list[Finding]:
    """Complete the verdicts on all claims by their decisive p-values, with Holm's correction if `correct`.

    A claim does not hold if its p-value is too large. It cannot be told if the p-value is the smallest that its draws
    can give, and still too large after the correction.

    Examples
    --------
    >>> number = Number("ratio", "distance", 0.5, p_value=0.02, p_least=0.001, decisive=True)
    >>> both = [judged(True, "it is small", [number], [])] * 2
    >>> [found.verdict for found in decided(both, 0.05, correct=True)], decided(both, 0.03, correct=True)[0].verdict
    (['holds', 'holds'], 'does not hold')
    """
    p = [of.p_value for found in findings if (of := found.decisive) is not None]
    corrected = iter(_holm(p) if correct else p)
    return [found if found.decisive is None else _decided(found, next(corrected), significant) for found in findings]


def _decided(found: Finding, corrected: float, significant: float) -> Finding:
    numbers = tuple(replace(n, p_corrected=corrected) if n.decisive else n for n in found.numbers)
    found, number = replace(found, numbers=numbers), found.decisive
    if found.verdict != HOLDS or corrected <= significant or number is None:
        return found
    if number.p_is_bound:
        return replace(found, verdict=UNKNOWN, because=f"{found.because}; too few draws or permutations for a verdict")
    return replace(found, verdict=FAILS)


def _holm(p_values: Iterable[float]) -> list[float]:
    """Correct p-values so that the chance of any false alarm among them keeps its level (Holm 1979)."""
    p = np.array(list(p_values))
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return corrected.tolist()


def written(**arguments: object) -> str:
    """Write keywords as Python, for the code that gives a number.

    Examples
    --------
    >>> written(metric="hellinger", seed=3)
    "metric='hellinger', seed=3"
    """
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
