"""What is found about a claim: numbers, a verdict, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.curves import resample
from trajkit.curves.trajectory_distance import matched_distance
from trajkit.distances import Metric
from trajkit.probabilities import normalize
from trajkit.schema import networks, run_attributes
from trajkit.select import select
from trajkit.typing import AnyArray, Indices

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be told"
# Attributes that are no settings: what a run turned out to be, or what follows from others.
_OUTCOMES = {"kind", "parameters", "train_error", "test_error", "train_loss", "test_loss", "diverged_at", "checkpoints"}
# Values of progress at which runs are compared, as `null_test` does.
PROGRESS = 20
# Points that are embedded again and again.
_POINTS = 700


@dataclass(frozen=True)
class Settings:
    """How claims are examined.

    `draws` of every null and interval, `permutations` of every test of groups; `level` of intervals, and
    `significant`, the largest p-value that counts as evidence.
    """

    metric: str = "bhattacharyya"
    draws: int = 19
    permutations: int = 999
    level: float = 0.95
    significant: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Number:
    """A statistic with its interval, its null and the p-value against it, told by `draws`; NaN where there is none.

    `code` is the Python of the value, after the lines of its finding.
    """

    statistic: str
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
        """The least p-value that so many draws can show; NaN where there is none."""
        return 1 / (1 + self.draws) if np.isfinite(self.p_value) else np.nan


@dataclass(frozen=True)
class Finding:
    """What was found about a claim on some samples.

    `code` are the lines of Python that the numbers' own begin with; `results` are what figures are drawn from.
    """

    numbers: tuple[Number, ...]
    verdict: str
    because: str
    code: str = ""
    results: dict[str, Any] = field(default_factory=dict)


class CannotTellError(ValueError):
    """A dataset does not answer a question; the message says why."""


def cannot_tell(why: str) -> Finding:
    """Say that and why a claim cannot be judged."""
    return Finding((), UNKNOWN, why)


def judged(holds: bool, because: str, numbers: list[Number], code: list[str], **results: Any) -> Finding:
    """Say whether a claim holds."""
    return Finding(tuple(numbers), HOLDS if holds else FAILS, because, "\n".join(code), results)


class Part:
    """The networks on some of the samples, with what several claims need, computed once."""

    def __init__(self, ds: xr.Dataset, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.ds = networks(ds if name == "all" else select(ds, split=name))
        wanted = {} if self.ds.sizes["run"] == ds.sizes["run"] else {"kind": "network"}
        wanted |= {} if name == "all" else {"split": name}
        arguments = ", ".join(f"{key}={value!r}" for key, value in wanted.items())
        self.code_of_part = [f"ds = tk.select(ds, {arguments})"] if wanted else []

    @cached_property
    def even(self) -> xr.Dataset:
        """Runs at equal progress."""
        return resample(self.ds, PROGRESS)

    @cached_property
    def distance(self) -> xr.DataArray:
        """Distances of whole trajectories."""
        return self.distance_by(self.settings.metric)

    def distance_by(self, metric: str) -> xr.DataArray:
        """Compute what `trajectory_distance` does, without bringing runs to equal progress once more."""
        names = self.ds["run"].values
        coords = {"run": names, "run2": names} | {name: self.ds[name] for name in run_attributes(self.ds)}
        return xr.DataArray(
            matched_distance(self.even, Metric(metric)), coords, ("run", "run2"), attrs=Metric(metric).attrs
        )

    @cached_property
    def pairs(self) -> tuple[Indices, Indices]:
        """Each pair of runs once."""
        return np.triu_indices(self.ds.sizes["run"], k=1)

    @cached_property
    def each_sample(self) -> xr.DataArray:
        """Distances (sample, pair), of which `distance` is the mean over samples."""
        return self.per_sample(self.even)

    def per_sample(self, even: xr.Dataset) -> xr.DataArray:
        """Give the distance (sample, pair) of runs at equal progress."""
        metric = Metric(self.settings.metric)
        total = np.zeros((len(self.pairs[0]), even.sizes["sample"]))
        for log_prob in even["log_prob"].values.swapaxes(0, 1):
            p = normalize(log_prob)
            rows = [metric.per_sample(p[u], p[u + 1 :]) for u in range(len(p) - 1)]
            total += np.concatenate(rows)
        return xr.DataArray(total.T / even.sizes["checkpoint"], dims=("sample", "pair"))

    @property
    def code_of_distance(self) -> list[str]:
        """Write the Python that gives `distance`."""
        metric = self.settings.metric
        return [*self.code_of_part, f"distance = tk.trajectory_distance(ds, n={PROGRESS}, metric={metric!r})"]

    @cached_property
    def thinned(self) -> list[int]:
        """So few checkpoints, evenly spaced, that points can be embedded many times."""
        wanted = max(3, _POINTS // self.ds.sizes["run"])
        of = self.ds.sizes["checkpoint"]
        return np.unique(np.linspace(0, of - 1, min(wanted, of)).round().astype(int)).tolist()

    @property
    def thin(self) -> xr.Dataset:
        """The networks at these checkpoints."""
        return self.ds.isel(checkpoint=self.thinned)

    @property
    def code_of_thin(self) -> list[str]:
        """Write the Python that gives `thin`."""
        return [*self.code_of_part, f"thin = ds.isel(checkpoint={self.thinned})"]

    @cached_property
    def attributes(self) -> list[str]:
        """The settings that runs can be grouped by: none missing, neither alike nor different for all.

        An attribute that follows from another is left out, and outcomes are no settings.
        """
        code = {name: self.code(name) for name in run_attributes(self.ds) if name not in _OUTCOMES}
        usable = {n: c for n, c in code.items() if c.min() >= 0 and 0 < c.max() < len(c) - 1}

        def follows(name: str, other: str) -> bool:
            pairs = len(set(zip(usable[name].tolist(), usable[other].tolist(), strict=True)))
            finer = usable[other].max() > usable[name].max()
            first = usable[other].max() == usable[name].max() and list(usable).index(other) < list(usable).index(name)
            return pairs == usable[other].max() + 1 and (finer or first)

        return [n for n in usable if not any(follows(n, other) for other in usable if other != n)]

    def code(self, name: str) -> Indices:
        """Give each value of an attribute a number; -1 where it is missing."""
        values = pd.Series(self.ds[name].values)
        codes, _ = pd.factorize(values.where(values != "") if values.dtype.kind not in "fib" else values)
        return codes

    def others(self, varying: str) -> list[str]:
        """Name the settings in which runs agree that differ in one alone, or in the seed.

        Those that follow from the varying one, such as the parameters of a width, do not count.
        """
        own = self.code(varying)
        code = {n: self.code(n) for n in run_attributes(self.ds) if n not in _OUTCOMES | {varying, "seed"}}
        return [n for n, c in code.items() if len(np.unique(c)) > 1 and not _is_function(c, own)]

    def strata(self, varying: str, least: int = 6) -> Indices:
        """Give numbers to groups of runs that agree in all other settings; -1 where the varying one does not vary."""
        own = pd.Series(self.code(varying))
        own = own.where(own >= 0)
        group: AnyArray = np.zeros(len(own), dtype=np.intp)
        if others := self.others(varying):
            code = pd.DataFrame({name: self.code(name) for name in others})
            group = code.groupby(others, sort=False).ngroup().to_numpy()
        several = own.groupby(group).transform("nunique").to_numpy() > 1
        out = np.where(several & own.notna(), group, -1)
        if (out >= 0).sum() < least:
            raise CannotTellError(
                f"only {int((out >= 0).sum())} runs have another beside them that differs in {varying} and agrees in "
                f"all other settings but the seed; {least} are the least"
            )
        return out

    def code_of_strata(self, varying: str) -> list[str]:
        """Write the Python that gives `some`, the runs for which there are `strata`."""
        lines, others = [*self.code_of_part], self.others(varying)
        if (self.code(varying) < 0).any():
            there = f"ds[{varying!r}] != ''" if self.ds[varying].dtype.kind == "U" else f"ds[{varying!r}].notnull()"
            lines.append(f"ds = ds.isel(run=({there}).values)")
        if not others:
            return [*lines, "some = ds"]
        return [
            *lines,
            f"alike = tk.run_table(ds).groupby({others}, dropna=False)",
            f"some = ds.isel(run=(alike[{varying!r}].transform('nunique') > 1).values)",
        ]


def _is_function(code: Indices, of: Indices) -> bool:
    """Say whether a code varies, but only as another one does."""
    return code.max() > 0 and bool((pd.Series(code).groupby(of).nunique() == 1).all())
