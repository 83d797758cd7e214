"""`Metric`: a distance and its cap, made once at the start of each public function."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from trajkit.distances import formulas
from trajkit.typing import Array


class Formula(NamedTuple):
    """One line of the table of metrics.

    `per_sample` takes two arrays of normalised log-probabilities (..., class) and gives (...). A metric made of
    overlaps also has `of_overlap`: the same from h and BC of each sample (see `trajkit.distances.formulas`).
    """

    per_sample: Callable[[Array, Array], Array]
    scale: str
    units: str
    bounded: bool
    symmetric: bool = True
    finite_at_truth: bool = True
    of_overlap: Callable[[Array, Array], Array] | None = None


METRICS: dict[str, Formula] = {
    "bhattacharyya": Formula(
        formulas.bhattacharyya, "squared length", "nat", bounded=False, of_overlap=formulas.minus_log
    ),
    "hellinger": Formula(formulas.half_chord, "squared length", "1", bounded=True, of_overlap=formulas.keep),
    "fisher_rao": Formula(formulas.fisher_rao, "length", "rad", bounded=True, of_overlap=formulas.angle),
    "kullback_leibler": Formula(
        formulas.kullback_leibler, "squared length", "nat", bounded=False, symmetric=False, finite_at_truth=False
    ),
    "jeffreys": Formula(formulas.jeffreys, "squared length", "nat", bounded=False, finite_at_truth=False),
    "jensen_shannon": Formula(formulas.jensen_shannon, "squared length", "nat", bounded=True),
}


@dataclass(frozen=True)
class Metric:
    """A distance by its name, and the cap on what one sample contributes, in nats; None is no cap.

    Raises
    ------
    ValueError
        If the name is unknown, the cap is not positive, or the metric has an upper bound and takes no cap.

    Examples
    --------
    >>> Metric("fisher_rao").scale, Metric("jeffreys").finite_at_truth, Metric("jeffreys", cap=5).finite_at_truth
    ('length', False, True)
    """

    name: str
    cap: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in METRICS:
            raise ValueError(f"unknown metric {self.name!r}: wanted one of {list(METRICS)}")
        if self.cap is None:
            return
        if self.bounded:
            raise ValueError(f"{self.name!r} is bounded and takes no cap; {', '.join(capped_names())} do")
        if not self.cap > 0:
            raise ValueError(f"cap: wanted a positive number of nats, got {self.cap}")
        object.__setattr__(self, "cap", float(self.cap))

    @property
    def _formula(self) -> Formula:
        return METRICS[self.name]

    @property
    def most(self) -> float:
        """The most that one sample contributes: the cap, or infinity."""
        return np.inf if self.cap is None else self.cap

    @property
    def scale(self) -> str:
        """The scale of distances: "squared length" or "length"."""
        return self._formula.scale

    @property
    def units(self) -> str:
        """The units of distances: "nat", "rad" or "1"."""
        return self._formula.units

    @property
    def bounded(self) -> bool:
        """Whether a sample contributes a bounded amount without a cap; such metrics take none."""
        return self._formula.bounded

    @property
    def symmetric(self) -> bool:
        """Whether the distance from p to q is that from q to p."""
        return self._formula.symmetric

    @property
    def finite_at_truth(self) -> bool:
        """Whether predictions without zeros are at a finite distance from the truth."""
        return self._formula.finite_at_truth or self.cap is not None

    @property
    def of_overlap(self) -> Callable[[Array, Array], Array] | None:
        """The formula from h and BC of each sample, uncapped, if the metric is made of overlaps."""
        return self._formula.of_overlap

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of a result: `long_name`, `metric`, `scale`, `units`, and `cap` if there is one."""
        said = {"long_name": f"{self.name} distance", "metric": self.name, "scale": self.scale, "units": self.units}
        return said if self.cap is None else {**said, "cap": self.cap}

    @property
    def identity(self) -> dict[str, Any]:
        """Name and cap, as attributes of results other than distances."""
        return {key: self.attrs[key] for key in ("metric", "cap") if key in self.attrs}

    def per_sample(self, p: Array, q: Array) -> Array:
        """Compute the capped distance of each sample (...) from normalised log-probabilities (..., class)."""
        return np.minimum(self._formula.per_sample(p, q), self.most)


BHATTACHARYYA = Metric("bhattacharyya")
FISHER_RAO = Metric("fisher_rao")


def as_metric(
    metric: str | Metric,
    cap: float | None = None,
    *,
    symmetric: bool = False,
    optional_cap: bool = False,
    among: Collection[str] | None = None,
    what: str = "this function",
) -> Metric:
    """Make the metric that a public function was asked for; a `Metric` is taken as it is.

    Parameters
    ----------
    metric, cap
        As the function was given them.
    symmetric
        Whether the function needs a symmetric metric.
    optional_cap
        Whether to ignore the cap for a metric that takes none, in functions that compare several metrics.
    among
        Names of the metrics for which the function is defined; all by default. Messages call the function `what`.

    Raises
    ------
    ValueError
        If the metric is unknown, not symmetric though it must be, not in `among`, or takes no cap.

    Examples
    --------
    >>> as_metric("bhattacharyya", 3).attrs["cap"]
    3.0
    """
    if isinstance(metric, Metric):
        if cap is not None:
            raise ValueError(f"cap: {metric} has its own; wanted the name of a metric beside a cap, or a Metric alone")
        out = metric
    else:
        takes_none = optional_cap and Metric(metric).bounded
        out = Metric(metric, None if takes_none else cap)
    if among is not None and out.name not in among:
        raise ValueError(f"{what} is defined by {list(among)}, not by metric {out.name!r}")
    if symmetric and not out.symmetric:
        raise ValueError(f"metric {out.name!r} is not symmetric: wanted one of {metric_names(symmetric=True)}")
    return out


def metric_names(*, symmetric: bool = False) -> list[str]:
    """Name all metrics, or only the symmetric ones.

    Examples
    --------
    >>> metric_names(symmetric=True)
    ['bhattacharyya', 'hellinger', 'fisher_rao', 'jeffreys', 'jensen_shannon']
    """
    return [name for name, formula in METRICS.items() if formula.symmetric or not symmetric]


def capped_names() -> list[str]:
    """Name the metrics that take a cap: those without an upper bound.

    Examples
    --------
    >>> capped_names()
    ['bhattacharyya', 'kullback_leibler', 'jeffreys']
    """
    return [name for name, formula in METRICS.items() if not formula.bounded]
