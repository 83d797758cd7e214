"""A folder into which many processes record their runs, and which is read as one dataset."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.schema import SchemaError, installed_version, stamp, validated
from trajkit.storage.atomic import user_path, write_once
from trajkit.storage.file_lock import is_locked
from trajkit.storage.lazy_runs import open_runs
from trajkit.storage.probe import Probe
from trajkit.storage.reading import BROKEN, system_error
from trajkit.storage.run_file import Run, find_file
from trajkit.storage.run_index import list_runs, odd_entries
from trajkit.storage.run_writer import RunWriter

PROBE_FILE = "probe.json"
# Columns of `table` beside the run attributes, which may therefore not have these names.
COLUMNS = ("checkpoints", "step", "train_loss", "test_loss", "state", "diverged_at", "unfinished")


class Store:
    """A folder of runs that were recorded, or are being recorded, on one probe.

    The folder holds `probe.json` (labels, classes, splits, sample identities and a hash of the inputs) and one file
    per run, to which complete checkpoints are appended. Many processes and machines may record into it at once, each
    its own run. A hidden index file makes listing quick; it may be deleted at any time.

    Parameters
    ----------
    path
        The folder, which `tk.Recorder` makes.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or it holds no probe.
    OSError
        If its probe cannot be read.

    Examples
    --------
    >>> import tempfile, numpy as np, trajkit as tk
    >>> probe = tk.Probe(np.eye(2), label=[0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for seed in range(2):
    ...         with tk.Recorder(folder, probe, run=dict(architecture="MLP", seed=seed)) as record:
    ...             for step in range(3):
    ...                 record(lambda inputs: 3 * step * inputs, step)
    ...     store = tk.Store(folder)
    ...     table, sizes = store.table(), dict(store.load().sizes)
    >>> table[["architecture", "seed", "checkpoints", "state"]]
           architecture  seed  checkpoints     state
    run
    MLP-0           MLP     0            3  complete
    MLP-1           MLP     1            3  complete
    >>> sizes
    {'run': 2, 'checkpoint': 3, 'sample': 2, 'class': 2}
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = user_path(path)
        if not (self.path / PROBE_FILE).is_file():
            what = "it holds no probe.json: nothing was recorded there" if self.path.is_dir() else "no such folder"
            raise FileNotFoundError(f"{self.path} is not a store of runs: {what}")
        description, self.probe = _read_probe(self.path / PROBE_FILE)
        # Each run holds this hash, so that a file from the folder of another probe is recognised.
        self._probe_hash = hashlib.sha256(description).hexdigest()

    @classmethod
    def create(cls, path: str | os.PathLike[str], probe: Probe) -> Store:
        """Open the store at `path` for recording on `probe`; make the folder if it does not exist.

        Raises
        ------
        SchemaError
            If runs in this folder were recorded on another probe.
        OSError
            If the folder cannot be written to.
        """
        folder = user_path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / PROBE_FILE).exists():
                write_once(folder / PROBE_FILE, probe.describe().encode())
        except OSError as error:
            raise type(error)(error.errno, f"cannot make a store of runs in {folder} ({error.strerror})") from error
        store = cls(folder)
        if differences := store.probe.differences(probe):
            raise SchemaError(
                [
                    f"{folder} holds runs on another probe: {', '.join(differences)} differ. All runs of a store share "
                    "one probe in one order: record on the same probe, or into another folder"
                ]
            )
        return store

    def __len__(self) -> int:
        return len(self.runs())

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}, {len(self)} runs)"

    def table(self) -> pd.DataFrame:
        """List the runs, one row each, without reading their predictions.

        Returns
        -------
        pandas.DataFrame
            Indexed by run, with a column for each run attribute and

            - `checkpoints`: the number of complete checkpoints, and `step`: the step of the last (-1 without any);
            - `train_loss`, `test_loss`: mean of -log p(label) at the last checkpoint, in nats;
            - `state`: "complete" (its recorder was closed), "recording" (a process is recording it), "interrupted",
              "diverged", or "damaged" (the file was changed later; checkpoints before the change can be read);
            - `diverged_at`: the step at which predictions were NaN, or NaN if they never were;
            - `unfinished`: the number of bytes of a checkpoint that was never completed.
        """
        runs = self.runs()
        last = [run.checkpoints[-1:] for run in runs]
        last_columns = (("step", -1), ("train_loss", np.nan), ("test_loss", np.nan))
        attributes = pd.DataFrame([run.head.get("attributes", {}) for run in runs], dtype=object).infer_objects()
        summary = pd.DataFrame(
            {
                "checkpoints": [int(run.is_checkpoint.sum()) for run in runs],
                **{name: [frame[name][0] if len(frame) else none for frame in last] for name, none in last_columns},
                "state": [self._state(run) for run in runs],
                "diverged_at": np.array([run.diverged_at for run in runs], dtype=float),
                "unfinished": [run.unfinished for run in runs],
            }
        )
        table = pd.concat([attributes, summary], axis=1)
        table.index = pd.Index([run.name for run in runs], name="run")
        return table

    def load(self, chunks: Mapping[str, int] | None = None) -> xr.Dataset:
        """Open all runs as one dataset whose predictions are read when they are used.

        Parameters
        ----------
        chunks
            Sizes of dask chunks, such as `{"run": 8}`. By default the dataset needs no dask: predictions are read
            from disk when they are used.

        Returns
        -------
        xarray.Dataset
            Complete checkpoints of all runs that have one, in the order of their files' names; shorter runs end in
            missing checkpoints. The run attribute `diverged_at` is the step at which a run diverged.

        Raises
        ------
        OSError
            If no run has a complete checkpoint; later, if a damaged checkpoint is read.
        SchemaError
            If two files hold the same run, a run was recorded on another probe, or a run attribute is text in one
            run and a number in another.

        Warns
        -----
        RuntimeWarning
            Names the runs with unfinished or damaged checkpoints, and what is left out: runs without checkpoints, and
            entries named like a run's file that are none, such as a folder.
        """
        runs = self.runs()
        for message in [*odd_entries(self.path, runs), *_incomplete(runs)]:
            warn(f"{self.path}: {message}", RuntimeWarning, stacklevel=2)
        runs = [run for run in runs if len(run.checkpoints)]
        if not runs:
            raise OSError(f"no run in {self.path} has a complete checkpoint yet: record one first")
        self._check(runs)
        ds = validated(stamp(open_runs(self.path, runs, self.probe)), values=False)
        return ds if chunks is None else ds.chunk(dict(chunks))

    def runs(self) -> list[Run]:
        """List the runs, without their predictions, in the order of their files' names."""
        return list_runs(self.path)

    def writer(self, run: str, attributes: Mapping[str, Any], *, resume: bool) -> RunWriter:
        """Open one run for recording; see `RunWriter`."""
        head = {
            "run": run,
            "attributes": dict(attributes),
            "probe": self._probe_hash,
            "samples": len(self.probe),
            "classes": len(self.probe.classes),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "trajkit_version": installed_version(),
        }
        return RunWriter(find_file(self.path, run), head, resume=resume)

    def _state(self, run: Run) -> str:
        if run.damaged:
            return "damaged"
        if run.diverged_at is not None:
            return "diverged"
        if run.is_ended:
            return "complete"
        return "recording" if is_locked(self.path / run.file) else "interrupted"

    def _check(self, runs: list[Run]) -> None:
        this = (self._probe_hash, len(self.probe), len(self.probe.classes))
        problems = [
            f"{run.file}: recorded on another probe than that of {self.path}; move it to a folder of its own"
            for run in runs
            if (run.head["probe"], run.head["samples"], run.head["classes"]) != this
        ]
        names = pd.Series([run.name for run in runs])
        for name in names[names.duplicated()].unique():
            files = ", ".join(run.file for run in runs if run.name == name)
            problems.append(f"{files} hold the same run {name!r}: move one out of the folder")
        if problems:
            raise SchemaError(problems)


def _read_probe(path: Path) -> tuple[bytes, Probe]:
    try:
        description = path.read_bytes()
        return description, Probe.from_description(description.decode())
    except (*BROKEN, MemoryError) as error:
        raise OSError(
            f"cannot read {path}: it is damaged ({error or type(error).__name__}). Restore it from a copy"
        ) from error
    except OSError as error:
        raise system_error(path, error) from error


def _incomplete(runs: list[Run]) -> Iterator[str]:
    """Describe the checkpoints, and the runs, that a dataset of these runs does not contain."""
    for run in runs:
        last = f"after step {run.checkpoints['step'][-1]}" if len(run.checkpoints) else "and has no complete checkpoint"
        if run.damaged:
            yield f"run {run.name!r} is damaged {last}; the rest cannot be read: restore {run.file} from a copy"
        elif run.unfinished:
            yield f"run {run.name!r} has {run.unfinished} bytes of an unfinished checkpoint {last}"
        elif not len(run.checkpoints):
            why = (
                "has no checkpoint yet" if run.diverged_at is None else "diverged before its first complete checkpoint"
            )
            yield f"run {run.name!r} {why} and is left out"
