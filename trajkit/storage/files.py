"""Trajectory datasets packed in one netCDF file or zarr group: whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from trajkit.probabilities import ROW_TOLERANCE
from trajkit.progress_bar import open_bar
from trajkit.renamed import renamed
from trajkit.schema import DIMS, stamp, validate
from trajkit.storage.atomic import check_destination, whole
from trajkit.storage.store import Store
from trajkit.typing import AnyArray

# Predictions in one compressed piece of a file.
_PIECE = 2**20
_FORMATS = {".nc": "netCDF", ".zarr": "zarr"}


@renamed(progress="progress_bar")
def save(
    data: xr.Dataset | Store,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    precision: float | None = None,
    bits: int | None = None,
    progress_bar: bool | None = None,
) -> Path:
    """Pack trajectories into one compressed file, atomically and run by run.

    The file is written beside its destination, flushed to disk and then renamed, so that `path` holds either the old
    file or the whole new one, whatever happens in between. Chunks carry checksums. Predictions that are not in memory
    yet (a `Store`, a lazy dataset) are read one run at a time.

    Rounding keeps zero probabilities, certain ones and missing checkpoints exactly. Keeping b bits of the mantissa
    moves a log-probability by at most a share e = 2^-(b + 1), and a Bhattacharyya distance of C classes by at most

        |change of d_B| <= e (2 log C + d_B).

    Parameters
    ----------
    data
        A trajectory dataset, which is checked first, or a store of recorded runs.
    path
        Ends in `.nc` (netCDF4) or `.zarr` (a folder; needs the extra `scale`). The folder it lies in must exist.
    overwrite
        Replace what exists.
    precision
        Error that rounding may add to d_B, in nats: as many bits are kept as make the change at most
        precision (1 + d_B / (2 log C)), such as 1e-5 or 1e-4. None keeps every bit. Errors of single predictions
        largely cancel in the mean over samples: a typical change is a tenth of the bound or less.
    bits
        The number of bits itself, instead of `precision`. At most 23, and enough that rows still sum to one: 9 for 2
        classes, 11 for 10, 12 for 1000.
    progress_bar
        Whether to show a progress bar; None shows one when packing takes more than a few seconds.

    Returns
    -------
    pathlib.Path
        Where the file is.

    Raises
    ------
    SchemaError
        If `data` is not a trajectory dataset.
    ValueError
        If `path` has another ending, or `bits` are too few or too many.
    FileExistsError
        If `path` exists and `overwrite` was not asked for.
    ModuleNotFoundError
        If `path` ends in `.zarr` and zarr is not installed.
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
    check_destination(path, overwrite=overwrite)
    ds = data.load() if isinstance(data, Store) else data
    validate(ds)
    bits = _bits(ds.sizes["class"], bits, precision)
    stamped = stamp(ds).drop_encoding()
    if bits is not None:
        stamped["log_prob"].attrs["mantissa_bits"] = bits
    write = _write_netcdf if path.suffix == ".nc" else _write_zarr
    try:
        with whole(path, overwrite=overwrite) as part:
            write(stamped, part, _blocks(ds["log_prob"], bits, progress_bar))
    # HDF5 reports a full disk as a bare RuntimeError ("NetCDF: HDF error").
    except (OSError, RuntimeError) as error:
        kept = "the file that was there is untouched" if path.exists() else "nothing was written"
        raise OSError(f"saving {path} failed ({error}); {kept}. Is the disk full or the folder read-only?") from error
    return path


def load(path: str | os.PathLike[str], chunks: Mapping[str, int] | None = None) -> xr.Dataset:
    """Read trajectories from a file that `save` wrote, or from the folder of a store, and check them.

    Parameters
    ----------
    path
        Ends in `.nc` or `.zarr`, and follows the schema; or the folder of a `Store`, whose predictions are read when
        they are used.
    chunks
        None reads a whole file into memory and closes it. A dict such as `{"run": 8}` gives a lazy dataset of
        dask arrays, whose numbers are not checked; a file holds pieces of one run, at most 4 MB each.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it is of another format, is cut short, or fails its checksums.
    SchemaError
        If it does not hold trajectories.
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
    if Path(path).is_dir() and Path(path).suffix not in _FORMATS:
        return Store(path).load(chunks)
    path = _checked(path)
    if not (path.is_dir() if path.suffix == ".zarr" else path.is_file()):
        raise FileNotFoundError(f"no file {path}" + (": it is a folder" if path.is_dir() else ""))
    engine = "netcdf4" if path.suffix == ".nc" else "zarr"
    try:
        if chunks is not None:
            # Cut after opening: `open_dataset(chunks=)` warns where small variables are stored in other pieces.
            lazy = xr.open_dataset(path, engine=engine).chunk(dict(chunks))
            validate(lazy, values=False)
            return lazy
        ds = xr.load_dataset(path, engine=engine)
    # A broken file shows as OSError when opened, as RuntimeError when a chunk is read; text and JSON have their own.
    except (OSError, RuntimeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise OSError(
            f"cannot read {path} ({path.stat().st_size} bytes) as {_FORMATS[path.suffix]}: it is cut short, damaged or "
            f"of another format ({error}). Restore it from where it came"
        ) from error
    validate(ds)
    return ds


def _checked(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix not in _FORMATS:
        wanted = " or ".join(f"{suffix} ({name})" for suffix, name in _FORMATS.items())
        raise ValueError(f"{path}: wanted a file name that ends in {wanted}, got {path.suffix or 'no ending'!r}")
    if path.suffix == ".zarr":
        try:
            import zarr  # noqa: F401
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f'{path} needs zarr: pip install "trajkit[scale]", or use .nc') from error
    return path


# --- rounding -----------------------------------------------------------------------------------------------------


def _bits(classes: int, bits: int | None, precision: float | None) -> int | None:
    """Choose how many bits of the mantissa to keep; None for all."""
    if bits is None and precision is None:
        return None
    if bits is not None and precision is not None:
        raise ValueError("wanted precision or bits, got both")
    # Rounding moves the sum of a row by up to the entropy, at most log C, times 2^-(bits + 1); `load` checks sums.
    least = max(1, math.ceil(math.log2(math.log(classes) / ROW_TOLERANCE)) - 1)
    if precision is not None:
        finest = 2 * math.log(classes) * 2.0**-24
        if not finest <= precision < 1:
            raise ValueError(f"precision: wanted {finest:.1g} to 1 for {classes} classes, or None, got {precision}")
        return max(least, math.ceil(math.log2(2 * math.log(classes) / precision)) - 1)
    if bits is not None and not least <= bits <= 23:
        raise ValueError(f"bits: wanted {least} to 23 for {classes} classes, got {bits}")
    return bits


def _rounded(values: AnyArray, bits: int) -> AnyArray:
    """Round the mantissas of floats to `bits`, as netCDF's BitRound does; infinities and NaN stay as they are."""
    drop = np.finfo(values.dtype).nmant - bits
    if drop == 0:
        return values
    raw: AnyArray = values.view(f"u{values.dtype.itemsize}")
    rounded = (raw + 2 ** (drop - 1)) >> drop << drop
    return np.where(np.isfinite(values), rounded.view(values.dtype), values)


