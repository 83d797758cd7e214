"""Rearranging trajectories: points, back again, and runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from trajkit.schema import VARIABLES, SchemaError, lost_as_float, run_attributes, validate

# What stands where a point is missing, by numpy's kind of dtype.
MISSING: dict[str, Any] = {"f": np.nan, "i": -1, "b": False, "U": ""}
# Bytes of predictions that are read at a time.
_WORKSPACE = 256e6


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
        As given. Points that `x` lacks are NaN in floats, -1 in integers, False in booleans and "" in text.
        Coordinates that are constant within each run come back on `run` alone.

    Raises
    ------
    ValueError
        If `x` has no such dimension or coordinates, holds a point twice, or holds something else than floats,
        signed integers, booleans and text, which have no word for "missing".

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=3, ragged=True)
    >>> tk.unstack(tk.points(ds)).identical(ds)
    True
    """
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
        if v.dtype.kind not in MISSING:
            raise ValueError(f"cannot mark missing points in {v.dtype}: convert to float, signed integer, bool or str")
        out = np.full((len(runs), len(checkpoints), *v.shape[1:]), MISSING[v.dtype.kind], dtype=v.dtype)
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

    What the contract names is kept and nothing else. The dataset itself stays lazy.

    Examples
    --------
    >>> import trajkit as tk
    >>> [block.sizes["run"] for block in run_blocks(tk.simulate(runs=3))]
    [3]
    """
    log_prob = ds["log_prob"]
    stored = log_prob.chunks[0] if log_prob.chunks else (log_prob.encoding.get("preferred_chunks", {}).get("run", 1),)
    chunk = max(stored)
    at_once = chunk * max(1, int(_WORKSPACE * ds.sizes["run"] / (chunk * log_prob.nbytes)))
    bare = ds.drop_vars([name for name in ds.variables if name not in VARIABLES])
    for start in range(0, ds.sizes["run"], at_once):
        yield bare.isel(run=slice(start, start + at_once)).load()


def concat(datasets: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put the runs of several datasets into one, exact on everything else.

    Parameters
    ----------
    datasets
        Trajectory datasets with the same probe: equal `sample`, `label`, `split` and `class`, in one order.

    Returns
    -------
    xarray.Dataset
        All runs, in the order given. Shorter runs end in missing checkpoints. An attribute that one dataset
        lacks is "" (text) or NaN (numbers; booleans and integers become floats) for its runs. Variables without
        `run` are shared and must be equal wherever they are present. The attributes of the dataset are those of
        the first.

    Raises
    ------
    SchemaError
        If one of them is no trajectory dataset, the probes or other shared variables differ, a run appears twice, or
        an attribute is text in one dataset and a number in another.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4)
    >>> tk.concat([ds.isel(run=[0, 1]), ds.isel(run=[2, 3])]).identical(ds)
    True
    """
    parts = list(datasets)
    if not parts:
        raise ValueError("nothing to put together: wanted one dataset or more, got an empty list")
    _validate_each(parts)
    if problems := [*_probe_problems(parts), *_run_problems(parts)]:
        raise SchemaError(problems)
    checkpoints = np.unique(np.concatenate([part["checkpoint"].values for part in parts]))
    parts = [_with_checkpoints(part, checkpoints) for part in parts]
    if problems := _shared_problems(parts):
        raise SchemaError(problems)
    out: xr.Dataset = xr.concat(
        [_completed(part, parts) for part in parts],
        dim="run",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="override",
    )
    return out


def _validate_each(parts: Sequence[xr.Dataset]) -> None:
    problems = []
    for number, part in enumerate(parts, start=1):
        try:
            validate(part)
        except SchemaError as error:
            problems += [f"dataset {number}: {problem}" for problem in error.problems]
    if problems:
        raise SchemaError(problems)


def _probe_problems(parts: Sequence[xr.Dataset]) -> list[str]:
    first, problems = parts[0], []
    for number, part in enumerate(parts[1:], start=2):
        for name in ("sample", "label", "split", "class"):
            if not _equal(first, part, name):
                problems.append(
                    f"dataset {number} has another probe than the first: {name!r} differs "
                    f"({first.sizes[first[name].dims[0]]} and {part.sizes[part[name].dims[0]]} entries). "
                    "All runs share one probe in one order: record them on the same inputs, or select the common "
                    "samples of both first"
                )
                break
    return problems


