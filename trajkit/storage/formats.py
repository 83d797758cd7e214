"""The two file formats, netCDF and zarr: how a dataset is written to each, predictions run by run."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

from trajkit.schema import DIMS, SchemaError
from trajkit.storage.file_checksum import add_checksum
from trajkit.storage.reading import BROKEN, is_of_system, system_error
from trajkit.storage.zarr_pieces import mark_complete
from trajkit.typing import AnyArray

# Predictions in one compressed chunk: 4 MB of float32.
CHUNK_SIZE = 2**20
# HDF5 may be used by one thread at a time. xarray holds its own lock while it reads or writes an array, but not while
# it reads or writes names and attributes; it is no RLock, so this one is always taken first.
NETCDF_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):
    # A forked process would wait for ever for a thread of its parent that reads or writes.
    os.register_at_fork(
        before=NETCDF_LOCK.acquire, after_in_child=NETCDF_LOCK.release, after_in_parent=NETCDF_LOCK.release
    )


class Format(NamedTuple):
    """A file format: its name, xarray's engine that reads it, the function that writes it, and whether it is a folder.

    `write(ds, path, blocks)` takes the predictions from `blocks`, one array (checkpoint, sample, class) per run.
    """

    name: str
    engine: str
    write: Callable[[xr.Dataset, Path, Iterable[AnyArray]], None]
    is_folder: bool


def format_of(path: str | os.PathLike[str]) -> Format:
    """Find the format that the suffix of a path names.

    Raises
    ------
    ValueError
        If the suffix names none.
    ModuleNotFoundError
        If the suffix is `.zarr` and zarr is not installed.
    """
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        wanted = " or ".join(f"{known} ({format.name})" for known, format in FORMATS.items())
        raise ValueError(f"{path}: wanted a file name that ends in {wanted}, got {suffix or 'no ending'!r}")
    if suffix == ".zarr":
        try:
            import zarr  # noqa: F401
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f'{path} needs zarr: pip install "trajkit[scale]", or use .nc') from error
    return FORMATS[suffix]


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Let what a library makes of a damaged file be an error of ours, with the file's name.

    Raises
    ------
    OSError
        If the file cannot be read.
    MemoryError
        If it holds more than the memory.
    """
    try:
        yield
    except MemoryError as error:
        raise MemoryError(
            f"{path} does not fit into memory ({error}): pass chunks= to read it piece by piece"
        ) from None
    # Each layer of each library has its own for the same damage: HDF5 OSError and RuntimeError, text and JSON errors of
    # values, metadata that lack an entry or hold another type all the others.
    except (OSError, *BROKEN) as error:
        if isinstance(error, OSError) and is_of_system(error):
            raise system_error(path, error) from error
        size = f" ({path.stat().st_size} bytes)" if path.is_file() else ""
        raise OSError(
            f"cannot read {path}{size} as {FORMATS[path.suffix].name}: it is cut short, damaged or of another format "
            f"({error or type(error).__name__}). Restore it from a copy"
        ) from error


def _write_netcdf(ds: xr.Dataset, path: Path, blocks: Iterable[AnyArray]) -> None:
    import netCDF4

    packed: Any = {"zlib": True, "complevel": 6, "shuffle": True, "fletcher32": True}
    # Text cannot be compressed (netcdf4-python #1205).
    numbers = [name for name, v in ds.variables.items() if v.ndim and v.dtype.kind in "if" and name != "log_prob"]
    # Into memory before a lock is taken: threads of dask may need the lock to read a lazy variable.
    rest, log_prob = ds.drop_vars("log_prob").compute(), ds["log_prob"]
    with NETCDF_LOCK:
        rest.to_netcdf(path, engine="netcdf4", encoding={name: packed for name in numbers})
        with NETCDF4_PYTHON_LOCK:
            file = netCDF4.Dataset(path, "a")
    try:
        with NETCDF_LOCK, NETCDF4_PYTHON_LOCK:
            variable = file.createVariable(
                "log_prob", log_prob.dtype, DIMS, chunksizes=_chunk_shape(log_prob.shape), fill_value=np.nan, **packed
            )
            variable.setncatts(log_prob.attrs)
        for row, block in enumerate(blocks):
            with NETCDF_LOCK, NETCDF4_PYTHON_LOCK:
                variable[row] = block
    finally:
        with NETCDF_LOCK, NETCDF4_PYTHON_LOCK:
            file.close()
    add_checksum(path)


