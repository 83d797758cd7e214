"""The runs of a folder as one dataset whose predictions stay on disk until they are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from trajkit.from_arrays import run_columns
from trajkit.schema import DIMS, SchemaError
from trajkit.storage.probe import Probe
from trajkit.storage.run_file import Run, read_payload


def open_runs(folder: Path, runs: Sequence[Run], probe: Probe) -> xr.Dataset:
    """Make a trajectory dataset of the whole checkpoints of `runs`, padded to the longest."""
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
    identities, attributes, problems = run_columns(_attributes(runs))
    if problems:
        raise SchemaError(problems)
    coordinates = {name: ("run", column) for name, column in attributes.items()}
    ds = xr.Dataset(
        variables, {"run": identities, **coordinates, "checkpoint": np.arange(longest), **probe.coordinates()}
    )
    return ds.assign_attrs(source="trajkit.Recorder", metadata="{}", created=min(run.head["created"] for run in runs))


def _attributes(runs: Sequence[Run]) -> pd.DataFrame:
    # Objects: pandas would make integers beside a missing value floats.
    table = pd.DataFrame([run.head["attributes"] for run in runs], dtype=object)
    diverged = [run.diverged_at for run in runs]
    if any(step is not None for step in diverged):
        table["diverged_at"] = np.array(diverged, dtype=float)
    table.insert(0, "run", [run.name for run in runs])
    return table


class _LogProb(BackendArray):
    """Predictions (run, checkpoint, sample, class), read checkpoint by checkpoint and checked by their checksums."""

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
        shape = [len(np.arange(n)[k]) for n, k in zip(self.shape[2:], key[2:], strict=True) if not _is_whole_number(k)]
        out = np.full((rows.size, columns.size, *shape), np.nan, np.float32)
        for i, row in enumerate(np.atleast_1d(rows)):
            for j, column in enumerate(np.atleast_1d(columns)):
                if column < len(self._headers[row]):
                    out[i, j] = self._checkpoint(row, column)[key[2]][..., key[3]]
        return out.reshape((*rows.shape, *columns.shape, *shape))

    def _checkpoint(self, row: int, column: int) -> NDArray[np.float32]:
        payload = read_payload(self._folder / self._files[row], self._offsets[row][column], self._headers[row][column])
        return np.frombuffer(payload, "<f4").reshape(self.shape[2:])


def _is_whole_number(key: Any) -> bool:
    return isinstance(key, int | np.integer)
