"""Reading trajectories from a file or a store."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import xarray as xr

from trajkit.schema import validate
from trajkit.storage.atomic import user_path
from trajkit.storage.formats import FORMATS, NETCDF_LOCK, format_of
from trajkit.storage.set_apart import put_back
from trajkit.storage.store import Store
from trajkit.storage.unchanged_file import guarded, stamps_of
from trajkit.storage.zarr_pieces import check_pieces


def load(path: str | os.PathLike[str], chunks: Mapping[str, int] | None = None) -> xr.Dataset:
    """Read trajectories from a file that `save` wrote, or from the folder of a store, and check them.

    Parameters
    ----------
    path
        A file that ends in `.nc` or `.zarr` and follows the schema, or the folder of a `Store`. The predictions of a
        store are read when they are used.
    chunks
        Sizes of dask chunks, such as `{"run": 8}`: the dataset is lazy then, and its predictions are not checked. A
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
        If the file is of another format, is cut short, or fails its checksums.
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
    format = format_of(path)
    if not (path.is_dir() if format.is_folder else path.is_file()):
        raise FileNotFoundError(f"no file {path}" + (": it is a folder" if path.is_dir() else ""))
    try:
        if format.is_folder:
            check_pieces(path)
        if chunks is not None:
            # Chunked after opening: `open_dataset(chunks=)` warns if a small variable is stored in other chunks.
            stamps = stamps_of(path)
            with NETCDF_LOCK:
                opened = xr.open_dataset(path, engine=format.engine, cache=False, decode_timedelta=False)
            lazy = put_back(guarded(opened, path, stamps)).chunk(dict(chunks))
            validate(lazy, values=False)
            return lazy
        with NETCDF_LOCK:
            ds = put_back(xr.load_dataset(path, engine=format.engine, decode_timedelta=False))
    # A broken file raises OSError when it is opened and RuntimeError when a chunk is read; its text and its JSON raise
    # errors of their own.
    except (OSError, RuntimeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise OSError(
            f"cannot read {path} ({path.stat().st_size} bytes) as {format.name}: it is cut short, damaged or of "
            f"another format ({error}). Restore it from a copy"
        ) from error
    validate(ds)
    return ds
