"""How much memory there is, and what to say when a result needs more."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trajkit.workspace import workspace_bytes

# For one distance in a tile: itself, and four temporaries of its size.
_TILE_BYTES = 5 * 8
# Containers (Binder, clusters) have a limit of their own below what the machine has.
_LIMIT, _USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


def available_memory() -> int:
    """Bytes that can be had without swapping."""
    import psutil

    free = int(psutil.virtual_memory().available)
    if _LIMIT.exists() and (limit := _LIMIT.read_text().strip()) != "max":
        # Cached files count as used but can be given back.
        free = min(free, max(0, int(limit) - int(_USED.read_text()) + _cached()))
    return free


def _cached() -> int:
    statistics = dict(line.split() for line in _USED.with_name("memory.stat").read_text().splitlines())
    return int(statistics.get("inactive_file", 0))


def tile_side() -> int:
    """Give the side of a square tile of distances that, with its temporaries, fills the workspace: 2,000 by default."""
    return max(1, int(np.sqrt(workspace_bytes() / _TILE_BYTES)))


def check_fits(rows: int, columns: int, itemsize: int) -> None:
    """Refuse a matrix that memory cannot hold."""
    needed, free = rows * columns * itemsize, available_memory()
    if needed > free:
        less = ', half of it with dtype="float32"' if itemsize == 8 else ""
        raise MemoryError(
            f"{rows} x {columns} distances need {needed / 1e9:.1f} GB{less}, and {free / 1e9:.1f} GB are free. "
            'Write them to disk with out="distances.zarr", take fewer points, or embed with landmarks: '
            "tk.embed(ds, landmarks=2000)"
        )
