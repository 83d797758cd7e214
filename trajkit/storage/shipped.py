"""Trajectories that come with trajkit."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from trajkit.storage.files import load

_SHIPPED = {"digits": "digits.nc"}


def sample_data(name: str | None = None) -> xr.Dataset | list[str]:
    """Load trajectories that are shipped with trajkit, or name them.

    "digits" holds networks of several architectures, trained on scikit-learn's 8x8 digits by `trajkit.zoo`.

    Parameters
    ----------
    name
        What to load; None lists the names.

    Returns
    -------
    xarray.Dataset or list of str

    Raises
    ------
    ValueError
        If nothing of that name is shipped.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.sample_data()
    ['digits']
    """
    if name is None:
        return list(_SHIPPED)
    if name not in _SHIPPED:
        raise ValueError(f"no shipped trajectories {name!r}: wanted one of {list(_SHIPPED)}")
    return load(_data_folder() / _SHIPPED[name])


def _data_folder() -> Path:
    """Find `data` inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"
