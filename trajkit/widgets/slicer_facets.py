"""The controls of single run attributes: choose values or a range, and count the runs of each value."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from trajkit.figures.coloring import text
from trajkit.select import Condition, matches
from trajkit.storable import kind_of
from trajkit.typing import AnyArray, Array, Indices, Mask

# Numbers with more values than this are selected by a range.
_MOST_VALUES = 8
# With more values than this, the control has a search box.
_MOST_CHIPS = 12
_BINS = 32
# A range has a logarithmic scale if its largest value is this many times its smallest positive one.
_DECADES = 100.0


class Facet(Protocol):
    """The control of one attribute.

    A `condition` is written as for `trajkit.select`. A `choice` is the same condition in the words of the browser, as
    JSON; None is no restriction.
    """

    name: str

    def spec(self) -> dict[str, Any]:
        """Describe the control to the browser."""

    def normalized(self, condition: Condition) -> Condition:
        """Check a condition and bring it into its one form; ValueError if the control cannot show it."""

    def choice(self, condition: Condition) -> dict[str, Any]:
        """Translate a condition for the browser."""

    def condition(self, choice: dict[str, Any]) -> Condition:
        """Translate a choice of the browser into a condition; None for no restriction."""

    def counts(self, among: Mask) -> list[int]:
        """Count the values among some of the runs; the count of missing values comes last."""


class ValueFacet:
    """A control that chooses single values.

    Examples
    --------
    >>> facet = ValueFacet("optimizer", np.array(["sgd", "adam", "sgd"]))
    >>> facet.condition({"chosen": [0]}), facet.counts(np.array([True, True, False]))
    (['sgd'], [1, 1])
    """

    def __init__(self, name: str, values: AnyArray) -> None:
        self.name = name
        self.values, self._code = _coded(values)

    def spec(self) -> dict[str, Any]:
        """Describe the control: its values as text."""
        return {
            "kind": "values",
            "name": self.name,
            "values": [text(v) for v in self.values],
            "search": len(self.values) > _MOST_CHIPS,
        }

    def normalized(self, condition: Condition) -> list[Any]:
        """Check that these are values of the attribute, and sort them as the control does."""
        wanted = condition if isinstance(condition, list) else [condition]
        places = [self._place(v) for v in wanted]
        if not wanted or None in places:
            shown = ", ".join(map(repr, self.values[:12])) + (" ..." if len(self.values) > 12 else "")
            raise ValueError(f"{self.name!r}: wanted a list of some of {shown}; got {condition!r}")
        return [self.values[i] for i in sorted({i for i in places if i is not None})]

    def choice(self, condition: Condition) -> dict[str, Any]:
        """Give the places of the values in the control."""
        return {"chosen": [self._place(v) for v in condition]}

    def condition(self, choice: dict[str, Any]) -> list[Any] | None:
        """Give the values at these places."""
        return [self.values[i] for i in choice["chosen"]] or None

    def counts(self, among: Mask) -> list[int]:
        """Count each value."""
        return np.bincount(self._code[among], minlength=len(self.values)).tolist()

    def _place(self, value: Any) -> int | None:
        # NaN does not equal itself.
        missing = isinstance(value, float) and np.isnan(value)
        for i, known in enumerate(self.values):
            if (missing and isinstance(known, float) and np.isnan(known)) or (
                not missing and isinstance(value, str) == isinstance(known, str) and value == known
            ):
                return i
        return None


class RangeFacet:
    """A control that chooses a range of a number, with or without missing values.

    Examples
    --------
    >>> facet = RangeFacet("width", np.array([1.0, 10.0, 100.0, np.nan]))
    >>> facet.spec()["scale"], facet.condition({"low": 5, "high": None, "none": True})
    ('log', [(5.0, None), nan])
    """

    def __init__(self, name: str, values: AnyArray) -> None:
        self.name = name
        known = np.unique(values[~np.isnan(values)] if values.dtype.kind == "f" else values)
        self._whole = values.dtype.kind != "f"
        self._values = values
        self._missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
        self.low, self.high = known[0].item(), known[-1].item()
        self.scale, self.unit = _scale(known)
        place = self._along(np.where(self._missing, self.low, values).astype(np.float64))
        self._bin = np.where(self._missing, _BINS, np.minimum((place * _BINS).astype(np.intp), _BINS - 1))

    def spec(self) -> dict[str, Any]:
        """Describe the control: its ends, its scale, and whether values are missing."""
        return {
            "kind": "range",
            "name": self.name,
            "low": self.low,
            "high": self.high,
            "scale": self.scale,
            "unit": self.unit,
            "whole": self._whole,
            "missing": bool(self._missing.any()),
        }

    def normalized(self, condition: Condition) -> Condition:
        """Check that this is a range, a list of values, or both, and that NaN stands beside them at most."""
        parts = condition if isinstance(condition, list) else [condition]
        parts = [(p.start, p.stop) if isinstance(p, slice) and p.step is None else p for p in parts]
        ranges = [p for p in parts if isinstance(p, tuple)]
        try:
            if not parts or len(ranges) > 1:
                raise ValueError
            matches(self._values, parts, self.name)
        except (ValueError, TypeError) as problem:
            raise ValueError(
                f"{self.name!r}: wanted a range (low, high) between {self.low!r} and {self.high!r}, None for an open "
                f"end, or a list of values, with float('nan') for missing ones; got {condition!r}"
            ) from problem
        if ranges and None not in ranges[0] and ranges[0][0] > ranges[0][1]:
            raise ValueError(f"{self.name!r}: wanted a range (low, high) with low <= high, got {condition!r}")
        return parts[0] if len(parts) == 1 and ranges else parts

    def choice(self, condition: Condition) -> dict[str, Any]:
        """Give the ends of the range, whether missing values are included, and the single values."""
        parts = condition if isinstance(condition, list) else [condition]
        low, high = next((p for p in parts if isinstance(p, tuple)), (None, None))
        values = [p for p in parts if not isinstance(p, tuple)]
        single = [v for v in values if v == v]
        return {"low": low, "high": high, "none": len(single) < len(values), "single": single}

    def condition(self, choice: dict[str, Any]) -> Condition:
        """Combine ends, single values and missing values to one condition."""
        low, high = (None if end is None else self._number(end) for end in (choice["low"], choice["high"]))
        parts: list[Any] = [] if low is None and high is None else [(low, high)]
        parts += [self._number(v) for v in choice.get("single", [])]
        parts += [float("nan")] if choice.get("none") else []
        return parts[0] if len(parts) == 1 and isinstance(parts[0], tuple) else parts or None

    def counts(self, among: Mask) -> list[int]:
        """Count the values in each of 32 equal bins of the scale, then the missing ones."""
        return np.bincount(self._bin[among], minlength=_BINS + 1).tolist()

    def _number(self, value: float) -> int | float:
        # JSON has one kind of number, but 4 and 4.0 differ in the Python that is shown.
        return int(value) if self._whole and float(value).is_integer() else float(value)

    def _along(self, values: Array) -> Array:
        """Place of values on the scale, from 0 to 1. The browser has the same formulas."""
        if self.scale == "linear":
            return np.asarray((values - self.low) / (self.high - self.low))
        if self.scale == "log":
            return np.asarray(np.log(values / self.low) / np.log(self.high / self.low))
        return np.asarray(np.log1p(values / self.unit) / np.log1p(self.high / self.unit))


def facet(name: str, values: AnyArray) -> Facet | None:
    """Choose the control that fits an attribute; None if all runs have the same value."""
    known = np.unique(values[~np.isnan(values)] if values.dtype.kind == "f" else values)
    missing = values.dtype.kind == "f" and bool(np.isnan(values).any())
    if len(known) + missing < 2:
        return None
    # An infinite value has no place on a scale.
    if values.dtype.kind in "if" and len(known) > _MOST_VALUES and bool(np.isfinite(known).all()):
        return RangeFacet(name, values)
    return ValueFacet(name, values)


def _coded(values: AnyArray) -> tuple[list[Any], Indices]:
    """Give the values as Python objects, and the place of each run's value among them.

    Text keeps its order of appearance; numbers are sorted by size, NaN last.
    """
    unique, first, code = np.unique(values, return_index=True, return_inverse=True)
    if kind_of(values.dtype) == "U":
        order = np.argsort(first)
        unique, code = unique[order], np.argsort(order)[code]
    return unique.tolist(), code


def _scale(known: AnyArray) -> tuple[str, float]:
    """Choose the scale of a range. Its unit is where a logarithmic scale that starts at zero becomes linear."""
    positive = known[known > 0]
    if known[0] < 0 or not len(positive) or positive[-1] < _DECADES * positive[0]:
        return "linear", 1.0
    return ("log" if known[0] > 0 else "log1"), float(positive[0])
