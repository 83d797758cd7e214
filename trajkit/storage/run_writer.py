"""Recording one run: checkpoints are appended to its file, which is locked for other recorders."""

from __future__ import annotations

import io
import json
import os
import weakref
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np

from trajkit.storage.atomic import flush_folder
from trajkit.storage.file_lock import lock
from trajkit.storage.run_file import HEAD, MAGIC, RETURN, Run, frame, read_payload, read_run

# Weights that were stored and loaded, on another device perhaps, give probabilities as near as this.
_SAME = 1e-3


class RunWriter:
    """A run that is being recorded: its file is locked, and grows by complete frames only.

    Parameters
    ----------
    path
        The run's file, created if it does not exist.
    head
        Identity, attributes and probe of the run. If the file has a head, they must agree; time and version may differ.
    resume
        Whether a file that has checkpoints may be continued.

    Raises
    ------
    BlockingIOError
        If this or another process is recording the run.
    FileExistsError
        If the file has checkpoints and `resume` is False, or holds another run.
    OSError
        If the folder is read-only, or the file is damaged.
    """

    def __init__(self, path: Path, head: dict[str, Any], *, resume: bool) -> None:
        self.path = path
        if path.exists() and not path.is_file():
            raise FileExistsError(f"{path} is in the way of the run's file: move it elsewhere, or rename the run")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise type(error)(error.errno, f"cannot record into {path} ({error.strerror})") from error
        self._file = io.FileIO(descriptor, "r+")
        try:
            lock(self._file, path)
            self.run = read_run(path)
            _check_continuation(self.run, path, head, resume)
            # A file without checkpoints begins with a new head, whatever the old one was.
            self._end = 0 if self.run.is_empty else self.run.end
            self._file.truncate(self._end)
            if not self._end:
                self.append(HEAD, json.dumps(head, ensure_ascii=False).encode())
                flush_folder(path.parent)
        except BaseException:
            self._file.close()
            raise
        _open_writers.add(self)

    def append(self, kind: bytes, payload: bytes, **fields: Any) -> None:
        """Add a frame and wait until it is on disk; if that fails, the file is as it was before."""
        self.check_open()
        self._check_place()
        data = memoryview(frame(kind, payload, **fields))
        end, is_written = self._end + len(data), False
        try:
            self._file.seek(self._end)
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())
            is_written = True
        except OSError as error:
            raise type(error)(
                error.errno,
                f"writing to {self.path} failed ({error.strerror}); all earlier checkpoints are intact. "
                "Is the disk full?",
            ) from error
        finally:
            # Also after a KeyboardInterrupt: the next frame must follow a complete one.
            if is_written:
                self._end = end
            elif self.is_open:
                self._file.truncate(self._end)

    def holds(self, step: int, payload: bytes, *, after: int | None) -> bool:
        """Whether the run holds these predictions at `step`, as its first checkpoint after the step `after`."""
        held = self.run.checkpoints[self.run.checkpoints["step"] > (-1 if after is None else after)]
        if after is not None:
            held = held[:1]
        same = held[held["step"] == step]
        return bool(len(same)) and self._is_held(same[0], payload)

    def return_to(self, step: int) -> int:
        """Set apart the checkpoints from `step` on: the training that gave them was abandoned.

        Returns the step of the last checkpoint that stays, or -1.
        """
        held = self.run.checkpoints["step"]
        if len(beyond := held[held >= step].tolist()):
            self.append(RETURN, b"", step=beyond[0])
            warn(
                f"run {self.run.name!r} goes on from step {step}: {len(beyond)} checkpoints from step {beyond[0]} to "
                f"{beyond[-1]} came from a training that was abandoned. They stay in {self.path}, but are no longer "
                "part of the run",
                RuntimeWarning,
                stacklevel=5,
            )
        return int(max(held[held < step], default=-1))

    def _is_held(self, header: np.void, payload: bytes) -> bool:
        at = np.flatnonzero(self.run.is_checkpoint & (self.run.frames["step"] == header["step"]))[0]
        before = np.frombuffer(read_payload(self.path, self.run.offsets[at], header), "<f4")
        now = np.frombuffer(payload, "<f4")
        return bool(np.abs(np.exp(before) - np.exp(now)).max() <= _SAME)

    def check_open(self) -> None:
        """Refuse to go on after the recording was closed, or in a forked process."""
        if not self.is_open:
            raise ValueError(
                f"{self.path}: the recording was closed, or this process was forked from the process that records"
            )

    def _check_place(self) -> None:
        """Notice that the file was removed or replaced: what is written to it would be lost."""
        try:
            is_there = os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise FileNotFoundError(
                f"{self.path} was removed or replaced while it was recorded, and its checkpoints with it: nothing more "
                "is recorded. Restore it, or record the run again with a new Recorder"
            )

    @property
    def is_open(self) -> bool:
        """Whether checkpoints can be added."""
        return not self._file.closed

    def close(self) -> None:
        """Release the run, so that others can record it."""
        self._file.close()


def _check_continuation(run: Run, path: Path, head: dict[str, Any], resume: bool) -> None:
    """Refuse a file that cannot become, or go on as, the run that `head` describes."""
    if run.damaged:
        raise OSError(
            f"{path} is damaged: complete checkpoints follow bytes that are not a checkpoint. Move it elsewhere"
        )
    if not run.head and not MAGIC.startswith(_first_bytes(path)):
        raise FileExistsError(f"{path} is not the file of a run: move it elsewhere, or give the run another name")
    if run.is_empty:
        return
    name, rename = f"run {head['run']!r}", "give the new run another name (run=dict(run=...))"
    for key in ("run", "attributes", "probe"):
        if json.dumps(run.head[key], sort_keys=True) != json.dumps(head[key], sort_keys=True):
            raise FileExistsError(
                f"{path} holds another run: its {key} is {run.head[key]!r}, not {head[key]!r}; {rename}"
            )
    if run.diverged_at is not None:
        raise FileExistsError(f"{name} in {path} diverged at step {run.diverged_at}: {rename}")
    if not resume:
        raise FileExistsError(
            f"{name} has {len(run.checkpoints)} checkpoints up to step {run.checkpoints['step'][-1]} in "
            f"{path}: pass resume=True to continue it, or {rename}"
        )


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(MAGIC))


_open_writers: weakref.WeakSet[RunWriter] = weakref.WeakSet()


def _close_in_child() -> None:
    # A forked process shares the locks, and would keep them after its parent was killed.
    for writer in _open_writers:
        writer.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
