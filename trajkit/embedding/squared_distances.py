"""A square matrix of distances, read one piece at a time from memory, a file or dask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from trajkit.arranged import turned
from trajkit.typing import AnyArray, Array
from trajkit.workspace import workspace_bytes

# Rows and columns of a tile: its temporaries stay in the processor's cache.
_TILE = 128
# Copies of a piece in memory at the same time: as stored, and squared or centred.
_COPIES = 2
# How far d(i, j) and d(j, i) may differ and d(i, i) may be from zero, in units of the largest distance.
_TOLERANCE = 1e-6
# Random sums by which the symmetry of a matrix that is not in memory is checked.
_PROBES = 4


class SquaredDistances:
    """Squared lengths of a square matrix: in memory, mapped from a file, lazy, or of dask arrays.

    Entries are read in their own dtype and turned into float64 squared lengths tile by tile. `whole` is the float64
    matrix where it can be had without a large copy, None otherwise. After the checks, a matrix that is `in_memory` is
    used entry by entry; of any other only the upper triangle is read, which halves the reading and makes every
    operator exactly symmetric.
    """

    def __init__(self, distance: xr.DataArray) -> None:
        distance = turned(distance, "point", "point2")
        if distance.dims != ("point", "point2") or distance.shape[0] != distance.shape[1]:
            raise ValueError(
                f"wanted a square matrix (point, point2), got {dict(distance.sizes)}; `pairwise(ds)` makes one"
            )
        self._is_length = scale_of(distance) == "length"
        self._m = len(distance)
        small = _COPIES * 8 * self._m**2 <= workspace_bytes()
        self.in_memory = small or _is_in_memory(distance)
        # Of a variable that is not in memory, only what is indexed is read.
        self._source: Any = distance.values if self.in_memory else distance.variable
        self._piece = (self._m, self._m, self._m) if self.in_memory else _piece(distance)
        plain = self.in_memory and self._source.dtype == np.float64 and not self._is_length
        self.whole: Array | None = self._squared(np.asarray(self._source)) if plain or small else None
        if self.whole is not None:
            self._source, self._is_length = self.whole, False

    def __len__(self) -> int:
        return self._m

    def dense(self) -> Array:
        """Give all of it, in memory."""
        return self._squared(np.asarray(self._source)) if self.whole is None else self.whole

    def tiles(self, *, upper: bool = False) -> Iterator[tuple[slice, slice, Array]]:
        """Read the matrix once, in rectangles; with `upper` only those that reach above the diagonal."""
        height, width, chunk = self._piece
        for top in range(0, self._m, height):
            bottom = min(top + height, self._m)
            for left in range(top // chunk * chunk if upper else 0, self._m, width):
                piece = np.asarray(self._source[top:bottom, left : left + width])
                for i in range(top, bottom, _TILE):
                    for j in range(left, left + piece.shape[1], _TILE):
                        tile = piece[i - top : i - top + _TILE, j - left : j - left + _TILE]
                        if not upper or j + tile.shape[1] - 1 > i:
                            yield slice(i, i + len(tile)), slice(j, j + tile.shape[1]), self._squared(tile)

    def product(self, x: Array) -> Array:
        """D x, for x (point,) or (point, any)."""
        if self.whole is not None:
            return self.whole @ x
        out = np.zeros(x.shape)
        if self.in_memory:
            for rows, columns, tile in self.tiles():
                out[rows] += tile @ x[columns]
        else:
            for rows, columns, tile in self.tiles(upper=True):
                _add_both_ways(above(tile, rows, columns), rows, columns, x, out)
        return out

    def checked_product(self, x: Array) -> Array:
        """D x, after a check that the matrix is finite, symmetric and zero on its diagonal.

        Entry against entry where the matrix is in memory. Otherwise in the one pass that the product takes: the
        triangles above and below the diagonal give random sums of rows which agree for a symmetric matrix, but do not
        show single pairs that differ by less than sqrt(point) times the tolerance.
        """
        if not self.in_memory:
            return self._probed_product(x)
        worst = diagonal = largest = 0.0
        lost = 0
        for rows, columns, tile in self.tiles(upper=True):
            mirrored = self._squared(self._source[columns, rows]).T
            # Python's max would pass NaN over.
            largest = float(np.max([largest, _largest(tile), _largest(mirrored)]))
            if np.isfinite(largest):
                worst = max(worst, _largest(tile - mirrored))
        if not np.isfinite(largest):
            lost = int(sum((~np.isfinite(tile)).sum() for _, _, tile in self.tiles()))
        else:
            diagonal = _largest(self._squared(np.diagonal(self._source)))
        _refuse(lost, worst, diagonal, largest)
        return self.product(x)

    def _probed_product(self, x: Array) -> Array:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (self._m, _PROBES)) / np.sqrt(self._m)
        both = np.column_stack([signs, x])
        upper, lower = np.zeros(both.shape), np.zeros(both.shape)
        lost, diagonal, largest = 0, 0.0, 0.0
        for rows, columns, tile in self.tiles():
            if not np.isfinite(size := _largest(tile)):
                lost += int((~np.isfinite(tile)).sum())
                continue
            largest = max(largest, size)
            if columns.stop > rows.start + 1:
                _add_both_ways(above(tile, rows, columns), rows, columns, both, upper)
            if rows.stop > columns.start + 1:
                _add_both_ways(above(tile.T, columns, rows), columns, rows, both, lower)
            if columns.start < rows.stop and rows.start < columns.stop:
                diagonal = max(diagonal, _largest(np.diagonal(tile, rows.start - columns.start)))
        _refuse(lost, _largest((upper - lower)[:, :_PROBES]), diagonal, largest)
        product = upper[:, _PROBES:]
        return product[:, 0] if x.ndim == 1 else product

    def _squared(self, values: AnyArray) -> Array:
        exact: Array = np.asarray(values, dtype=np.float64)
        return np.square(exact) if self._is_length else exact


def scale_of(distance: xr.DataArray) -> str:
    """Give the scale of distances, "length" or "squared length"."""
    scale = distance.attrs.get("scale")
    if scale not in ("squared length", "length"):
        raise ValueError(
            f'attrs["scale"] is {scale!r}: set it to "squared length" (such as -log BC) or "length" (such as an angle)'
        )
    return str(scale)


def squared_lengths(distance: xr.DataArray) -> Array:
    """Give distances as squared lengths, whatever their scale and shape, after a check that they are finite."""
    scale = scale_of(distance)
    values = np.asarray(distance.values, dtype=np.float64)
    if not np.isfinite(values).all():
        _refuse(int((~np.isfinite(values)).sum()), 0.0, 0.0, 0.0)
    return values if scale == "squared length" else np.square(values)


def above(values: Array, rows: slice, columns: slice) -> Array:
    """Put zeros on and below the diagonal of the matrix that a tile was taken from."""
    return values if columns.start >= rows.stop else np.triu(values, rows.start - columns.start + 1)


def _add_both_ways(tile: Array, rows: slice, columns: slice, x: Array, out: Array) -> None:
    """Add what a tile and its mirror image contribute to a product."""
    out[rows] += tile @ x[columns]
    out[columns] += tile.T @ x[rows]


def _largest(values: Array) -> float:
    """Largest absolute value, without a copy; NaN if there is one."""
    return float(np.maximum(values.max(), -values.min())) if values.size else 0.0


def _refuse(lost: int, worst: float, diagonal: float, largest: float) -> None:
    if lost:
        raise ValueError(f"{lost} distances are NaN or infinite; drop their points or pass cap= to pairwise")
    if worst > _TOLERANCE * largest:
        raise ValueError(
            "the matrix of distances is not symmetric; wanted d(i, j) = d(j, i): symmetrise it first, "
            "e.g. (d + d.T) / 2"
        )
    if diagonal > _TOLERANCE * largest:
        raise ValueError("the diagonal of the matrix of distances is not zero; a point's distance to itself is")
    if largest == 0:
        raise ValueError("all points coincide (every distance is zero): there is nothing to embed")


def _is_in_memory(distance: xr.DataArray) -> bool:
    # A mapped file is a numpy array too, but access out of order may read it many times.
    return distance.variable._in_memory and not isinstance(distance.data, np.memmap)


def _piece(distance: xr.DataArray) -> tuple[int, int, int]:
    """Choose how many rows and columns to read at a time, in whole chunks of what is stored; and a chunk's columns."""
    m, entries = len(distance), workspace_bytes() / (_COPIES * distance.dtype.itemsize)
    if distance.chunks is not None:
        height, width = (max(lengths) for lengths in distance.chunks)
    else:
        stored = distance.encoding.get("preferred_chunks", {})
        height, width = stored.get("point", 1), stored.get("point2", 1)
    rows = height * max(1, int(entries / (height * m)))
    return rows, width * max(1, int(entries / (rows * width))), width
