"""Pairs of runs of one group, and pairs of runs of two groups."""

from __future__ import annotations

import xarray as xr

from trajkit.typing import Indices

WITHIN, BETWEEN = "within", "between"


def within_between(values: xr.DataArray, code: Indices) -> xr.DataArray:
    """Put pairs of one group and pairs of two groups apart, for `bootstrap` to average.

    Parameters
    ----------
    values
        One number for each pair of runs (..., run, run2).
    code
        Number of each run's group.

    Returns
    -------
    xarray.DataArray
        (quantity, ..., run, run2), with `quantity` "within" and "between"; NaN for pairs of the other kind.

    Examples
    --------
    >>> import numpy as np
    >>> values = xr.DataArray(np.arange(4.0).reshape(2, 2), dims=("run", "run2"))
    >>> within_between(values, np.array([0, 1])).sel(quantity="between").values
    array([[nan,  1.],
           [ 2., nan]])
    """
    same = xr.DataArray(code[:, None] == code, dims=("run", "run2"))
    return xr.concat([values.where(same), values.where(~same)], dim=xr.Variable("quantity", [WITHIN, BETWEEN]))


def with_ratio(mean: xr.DataArray, name: str) -> xr.DataArray:
    """Append the ratio between / within to the two means; NaN if the mean within is 0.

    Examples
    --------
    >>> mean = xr.DataArray([2.0, 3.0], {"quantity": ["within", "between"]}, ("quantity",))
    >>> with_ratio(mean, "ratio").values
    array([2. , 3. , 1.5])
    """
    within, between = (mean.sel(quantity=quantity, drop=True) for quantity in (WITHIN, BETWEEN))
    ratio = (between / within.where(within != 0)).expand_dims(quantity=[name])
    return xr.concat([mean, ratio], dim="quantity")
