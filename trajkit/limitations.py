"""What a result cannot tell: the reasons for its NaN, as one text in `attrs["limitations"]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import xarray as xr

_Result = TypeVar("_Result", xr.Dataset, xr.DataArray)


def with_reasons(found: _Result, reasons: Mapping[str, str]) -> _Result:
    """Add to `attrs["limitations"]` the reason of each variable that holds NaN; an empty text says that none does.

    Reasons that stand there already are kept, and all are joined by "; ".

    Examples
    --------
    >>> found = xr.Dataset({"lower": ("group", [0.5, float("nan")]), "upper": ("group", [1.0, float("nan")])})
    >>> few = "a group has too few runs"
    >>> with_reasons(found, {"lower": few, "upper": few}).attrs
    {'limitations': 'lower, upper: a group has too few runs'}
    """
    values = {found.name: found} if isinstance(found, xr.DataArray) else found
    named: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        if name in values and bool(values[name].isnull().any()):
            named.setdefault(reason, []).append(name)
    said = [found.attrs["limitations"]] if found.attrs.get("limitations") else []
    said += [f"{', '.join(names)}: {reason}" for reason, names in named.items()]
    return found.assign_attrs(limitations="; ".join(said))
