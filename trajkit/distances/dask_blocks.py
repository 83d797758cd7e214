"""Distances by dask: each task adds a block of samples to a block of points times points, on any number of machines."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from trajkit.distances.memory import check_fits, tile_side
from trajkit.distances.point_set import PointSet
from trajkit.progress_bar import PATIENCE_S
from trajkit.storage.atomic import user_path
from trajkit.typing import AnyArray, Indices

if TYPE_CHECKING:
    from distributed import Client

    from trajkit.distances.work import Work

# Attempts to delete the folder: workers may still write to it for a few seconds after an error.
_TRIES = 20


def pairwise(
    rows: PointSet,
    columns: PointSet,
    work: Work,
    out: str | os.PathLike[str] | None,
    client: Client | None,
    progress_bar: bool | None,
) -> xr.DataArray:
    """Build the matrix from blocks; write them to `out`, compute them on `client`, or return them lazy."""
    _check_installed()
    path = None if out is None else _checked(out)
    if client is not None and path is None:
        check_fits(len(rows), len(columns), work.dtype.itemsize)
    lazy = work.labelled(_matrix(rows, columns, work, client), rows, columns)
    if path is None:
        return lazy if client is None else _computed(lazy, client)
    _write(lazy, path, client, progress_bar)
    return xr.open_dataset(path, engine="zarr", chunks=None)["distance"]


def _check_installed() -> None:
    try:
        import dask  # noqa: F401
        import zarr  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('out=, client= and dask arrays need: pip install "trajkit[scale]"') from error


def _checked(out: str | os.PathLike[str]) -> Path:
    path = user_path(out)
    if path.suffix != ".zarr":
        raise ValueError(f"out: wanted a name that ends in .zarr, got {path}")
    if path.exists():
        raise FileExistsError(f"{path} exists: choose another name, or delete it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    return path


# --- blocks -------------------------------------------------------------------------------------------------------


def _matrix(rows: PointSet, columns: PointSet, work: Work, client: Client | None) -> Any:
    """Build a dask array; the blocks of a symmetric matrix below the diagonal are those above it, transposed."""
    import dask.array as da

    same = columns is rows
    side = tile_side()
    size = work.block_size(2 * side, rows.log_prob.sizes["class"])
    samples = [slice(*bounds) for bounds in _cuts(rows.log_prob, size)]
    left = [_Side(rows.take(part), samples, client) for part in _parts(len(rows), side)]
    top = left if same else [_Side(columns.take(part), samples, client) for part in _parts(len(columns), side)]
    mirrored = same and work.metric.symmetric
    blocks: dict[tuple[int, int], Any] = {}
    for i, one in enumerate(left):
        for j, other in enumerate(top):
            blocks[i, j] = blocks[j, i].T if mirrored and j < i else one.distances(other, samples, work)
    return da.block([[blocks[i, j] for j in range(len(top))] for i in range(len(left))])


def _parts(points: int, side: int) -> list[slice]:
    return [slice(start, min(start + side, points)) for start in range(0, points, side)]


def _cuts(log_prob: xr.DataArray, size: int) -> Iterator[tuple[int, int]]:
    """Cut the samples into blocks that lie within one chunk of dask and fit the workspace."""
    pieces = log_prob.chunksizes.get("sample", (log_prob.sizes["sample"],))
    end = 0
    for piece in pieces:
        start, end = end, end + piece
        for first in range(start, end, size):
            yield first, min(first + size, end)


class _Side:
    """Some points, and their predictions in blocks of samples, which dask or a worker holds."""

    def __init__(self, points: PointSet, samples: list[slice], client: Client | None) -> None:
        self.points = points
        self.pieces = [_piece(points, some, client) for some in samples]

    def distances(self, other: _Side, samples: list[slice], work: Work) -> Any:
        import dask.array as da
        from dask.delayed import delayed

        labels, other_labels = self.points.labels, None if other is self else other.points.labels
        shape = len(self.points), len(other.points)
        sums = None
        for some, piece, other_piece in zip(samples, self.pieces, other.pieces, strict=True):
            across = None if other is self else (other_piece, other_labels)
            sums = delayed(_added)(sums, work, some, piece, labels, across)
        return da.from_delayed(delayed(_finished)(sums, work, labels, other_labels), shape, work.dtype)


def _piece(points: PointSet, samples: slice, client: Client | None) -> Any:
    from dask.delayed import delayed

    if points.log_prob.chunks:
        across, at = points.within()
        array = points.log_prob.isel(across | {"sample": samples}).data
        return delayed(_picked)(delayed(array.rechunk(-1)), at)
    if client is not None:
        # Embed the data in the graph: scattered data is lost if its worker dies.
        return delayed(points.read(samples))
    return delayed(points.read, traverse=False)(samples)


def _picked(values: AnyArray, at: tuple[Indices, ...]) -> AnyArray:
    return values[at]


def _added(
    sums: AnyArray | None,
    work: Work,
    samples: slice,
    log_prob: AnyArray,
    labels: xr.Dataset,
    other: tuple[AnyArray, xr.Dataset] | None,
) -> AnyArray:
    """Return sums with the contribution of some samples. `sums` is never edited: dask may need it again."""
    p = work.prepared(labels, samples, log_prob)
    q = p if other is None else work.prepared(other[1], samples, other[0])
    shape = len(p.log_prob), len(q.log_prob)
    out = np.zeros(shape, dtype=work.dtype) if sums is None else sums.copy()
    with _worker_threads():
        for _ in work.add(samples, p, q, out):
            pass
    return out


def _finished(sums: AnyArray, work: Work, labels: xr.Dataset, other_labels: xr.Dataset | None) -> AnyArray:
    out = sums.copy()
    work.finish(out, labels, other_labels)
    return out


@contextmanager
def _worker_threads() -> Iterator[None]:
    """Use as many threads as the dask worker has: other workers need the other cores."""
    from distributed.worker import get_worker  # comes with the same extra as dask

    try:
        threads = get_worker().state.nthreads
    except ValueError:  # no worker
        yield
        return
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        yield
    finally:
        numba.set_num_threads(before)


# --- computing ----------------------------------------------------------------------------------------------------


def _computed(lazy: xr.DataArray, client: Client) -> xr.DataArray:
    with _large_graphs():
        return lazy.compute(scheduler=client)


@contextmanager
def _large_graphs() -> Iterator[None]:
    with warnings.catch_warnings():
        # Predictions in memory travel with the graph, which distributed advises against.
        warnings.filterwarnings("ignore", message="Sending large graph")
        yield


# --- writing ------------------------------------------------------------------------------------------------------


def _write(lazy: xr.DataArray, path: Path, client: Client | None, progress_bar: bool | None) -> None:
    """Write block by block into a folder beside `path`, and rename it to `path` when it is complete."""
    bar = nullcontext() if client is not None or progress_bar is False else _bar(progress_bar)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.stem}-"))
    part = folder / path.name
    try:
        with _large_graphs(), bar:
            # Format 2: text of fixed length has no specification in format 3 yet, and zarr warns of it.
            store = lazy.to_dataset(name="distance").to_zarr(part, zarr_format=2, consolidated=True, compute=False)
            # Without a client one block after the other: each takes all cores, and nothing keeps running after Ctrl-C.
            # Not by dask's settings: all threads share them, and they are pickled for each worker that is started
            # again, which a client cannot be.
            store.compute(scheduler="synchronous" if client is None else client)
        part.rename(path)
    except OSError as error:
        raise OSError(f"writing {path} failed ({error}); nothing was written. Is the disk full?") from error
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Delete a folder; try again while workers still write to it."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.5)
    warnings.warn(f"{folder} could not be deleted: delete it by hand, no result is in it", RuntimeWarning, stacklevel=2)


def _bar(progress_bar: bool | None) -> Any:
    from tqdm.dask import TqdmCallback

    return TqdmCallback(desc="distances", unit="task", delay=PATIENCE_S if progress_bar is None else 0)
