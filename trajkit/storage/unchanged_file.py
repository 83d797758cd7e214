"""Arrays that are read from a file later, and only while it is the file that was opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from trajkit.storage.formats import NETCDF_LOCK, damage_told
from trajkit.storage.zarr_pieces import Pieces, pieces_of

# None stands for a file that is not there.
Stamps = dict[Path, tuple[int, ...] | None]


def guarded(ds: xr.Dataset, path: Path, stamps: Stamps) -> xr.Dataset:
    """Let the lazy variables of `ds` refuse to be read once what they read was replaced or changed."""
    pieces = pieces_of(path) if path.is_dir() else {}
    whole = {file: stamp for file, stamp in stamps.items() if file == path or file.name.startswith((".z", "zarr.json"))}
    return ds._replace(
        variables={
            name: variable if name in ds.indexes else _guarded(variable, path, stamps, whole, pieces.get(str(name)))
            for name, variable in ds._variables.items()
        }
    )


def _guarded(variable: xr.Variable, path: Path, stamps: Stamps, whole: Stamps, pieces: Pieces | None) -> xr.Variable:
    # Its own stamps alone: a dataset is sent to other processes variable by variable.
    own = {file: stamp for file, stamp in stamps.items() if pieces is not None and pieces.folder in file.parents}
    lazy = indexing.LazilyIndexedArray(_Unchanged(variable, path, whole | own, list(whole), pieces))
    return xr.Variable(variable.dims, lazy, variable.attrs, variable.encoding)


def stamps_of(path: Path) -> Stamps:
    """Say which file, or which folder and files in it, lie at `path` now."""
    inside = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
    return {each: _stamp(each) for each in [path, *inside]}


def is_unchanged(stamps: Stamps) -> bool:
    """Whether all files are the same, with the same content, as when `stamps_of` looked."""
    return all(_stamp(path) == stamp for path, stamp in stamps.items())


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return None
    # A folder changes with every file that another program puts there.
    content = () if path.is_dir() else (stat.st_size, stat.st_mtime_ns)
    return (stat.st_dev, stat.st_ino, *content)


class _Unchanged(BackendArray):
    """A variable of a file; indexing reads it, and looks before and after whether it is still the same file."""

    def __init__(
        self, variable: xr.Variable, path: Path, stamps: Stamps, always: list[Path], pieces: Pieces | None
    ) -> None:
        self.shape, self.dtype = variable.shape, variable.dtype
        self._variable, self._path, self._stamps, self._always, self._pieces = variable, path, stamps, always, pieces

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        touched = [*self._always, *(self._pieces.touched(key) if self._pieces else ())]
        before = {path: self._stamps.get(path) for path in touched}
        self._check(before)
        with NETCDF_LOCK, damage_told(self._path):
            if self._pieces:
                self._pieces.check(key)
            # A copy: the file's variable would keep what it read.
            values = self._variable.copy(deep=False)[key].values
        self._check(before)
        return values

    def _check(self, before: Stamps) -> None:
        if not is_unchanged(before):
            raise OSError(
                f"{self._path} was replaced, changed or removed since this dataset was opened: load it again with "
                f"tk.load({str(self._path)!r}, chunks=...)"
            )
