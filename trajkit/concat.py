"""Put the runs of several datasets into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.from_arrays import lost_as_float
from trajkit.points import MISSING
from trajkit.roles import ROLES, role_of, set_roles
from trajkit.schema import SchemaError, run_attributes, validated
from trajkit.storable import kind_of
from trajkit.typing import Labels


def concat(datasets: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put the runs of several datasets into one dataset; everything else must be equal.

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
    TypeError, SchemaError
        If `datasets` is no list, one of them is not a trajectory dataset, the probes or other shared variables differ,
        a run appears twice, or an attribute is text in one dataset and a number in another.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4)
    >>> tk.concat([ds.isel(run=[0, 1]), ds.isel(run=[2, 3])]).identical(ds)
    True
    """
    if isinstance(datasets, str | Mapping) or not isinstance(datasets, Iterable):
        raise TypeError(f"datasets: wanted a list of datasets, [a, b], got {type(datasets).__name__}")
    parts = list(datasets)
    if not parts:
        raise ValueError("datasets: wanted one dataset or more, got an empty list")
    return concatenated(_validated_each(parts))


def concatenated(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Compute `concat` of datasets that are known to be valid; probes, runs and attributes are compared.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4)
    >>> concatenated([ds.isel(run=[0, 1]), ds.isel(run=[2, 3])]).identical(ds)
    True
    """
    parts = list(parts)
    if problems := [*_probe_problems(parts), *_run_problems(parts)]:
        raise SchemaError(problems)
    checkpoints = np.unique(np.concatenate([part["checkpoint"].values for part in parts]))
    parts = [_with_checkpoints(part, checkpoints) for part in parts]
    if problems := _shared_problems(parts):
        raise SchemaError(problems)
    roles = {role: [name for name, r in _marked(parts).items() if r == {role}] for role in ROLES}
    return xr.concat(
        [set_roles(_completed(part, parts), **roles) for part in parts],
        dim="run",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="override",
    )


def _validated_each(parts: Sequence[xr.Dataset]) -> list[xr.Dataset]:
    valid, problems = [], []
    for number, part in enumerate(parts, start=1):
        try:
            valid.append(validated(part))
        except SchemaError as error:
            problems += [f"dataset {number}: {problem}" for problem in error.problems]
    if problems:
        raise SchemaError(problems)
    return valid


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
    """Compare one variable and its index, without other coordinates along the same dimension."""
    return a[name].reset_coords(drop=True).equals(b[name].reset_coords(drop=True))


def _shared_problems(parts: Sequence[xr.Dataset]) -> list[str]:
    """Say which variables without `run` differ: xarray would keep those of the first dataset and give no warning."""
    problems = []
    for name, first in _shared(parts).items():
        differing = [str(n) for n, part in enumerate(parts, 1) if name in part and not _equal(first, part, name)]
        if differing:
            problems.append(
                f"variable {name!r} of dataset {', '.join(differing)} differs from that of an earlier one: "
                "all runs share it: make them equal, or drop it"
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
        kinds = {kind_of(part[name].dtype) for part in parts if name in part.coords}
        if ("U" in kinds and len(kinds) > 1) or {"b", "i"} <= kinds:
            problems.append(
                f"run attribute {name!r} is of several kinds among text, boolean and number: "
                "give all datasets the same kind"
            )
        elif kinds != {"i"} or any(name not in part.coords for part in parts):
            lost = [lost_as_float(name, part[name].values) for part in parts if name in part.coords]
            problems += dict.fromkeys(message for message in lost if message)
    for name, roles in _marked(parts).items():
        if len(roles) > 1:
            problems.append(f"run attribute {name!r} has the roles {sorted(roles)}: `tk.set_roles` gives all parts one")
    # Only floats can be filled with NaN; other values would be invented.
    for name, first in _per_run_variables(parts).items():
        lacking = [number for number, part in enumerate(parts, start=1) if name not in part.variables]
        if lacking and first[name].dtype.kind != "f":
            problems.append(f"variable {name!r} is missing in dataset {lacking[0]}: drop it, or compute it for all")
    return problems


def _marked(parts: Sequence[xr.Dataset]) -> dict[str, set[str]]:
    """Collect the roles that each run attribute has in some dataset; unmarked attributes are left out."""
    found: dict[str, set[str]] = {}
    for part in parts:
        for name in run_attributes(part):
            if "role" in part[name].attrs:
                found.setdefault(name, set()).add(role_of(part, name))
    return found


def _per_run_variables(parts: Sequence[xr.Dataset]) -> dict[str, xr.Dataset]:
    """Variables along `run` other than attributes, each with the first dataset that has it."""
    found: dict[str, xr.Dataset] = {}
    for part in parts:
        for name, v in part.variables.items():
            if "run" in v.dims and name != "run" and str(name) not in run_attributes(part):
                found.setdefault(str(name), part)
    return found


def _with_checkpoints(ds: xr.Dataset, checkpoints: Labels) -> xr.Dataset:
    """Add the missing ones of `checkpoints`."""
    if np.array_equal(ds["checkpoint"], checkpoints):
        return ds
    fill = {name: MISSING[kind_of(v.dtype)] for name, v in ds.variables.items() if kind_of(v.dtype) in MISSING}
    padded = ds.reindex(checkpoint=checkpoints, fill_value=fill)
    return padded.assign({name: padded[name].transpose(*v.dims) for name, v in ds.data_vars.items()})


def _completed(ds: xr.Dataset, parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Give `ds` everything that any of `parts` has: attributes and per-point variables empty, the rest as shared."""
    for name in dict.fromkeys(name for part in parts for name in run_attributes(part)):
        if name not in ds.coords:
            known = [part[name] for part in parts if name in part.coords]
            empty = "" if any(kind_of(values.dtype) == "U" for values in known) else np.nan
            ds = ds.assign_coords({name: ("run", np.full(ds.sizes["run"], empty), known[0].attrs)})
    for name, first in _shared(parts).items():
        if name not in ds:
            values = {name: first[name].variable}
            ds = ds.assign_coords(values) if name in first.coords else ds.assign(values)
    for name, first in _per_run_variables(parts).items():
        if name not in ds.variables:
            dims = first[name].dims
            values = {name: xr.Variable(dims, np.full([ds.sizes.get(d, first.sizes[d]) for d in dims], np.nan))}
            ds = ds.assign_coords(values) if name in first.coords else ds.assign(values)
    return ds
