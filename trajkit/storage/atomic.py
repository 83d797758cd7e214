"""Files and folders that are written completely or not at all."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from trajkit.storage.file_lock import hold, is_locked

# A file in each temporary folder that is locked while it is used: who finds it unlocked may delete the folder.
_IN_USE = ".in_use"
# trajkit 0.1 had no such file.
_OLD_SECONDS = 3600.0
# The end of the name of a folder that was moved away to be replaced.
_OLD = ".old"


def user_path(path: str | os.PathLike[str]) -> Path:
    """Expand "~", which a shell would have done.

    Examples
    --------
    >>> user_path("runs.nc").name
    'runs.nc'
    """
    return Path(os.path.expanduser(path))


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Refuse a destination before work is spent on its content.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False.
    FileNotFoundError
        If the folder of `path` does not exist.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name, or pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; make it first")


@contextmanager
def atomic_write(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Write atomically: yield a temporary path, flush what was written there and rename it to `path`.

    After an error the temporary path is deleted and `path` is unchanged. The temporary path lies in a folder of its
    own beside `path`; other temporary files may be put there. A file replaces only a file, a folder only a folder.

    Raises
    ------
    FileExistsError, FileNotFoundError
        As `check_destination` does.
    OSError
        If a file would replace a folder or a folder a file, or the disk is full.
    """
    check_destination(path, overwrite=overwrite)
    clear_leftovers(path)
    with _temporary_folder(path) as folder:
        new = Path(folder, path.name)
        yield new
        _flush(new)
        if not (path.is_dir() and new.is_dir()):
            os.replace(new, path)
        elif not _exchange(new, path):
            # `finish_replacing` does the second step if the process is killed between them.
            os.rename(path, Path(folder, f"{path.name}{_OLD}"))
            os.replace(new, path)
        flush_folder(path.parent)


def write_once(path: Path, content: bytes) -> None:
    """Write a file atomically unless it exists; of several processes the first wins, and the others change nothing."""
    with _temporary_folder(path) as folder:
        new = Path(folder, path.name)
        new.write_bytes(content)
        _flush(new)
        try:
            # A link, not a rename: only a link fails if another process has made the file in the meantime.
            os.link(new, path)
        except FileExistsError:
            return
        except OSError:  # The file system has no links.
            os.replace(new, path)


def clear_leftovers(path: Path) -> None:
    """Delete temporary folders beside `path` whose process was killed; those in use are left alone."""
    for folder in _leftovers(path):
        for old in folder.glob(f"*{_OLD}"):
            finish_replacing(path.parent / old.name.removesuffix(_OLD))
        # An empty folder may get its owner at any moment: this call deletes it only while it is empty.
        with suppress(OSError):
            os.rmdir(folder)
        if _is_left(folder, path):
            _empty(folder)
            shutil.rmtree(folder, ignore_errors=True)


def finish_replacing(path: Path) -> None:
    """Put a complete new folder at `path` if the process that saved it was killed after it moved the old one away."""
    if path.exists() or not path.parent.is_dir():
        return
    for folder in _leftovers(path):
        if (folder / f"{path.name}{_OLD}").exists() and (folder / path.name).exists():
            os.rename(folder / path.name, path)
            return


def _leftovers(path: Path) -> Iterator[Path]:
    """Find the temporary folders beside `path` whose process was killed."""
    with os.scandir(path.parent) as entries:
        found = [Path(e.path) for e in entries if re.fullmatch(r"\..+-[a-z0-9_]{8}", e.name) and e.is_dir()]
    yield from (folder for folder in found if _is_left(folder, path))


def _is_left(folder: Path, path: Path) -> bool:
    try:
        if (folder / _IN_USE).is_file():
            return not is_locked(folder / _IN_USE, unknown=True)
        if not os.listdir(folder):
            return bool(re.fullmatch(r"\..+\.(nc|zarr|json|npz)-.{8}", folder.name))
        is_own = folder.name.startswith(f".{path.name}-") and not os.path.islink(folder)
        return is_own and time.time() - folder.stat().st_mtime > _OLD_SECONDS
    # Another process deleted it in the meantime, or it belongs to another user.
    except OSError:
        return False


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot."""
    # Python offers no call for it. A folder at the new place can be replaced by no other call in one step.
    library: Any = ctypes.CDLL(None) if sys.platform != "win32" else None
    if hasattr(library, "renameat2"):
        return bool(library.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2) == 0)
    if hasattr(library, "renamex_np"):
        return bool(library.renamex_np(os.fsencode(one), os.fsencode(other), 2) == 0)
    return False


@contextmanager
def _temporary_folder(path: Path) -> Iterator[str]:
    with ExitStack() as stack:
        while True:
            temporary = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-")
            folder = stack.enter_context(temporary)
            # Another process may take the folder, as long as it is empty, for one that was left.
            with suppress(FileNotFoundError, BlockingIOError):
                stack.enter_context(hold(Path(folder, _IN_USE)))
                break
        stack.callback(_empty, Path(folder))
        yield folder


def _empty(folder: Path) -> None:
    """Delete all but the file that tells whose folder it is: that one is the last, should the process be killed."""
    entries: list[os.DirEntry[str]] = []
    with suppress(FileNotFoundError):  # another process deletes it too
        entries = list(os.scandir(folder))
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        elif entry.name != _IN_USE:
            with suppress(OSError):
                os.unlink(entry.path)


def _flush(path: Path) -> None:
    """Wait until the content is on disk; after a crash a rename that came first would leave an empty file."""
    for entry in [path, *path.rglob("*")] if path.is_dir() else [path]:
        if entry.is_dir():
            flush_folder(entry)
            continue
        with entry.open("rb+") as opened:
            os.fsync(opened.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names of a folder's files are on disk; Windows has no such call."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
