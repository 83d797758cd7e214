"""Decoded images, kept for the next program."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajkit.storage.atomic import atomic_write

Images = NDArray[np.uint8]


def cached(files: Sequence[Path], decode: Callable[[Sequence[Path]], Images]) -> Images:
    """Decode images, or read them from a file that an earlier call left in `cache_folder()`.

    The file belongs to this list of files; it is written again if the size or the time of one of them has changed, or
    if it is damaged. It may be deleted at any time. Several processes may call this at once.

    Warns
    -----
    RuntimeWarning
        If the cache cannot be written; the images are decoded all the same.
    """
    names = [str(file.absolute()) for file in files]
    path = cache_folder() / f"rgb-{_hash(names)[:32]}.npz"
    stats = [file.stat() for file in files]
    key = _hash([(stat.st_size, stat.st_mtime_ns) for stat in stats])
    held = _read(path, key)
    if held is not None:
        return held
    images = decode(files)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, overwrite=True) as part:
            np.savez(part, key=np.array(key), images=images)
    except OSError as error:
        warnings.warn(
            f"decoded images could not be kept in {path.parent} ({error}), so each program decodes them again: set "
            "XDG_CACHE_HOME to a folder that can be written to",
            RuntimeWarning,
            stacklevel=2,
        )
    return images


def cache_folder() -> Path:
    """Folder of the user for what can be made again: `trajkit` in `XDG_CACHE_HOME`, or where the system has caches.

    Not beside the images: their folder may be shared or read-only, and only what its owner put there belongs there.
    """
    if sys.platform == "win32":
        system = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        system = Path.home() / "Library" / "Caches"
    else:
        system = Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or system) / "trajkit"


def _read(path: Path, key: str) -> Images | None:
    """Read the images if the file is there, whole and up to date."""
    try:
        # Its parts have checksums, unlike a `.npy` file. Opened here: of a damaged file, numpy leaves its own open.
        with path.open("rb") as file, np.load(file) as held:
            return held["images"] if held["key"].item() == key else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _hash(values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