def _blocks(log_prob: xr.DataArray, bits: int | None, progress_bar: bool | None) -> Iterator[AnyArray]:
    """Yield the rounded predictions of one run after the other."""
    with open_bar(log_prob.sizes["run"], "saving", progress_bar) as bar:
        for row in range(log_prob.sizes["run"]):
            values = np.ascontiguousarray(log_prob.isel(run=row).values)
            yield values if bits is None else _rounded(values, bits)
            bar.update()


# --- formats ------------------------------------------------------------------------------------------------------


def _chunk(log_prob: xr.DataArray) -> tuple[int, ...]:
    """One piece per run, or several of some samples each, of 4 MB: neither other runs nor other samples are read."""
    _, checkpoints, samples, classes = log_prob.shape
    few = min(checkpoints, max(1, _PIECE // classes))
    return (1, few, min(samples, max(1, _PIECE // (few * classes))), classes)


def _write_netcdf(ds: xr.Dataset, path: Path, blocks: Iterator[AnyArray]) -> None:
    """Write all but the predictions with xarray, then these run by run."""
    import netCDF4

    packed: Any = {"zlib": True, "complevel": 6, "shuffle": True, "fletcher32": True}
    # Text cannot be compressed (netcdf4-python #1205).
    numbers = [name for name, v in ds.variables.items() if v.ndim and v.dtype.kind in "if" and name != "log_prob"]
    ds.drop_vars("log_prob").to_netcdf(path, engine="netcdf4", encoding={name: packed for name in numbers})
    log_prob = ds["log_prob"]
    with netCDF4.Dataset(path, "a") as file:
        variable = file.createVariable(
            "log_prob",
            log_prob.dtype,
            DIMS,
            chunksizes=_chunk(log_prob),
            fill_value=np.nan,
            **packed,
        )
        variable.setncatts(log_prob.attrs)
        for row, block in enumerate(blocks):
            variable[row] = block


def _write_zarr(ds: xr.Dataset, path: Path, blocks: Iterator[AnyArray]) -> None:
    """Write all but the predictions with xarray, then these run by run."""
    import zarr
    from numcodecs import Shuffle, Zstd

    # zarr's own choice of compressor has no checksums: a piece cut short would come back as random bytes.
    packed = Zstd(level=9, checksum=True)
    log_prob, rest = ds["log_prob"], ds.drop_vars("log_prob")
    # Format 2: text of fixed length has no specification in format 3 yet, and zarr warns of it.
    encoding = {name: {"compressors": packed} for name, v in rest.variables.items() if v.ndim}
    # Into memory, and from there to files: after an error zarr's threads would go on writing to a folder that is gone.
    held: dict[str, Any] = {}
    store = zarr.storage.MemoryStore(held)
    rest.to_zarr(store, mode="w", zarr_format=2, consolidated=False, encoding=encoding)
    group = zarr.open_group(store, mode="a", zarr_format=2)
    array = group.create_array(
        "log_prob",
        shape=log_prob.shape,
        dtype=log_prob.dtype,
        chunks=_chunk(log_prob),
        fill_value=np.nan,
        filters=[Shuffle(log_prob.dtype.itemsize)],
        compressors=packed,
        attributes={**_plain(log_prob.attrs), "_ARRAY_DIMENSIONS": DIMS},
    )
    for row, block in enumerate(blocks):
        array[row] = block
        _write_files(
            {key: held.pop(key) for key in list(held) if key.startswith("log_prob/") and key[-1].isdigit()}, path
        )
    zarr.consolidate_metadata(store, zarr_format=2)
    _write_files(held, path)


def _write_files(held: Mapping[str, Any], folder: Path) -> None:
    for key, content in held.items():
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.to_bytes())


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as JSON can hold them; netCDF gives numbers of numpy."""
    return {str(k): v.tolist() if isinstance(v, np.generic | np.ndarray) else v for k, v in attrs.items()}
