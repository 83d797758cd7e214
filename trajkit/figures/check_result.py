"""What figures of results ask of what they are given."""

from __future__ import annotations

from typing import Any

import xarray as xr


def refuse_others(found: Any, variables: set[str], function: str, dims: tuple[str, ...] = ()) -> None:
    """Refuse what is not the result of a function of trajkit: a dataset that holds these variables and dimensions.

    Raises
    ------
    ValueError
        If it is something else.

    Examples
    --------
    >>> refuse_others(xr.Dataset({"loss": 0.5}), {"eigenvalue"}, "inpca(distance)")
    Traceback (most recent call last):
    ValueError: wanted what `trajkit.inpca(distance)` returns, got a Dataset without ['eigenvalue']
    """
    if not isinstance(found, xr.Dataset):
        raise ValueError(f"wanted what `trajkit.{function}` returns, a Dataset, got {type(found).__name__}")
    if lacking := sorted(variables - set(found.data_vars)) + [d for d in dims if d not in found.dims]:
        raise ValueError(f"wanted what `trajkit.{function}` returns, got a Dataset without {lacking}")
