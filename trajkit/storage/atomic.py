"""Files and folders that are written completely or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trajkit.storage.file_lock import hold, is_locked

# A file in each temporary folder that is locked while it is used: who finds it unlocked may delete the folder.
_IN_USE = ".in_use"
# trajkit 0.1 had no such file, and a folder is there for an instant before its file.
_OLD_SECONDS = 3600.0


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
        if path.is_dir() and new.is_dir():
            # A folder cannot be replaced in one step: the old one is moved away first and deleted with the temporary.
            os.rename(path, Path(folder, f"{path.name}.old"))
        os.replace(new, path)


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
    with os.scandir(path.parent) as entries:
        found = [Path(e.path) for e in entries if re.fullmatch(r"\..+-[a-z0-9_]{8}", e.name) and e.is_dir()]
    for folder in found:
        try:
            if (folder / _IN_USE).is_file():
                is_left = not is_locked(folder / _IN_USE, unknown=True)
            else:
                is_own = folder.name.startswith(f".{path.name}-") and not os.path.islink(folder)
                is_left = is_own and time.time() - folder.stat().st_mtime > _OLD_SECONDS
        # Another process deleted it in the meantime, or it belongs to another user.
        except OSError:
            continue
        if is_left:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _temporary_folder(path: Path) -> Iterator[str]:
    temporary = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-")
    with temporary as folder, hold(Path(folder, _IN_USE)):
        yield folder


def _flush(path: Path) -> None:
    """Wait until the content is on disk; after a crash a rename that came first would leave an empty file."""
    for file in (p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())
