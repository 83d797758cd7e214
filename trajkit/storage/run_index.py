"""What is known of all runs of a folder, kept in one file so that listing ten thousand does not open each."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from trajkit.storage.run_file import FRAME, SUFFIX, Run, read_run

_INDEX = ".index.npz"

# Size and time of the last change: a file that shows the same is taken to be the same.
_Stamp = tuple[int, int]


def list_runs(folder: Path) -> list[Run]:
    """Read what is known of each run, in the order of the files' names; unchanged files are not opened."""
    known = _read_index(folder)
    found: dict[str, tuple[Run, _Stamp]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                stat = entry.stat()
                stamp = (stat.st_size, stat.st_mtime_ns)
                held = known.get(entry.name)
                found[entry.name] = held if held and held[1] == stamp else (read_run(Path(entry.path)), stamp)
    found = dict(sorted(found.items()))
    if {name: stamp for name, (_, stamp) in found.items()} != {name: stamp for name, (_, stamp) in known.items()}:
        _write_index(folder, found)
    return [run for run, _ in found.values()]


def _write_index(folder: Path, found: dict[str, tuple[Run, _Stamp]]) -> None:
    """Keep the headers of all runs in one file; without it listing is slower, and nothing else."""
    about = [[run.file, run.damaged, len(run.frames), run.head] for run, _ in found.values()]
    frames = [run.frames for run, _ in found.values()]
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".index-")
    except OSError:
        return  # a read-only folder
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(
                file,
                about=np.frombuffer(json.dumps(about).encode(), np.uint8),
                stamps=np.array([stamp for _, stamp in found.values()], np.int64).reshape(-1, 2),
                frames=np.concatenate([np.empty(0, FRAME), *frames]).view(np.uint8),
            )
        part.chmod(0o644)
        os.replace(part, folder / _INDEX)
    except OSError:
        pass  # a full disk
    finally:
        part.unlink(missing_ok=True)


def _read_index(folder: Path) -> dict[str, tuple[Run, _Stamp]]:
    try:
        # Opened here: np.load leaves a damaged file open.
        with (folder / _INDEX).open("rb") as file, np.load(file) as held:
            about = json.loads(held["about"].tobytes())
            stamps = held["stamps"].tolist()
            frames = held["frames"].view(FRAME)
    # Missing, cut short or of another version: it is made again.
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return {}
    known, at = {}, 0
    for (file, damaged, count, head), (size, changed) in zip(about, stamps, strict=True):
        known[file] = (Run(file, size, head, frames[at : at + count], damaged), (size, changed))
        at += count
    return known
