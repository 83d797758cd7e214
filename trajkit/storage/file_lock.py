"""Locks that a process holds on a file as long as it lives and has the file open."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from warnings import warn

if sys.platform == "win32":
    import msvcrt

    def _lock_once(file: io.FileIO, *, shared: bool) -> None:
        # A byte beyond the end of any run, 8 TiB: Windows does not let others read the bytes that are locked.
        file.seek(2**43)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error

else:
    import fcntl

    def _lock_once(file: io.FileIO, *, shared: bool) -> None:
        # flock, not lockf: a process loses the lock of lockf when it closes the file after reading it.
        fcntl.flock(file.fileno(), (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def lock(file: io.FileIO, path: Path) -> None:
    """Lock an open file for this process.

    Raises
    ------
    BlockingIOError
        If this process, through another open file, or another process holds the lock.

    Warns
    -----
    RuntimeWarning
        If the file system has no locks: the file is not locked then.
    """
    for attempt in range(10):
        try:
            _lock_once(file, shared=False)
            return
        except BlockingIOError:
            # Not necessarily a recorder: `is_locked` holds the lock for an instant.
            time.sleep(0.01 * (attempt < 9))
        except OSError as error:
            warn(
                f"{path.parent} does not support locks ({error.strerror}): nothing prevents two processes from "
                "recording the same run; make sure that each records its own",
                RuntimeWarning,
                stacklevel=2,
            )
            return
    raise BlockingIOError(
        f"{path} is being recorded, by this process or another: only one recorder can record a run. Close the other "
        "recorder, or give this run another name (run=dict(run=...))"
    )


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Make a file and keep it locked meanwhile, where the file system has locks.

    Raises
    ------
    BlockingIOError, FileNotFoundError
        If another process locked or removed the file or its folder before this one could lock it.
    """
    with path.open("xb", buffering=0) as file:
        try:
            _lock_once(file, shared=False)
        except BlockingIOError:
            raise
        except OSError:  # The file system has no locks.
            pass
        os.stat(path)
        yield


def is_locked(path: Path, *, unknown: bool = False) -> bool:
    """Whether a process holds the lock of the file; `unknown` if the file system has no locks."""
    with path.open("rb", buffering=0) as file:
        try:
            _lock_once(file, shared=True)
        except BlockingIOError:
            return True
        except OSError:
            return unknown
    return False
