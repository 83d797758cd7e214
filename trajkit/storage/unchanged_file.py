"""Arrays that are read from a file later, and only while it is the file that was opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from trajkit.storage.formats import NETCDF_LOCK

_Stamp = tuple[int, ...]


def guarded(ds: xr.Dataset, path: Path, stamps: dict[Path, _Stamp]) -> xr.Dataset:
    """Let the lazy variables of `ds` refuse to be read once the file, with these stamps, was replaced or changed."""
    lazy = {
        name: xr.Variable(
            variable.dims,
            indexing.LazilyIndexedArray(_Unchanged(variable, path, stamps)),
            variable.attrs,
            variable.encoding,
        )
        for name, variable in ds.variables.items()
        if name not in ds.indexes
    }
    return ds._replace(variables={**ds._variables, **lazy})


def stamps_of(path: Path) -> dict[Path, _Stamp]:
    """Say which file, or folder with the folders and metadata in it, lies at `path` now."""
    paths = [path]
    if path.is_dir():
        paths += [entry for entry in path.iterdir() if entry.is_dir() or entry.name.startswith((".z", "zarr"))]
    return {each: _stamp(each) for each in paths}


def _stamp(path: Path) -> _Stamp:
    stat = os.stat(path)
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class _Unchanged(BackendArray):
    """A variable of a file; indexing reads it, and looks before and after whether it is still the same file."""

    def __init__(self, variable: xr.Variable, path: Path, stamps: dict[Path, _Stamp]) -> None:
        self.shape, self.dtype = variable.shape, variable.dtype
        self._variable, self._path, self._stamps = variable, path, stamps

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        self._check()
        with NETCDF_LOCK:
            # A copy: the file's variable would keep what it read.
            values = self._variable.copy(deep=False)[key].values
        self._check()
        return values

    def _check(self) -> None:
        try:
            is_same = all(_stamp(path) == stamp for path, stamp in self._stamps.items())
        except OSError:
            is_same = False
        if not is_same:
            raise OSError(
                f"{self._path} was replaced, changed or removed since this dataset was opened: load it again with "
                f"tk.load({str(self._path)!r}, chunks=...)"
            )
