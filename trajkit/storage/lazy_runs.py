"""The runs of a store as one dataset whose predictions are read from disk when they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from trajkit.from_arrays import run_columns
from trajkit.schema import DIMS, SchemaError
from trajkit.storable import name_problem, usable_name
from trajkit.storage.probe import Probe
from trajkit.storage.run_file import Run, read_payload

_KINDS = {str: "text", bool: "a boolean", int: "a number", float: "a number"}
# Names of files in one line of an error.
_SHOWN = 5


def open_runs(folder: Path, runs: Sequence[Run], probe: Probe) -> xr.Dataset:
    """Make a trajectory dataset of the complete checkpoints of `runs`; shorter runs end in missing checkpoints.

    Raises
    ------
    SchemaError
        If a run attribute is of several kinds.
    """
    longest = max(len(run.checkpoints) for run in runs)
    step = np.full((len(runs), longest), -1)
    epoch = np.full(step.shape, np.nan)
    for row, run in enumerate(runs):
        step[row, : len(run.checkpoints)] = run.checkpoints["step"]
        epoch[row, : len(run.checkpoints)] = run.checkpoints["epoch"]
    log_prob = indexing.LazilyIndexedArray(_LogProb(folder, runs, (*step.shape, len(probe), len(probe.classes))))
    variables = {"log_prob": (DIMS, log_prob), "step": (DIMS[:2], step)}
    if not np.isnan(epoch).all():
        variables["epoch"] = (DIMS[:2], epoch)
    table = _with_usable_names(_attributes(runs), folder)
    identities, attributes, problems = run_columns(table)
    if problems:
        raise SchemaError([f"{folder}: {problem}" for problem in problems] + list(_of_two_kinds(table, runs)))
    coordinates = {name: ("run", column) for name, column in attributes.items()}
    ds = xr.Dataset(
        variables, {"run": identities, **coordinates, "checkpoint": np.arange(longest), **probe.coordinates()}
    )
    return ds.assign_attrs(source="trajkit.Recorder", metadata="{}", created=min(run.head["created"] for run in runs))


def _attributes(runs: Sequence[Run]) -> pd.DataFrame:
    # dtype=object: pandas would turn integers into floats if a run lacks the attribute.
    table = pd.DataFrame([run.head["attributes"] for run in runs], dtype=object)
    diverged = [run.diverged_at for run in runs]
    if any(step is not None for step in diverged):
        table["diverged_at"] = np.array(diverged, dtype=float)
    table.insert(0, "run", [run.name for run in runs])
    return table


def _of_two_kinds(table: pd.DataFrame, runs: Sequence[Run]) -> Iterator[str]:
    """Name the files, where a run attribute is of one kind in some and of another in others."""
    for name, column in table.items():
        files: dict[str, list[str]] = {}
        for value, run in zip(column, runs, strict=True):
            if (kind := _KINDS.get(type(value))) is not None:
                files.setdefault(kind, []).append(run.file)
        if len(files) > 1:
            listed = "; ".join(f"{kind} in {_listed(names)}" for kind, names in files.items())
            yield f"{name!r} is {listed}: move those of one kind out of the folder, or record them again"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _with_usable_names(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Rename attributes that trajkit 0.1 recorded and files cannot keep; a recorder refuses such names now."""
    renamed = {name: usable_name(name) for name in table.columns if name_problem(name)}
    if renamed:
        warn(
            f"{folder}: run attributes are renamed, as files cannot keep them: {renamed}", RuntimeWarning, stacklevel=4
        )
    return table.rename(columns=renamed)


class _LogProb(BackendArray):
    """Predictions (run, checkpoint, sample, class); indexing reads checkpoints and tests their checksums."""

    def __init__(self, folder: Path, runs: Sequence[Run], shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.float32)
        self._folder = folder
        self._files = [run.file for run in runs]
        self._headers = [run.checkpoints for run in runs]
        self._offsets = [run.offsets[run.is_checkpoint] for run in runs]

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        rows, columns = (np.arange(n)[k] for n, k in zip(self.shape, key[:2], strict=False))
        # An integer index drops its dimension, as in numpy.
        shape = np.empty(self.shape[2:], np.void)[key[2]][..., key[3]].shape
        out = np.full((rows.size, columns.size, *shape), np.nan, np.float32)
        for i, row in enumerate(np.atleast_1d(rows)):
            for j, column in enumerate(np.atleast_1d(columns)):
                if column < len(self._headers[row]):
                    path, offset = self._folder / self._files[row], self._offsets[row][column]
                    payload = read_payload(path, offset, self._headers[row][column])
                    out[i, j] = np.frombuffer(payload, "<f4").reshape(self.shape[2:])[key[2]][..., key[3]]
        return out.reshape((*rows.shape, *columns.shape, *shape))