def _write_zarr(ds: xr.Dataset, path: Path, blocks: Iterable[AnyArray]) -> None:
    import zarr
    from numcodecs import Shuffle, Zstd

    _make_folders(path, map(str, ds.variables))
    # zarr's default compressor has no checksums: a chunk that was cut short would be read as random numbers.
    packed = Zstd(level=9, checksum=True)
    log_prob, rest = ds["log_prob"], ds.drop_vars("log_prob")
    # Into memory, and from there to files: after an error zarr's threads would go on writing to a folder that is gone.
    held: dict[str, Any] = {}
    store = zarr.storage.MemoryStore(held)
    # Format 2: text of fixed length has no specification in format 3 yet, and zarr warns of it.
    encoding = {name: {"compressors": packed} for name in rest.variables}
    # Zarr leaves out pieces that hold only its fill value; then a lost one could not be told from those.
    with zarr.config.set({"array.write_empty_chunks": True}):
        rest.to_zarr(store, mode="w", zarr_format=2, consolidated=False, encoding=encoding, write_empty_chunks=True)
    # netCDF gives attributes as numbers of numpy, which JSON does not hold.
    attrs = {str(k): v.tolist() if isinstance(v, np.generic | np.ndarray) else v for k, v in log_prob.attrs.items()}
    array = zarr.open_group(store, mode="a", zarr_format=2).create_array(
        "log_prob",
        shape=log_prob.shape,
        dtype=log_prob.dtype,
        chunks=_chunk_shape(log_prob.shape),
        fill_value=np.nan,
        filters=[Shuffle(log_prob.dtype.itemsize)],
        compressors=packed,
        attributes={**attrs, "_ARRAY_DIMENSIONS": DIMS},
        config={"write_empty_chunks": True},
    )
    for row, block in enumerate(blocks):
        array[row] = block
        chunks = [key for key in held if key.startswith("log_prob/") and key[-1].isdigit()]
        _write_files({key: held.pop(key) for key in chunks}, path)
    zarr.consolidate_metadata(store, zarr_format=2)
    _write_files(held, path)
    mark_complete(path)


def _make_folders(path: Path, names: Iterable[str]) -> None:
    """Make a folder for each variable; refuse names that the file system changes: the later would replace the former.

    Raises
    ------
    SchemaError
        If names differ only in what the file system ignores, such as case, or a dot or space at their end.
    """
    wanted = set(names)
    for name in sorted(wanted):
        (path / name).mkdir(parents=True, exist_ok=True)
    # HFS+, the older file system of macOS, gives names in another normal form of Unicode.
    made = {unicodedata.normalize("NFC", name) for name in os.listdir(path)}
    if changed := sorted(wanted - made):
        raise SchemaError(
            [
                f"variables {changed}: a .zarr keeps each variable in a folder of its name, and this file system takes "
                "these names for other names (it may ignore case, or a dot or space at the end). Rename them with "
                "ds.rename, or save as .nc"
            ]
        )


def _write_files(held: Mapping[str, Any], folder: Path) -> None:
    for key, content in held.items():
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.to_bytes())


def _chunk_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Cut predictions into chunks of one run each, or of some of its samples if it is large.

    Reading some runs, or some samples of a large run, then does not read the others.
    """
    _, checkpoints, samples, classes = shape
    few = min(checkpoints, max(1, CHUNK_SIZE // classes))
    return (1, few, min(samples, max(1, CHUNK_SIZE // (few * classes))), classes)


FORMATS = {
    ".nc": Format("netCDF", "netcdf4", _write_netcdf, is_folder=False),
    ".zarr": Format("zarr", "zarr", _write_zarr, is_folder=True),
}
