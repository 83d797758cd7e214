"""The check of what a figure is given to draw."""

from __future__ import annotations

from typing import Any

import xarray as xr


def check_result(found: Any, variables: set[str], function: str, dims: tuple[str, ...] = ()) -> None:
    """Refuse anything but the result of a function of trajkit: a dataset with these variables and dimensions.

    Raises
    ------
    ValueError
        If `found` is something else.

    Examples
    --------
    >>> check_result(xr.Dataset({"loss": 0.5}), {"eigenvalue"}, "inpca(distance)")
    Traceback (most recent call last):
    ValueError: wanted what `tk.inpca(distance)` returns, got a Dataset without ['eigenvalue']
    """
    if not isinstance(found, xr.Dataset):
        raise ValueError(f"wanted what `tk.{function}` returns, a Dataset, got {type(found).__name__}")
    # All variables, since `step` is a coordinate in some results.
    if lacking := sorted(variables - set(found.variables)) + [d for d in dims if d not in found.dims]:
        raise ValueError(f"wanted what `tk.{function}` returns, got a Dataset without {lacking}")
