"""Settings that define groups of runs, and groups of runs that differ in one setting only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.configuration import is_function
from trajkit.roles import attributes_with_role, role_of
from trajkit.schema import run_attributes
from trajkit.typing import AnyArray, Indices


def value_codes(ds: xr.Dataset | xr.DataArray, name: str) -> Indices:
    """Give each value of a run attribute a number, in order of appearance; -1 if the value is missing.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4).assign_coords(init=("run", ["default", "", "corner", "default"]))
    >>> value_codes(ds, "init")
    array([ 0, -1,  1,  0])
    """
    values = pd.Series(ds[name].values)
    codes, _ = pd.factorize(values.where(values != "") if values.dtype.kind not in "fib" else values)
    return codes


def comparable_settings(ds: xr.Dataset) -> list[str]:
    """Name the settings that can define groups of runs.

    Such a setting is known for every run, has at least two values, and at least one value that several runs share.
    Outcomes of training are left out, and so is a setting that is a function of another one.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, groups=2).assign_coords(depth=("run", [3, 7] * 3), test_error=("run", [0.1, 0.2] * 3))
    >>> comparable_settings(ds)
    ['architecture', 'seed']
    """
    code = {name: value_codes(ds, name) for name in run_attributes(ds) if role_of(ds, name) != "outcome"}
    usable = {name: c for name, c in code.items() if c.min() >= 0 and 0 < c.max() < len(c) - 1}

    def is_redundant(name: str, other: str) -> bool:
        if not is_function(usable[name], usable[other]):
            return False
        # Of two settings that determine each other, the first one stays.
        both_ways = usable[other].max() == usable[name].max()
        return not both_ways or list(usable).index(other) < list(usable).index(name)

    return [name for name in usable if not any(is_redundant(name, other) for other in usable if other != name)]


def other_settings(ds: xr.Dataset, varying: str) -> list[str]:
    """Name the settings that two runs must share if they differ in one setting, and perhaps in the seed, only.

    Settings that are a function of the varying one, such as a shape that a width determines, are left out.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, groups=2).assign_coords(width=("run", [8, 8, 16, 16]), shape=("run", list("aabb")))
    >>> other_settings(ds, "width")
    ['architecture']
    """
    own = value_codes(ds, varying)
    # Runs that differ in the seed are replicates.
    names = [name for name in attributes_with_role(ds, "setting") if name != varying]
    code = {name: value_codes(ds, name) for name in names}
    return [name for name, c in code.items() if len(np.unique(c)) > 1 and not is_function(c, own)]


def strata(ds: xr.Dataset, varying: str, least: int = 6) -> Indices:
    """Give each run the number of its stratum: the runs that share all settings but the varying one and the seed.

    Parameters
    ----------
    ds
        A trajectory dataset without reference runs.
    varying
        Run attribute that must have two values or more in each group.
    least
        Smallest number of runs in all groups together.

    Returns
    -------
    numpy.ndarray
        The group of each run; -1 for runs in no group, because the varying setting is missing or has one value there.

    Raises
    ------
    ValueError
        If fewer than `least` runs are in groups.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=8, groups=2).assign_coords(width=("run", [8, 8, 16, 16, 8, 8, 16, 8]))
    >>> strata(ds, "width")
    array([0, 1, 0, 1, 0, 1, 0, 1])
    """
    own = pd.Series(value_codes(ds, varying))
    own = own.where(own >= 0)
    group: AnyArray = np.zeros(len(own), dtype=np.intp)
    if others := other_settings(ds, varying):
        table = pd.DataFrame({name: value_codes(ds, name) for name in others})
        group = table.groupby(others, sort=False).ngroup().to_numpy()
    several = own.groupby(group).transform("nunique").to_numpy() > 1
    found = np.where(several & own.notna(), group, -1)
    if (count := int((found >= 0).sum())) < least:
        raise ValueError(
            f"wanted {least} runs or more that differ in {varying} and share all other settings but the seed, "
            f"got {count}"
        )
    return found
