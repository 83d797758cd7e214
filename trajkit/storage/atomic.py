"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_destination(path: Path, *, overwrite: bool) -> None:
    """Refuse a destination before work is spent on what goes there.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` was not asked for.
    FileNotFoundError
        If its folder does not exist.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name, or pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; make it first")


@contextmanager
def whole(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a path to write to; once that is on disk it takes the name `path`, and after an error nothing does.

    It lies in a temporary folder beside `path`, where other temporary files may go as well. A file replaces files only,
    and a folder folders.

    Raises
    ------
    FileExistsError, FileNotFoundError
        As `check_destination` does.
    OSError
        If a file would replace a folder or a folder a file, or the disk is full.
    """
    check_destination(path, overwrite=overwrite)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        new = Path(folder, path.name)
        yield new
        _flush(new)
        if path.is_dir() and new.is_dir():
            # A folder cannot be replaced in one step: the old one steps aside, and goes with the temporary one.
            os.rename(path, Path(folder, f"{path.name}.old"))
        os.replace(new, path)


def _flush(path: Path) -> None:
    """Wait until the bytes are on disk; only then may the name change."""
    for file in (p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())
