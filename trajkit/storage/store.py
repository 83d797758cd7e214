"""A folder in which any number of processes record their runs, and read as one dataset."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.schema import SchemaError, installed_version, stamp, validate
from trajkit.storage.lazy_runs import open_runs
from trajkit.storage.probe import Probe
from trajkit.storage.run_file import Run, RunWriter, file_name, is_locked
from trajkit.storage.run_index import list_runs

_PROBE = "probe.json"
# Columns of `table` beside the attributes of runs.
COLUMNS = ("checkpoints", "step", "train_loss", "test_loss", "state", "diverged_at", "unfinished")


class Store:
    """A folder of runs that were recorded, or are being recorded, on one probe.

    The folder holds `probe.json` (labels, classes, splits, sample identities and a hash of the inputs) and one file
    per run, to which whole checkpoints are added. Any number of processes and machines record into it at once, each
    its own run. A hidden file makes listing quick; it may be deleted at any time.

    Parameters
    ----------
    path
        The folder. `tk.Recorder` makes it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no probe in it.
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
        self.path = Path(path)
        if not (self.path / _PROBE).is_file():
            what = "no probe.json in it: nothing was recorded there" if self.path.is_dir() else "no such folder"
            raise FileNotFoundError(f"{self.path} is no store of runs: {what}")
        self._description = (self.path / _PROBE).read_bytes()
        try:
            self.probe = Probe.from_description(self._description.decode())
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(f"cannot read {self.path / _PROBE}: it is damaged ({error}). Restore it") from error

    @classmethod
    def create(cls, path: str | os.PathLike[str], probe: Probe) -> Store:
        """Open the store at `path` for recording on `probe`, making the folder if there is none.

        Raises
        ------
        SchemaError
            If runs in this folder were recorded on another probe.
        OSError
            If the folder cannot be written to.
        """
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / _PROBE).exists():
                _write_once(folder / _PROBE, probe.describe().encode())
        except OSError as error:
            raise type(error)(error.errno, f"cannot make a store of runs in {folder} ({error.strerror})") from error
        store = cls(folder)
        if differences := store.probe.differences(probe):
            raise SchemaError(
                [
                    f"{folder} holds runs on another probe: {', '.join(differences)} differ; all runs of a store share "
                    "one probe in one order: record on the same, or into another folder"
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
            Indexed by run; a column per attribute, and

            - `checkpoints`: the number of whole ones, and the `step` of the last (-1 without any);
            - `train_loss`, `test_loss`: mean of -log p(label) at the last checkpoint, in nats;
            - `state`: "complete" (its recorder was closed), "recording" (a process is at it), "interrupted",
              "diverged", or "damaged" (bytes changed after they were written; what precedes them is read);
            - `diverged_at`: the step at which predictions were no distributions any more, else NaN;
            - `unfinished`: bytes of a checkpoint that was never finished.
        """
        runs = self.runs()
        last = [run.checkpoints[-1:] for run in runs]
        attributes = pd.DataFrame([run.head.get("attributes", {}) for run in runs], dtype=object).infer_objects()
        summary = pd.DataFrame(
            {
                "checkpoints": [int(run.is_checkpoint.sum()) for run in runs],
                **{
                    name: [frame[name][0] if len(frame) else missing for frame in last]
                    for name, missing in _LAST.items()
                },
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
            A dict such as `{"run": 8}` gives dask arrays; None numpy arrays, read on first use, which need no dask.

        Returns
        -------
        xarray.Dataset
            Whole checkpoints of all runs that have one, in the order of their names; shorter runs end in missing
            checkpoints. Where a run diverged, the attribute `diverged_at` is the step at which it did.

        Raises
        ------
        OSError
            If no run has a whole checkpoint; later, when a checkpoint is read that was damaged.
        SchemaError
            If two files hold one run, a run was recorded on another probe, or an attribute is text in one run and a
            number in another.

        Warns
        -----
        RuntimeWarning
            Names the runs with unfinished or damaged checkpoints, and those without any, which are left out.
        """
        runs = self.runs()
        for message in _losses(runs):
            warn(f"{self.path}: {message}", RuntimeWarning, stacklevel=2)
        runs = [run for run in runs if len(run.checkpoints)]
        if not runs:
            raise OSError(f"no run in {self.path} has a whole checkpoint yet")
        self._check(runs)
        ds = stamp(open_runs(self.path, runs, self.probe))
        validate(ds, values=False)
        return ds if chunks is None else ds.chunk(dict(chunks))

    def runs(self) -> list[Run]:
        """Read what is known of each run, in the order of their names; unchanged files are not opened."""
        return list_runs(self.path)

    def writer(self, run: str, attributes: Mapping[str, Any], *, resume: bool) -> RunWriter:
        """Open one run for recording; see `RunWriter`."""
        head = {
            "run": run,
            "attributes": dict(attributes),
            "probe": hashlib.sha256(self._description).hexdigest(),
            "samples": len(self.probe),
            "classes": len(self.probe.classes),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "trajkit_version": installed_version(),
        }
        return RunWriter(self.path / file_name(run), head, resume=resume)

    def _state(self, run: Run) -> str:
        if run.damaged:
            return "damaged"
        if run.diverged_at is not None:
            return "diverged"
        if run.is_ended:
            return "complete"
        return "recording" if is_locked(self.path / run.file) else "interrupted"

    def _check(self, runs: list[Run]) -> None:
        digest = hashlib.sha256(self._description).hexdigest()
        problems = [
            f"{run.file}: recorded on another probe than that of {self.path}; move it to a folder of its own"
            for run in runs
            if run.head["probe"] != digest
        ]
        names = pd.Series([run.name for run in runs])
        for name in names[names.duplicated()].unique():
            files = ", ".join(run.file for run in runs if run.name == name)
            problems.append(f"{files} hold the same run {name!r}: move one out of the folder")
        if problems:
            raise SchemaError(problems)


def _losses(runs: list[Run]) -> Iterator[str]:
    """Say which checkpoints, and which whole runs, a dataset of these runs lacks."""
    for run in runs:
        last = f"after step {run.checkpoints['step'][-1]}" if len(run.checkpoints) else "and no whole one"
        if run.damaged:
            yield f"run {run.name!r} is damaged {last}, what follows cannot be read: restore {run.file} from a copy"
        elif run.unfinished:
            yield f"run {run.name!r} has {run.unfinished} bytes of an unfinished checkpoint {last}"
        elif not len(run.checkpoints):
            why = "has no checkpoint yet" if run.diverged_at is None else "diverged before its first whole checkpoint"
            yield f"run {run.name!r} {why} and is left out"


_LAST = {"step": -1, "train_loss": np.nan, "test_loss": np.nan}


def _write_once(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; where another process was first, its file stands."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        try:
            os.link(part, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
