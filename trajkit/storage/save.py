"""Writing trajectories into one compressed file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from trajkit.progress_bar import open_bar
from trajkit.renamed import renamed
from trajkit.schema import stamp, validated
from trajkit.storage.atomic import atomic_write, check_destination, user_path
from trajkit.storage.formats import format_of
from trajkit.storage.rounding import bits_to_keep, round_mantissa
from trajkit.storage.set_apart import set_apart
from trajkit.storage.store import Store
from trajkit.typing import AnyArray


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
    """Write trajectories to one compressed file, atomically and run by run.

    The file is written beside its destination, flushed to disk and then renamed: at every moment `path` holds either
    the old file or the complete new one. Chunks carry checksums. Predictions that are not in memory yet (a `Store`, a
    lazy dataset) are read one run at a time.

    Rounding keeps probabilities of 0 and 1 and missing checkpoints exactly. With b bits of the mantissa a
    log-probability changes by at most a share e = 2^-(b + 1), and a Bhattacharyya distance of C classes by at most

        |change of d_B| <= e (2 log C + d_B).

    Parameters
    ----------
    data
        A trajectory dataset, which is checked first, or a store of recorded runs.
    path
        Ends in `.nc` (netCDF4) or `.zarr` (a folder; needs the extra `scale`). Its folder must exist.
    overwrite
        Whether to replace an existing file.
    precision
        Largest error that rounding may add to d_B, in nats, such as 1e-5 or 1e-4: enough bits are kept that the
        change is at most precision (1 + d_B / (2 log C)). By default every bit is kept. Errors of single predictions
        largely cancel in the mean over samples: a typical change is a tenth of the bound or less.
    bits
        The number of bits itself, instead of `precision`: at most 23, and enough that rows still sum to one (9 for 2
        classes, 11 for 10, 12 for 1000).
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    pathlib.Path
        Path of the file.

    Raises
    ------
    SchemaError
        If `data` is not a trajectory dataset.
    ValueError
        If `path` has another ending, or `bits` or `precision` is out of range.
    FileExistsError
        If `path` exists and `overwrite` is False.
    ModuleNotFoundError
        If `path` ends in `.zarr` and zarr is not installed.
    OSError
        If writing fails, on a full disk for example. The old file, if any, is unchanged and no part of a new one stays.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tk.save(ds, f"{folder}/runs.nc")
    ...     tk.load(path).equals(ds)
    True
    """
    path = user_path(path)
    format = format_of(path)
    check_destination(path, overwrite=overwrite)
    ds = data.load() if isinstance(data, Store) else data
    ds = validated(ds)
    bits = bits_to_keep(ds.sizes["class"], bits, precision)
    stamped = set_apart(_without_encoding(stamp(ds)))
    if bits is not None:
        stamped["log_prob"].attrs["mantissa_bits"] = bits
    try:
        with atomic_write(path, overwrite=overwrite) as part:
            format.write(stamped, part, _blocks(ds["log_prob"], bits, progress_bar))
    # HDF5 reports a full disk as a bare RuntimeError ("NetCDF: HDF error").
    except (OSError, RuntimeError) as error:
        kept = "the file that was there is unchanged" if path.exists() else "nothing was written"
        raise OSError(f"saving {path} failed ({error}); {kept}. Is the disk full or the folder read-only?") from error
    return path


def _without_encoding(ds: xr.Dataset) -> xr.Dataset:
    # Not `ds.drop_encoding()`: in xarray 2025.11 and before it reads lazy predictions, all of them.
    bare = ds.copy()
    bare.encoding = {}
    for variable in bare.variables.values():
        variable.encoding = {}
    return bare


def _blocks(log_prob: xr.DataArray, bits: int | None, progress_bar: bool | None) -> Iterator[AnyArray]:
    """Yield the rounded predictions of one run after the other: those of a store may be larger than the memory."""
    with open_bar(log_prob.sizes["run"], "saving", progress_bar) as bar:
        for row in range(log_prob.sizes["run"]):
            values = np.ascontiguousarray(log_prob.isel(run=row).values)
            yield values if bits is None else round_mantissa(values, bits)
            bar.update()
