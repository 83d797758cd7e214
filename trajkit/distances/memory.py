"""Sizes of tiles, and the error for a result that memory cannot hold."""

from __future__ import annotations

import numpy as np

from trajkit.workspace import available_memory, workspace_bytes

# For one distance in a tile: itself, and four temporaries of its size.
_TILE_BYTES = 5 * 8


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
