"""How much memory is free, and the error for a result that needs more."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trajkit.workspace import workspace_bytes

# For one distance in a tile: itself, and four temporaries of its size.
_TILE_BYTES = 5 * 8
_CGROUP = Path("/sys/fs/cgroup")


def available_memory(cgroup: Path = _CGROUP) -> int:
    """Give the bytes that can be allocated without swapping.

    Containers (Binder, clusters) have a limit of their own below the machine's; `cgroup` is the folder that states it.
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = cgroup / "memory.max"
    if limit.exists() and (most := limit.read_text().strip()) != "max":
        used = int((cgroup / "memory.current").read_text())
        statistics = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        # Cached files count as used, but the system gives their memory back.
        free = min(free, max(0, int(most) - used + int(statistics.get("inactive_file", 0))))
    return free


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
