"""Groups of runs, and copies of runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from trajkit.schema import is_network, run_attributes
from trajkit.typing import Indices, Mask

# If `bootstrap` draws a run several times, this coordinate holds the name of the run for each copy.
COPY_OF = "copy_of"


def groups(ds: xr.Dataset | xr.DataArray, name: str) -> tuple[Indices, pd.Index]:
    """Give each run the number of its group, and list the values of the attribute in order of appearance.

    Examples
    --------
    >>> import trajkit as tk
    >>> code, known = groups(tk.simulate(runs=4), "architecture")
    >>> code, known.tolist()
    (array([0, 1, 0, 1]), ['A', 'B'])
    """
    if name not in run_attributes(ds):
        raise ValueError(f"no run attribute {name!r}: wanted one of {run_attributes(ds)}")
    values = pd.Series(ds[name].values)
    if missing := int((values.isna() | (values == "")).sum()):
        raise ValueError(f"{name!r} is missing for {missing} runs: select the runs that have a value")
    code, known = pd.factorize(values)
    if len(known) < 2:
        raise ValueError(f"{name!r} has one value, {str(known[0])!r}, for all runs: there are no groups to compare")
    return code, pd.Index(known, name=name)


def names_of(by: str | list[str]) -> list[str]:
    """List the attributes, given as one name or as several.

    Examples
    --------
    >>> names_of("seed")
    ['seed']
    """
    names = [by] if isinstance(by, str) else list(by)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"by: wanted one run attribute or more, each once, got {names}")
    return names


def groups_if_any(ds: xr.Dataset | xr.DataArray, names: list[str]) -> Indices:
    """Give each run the number of its group, with equal values of all attributes; without attributes one group.

    Examples
    --------
    >>> import trajkit as tk
    >>> groups_if_any(tk.simulate(runs=4), ["architecture", "seed"])
    array([0, 2, 1, 3])
    """
    if not names:
        return np.zeros(ds.sizes["run"], dtype=np.intp)
    code = np.stack([groups(ds, name)[0] for name in names], axis=1)
    return np.unique(code, axis=0, return_inverse=True)[1].ravel()


def runs_and_copies(ds: xr.Dataset | xr.DataArray) -> NDArray[np.str_]:
    """Name the run that each run is a copy of; outside draws of `bootstrap` this is the run itself.

    Examples
    --------
    >>> import trajkit as tk
    >>> runs_and_copies(tk.simulate(runs=2)).tolist()
    ['A-0', 'B-0']
    """
    return ds[COPY_OF if COPY_OF in ds.coords else "run"].values


def own_copies(ds: xr.Dataset | xr.DataArray) -> Mask:
    """Mark the pairs (run, run2) of a run with itself, or with its copy in a draw of `bootstrap`.

    Examples
    --------
    >>> import trajkit as tk
    >>> own_copies(tk.simulate(runs=2)).tolist()
    [[True, False], [False, True]]
    """
    name = runs_and_copies(ds)
    return name[:, None] == name


def different_pairs(ds: xr.Dataset) -> Mask:
    """Mark each pair (run, run2) of two networks once, without copies of one run; refuse to have none.

    Examples
    --------
    >>> import trajkit as tk
    >>> different_pairs(tk.simulate(runs=2)).tolist()
    [[False, True], [False, False]]
    """
    network = is_network(ds)
    out = np.triu(network[:, None] & network & ~own_copies(ds), k=1)
    if not out.any():
        copies = len(network) - len(np.unique(runs_and_copies(ds)))
        raise ValueError(
            "wanted two runs of kind 'network' or more to make pairs of, "
            f"got {int(network.sum())}{f', of which {copies} are copies' if copies else ''}"
        )
    return out
