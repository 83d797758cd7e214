"""An index of the runs of a folder in one file: listing ten thousand runs then does not open each of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from trajkit.storage.atomic import atomic_write
from trajkit.storage.reading import BROKEN, NO_HANDLES, system_error
from trajkit.storage.run_file import FRAME, SUFFIX, Run, head_problem, read_run

_INDEX = ".index.npz"

# Size and time of the last change: a file for which both are the same is taken to be unchanged.
_Stamp = tuple[int, int]


def list_runs(folder: Path) -> list[Run]:
    """Read all runs, without their predictions, in the order of their files' names; unchanged files are not opened."""
    known = _read_index(folder)
    found: dict[str, tuple[Run, _Stamp]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.endswith(SUFFIX):
                continue
            # Folders, dangling links, pipes, files of others: one of them must not hide all runs.
            try:
                if entry.is_file():
                    stat = entry.stat()
                    stamp = (stat.st_size, stat.st_mtime_ns)
                    held = known.get(entry.name)
                    found[entry.name] = held if held and held[1] == stamp else (read_run(Path(entry.path)), stamp)
            except OSError as error:
                # Then it is not the file that is odd.
                if error.errno in NO_HANDLES:
                    raise system_error(Path(entry.path), error) from error
    found = dict(sorted(found.items()))
    if {name: stamp for name, (_, stamp) in found.items()} != {name: stamp for name, (_, stamp) in known.items()}:
        # Without an index, in a read-only folder or on a full disk, listing is slower and nothing else.
        with suppress(OSError):
            _write_index(folder, found)
    return [run for run, _ in found.values()]


def odd_entries(folder: Path, runs: list[Run]) -> Iterator[str]:
    """Describe the entries that are named like the file of a run but could not be read as one."""
    known = {run.file for run in runs}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.name not in known:
            try:
                what = "cannot be read" if path.is_file() and read_run(path) else "is not a file"
            except OSError as error:
                what = f"cannot be read ({error})"
            yield f"{path.name} {what} and is left out: move it out of the folder"


def _write_index(folder: Path, found: dict[str, tuple[Run, _Stamp]]) -> None:
    about = [[run.file, run.damaged, len(run.frames), run.head] for run, _ in found.values()]
    frames = [run.frames for run, _ in found.values()]
    with atomic_write(folder / _INDEX, overwrite=True) as part:
        np.savez(
            part,
            about=np.frombuffer(json.dumps(about).encode(), np.uint8),
            stamps=np.array([stamp for _, stamp in found.values()], np.int64).reshape(-1, 2),
            frames=np.concatenate([np.empty(0, FRAME), *frames]).view(np.uint8),
        )


def _read_index(folder: Path) -> dict[str, tuple[Run, _Stamp]]:
    if not (folder / _INDEX).is_file():
        return {}
    try:
        # Opened here: np.load leaves a damaged file open.
        with (folder / _INDEX).open("rb") as file, np.load(file) as held:
            # It is not compressed: an index that unpacks to more than it has is a bomb.
            members = held.zip.infolist()
            if (
                any(m.compress_type for m in members)
                or sum(m.file_size for m in members) > os.fstat(file.fileno()).st_size
            ):
                return {}
            about = json.loads(held["about"].tobytes())
            stamps = held["stamps"].tolist()
            frames = held["frames"].view(FRAME)
        known, at = {}, 0
        for (file, damaged, count, head), (size, changed) in zip(about, stamps, strict=True):
            if head_problem(head) or not 0 <= count <= len(frames) - at:
                return {}
            known[str(file)] = (Run(str(file), size, head, frames[at : at + count], bool(damaged)), (size, changed))
            at += count
        return known
    # Whatever is wrong with it, the index is made again.
    except (OSError, MemoryError, *BROKEN):
        return {}
