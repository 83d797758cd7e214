"""The trajectories that come with trajkit."""

from __future__ import annotations

from pathlib import Path
from typing import overload

import xarray as xr

from trajkit.storage.load import load

_SHIPPED = ("digits", "cifar10", "sloppy")


@overload
def sample_data() -> list[str]: ...


@overload
def sample_data(name: str) -> xr.Dataset: ...


def sample_data(name: str | None = None) -> xr.Dataset | list[str]:
    """Load trajectories that come with trajkit, or list their names.

    All were trained by `trajkit.zoo`. The run attributes say how; the metadata name the grid and the commit.

    | name      | runs                                                                                              |
    |-----------|---------------------------------------------------------------------------------------------------|
    | "digits"  | six architectures in up to three widths on scikit-learn's 8x8 digits; some start from corners     |
    | "cifar10" | the same six, smaller than published, on 5,000 images of CIFAR-10 (JPEG); 32 of the 92 did not    |
    |           | reach a training error (`train_error`) of 0.1                                                     |
    | "sloppy"  | linear and fully connected networks on Gaussian inputs whose eigenvalues fall as exp(-decay i)    |

    Parameters
    ----------
    name
        Name of the data; by default the names are listed.

    Returns
    -------
    xarray.Dataset or list of str
        A trajectory dataset, with dimensions (run, checkpoint, sample, class); or the names.

    Raises
    ------
    ValueError
        If there are no data of that name.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.sample_data()
    ['digits', 'cifar10', 'sloppy']
    """
    if name is None:
        return list(_SHIPPED)
    if name not in _SHIPPED:
        raise ValueError(f"no sample data {name!r}: wanted one of {list(_SHIPPED)}")
    return load(_data_folder() / f"{name}.nc")


def _data_folder() -> Path:
    """Find `data`: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"
