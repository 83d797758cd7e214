"""Reading trajectories from a file or a store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from xarray.backends import NetCDF4DataStore

from trajkit.schema import validated
from trajkit.storage.atomic import finish_replacing, user_path
from trajkit.storage.file_checksum import check_checksum
from trajkit.storage.formats import FORMATS, NETCDF_LOCK, Format, damage_told, format_of
from trajkit.storage.set_apart import put_back
from trajkit.storage.store import Store
from trajkit.storage.unchanged_file import Stamps, guarded, is_unchanged, stamps_of
from trajkit.storage.zarr_pieces import check_pieces

# How often a file is read that other processes go on replacing.
_ATTEMPTS = 20
# Larger files are not read as a whole when they are opened to be read piece by piece.
_CHECKED_LAZILY = 2**30


def load(path: str | os.PathLike[str], chunks: Mapping[str, int] | None = None) -> xr.Dataset:
    """Read trajectories from a file that `save` wrote, or from the folder of a store, and check them.

    Parameters
    ----------
    path
        A file that ends in `.nc` or `.zarr` and follows the schema, or the folder of a `Store`. The predictions of a
        store are read when they are used.
    chunks
        Sizes of dask chunks, such as `{"run": 8}`: the dataset is lazy then, and its predictions are not checked. It
        refuses to read from a file that was replaced; a dataset that `xr.open_zarr` opened reads what lies there. A
        file holds chunks of one run, of at most 4 MB each. By default the whole file is read into memory and closed.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset, with dimensions (run, checkpoint, sample, class).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If the file is of another format, is cut short, or fails its checksums. With `chunks`, only the checksums of
        the pieces that are read count for a file of more than 1 GB.
    MemoryError
        If the file holds more than the memory.
    SchemaError
        If the file does not hold trajectories.
    ModuleNotFoundError
        If `path` ends in `.zarr` and zarr is not installed.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tk.save(tk.simulate(runs=2), f"{folder}/runs.nc")
    ...     tk.load(path).sizes["run"]
    2
    """
    path = user_path(path)
    if path.is_dir() and path.suffix not in FORMATS:
        return Store(path).load(chunks)
    if not path.suffix and not path.exists():
        raise FileNotFoundError(f"no file or folder {path}")
    format = format_of(path)
    finish_replacing(path)
    if not (path.is_dir() if format.is_folder else path.is_file()):
        raise FileNotFoundError(f"no file {path}" + (": it is a folder" if path.is_dir() else ""))
    for _ in range(_ATTEMPTS):
        stamps = stamps_of(path)
        try:
            ds = _read(path, format, stamps=stamps, lazily=chunks is not None)
        except OSError:
            if is_unchanged(stamps):
                raise
        else:
            # Another process may have replaced a folder while its pieces were read: half old, half new.
            if is_unchanged(stamps):
                ds = validated(ds, values=chunks is None)
                # Chunked now: `open_dataset(chunks=)` warns if a small variable is stored in other chunks.
                return ds if chunks is None else ds.chunk(dict(chunks))
    raise OSError(f"{path} is being replaced or changed all the time: load it when that is done")


def _read(path: Path, format: Format, *, stamps: Stamps, lazily: bool) -> xr.Dataset:
    with damage_told(path):
        if format.is_folder:
            check_pieces(path, lazily=lazily)
        elif not lazily or path.stat().st_size <= _CHECKED_LAZILY:
            check_checksum(path)
        with NETCDF_LOCK:
            ds = _open(path, format)
            if lazily:
                return put_back(guarded(ds, path, stamps))
            with ds:
                return put_back(ds.load())


class _NetCDF(NetCDF4DataStore):
    """Text stays objects: xarray makes arrays of it in which each entry is as wide as the longest."""

    def open_store_variable(self, name: str, var: Any) -> xr.Variable:
        variable = super().open_store_variable(name, var)
        if var.dtype is str:
            del variable.encoding["dtype"]
        return variable


def _open(path: Path, format: Format) -> xr.Dataset:
    source: Any = path if format.is_folder else _NetCDF.open(path)  # type: ignore[no-untyped-call]
    # Durations are refused when a dataset is made; xarray once took each variable with units of time for one.
    return xr.open_dataset(source, engine="zarr" if format.is_folder else "store", cache=False, decode_timedelta=False)
