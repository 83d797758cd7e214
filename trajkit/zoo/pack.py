"""From a folder of runs to one file that can be shipped."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import xarray as xr

from trajkit.storage import Store, save
from trajkit.storage.atomic import atomic_write, check_destination
from trajkit.zoo.outcomes import Outcome, read_outcomes

# Of the 23 bits of the mantissa of log_prob. At 12, rounding changes Bhattacharyya distances on digits by less than
# 2e-5, where the median is 0.2; each bit less doubles that and saves a twentieth of the file.
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

    Beside their settings, runs have the attributes `train_error` and `test_error` on all samples at their end. The
    metadata name the grid, the commit, the data and the runs that diverged or crashed.

    Parameters
    ----------
    folder
        Where `train` put the runs.
    path, overwrite
        The file, ending in `.nc`, and whether to replace it.
    max_megabytes
        Its largest size. Predictions are rounded to 12 bits of the mantissa, or 11 where 12 take too much.

    Raises
    ------
    ValueError
        If no run was trained, or they take too much room.
    FileExistsError
        If the file exists and `overwrite` was not asked for.

    Examples
    --------
    >>> pack("runs", "data/mine.zarr")
    Traceback (most recent call last):
        ...
    ValueError: data/mine.zarr: wanted a name that ends in .nc
    """
    path = Path(path)
    check_package(path, overwrite=overwrite)
    ds = trained_runs(folder)
    # A file that turns out too large never takes the place of the old one.
    with atomic_write(path, overwrite=overwrite) as part:
        for bits in BITS:
            megabytes = save(ds, part, bits=bits, overwrite=True).stat().st_size / 1e6
            if megabytes <= max_megabytes:
                return path
        raise ValueError(
            f"{ds.sizes['run']} runs take {megabytes:.1f} MB, wanted at most {max_megabytes}: train fewer, or with "
            "fewer checkpoints or a smaller probe"
        )


def check_package(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that `pack` could not write."""
    if path.suffix != ".nc":
        raise ValueError(f"{path}: wanted a name that ends in .nc")
    check_destination(path, overwrite=overwrite)


def trained_runs(folder: str | os.PathLike[str]) -> xr.Dataset:
    """Load the runs that were trained to their end, with their errors and where they come from."""
    outcomes = read_outcomes(Path(folder))
    trained = {run: outcome for run, outcome in outcomes.items() if outcome["state"] == "trained"}
    if not trained:
        raise ValueError(f"no run in {folder} was trained to its end: nothing to pack")
    with warnings.catch_warnings():
        # Of runs that diverged or were killed: they are left out here, and named.
        warnings.filterwarnings("ignore", message=rf"{folder}: run", category=RuntimeWarning)
        ds = Store(folder).load()
    ds = ds.sel(run=[run for run in ds.run.values.tolist() if run in trained]).drop_vars("diverged_at", errors="ignore")
    names = ds.run.values.tolist()
    errors = {name: ("run", [trained[run][name] for run in names]) for name in ("train_error", "test_error")}
    return ds.assign_coords(errors).assign_attrs(
        source="trajkit.zoo", metadata=json.dumps(_metadata(trained, outcomes), ensure_ascii=False)
    )


def _metadata(trained: dict[str, Outcome], outcomes: dict[str, Outcome]) -> dict[str, object]:
    """Where the runs come from; several grids or commits are all named."""
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
