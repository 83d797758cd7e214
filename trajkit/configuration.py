"""Configurations: all runs that share every setting."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.arranged import arranged
from trajkit.roles import attributes_with_role, is_certain
from trajkit.schema import DIMS, is_network
from trajkit.typing import Indices, Mask

_NOT_SET = "(not set)"


def configuration(ds: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Label the configuration of each run: the settings that vary, and their values.

    Runs with the same label share every setting; they are replicates. `set_roles` says which attributes are settings.

    Parameters
    ----------
    ds
        A trajectory dataset, or a result with run attributes, such as a matrix (run, run2).

    Returns
    -------
    xarray.DataArray
        Text (run), such as "architecture=fc, optimizer=adam". A value that is missing is "(not set)". Reference runs
        have the label "".

    Raises
    ------
    TypeError, ValueError
        If `ds` is no such dataset or result, or has no dimension `run`.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.configuration(tk.simulate(runs=4, groups=2)).values.tolist()
    ['architecture=A', 'architecture=B', 'architecture=A', 'architecture=B']
    """
    if not isinstance(ds, xr.Dataset | xr.DataArray):
        raise TypeError(f"wanted a dataset of runs, or a result that kept their attributes, got {type(ds).__name__}")
    ds = arranged(ds.coords.to_dataset(), DIMS, "log_prob")
    if "run" not in ds.dims:
        raise ValueError(f"wanted run attributes, on a dimension 'run', got dimensions {tuple(ds.dims)}")
    network = is_network(ds)
    some = ds.isel(run=network)
    code, names = configuration_codes(some)
    first = np.unique(code, return_index=True)[1]
    columns = [[f"{name}={written_value(some[name].values[at])}" for at in first] for name in names]
    label = np.array([", ".join(values) for values in zip(*columns, strict=True)] or ["all settings equal"])
    labels = np.full(len(network), "", dtype=label.dtype)
    labels[network] = label[code]
    attrs = {"long_name": "settings that vary, and their values"}
    return xr.DataArray(labels, {"run": ds["run"].values}, ("run",), "configuration", attrs)


def configuration_codes(ds: xr.Dataset | xr.DataArray) -> tuple[Indices, list[str]]:
    """Give each configuration of networks a number, in order of appearance, and name the settings that vary.

    Examples
    --------
    >>> import trajkit as tk
    >>> configuration_codes(tk.simulate(runs=4, groups=2))
    (array([0, 1, 0, 1]), ['architecture'])
    """
    names = varying(ds, "setting")
    return joint_codes([codes(ds, name) for name in names], ds.sizes["run"]), names


def varying(ds: xr.Dataset | xr.DataArray, role: str) -> list[str]:
    """Name the attributes of a role that have at least two values; "missing" is a value.

    Examples
    --------
    >>> import trajkit as tk
    >>> varying(tk.simulate(runs=4, groups=2), "seed")
    ['seed']
    """
    return [name for name in attributes_with_role(ds, role) if codes(ds, name).max(initial=0) > 0]


def codes(ds: xr.Dataset | xr.DataArray, name: str) -> Indices:
    """Give each value of a run attribute a number, in order of appearance. "Missing" is a value.

    Examples
    --------
    >>> import trajkit as tk
    >>> codes(tk.simulate(runs=2).assign_coords(init=("run", ["", "corner"])), "init")
    array([0, 1])
    """
    return pd.factorize(ds[name].values, use_na_sentinel=False)[0]


