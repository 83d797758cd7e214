"""Trajectory datasets on disk: whole or not at all."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import xarray as xr

from trajkit.schema import ROW_TOLERANCE, stamp, validate
from trajkit.storage.store import Store

_SUFFIX = ".nc"


def save(ds: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False, bits: int | None = None) -> Path:
    """Write a trajectory dataset to a compressed netCDF file, atomically.

    The file is written beside its destination, flushed to disk and then renamed, so that `path` holds either
    the old file or the whole new one, whatever happens in between. Chunks carry checksums.

    Parameters
    ----------
    ds
        The trajectory dataset; it is checked first.
    path
        Ends in `.nc`. Its folder must exist.
    overwrite
        Replace a file that exists.
    bits
        Keep so many bits of the mantissa of `log_prob` (netCDF's BitRound); relative rounding of a log-probability is
        at most 2^-(bits + 1). At most 23, and enough that rows still sum to one: 9 for 2 classes, 11 for 10, 12 for
        1000. None keeps every bit.

    Returns
    -------
    pathlib.Path
        Where the file is.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset.
    ValueError
        If `path` does not end in `.nc`, or `bits` are too few or too many.
    FileExistsError
        If `path` exists and `overwrite` was not asked for.
    OSError
        If writing fails, a full disk for example. The old file, if any, is untouched and no part of a new one remains.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tk.save(ds, f"{folder}/runs.nc")
    ...     tk.load(path).equals(ds)
    True
    """
    path = _checked(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name, or pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save {path}: there is no folder {path.parent}; make it first")
    validate(ds)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=_SUFFIX)
    os.close(handle)
    part = Path(name)
    try:
        stamp(ds).drop_encoding().to_netcdf(part, engine="netcdf4", encoding=_encoding(ds, bits))
        _flush(part)
        part.chmod(0o666 & ~_umask())
        os.replace(part, path)
    # HDF5 reports a full disk as a bare RuntimeError ("NetCDF: HDF error").
    except (OSError, RuntimeError) as error:
        kept = "the file that was there is untouched" if path.exists() else "nothing was written"
        raise OSError(f"saving {path} failed ({error}); {kept}. Is the disk full or the folder read-only?") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def load(path: str | os.PathLike[str], chunks: Mapping[str, int] | None = None) -> xr.Dataset:
    """Read a trajectory dataset from a netCDF file and check it.

    Parameters
    ----------
    path
        A file that `save` wrote, or any netCDF file that follows the schema.
    chunks
        None reads everything into memory and closes the file. A dict such as `{"run": 8}` gives a lazy dataset of
        dask arrays, whose numbers are not checked; the file holds one piece per run.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If the file is no netCDF file, is cut short, or fails its checksums.
    SchemaError
        If it is a netCDF file that does not hold trajectories.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tk.save(tk.simulate(runs=2), f"{folder}/runs.nc")
    ...     tk.load(path).sizes["run"]
    2
    """
    if Path(path).is_dir() and Path(path).suffix != _SUFFIX:
        return Store(path).load(chunks)
    path = _checked(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}" + (": it is a folder" if path.is_dir() else ""))
    try:
        if chunks is not None:
            # Cut after opening: `open_dataset(chunks=)` warns where small variables are stored in other pieces.
            lazy = xr.open_dataset(path, engine="netcdf4").chunk(dict(chunks))
            validate(lazy, values=False)
            return lazy
        ds = xr.load_dataset(path, engine="netcdf4")
    # A broken file shows as OSError when opened, as RuntimeError when a chunk is read, and broken text as a third.
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise OSError(
            f"cannot read {path} ({path.stat().st_size} bytes) as netCDF: it is cut short, damaged or of another "
            f"format ({error}). Restore it from where it came"
        ) from error
    validate(ds)
    return ds


def _checked(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix != _SUFFIX:
        raise ValueError(
            f"{path}: wanted a file name that ends in {_SUFFIX} (netCDF), got {path.suffix or 'no ending'!r}"
        )
    return path


def _encoding(ds: xr.Dataset, bits: int | None) -> dict[str, dict[str, object]]:
    """Compress numbers, with checksums; text cannot be compressed (netcdf4-python #1205)."""
    numbers = {
        str(n): {"zlib": True, "complevel": 6, "shuffle": True, "fletcher32": True}
        for n, v in ds.variables.items()
        if v.ndim and v.dtype.kind in "if"
    }
    encoding: dict[str, dict[str, object]] = {n: dict(e) for n, e in numbers.items()}
    # One chunk per run: reading a slice of runs does not read the others.
    encoding["log_prob"]["chunksizes"] = (1, *ds["log_prob"].shape[1:])
    if bits is not None:
        # Rounding moves the sum of a row by up to the entropy, at most log C, times 2^-(bits + 1); `load` checks sums.
        least = max(1, math.ceil(math.log2(math.log(ds.sizes["class"]) / ROW_TOLERANCE)) - 1)
        if not least <= bits <= 23:
            raise ValueError(f"bits: wanted {least} to 23 for {ds.sizes['class']} classes, got {bits}")
        encoding["log_prob"] |= {"quantize_mode": "BitRound", "significant_digits": bits}
    return encoding


def _flush(path: Path) -> None:
    """Wait until the bytes are on disk; only then may the name change."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    """Ask for the umask; there is no call that only reads it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
