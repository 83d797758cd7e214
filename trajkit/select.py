"""Selection of runs, samples and checkpoints of a trajectory dataset."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.curves import progress as progress_of
from trajkit.points import MISSING
from trajkit.schema import run_attributes, run_table, validated
from trajkit.storable import kind_of
from trajkit.typing import AnyArray, Mask

Condition = Any  # a value, a list of values, a slice or (low, high), or a callable


def select(
    ds: xr.Dataset,
    *,
    where: str | Callable[[pd.DataFrame], Any] | None = None,
    split: str | None = None,
    progress: Condition = None,
    step: Condition = None,
    **attributes: Condition,
) -> xr.Dataset:
    """Select runs by their attributes, samples by split and checkpoints by progress or step.

    A condition is a value; a range, `(low, high)` or `slice(low, high)`, with both ends included and None for an open
    end; a list of values and ranges, one of which must match; or a callable that maps the array of values to booleans.
    All conditions must hold. A missing number, NaN, is in no range; select it as float("nan").

    Parameters
    ----------
    ds
        A trajectory dataset.
    where
        Condition on the table of runs: an expression of its columns for `pandas.DataFrame.eval`, such as
        "learning_rate > 0.01 and optimizer == 'sgd'", or a callable that maps the table to booleans.
    split
        Keep the samples of this split, "train" or "test". Per-point variables of `ds` are not computed again.
    progress, step
        Conditions on single checkpoints. Progress is the variable `progress` of `ds` if it has one, otherwise
        `trajkit.progress(ds)`. Other checkpoints become missing; runs that lose all checkpoints are dropped.
    attributes
        Conditions on run attributes, or on `run` itself.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset; the runs keep their order.

    Raises
    ------
    ValueError
        If an attribute or a value is unknown, a condition has the wrong form, or nothing is left.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, groups=3)
    >>> tk.select(ds, architecture=["A", "B"], seed=0).run.values
    array(['A-0', 'B-0'], dtype='<U3')
    >>> tk.select(ds, where="seed > 0", split="test", progress=(0.5, None)).sizes["sample"]
    25
    """
    ds = validated(ds)
    keep = np.ones(ds.sizes["run"], dtype=bool)
    for name, condition in attributes.items():
        keep &= matches(_attribute(ds, name), condition, name)
    if where is not None:
        keep &= where_mask(run_table(ds), where)
    if not keep.any():
        conditions = [f"{name}={condition!r}" for name, condition in attributes.items()]
        conditions += [f"where={where!r}"] if where is not None else []
        raise ValueError(
            f"no run meets all of {', '.join(conditions)}; the dataset has {len(keep)} runs: "
            "`tk.run_table(ds)` lists their attributes"
        )
    out = ds.isel(run=keep)
    # The split comes first, so that progress is measured on the samples that are kept.
    if split is not None:
        out = _select_split(out, split)
    if progress is not None:
        out = _select_points(out, point_progress(out), progress, "progress")
    if step is not None:
        out = _select_points(out, out["step"], step, "step")
    return out


def _attribute(ds: xr.Dataset, name: str) -> AnyArray:
    known = ["run", *run_attributes(ds)]
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f", did you mean {close[0]!r}?" if close else "."
        raise ValueError(f"no run attribute {name!r}{hint} The dataset has {known}")
    return np.asarray(ds[name].values)


def matches(values: AnyArray, condition: Condition, name: str) -> Mask:
    """Find the values that meet a condition; `name` is their name in errors.

    Raises
    ------
    ValueError
        If a wanted value does not occur, or the condition has the wrong form.

    Examples
    --------
    >>> matches(np.array([0.1, 0.2, np.nan, 3.0]), [(0.2, None), float("nan")], "dropout")
    array([False,  True,  True,  True])
    """
    if callable(condition):
        return _booleans(condition(values), values.shape, f"{name}")
    wanted = list(condition) if isinstance(condition, list | set | np.ndarray | pd.Index) else [condition]
    found = [_inside(values, w, name) if isinstance(w, slice | tuple) else _equal(values, w) for w in wanted]
    if unknown := [w for w, m in zip(wanted, found, strict=True) if not (np.any(m) or isinstance(w, slice | tuple))]:
        known = pd.unique(pd.Series(values.ravel())).tolist()
        raise ValueError(
            f"{name!r} is never {', '.join(map(repr, unknown))}: "
            f"its values are {known[:12]}{' ...' if len(known) > 12 else ''}"
        )
    return np.any(found, axis=0) if found else np.zeros(values.shape, dtype=bool)


def _equal(values: AnyArray, wanted: Any) -> Mask:
    # NaN is not equal to itself.
    missing = isinstance(wanted, float) and np.isnan(wanted) and values.dtype.kind == "f"
    return np.asarray(np.isnan(values) if missing else values == wanted)


def _inside(values: AnyArray, wanted: slice | tuple[Any, ...], name: str) -> Mask:
    low, high = _range(wanted, name)
    if kind_of(values.dtype) == "U":
        raise ValueError(f"{name!r} is text and has no ranges: use a value or a list of values")
    if wrong := [end for end in (low, high) if end is not None and not isinstance(end, Number)]:
        raise ValueError(f"{name}={wanted}: wanted numbers as ends of the range, got {wrong[0]!r}")
    inside = np.ones(values.shape, dtype=bool)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    return inside


def _range(condition: slice | tuple[Any, ...], name: str) -> tuple[Any, Any]:
    if isinstance(condition, slice):
        if condition.step is not None:
            raise ValueError(f"{name}={condition}: wanted a range without a step")
        return condition.start, condition.stop
    if len(condition) != 2:
        raise ValueError(f"{name}={condition}: a tuple is a range (low, high); use a list for single values")
    return condition


def where_mask(table: pd.DataFrame, where: str | Callable[[pd.DataFrame], Any]) -> Mask:
    """Find the rows of a table of runs that meet an expression of its columns, or a callable.

    Raises
    ------
    ValueError
        If the expression cannot be evaluated or does not give a boolean for each row.

    Examples
    --------
    >>> where_mask(pd.DataFrame({"width": [8, 64]}), "width > 10")
    array([False,  True])
    """
    if callable(where):
        return _booleans(where(table), (len(table),), "where")
    try:
        found = table.eval(where, engine="python")
    except (SyntaxError, NameError, TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise ValueError(f"where={where!r}: {error}. The columns are {['run', *map(str, table.columns)]}") from error
    return _booleans(found, (len(table),), f"where={where!r}")


def _booleans(found: Any, shape: tuple[int, ...], what: str) -> Mask:
    array = np.asarray(found)
    if array.shape != shape or array.dtype != bool:
        raise ValueError(f"{what}: wanted booleans of shape {shape}, got {array.dtype} of shape {array.shape}")
    return array


def _select_split(ds: xr.Dataset, split: str) -> xr.Dataset:
    known = sorted(set(ds["split"].values.tolist()))
    if split not in known:
        raise ValueError(f"no sample has split {split!r}: the probe has {known}")
    return ds.isel(sample=ds["split"].values == split)


def point_progress(ds: xr.Dataset) -> xr.DataArray:
    """Return the variable `progress` if `ds` has it for every point, otherwise compute it.

    After `concat` with a dataset that has no `progress`, it is missing for some points.

    Examples
    --------
    >>> import trajkit as tk
    >>> point_progress(tk.simulate(runs=2, checkpoints=3)).sizes["checkpoint"]
    3
    """
    known = ds.get("progress")
    if known is not None and known.dims == ("run", "checkpoint") and bool((known.notnull() | (ds["step"] < 0)).all()):
        return known
    return progress_of(ds)


def _select_points(ds: xr.Dataset, values: xr.DataArray, condition: Condition, name: str) -> xr.Dataset:
    recorded = ds["step"].values >= 0
    keep = recorded.copy()
    keep[recorded] = matches(values.transpose("run", "checkpoint").values[recorded], condition, name)
    if not keep.any():
        low, high = values.values[recorded].min(), values.values[recorded].max()
        raise ValueError(f"no checkpoint has {name} in {condition}: it is between {low:.6g} and {high:.6g}")
    kept = xr.DataArray(keep, dims=("run", "checkpoint"))
    masked = {
        n: v.where(kept, MISSING.get(kind_of(v.dtype), np.nan))
        for n, v in ds.reset_coords().data_vars.items()
        if {"run", "checkpoint"} <= set(v.dims)
    }
    on_coords = {n: v for n, v in masked.items() if n in ds.coords}
    masked = {n: v for n, v in masked.items() if n not in on_coords}
    return ds.assign(masked).assign_coords(on_coords).isel(run=keep.any(1), checkpoint=keep.any(0))
