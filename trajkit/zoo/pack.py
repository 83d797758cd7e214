"""From a folder of runs to one small file."""

from __future__ import annotations

import json
import os
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import xarray as xr

from trajkit.roles import set_roles
from trajkit.storage import Store, save
from trajkit.storage.atomic import atomic_write, check_destination, user_path
from trajkit.zoo.outcomes import Outcome, read_outcomes

# Bits kept of the 23 in the mantissa of log_prob. With 12, rounding changes the Bhattacharyya distances on digits by
# less than 2e-5 (their median is 0.2). Each bit less doubles that and makes the file a twentieth smaller.
BITS = (12, 11)
MAX_MEGABYTES = 25


def pack(
    folder: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    max_megabytes: float = MAX_MEGABYTES,
) -> Path:
    """Pack the runs that were trained to their end into one file.

    The run attributes are the settings, the seeds and the final errors on all samples, `train_error` and `test_error`.
    What follows from other settings has the role of an outcome: the width; the learning rate, where the runs have its
    factor; the number of the replicate; and what the grid names in `follows`. The metadata name the grid, the commit,
    the data and the runs that diverged or crashed.

    Parameters
    ----------
    folder
        Folder of the runs that `train` wrote.
    path
        Path of the file; it ends in `.nc`.
    overwrite
        Whether to replace an existing file.
    max_megabytes
        Largest size of the file. Predictions are rounded to 12 bits of the mantissa, or to 11 if 12 take too much room.

    Returns
    -------
    pathlib.Path
        Path of the file.

    Raises
    ------
    ValueError
        If no run was trained to its end, or the runs take too much room.
    FileExistsError
        If the file exists and `overwrite` is False.

    Examples
    --------
    >>> pack("runs", "data/mine.zarr")
    Traceback (most recent call last):
        ...
    ValueError: data/mine.zarr: wanted a name that ends in .nc
    """
    path = user_path(path)
    check_package(path, overwrite=overwrite)
    ds = trained_runs(folder)
    # Written aside first: a file that is too large must not replace the old one.
    with atomic_write(path, overwrite=overwrite) as part:
        for bits in BITS:
            megabytes = save(ds, part, bits=bits, overwrite=True).stat().st_size / 1e6
            if megabytes <= max_megabytes:
                return path
        raise ValueError(
            f"{ds.sizes['run']} runs take {megabytes:.1f} MB, wanted at most {max_megabytes}: train fewer runs, or use "
            "fewer checkpoints or a smaller probe"
        )


def check_package(path: Path, *, overwrite: bool) -> None:
    """Refuse a path that `pack` could not write to."""
    if path.suffix != ".nc":
        raise ValueError(f"{path}: wanted a name that ends in .nc")
    if find_spec("netCDF4") is None:
        raise ModuleNotFoundError(
            f"writing {path} needs netCDF4: pip install netcdf4, or carry the folder of the runs to another machine "
            "(--archive PREFIX) and pack it there"
        )
    check_destination(path, overwrite=overwrite)


def trained_runs(folder: str | os.PathLike[str]) -> xr.Dataset:
    """Load the runs that were trained to their end, with their errors and their origin."""
    outcomes = read_outcomes(user_path(folder))
    trained = {run: outcome for run, outcome in outcomes.items() if outcome["state"] == "trained"}
    if not trained:
        raise ValueError(f"no run in {folder} was trained to its end: there is nothing to pack")
    with warnings.catch_warnings():
        # About runs that diverged or were killed: they are left out, and the metadata name them.
        warnings.filterwarnings("ignore", message=re.escape(f"{folder}: run"), category=RuntimeWarning)
        ds = Store(folder).load()
    ds = ds.sel(run=[run for run in ds.run.values.tolist() if run in trained]).drop_vars("diverged_at", errors="ignore")
    names = ds.run.values.tolist()
    errors = {name: ("run", [trained[run][name] for run in names]) for name in ("train_error", "test_error")}
    return set_roles(ds.assign_coords(errors), outcome=_following(ds, trained)).assign_attrs(
        source="trajkit.zoo", metadata=json.dumps(_metadata(trained, outcomes), ensure_ascii=False)
    )


def _following(ds: xr.Dataset, trained: dict[str, Outcome]) -> list[str]:
    """Name the attributes that follow from others: as settings they would always differ together with these."""
    # Runs of other configurations share the number of a replicate, and no random numbers.
    follows = {name for outcome in trained.values() for name in outcome["follows"]} | {"width", "replicate"}
    if "learning_rate_factor" in ds.coords and ds.learning_rate_factor.notnull().all():
        follows.add("learning_rate")
    return sorted(follows)


def _metadata(trained: dict[str, Outcome], outcomes: dict[str, Outcome]) -> dict[str, object]:
    """Describe where the runs come from; several grids or commits are joined."""
    first = next(iter(trained.values()))
    named = {
        key: ", ".join(sorted({outcome[key] for outcome in trained.values()}))
        for key in ("grid", "commit", "torch", "device")
    }
    return {
        **named,
        "data": first["description"],
        "data_settings": {name: value for name, value in first["data"].items() if value is not None},
        "hours": round(sum(outcome["seconds"] for outcome in outcomes.values() if "seconds" in outcome) / 3600, 2),
        "failed_runs": {
            run: f"{outcome['state']}: {outcome['reason'].splitlines()[-1]}"
            for run, outcome in outcomes.items()
            if outcome["state"] != "trained"
        },
    }
