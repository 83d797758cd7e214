"""Points: (run, checkpoint) stacked to one dimension, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, overload

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.arranged import arranged
from trajkit.schema import DIMS, VARIABLES
from trajkit.storable import is_text
from trajkit.workspace import workspace_bytes

# The value that marks a missing point, by numpy's kind of dtype.
MISSING: dict[str, Any] = {"f": np.nan, "i": -1, "b": False, "U": "", "M": np.datetime64("NaT", "ns")}


def points(ds: xr.Dataset) -> xr.Dataset:
    """Stack (run, checkpoint) to one dimension `point`, without the missing checkpoints.

    Parameters
    ----------
    ds
        A trajectory dataset, or any result on (run, checkpoint) that kept `step`.

    Returns
    -------
    xarray.Dataset
        `point` comes first in each variable; `run`, `checkpoint` and the run attributes become plain
        coordinates along it (no MultiIndex, which could not be saved).

    Raises
    ------
    ValueError
        If `ds` has no `step` on (run, checkpoint), which says what is missing.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2, checkpoints=3, samples=4, classes=5)
    >>> dict(tk.points(ds).sizes)
    {'point': 6, 'sample': 4, 'class': 5}
    """
    if not isinstance(ds, xr.Dataset):
        raise TypeError(f"wanted a Dataset with 'step', got {type(ds).__name__}: assign it to its dataset first")
    if "step" not in ds or set(ds["step"].dims) != {"run", "checkpoint"}:
        got = f"'step' on {ds['step'].dims}" if "step" in ds else f"variables {sorted(map(str, ds.variables))}"
        raise ValueError(f"wanted 'step' on (run, checkpoint), which says what is missing, got {got}")
    ds = arranged(ds, DIMS, "log_prob")
    run, checkpoint = np.nonzero(ds["step"].transpose("run", "checkpoint").values >= 0)
    at = {"run": xr.DataArray(run, dims="point"), "checkpoint": xr.DataArray(checkpoint, dims="point")}
    return ds.isel(at).transpose("point", ..., missing_dims="ignore")


@overload
def unstack(x: xr.Dataset) -> xr.Dataset: ...
@overload
def unstack(x: xr.DataArray) -> xr.DataArray: ...
def unstack(x: xr.Dataset | xr.DataArray) -> xr.Dataset | xr.DataArray:
    """Put a per-point result back on (run, checkpoint), so that it merges with its dataset.

    Parameters
    ----------
    x
        Something with a dimension `point` and coordinates `run` and `checkpoint` along it.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        As given. Points that `x` lacks are NaN in floats, NaT in dates, -1 in integers, False in booleans and "" in
        text. Coordinates that are constant within each run come back on `run` alone.

    Raises
    ------
    ValueError
        If `x` has no such dimension or coordinates, holds a point twice, or holds something else than floats,
        signed integers, booleans, text and dates: other dtypes have no value for "missing".

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=3, ragged=True)
    >>> tk.unstack(tk.points(ds)).identical(ds)
    True
    """
    if not isinstance(x, xr.Dataset | xr.DataArray):
        raise TypeError(f"wanted a Dataset or DataArray along 'point', got {type(x).__name__}")
    if isinstance(x, xr.DataArray):
        name = x.name if x.name is not None else "value"
        return unstack(x.to_dataset(name=name))[name].rename(x.name)
    if "point" not in x.dims or not {"run", "checkpoint"} <= x.coords.keys():
        raise ValueError(
            f"wanted a dimension 'point' with coordinates 'run' and 'checkpoint', got dimensions {tuple(x.dims)} "
            f"and coordinates {sorted(map(str, x.coords))}"
        )
    run, runs = pd.factorize(x["run"].values)
    checkpoints, checkpoint = np.unique(x["checkpoint"].values, return_inverse=True)
    if len(np.unique(run * len(checkpoints) + checkpoint)) < len(run):
        raise ValueError("a point (run, checkpoint) appears more than once; wanted each at most once")

    def spread(v: xr.Variable) -> xr.Variable:
        v = v.transpose("point", ...)
        kind = "U" if is_text(v) else v.dtype.kind
        if kind not in MISSING:
            raise ValueError(f"cannot mark missing points in {v.dtype}: convert to float, signed integer, bool or str")
        out = np.full((len(runs), len(checkpoints), *v.shape[1:]), MISSING[kind], dtype=v.dtype)
        out[run, checkpoint] = v.values
        return xr.Variable(("run", "checkpoint", *v.dims[1:]), out, v.attrs)

    first = np.unique(run, return_index=True)[1]

    def per_run(v: xr.Variable) -> xr.Variable:
        same = v.ndim == 1 and pd.Series(v.values).groupby(run).nunique(dropna=False).max() == 1
        return xr.Variable("run", v.values[first], v.attrs) if same else spread(v)

    def place(v: xr.DataArray) -> xr.Variable:
        return spread(v.variable) if "point" in v.dims else v.variable

    coords = {
        name: per_run(c.variable) if "point" in c.dims else c.variable
        for name, c in x.coords.items()
        if name not in ("run", "checkpoint")
    }
    identities = {
        "run": xr.Variable("run", np.asarray(runs), x["run"].attrs),
        "checkpoint": xr.Variable("checkpoint", checkpoints, x["checkpoint"].attrs),
    }
    return xr.Dataset({n: place(v) for n, v in x.data_vars.items()}, {**identities, **coords}, x.attrs)


def run_blocks(ds: xr.Dataset) -> Iterator[xr.Dataset]:
    """Give the runs of a trajectory dataset a few at a time, loaded, in whole chunks of what is stored.

    Only variables of the contract are kept. The dataset itself stays lazy.

    Examples
    --------
    >>> import trajkit as tk
    >>> [block.sizes["run"] for block in run_blocks(tk.simulate(runs=3))]
    [3]
    """
    log_prob = ds["log_prob"]
    stored = log_prob.chunks[0] if log_prob.chunks else (log_prob.encoding.get("preferred_chunks", {}).get("run", 1),)
    chunk = max(stored)
    at_once = chunk * max(1, int(workspace_bytes() * ds.sizes["run"] / (chunk * log_prob.nbytes)))
    bare = ds.drop_vars([name for name in ds.variables if name not in VARIABLES])
    for start in range(0, ds.sizes["run"], at_once):
        yield bare.isel(run=slice(start, start + at_once)).load()
