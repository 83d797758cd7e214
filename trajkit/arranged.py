"""A dataset as xarray opened or turned it, brought to the one form in which functions work with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from trajkit.storable import as_text, is_text, is_wide


def as_dataset(ds: Any) -> xr.Dataset:
    """Refuse anything but a dataset, such as one of its variables.

    Examples
    --------
    >>> as_dataset(xr.DataArray([0.5], name="loss"))
    Traceback (most recent call last):
    TypeError: wanted a Dataset, got the DataArray 'loss': pass the dataset that holds it, `ds` and not `ds['loss']`
    """
    if isinstance(ds, xr.DataArray):
        name = ds.name or "log_prob"
        raise TypeError(
            f"wanted a Dataset, got the DataArray {name!r}: pass the dataset that holds it, `ds` and not `ds[{name!r}]`"
        )
    if not isinstance(ds, xr.Dataset):
        raise TypeError(f"wanted an xarray.Dataset of trajectories, got {type(ds).__name__}")
    return ds


def turned(x: xr.DataArray, *dims: str) -> xr.DataArray:
    """Put the dimensions of a result in order; one with other dimensions stays, for its reader to refuse.

    Raises
    ------
    TypeError
        If it is no DataArray.

    Examples
    --------
    >>> turned(xr.DataArray([[0, 1, 2]], dims=("run2", "run")), "run", "run2").sizes
    Frozen({'run': 3, 'run2': 1})
    """
    if not isinstance(x, xr.DataArray):
        raise TypeError(f"wanted an xarray.DataArray ({', '.join(dims)}), got {type(x).__name__}")
    return x.transpose(*dims) if set(x.dims) == set(dims) else x


def dropped(ds: xr.Dataset, dims: Sequence[str]) -> Iterator[str]:
    """Say which dimensions of the predictions a selection of one value has dropped, and the line that keeps each.

    Examples
    --------
    >>> import trajkit as tk
    >>> next(dropped(tk.simulate(runs=2).sel(run="A-0"), ("run", "checkpoint", "sample", "class")))
    "'log_prob' has no dimension 'run': write `ds.sel(run=['A-0'])`, with a list; selecting one value drops it"
    """
    if "log_prob" not in ds:
        return
    if "point" in ds["log_prob"].dims:
        yield "'log_prob' has a dimension 'point': write `tk.unstack(ds)`, which puts points back on (run, checkpoint)"
        return
    # With a dimension of another name, nothing was dropped.
    if set(ds["log_prob"].dims) - set(dims):
        return
    for dim in dims:
        if dim not in ds["log_prob"].dims:
            line = f"ds.isel({{{dim!r}: [0]}})" if dim == "class" else f"ds.isel({dim}=[0])"
            if dim in ds.coords and not ds[dim].ndim:
                value = ds[dim].item()
                line = f"ds.sel({{{dim!r}: [{value!r}]}})" if dim == "class" else f"ds.sel({dim}=[{value!r}])"
            yield f"'log_prob' has no dimension {dim!r}: write `{line}`, with a list; selecting one value drops it"


def arranged(ds: xr.Dataset, dims: Sequence[str], lazy: str) -> xr.Dataset:
    """Put dimensions in order, read all small variables, and undo what file formats do to text and integers.

    Files of netCDF 3, and of netCDF 4 in its classic model, hold text as characters and integers in 32 bits; xarray
    reads them as objects and int32. Small is what has one or two dimensions; the variable named `lazy` is not read,
    nor is what users add of its size. The values stay what they were, and `ds` is not edited.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> turned = ds.transpose("class", "sample", "checkpoint", "run").chunk({"run": 1})
    >>> found = arranged(turned, ("run", "checkpoint", "sample", "class"), "log_prob")
    >>> found.log_prob.dims, found.label.chunks is None
    (('run', 'checkpoint', 'sample', 'class'), True)
    """
    order = [dim for dim in dims if dim in ds.dims]
    if any([d for d in v.dims if d in order] != [d for d in order if d in v.dims] for v in ds.variables.values()):
        ds = ds.transpose(*order, ...)
    changed = {
        name: own
        for name, v in ds.variables.items()
        if name != lazy and v.ndim <= 2 and (own := _in_memory(v)) is not None
    }
    coords = {name: changed.pop(name) for name in list(changed) if name in ds.coords}
    return ds.assign_coords(coords).assign(changed) if coords or changed else ds


def _in_memory(variable: xr.Variable) -> xr.Variable | None:
    """Give the variable that takes the place of this one, or None if it may stay."""
    if not isinstance(variable.dtype, np.dtype):
        return None
    read = variable.compute()
    if variable.dtype.kind == "T" or is_wide(variable.dtype) or is_text(read):
        text = as_text(read.values)
        if text.dtype != variable.dtype:
            return xr.Variable(read.dims, text, read.attrs)
    if variable.dtype.kind == "i" and variable.dtype.itemsize < 8:
        return read.astype(np.int64)
    # Private, but what tells an array in memory from one in a file: reading it again would cost a copy at each call.
    return None if variable._in_memory else read