def joint_codes(parts: list[Indices], runs: int) -> Indices:
    """Give each combination of several codes a number, in order of appearance.

    Examples
    --------
    >>> joint_codes([np.array([0, 0, 1]), np.array([1, 0, 0])], 3)
    array([0, 1, 2])
    """
    if not parts:
        return np.zeros(runs, dtype=np.intp)
    _, first, code = np.unique(np.stack(parts, axis=1), axis=0, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[code.ravel()]


class Configurations(NamedTuple):
    """Configurations of networks, checked for inference."""

    code: Indices
    """Number of each run's configuration."""
    settings: list[str]
    """Settings that vary."""
    seeds: list[str]
    """Seed attributes that vary."""
    different_seeds: Mask
    """Pairs (run, run2) that differ in every seed attribute that varies; without such attributes, all pairs."""
    limitations: list[str]


def checked_configurations(ds: xr.Dataset | xr.DataArray) -> Configurations:
    """Find the configurations of networks, for inference; refuse attributes that may be unmarked outcomes.

    Raises
    ------
    ValueError
        If an attribute of unknown role follows from the seed: its runs would not be replicates.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, groups=2)
    >>> checked_configurations(ds).code
    array([0, 1, 0, 1])
    >>> checked_configurations(ds.assign_coords(final_loss=("run", [0.1, 0.2, 0.3, 0.4])))
    Traceback (most recent call last):
        ...
    ValueError: final_loss may be an outcome: it differs between runs that share every other setting, so seeds would not
    be replicates. Write ds = tk.set_roles(ds, outcome=['final_loss']), or setting=['final_loss'] if it was chosen
    before the training
    """
    if found := _possible_outcomes(ds):
        raise ValueError(
            f"{', '.join(found)} may be an outcome: it differs between runs that share every other setting, so seeds "
            f"would not be replicates. Write ds = tk.set_roles(ds, outcome={found}), or setting={found} if it was "
            "chosen before the training"
        )
    code, settings = configuration_codes(ds)
    seeds = varying(ds, "seed")
    own = [codes(ds, name) for name in seeds]
    different = np.all([c[:, None] != c for c in own], axis=0) if own else ~np.eye(len(code), dtype=bool)
    replicates = (code[:, None] == code) & different
    said = [] if replicates.any() else ["no configuration has two seeds: runs are the units, seeds were not measured"]
    return Configurations(code, settings, seeds, different, said)


def is_function(code: Indices, of: Indices) -> bool:
    """Decide whether a code has only one value for each value of another code.

    Examples
    --------
    >>> is_function(np.array([0, 0, 1]), np.array([0, 1, 2])), is_function(np.array([0, 1, 2]), np.array([0, 0, 1]))
    (True, False)
    """
    return bool(joint_codes([code, of], len(of)).max(initial=-1) == joint_codes([of], len(of)).max(initial=-1))


def _possible_outcomes(ds: xr.Dataset | xr.DataArray) -> list[str]:
    """Name the settings of unknown role that may be results of the other settings and the seed."""
    settings = {name: codes(ds, name) for name in varying(ds, "setting")}
    seeds = [codes(ds, name) for name in varying(ds, "seed")]
    runs = ds.sizes["run"]
    seed = joint_codes(seeds, runs)
    unknown = {name: code for name, code in settings.items() if not is_certain(ds, name)}
    # One is left out after the other, those with most values first: beside each other, two outcomes look like settings.
    for name, own in sorted(unknown.items(), key=lambda item: -item[1].max()):
        rest = joint_codes([code for other, code in settings.items() if other != name], runs)
        if _follows_seed(own, rest, seed):
            del settings[name]
    left = joint_codes(list(settings.values()), runs)
    return [name for name, own in unknown.items() if name not in settings and not is_function(own, left)]


def _follows_seed(own: Indices, rest: Indices, seed: Indices) -> bool:
    """Decide whether a setting may be a result of the other settings and the seed, as a final loss or a host is."""
    if 0 < seed.max() < len(seed) - 1:
        # A setting that was crossed with seeds differs between runs with the same seed.
        return is_function(own, joint_codes([rest, seed], len(seed)))
    if (np.bincount(own)[own] == 1).mean() > 0.5:
        return True
    # Each run has a seed of its own, so that all attributes are functions of it. A setting leaves replicates.
    both = joint_codes([rest, own], len(own))
    return seed.max() > 0 and bool(((np.bincount(both)[both] == 1) & (np.bincount(rest)[rest] > 1)).any())


def written_value(value: Any) -> str:
    """Write a value so that different values, and different lists of values, have different texts.

    Examples
    --------
    >>> [written_value(value) for value in np.array(["", "adam", "a, b"])]
    ['(not set)', 'adam', "'a, b'"]
    """
    if isinstance(value, str):
        text = str(value)
        # Between quotes, a text that looks like another setting is told from it.
        return repr(text) if any(mark in text for mark in (",", "=", "'", '"', _NOT_SET)) else text or _NOT_SET
    return _NOT_SET if value.dtype.kind == "f" and np.isnan(value) else str(value)
