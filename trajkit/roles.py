"""Roles of run attributes: settings were chosen, seeds were drawn, outcomes were measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import xarray as xr

from trajkit.schema import run_attributes

ROLES = ("setting", "seed", "outcome")

# Attributes that are not marked have the role that their name says.
_SEEDS = frozenset({"seed", "replicate", "repeat", "random_state"})
_OUTCOMES = frozenset(
    {
        *("kind", "copy_of", "configuration", "start_step", "parameters", "checkpoints", "diverged_at"),
        *("train_error", "test_error", "train_loss", "test_loss", "train_accuracy", "test_accuracy"),
        *("seconds", "duration", "wall_time"),
    }
)
# Settings that are known to be chosen. Any other name is a setting too, but may be an outcome that nobody marked.
_SETTINGS = frozenset(
    {
        *("architecture", "optimizer", "learning_rate", "momentum", "batch_size", "weight_decay", "schedule", "epochs"),
        *("augmentation", "init", "corner_steps", "width", "depth", "size", "activation", "dropout", "normalization"),
        *("label_noise", "label_smoothing", "shuffle_labels", "decay", "model", "data", "dataset"),
        *("width_factor", "learning_rate_factor", "warmup", "warmup_steps", "layers", "heads", "context_length"),
    }
)

Runs = TypeVar("Runs", xr.Dataset, xr.DataArray)


def set_roles(ds: Runs, *, setting: Iterable[str] = (), seed: Iterable[str] = (), outcome: Iterable[str] = ()) -> Runs:
    """Say which run attributes are settings, seeds or outcomes.

    Settings are chosen before the training. Runs that share all settings are replicates: they have one configuration.
    Seeds are drawn, and distinguish replicates. Outcomes are measured, such as an error, or say where a run was made,
    such as a host; they define no groups. The role is the attribute `role` of the coordinate. Without it, names such as
    "seed", "init_seed", "test_error" or "seconds" have their role, and every other run attribute is a setting.

    Parameters
    ----------
    ds
        A trajectory dataset, or a result with run attributes, such as a matrix (run, run2).
    setting, seed, outcome
        Names of the run attributes that have this role.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        `ds` with the roles: a trajectory dataset if `ds` is one.

    Raises
    ------
    ValueError
        If a name is no run attribute, has several roles, or is "kind"; the message lists all problems.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, groups=2).assign_coords(host=("run", ["h1", "h2", "h2", "h1"]))
    >>> tk.configuration(ds).values.tolist()
    ['architecture=A, host=h1', 'architecture=B, host=h2', 'architecture=A, host=h2', 'architecture=B, host=h1']
    >>> tk.configuration(tk.set_roles(ds, outcome=["host"])).values.tolist()
    ['architecture=A', 'architecture=B', 'architecture=A', 'architecture=B']
    """
    given = {"setting": setting, "seed": seed, "outcome": outcome}
    # One name alone would be read letter by letter.
    wanted = {role: [names] if isinstance(names, str) else list(names) for role, names in given.items()}
    known, named = run_attributes(ds), [name for names in wanted.values() for name in names]
    problems = [f"no run attribute {name!r}: wanted one of {known}" for name in named if name not in known]
    problems += [f"{name!r} is named more than once" for name in dict.fromkeys(named) if named.count(name) > 1]
    problems += ["'kind' says which runs are networks: its role is fixed"] if "kind" in named else []
    if problems:
        raise ValueError("set_roles: " + "; ".join(problems))
    marked = {}
    for role, names in wanted.items():
        for name in names:
            marked[name] = ds[name].variable.copy(deep=False)
            marked[name].attrs = {**marked[name].attrs, "role": role}
    return ds.assign_coords(marked)


def role_of(ds: xr.Dataset | xr.DataArray, name: str) -> str:
    """Say whether a run attribute is a "setting", a "seed" or an "outcome".

    Examples
    --------
    >>> import trajkit as tk
    >>> role_of(tk.simulate(runs=2), "seed")
    'seed'
    """
    marked = ds.coords.variables[name].attrs.get("role")
    if marked is None:
        is_seed = name in _SEEDS or name.endswith("_seed") or name.startswith("seed_")
        return "seed" if is_seed else "outcome" if name in _OUTCOMES else "setting"
    if marked not in ROLES:
        raise ValueError(f"run attribute {name!r} has role {marked!r}: wanted one of {list(ROLES)}; use tk.set_roles")
    return str(marked)


def attributes_with_role(ds: xr.Dataset | xr.DataArray, role: str) -> list[str]:
    """Name the run attributes that have a role.

    Examples
    --------
    >>> import trajkit as tk
    >>> attributes_with_role(tk.simulate(runs=2), "setting")
    ['architecture']
    """
    return [name for name in run_attributes(ds) if role_of(ds, name) == role]


def is_certain(ds: xr.Dataset | xr.DataArray, name: str) -> bool:
    """Say whether the role of a run attribute was marked, or follows from a known name.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2).assign_coords(host=("run", ["h1", "h2"]))
    >>> is_certain(ds, "architecture"), is_certain(ds, "host")
    (True, False)
    """
    marked = "role" in ds.coords.variables[name].attrs
    return marked or name in _SETTINGS or role_of(ds, name) != "setting"