def _equal(a: xr.Dataset, b: xr.Dataset, name: str) -> bool:
    """Compare one variable with its index, but without the coordinates that happen to stand along it."""
    return a[name].reset_coords(drop=True).equals(b[name].reset_coords(drop=True))


def _shared_problems(parts: Sequence[xr.Dataset]) -> list[str]:
    """Say which variables without `run` differ: xarray would keep the first dataset's without a word."""
    problems = []
    for name, first in _shared(parts).items():
        differing = [str(n) for n, part in enumerate(parts, 1) if name in part and not _equal(first, part, name)]
        if differing:
            problems.append(
                f"variable {name!r} of dataset {', '.join(differing)} differs from that of an earlier one: "
                "all runs share it; make them alike, or drop it"
            )
    return problems


def _shared(parts: Sequence[xr.Dataset]) -> dict[str, xr.Dataset]:
    """Variables without `run`, each with the first dataset that has it."""
    shared: dict[str, xr.Dataset] = {}
    for part in parts:
        for name, variable in part.variables.items():
            if "run" not in variable.dims:
                shared.setdefault(str(name), part)
    return shared


def _run_problems(parts: Sequence[xr.Dataset]) -> list[str]:
    runs = pd.Index(np.concatenate([part["run"].values for part in parts]))
    repeated = runs[runs.duplicated()].unique().tolist()
    problems = [f"run {run!r} appears more than once: give each run its own identity" for run in repeated[:5]]
    for name in dict.fromkeys(n for part in parts for n in run_attributes(part)):
        kinds = {part[name].dtype.kind for part in parts if name in part.coords}
        if ("U" in kinds and len(kinds) > 1) or {"b", "i"} <= kinds:
            problems.append(
                f"run attribute {name!r} is of several kinds among text, boolean and number: make them alike"
            )
        elif kinds != {"i"} or any(name not in part.coords for part in parts):
            lost = [lost_as_float(name, part[name].values) for part in parts if name in part.coords]
            problems += dict.fromkeys(message for message in lost if message)
    # Floats have NaN to say "missing"; anything else would have to be invented.
    for name, first in _per_run_variables(parts).items():
        lacking = [number for number, part in enumerate(parts, start=1) if name not in part.variables]
        if lacking and first[name].dtype.kind != "f":
            problems.append(f"variable {name!r} is missing in dataset {lacking[0]}: drop it, or compute it for all")
    return problems


def _per_run_variables(parts: Sequence[xr.Dataset]) -> dict[str, xr.Dataset]:
    """Variables along `run` other than attributes, each with the first dataset that has it."""
    found: dict[str, xr.Dataset] = {}
    for part in parts:
        for name, v in part.variables.items():
            if "run" in v.dims and name != "run" and str(name) not in run_attributes(part):
                found.setdefault(str(name), part)
    return found


def _with_checkpoints(ds: xr.Dataset, checkpoints: NDArray[np.int64]) -> xr.Dataset:
    """Add the missing ones of `checkpoints`."""
    if np.array_equal(ds["checkpoint"], checkpoints):
        return ds
    fill = {name: MISSING[v.dtype.kind] for name, v in ds.variables.items() if v.dtype.kind in MISSING}
    padded = ds.reindex(checkpoint=checkpoints, fill_value=fill)
    return padded.assign({name: padded[name].transpose(*v.dims) for name, v in ds.data_vars.items()})


def _completed(ds: xr.Dataset, parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Give `ds` everything that any of `parts` has: attributes and per-point variables empty, the rest as shared."""
    for name in dict.fromkeys(name for part in parts for name in run_attributes(part)):
        if name not in ds.coords:
            text = any(part[name].dtype.kind == "U" for part in parts if name in part.coords)
            ds = ds.assign_coords({name: ("run", np.full(ds.sizes["run"], "" if text else np.nan))})
    for name, first in _shared(parts).items():
        if name not in ds:
            values = {name: first[name].variable}
            ds = ds.assign_coords(values) if name in first.coords else ds.assign(values)
    for name, first in _per_run_variables(parts).items():
        if name not in ds.variables:
            dims = first[name].dims
            empty = {name: (dims, np.full([ds.sizes.get(d, first.sizes[d]) for d in dims], np.nan))}
            ds = ds.assign_coords(empty) if name in first.coords else ds.assign(empty)
    return ds
