"""What runs are compared by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from trajkit.schema import run_attributes, validate


def networks(ds: xr.Dataset, least: int = 2) -> xr.Dataset:
    """Leave out reference runs; refuse what leaves too few.

    Examples
    --------
    >>> import trajkit as tk
    >>> networks(tk.with_references(tk.simulate(runs=2))).sizes["run"]
    2
    """
    validate(ds)
    out = ds.isel(run=ds["kind"].values == "network")
    if out.sizes["run"] < least:
        raise ValueError(f"wanted {least} runs of kind 'network' or more, got {out.sizes['run']}")
    return out


def groups(ds: xr.Dataset | xr.DataArray, name: str) -> tuple[NDArray[np.intp], pd.Index]:
    """Give the number of each run's group and the values of the attribute, in order of appearance.

    Examples
    --------
    >>> import trajkit as tk
    >>> groups(tk.simulate(runs=4), "architecture")
    (array([0, 1, 0, 1]), Index(['A', 'B'], dtype='str', name='architecture'))
    """
    if name not in run_attributes(ds):
        raise ValueError(f"no run attribute {name!r}: wanted one of {run_attributes(ds)}")
    values = pd.Series(ds[name].values)
    if missing := int((values.isna() | (values == "")).sum()):
        raise ValueError(f"{name!r} is missing for {missing} runs: select the runs that have it")
    code, known = pd.factorize(values)
    if len(known) < 2:
        raise ValueError(f"{name!r} has one value, {str(known[0])!r}, for all runs: there are no groups to compare")
    return code, pd.Index(known, name=name)


def names_of(by: str | list[str]) -> list[str]:
    """Take one name or several.

    Examples
    --------
    >>> names_of("seed")
    ['seed']
    """
    names = [by] if isinstance(by, str) else list(by)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"by: wanted one run attribute or more, each once, got {names}")
    return names
