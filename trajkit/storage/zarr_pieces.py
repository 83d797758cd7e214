"""The pieces of a `.zarr` folder: zarr invents the content of a piece that is not there, so that each is looked for."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from warnings import warn

import numpy as np

_METADATA = ".zmetadata"
# Beside the metadata: their checksum and that of each piece. Zarr's own say that a piece is whole, and not that it is
# the right one: a copy over an older folder that was stopped halfway leaves pieces of both. A folder with checksums
# lacks no piece, not even one that holds only the fill value.
_CHECKSUMS = "trajkit_checksums"


class Pieces(NamedTuple):
    """Where the pieces of an array lie: its folder, the array's shape, that of a piece, and how files are named."""

    folder: Path
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    start: tuple[str, ...]
    separator: str
    checksums: Mapping[str, int]

    def touched(self, key: Iterable[Any]) -> Iterator[Path]:
        """Give the files that an index of numbers, slices and arrays reads."""
        # A variable of xarray may have fewer dimensions than its array, such as text of single characters.
        keys = [*key, *[slice(None)] * len(self.shape)]
        places = [
            np.unique(np.arange(n)[k] // chunk) for n, chunk, k in zip(self.shape, self.chunk, keys, strict=False)
        ]
        for place in itertools.product(*places):
            yield self.folder / (self.separator.join([*self.start, *map(str, place)]) or "0")

    def missing(self) -> Iterator[Path]:
        """Give the files that should exist and do not."""
        return (path for path in self.touched([]) if not path.is_file())

    def check(self, key: Iterable[Any]) -> None:
        """Refuse pieces that are not those that were written with the metadata.

        Raises
        ------
        OSError
            If a checksum differs.
        """
        for path in self.touched(key):
            wanted = self.checksums.get(f"{self.folder.name}/{path.relative_to(self.folder).as_posix()}")
            if wanted is not None and zlib.crc32(path.read_bytes()) != wanted:
                raise OSError(
                    f"the piece {self.folder.name}/{path.name} is not the one that was saved; if it was changed on "
                    f"purpose, run `zarr.consolidate_metadata({str(self.folder.parent)!r})`"
                )


def mark_complete(folder: Path) -> None:
    """Note the checksums of every piece, so that `check_pieces` can tell a lost or foreign one."""
    path = folder / _METADATA
    held = json.loads(path.read_bytes())
    checksums = {_METADATA: _checksum(held["metadata"])}
    for pieces in pieces_of(folder).values():
        for piece in pieces.touched([]):
            checksums[piece.relative_to(folder).as_posix()] = zlib.crc32(piece.read_bytes())
    path.write_text(json.dumps({**held, _CHECKSUMS: checksums}, indent=1), encoding="utf-8")


def pieces_of(folder: Path) -> dict[str, Pieces]:
    """Find the arrays of a folder and where their pieces lie, for formats 2 and 3 of zarr."""
    arrays, checksums = _metadata(folder)
    found = {}
    for name, array in arrays.items():
        if "shape" in array:
            own = {piece: checksum for piece, checksum in checksums.items() if piece.startswith(f"{name}/")}
            found[name] = _pieces(folder / name, array, own)
    return found


def check_pieces(folder: Path, *, lazily: bool) -> None:
    """Refuse a folder that lacks a piece, or whose pieces or metadata are not those that were saved.

    Those of the predictions are not read if `lazily`: `Pieces.check` does that when they are used.

    Raises
    ------
    OSError
        If a piece is missing from a folder that `save` wrote, or metadata from any, or a checksum differs.

    Warns
    -----
    RuntimeWarning
        If a piece is missing that xarray or trajkit 0.1 may have left out, since it held only the fill value.
    """
    path = folder / _METADATA
    if not path.is_file() and (_has_version(folder / ".zattrs") or any(folder.glob("*/.zarray"))):
        raise OSError(f"the piece {_METADATA} is missing; or run `zarr.consolidate_metadata({str(folder)!r})`")
    held = json.loads(path.read_bytes()) if path.is_file() else {}
    metadata = held.get("metadata", {})
    if lost := [key for key in metadata if not (folder / key).is_file()]:
        raise OSError(f"{_list(lost)} missing")
    checksums = held.get(_CHECKSUMS, {})
    if checksums and checksums.get(_METADATA) != _checksum(metadata):
        raise OSError(f"{_METADATA} fails its checksum")
    # zarr reads attributes of the outermost group from their own file, although the summary holds them too.
    files = {key: json.loads((folder / key).read_bytes()) for key in (metadata if checksums else ())}
    if changed := [key for key, held in files.items() if _checksum(held) != _checksum(metadata[key])]:
        raise OSError(
            f"{_list(changed)} not what was saved; if it was changed on purpose, run "
            f"`zarr.consolidate_metadata({str(folder)!r})`"
        )
    arrays = pieces_of(folder)
    lost = [piece.relative_to(folder).as_posix() for pieces in arrays.values() for piece in pieces.missing()]
    if lost and checksums:
        raise OSError(f"{_list(lost)} missing")
    for name, pieces in arrays.items():
        if not (lazily and name == "log_prob"):
            pieces.check([])
    if lost:
        warn(
            f"{folder}: {_list(lost)} missing. Another program, or trajkit 0.1, leaves out pieces of zeros, NaN or "
            "empty text; if it was lost, these values are wrong. Check them, then save the dataset again with tk.save",
            RuntimeWarning,
            stacklevel=4,
        )


def _metadata(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Read what describes each array and group, by its place in the folder, and checksums of pieces, if any."""
    if (path := folder / _METADATA).is_file():
        held = json.loads(path.read_bytes())
        arrays = {key.removesuffix("/.zarray"): v for key, v in held["metadata"].items() if key.endswith("/.zarray")}
        return arrays, held.get(_CHECKSUMS, {})
    # Format 3 has its summary, if any, in the description of the outermost group.
    root = json.loads(path.read_bytes()) if (path := folder / "zarr.json").is_file() else {}
    if (summary := root.get("consolidated_metadata")) is not None:
        return dict(summary["metadata"]), {}
    return {path.parent.name: json.loads(path.read_bytes()) for path in folder.glob("*/zarr.json")}, {}


def _pieces(folder: Path, array: Mapping[str, Any], checksums: Mapping[str, int]) -> Pieces:
    shape = tuple(array["shape"])
    if "chunks" in array:
        return Pieces(folder, shape, tuple(array["chunks"]), (), array.get("dimension_separator", "."), checksums)
    name, options = (array["chunk_key_encoding"].get(key, {}) for key in ("name", "configuration"))
    chunk = array["chunk_grid"]["configuration"]["chunk_shape"]
    start, separator = (("c",), "/") if name == "default" else ((), ".")
    return Pieces(folder, shape, tuple(chunk), start, options.get("separator", separator), {})


def _has_version(path: Path) -> bool:
    return path.is_file() and "trajkit_version" in json.loads(path.read_bytes())


def _checksum(metadata: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(metadata, sort_keys=True).encode())


def _list(pieces: list[str]) -> str:
    more = f" and {len(pieces) - 3} more are" if len(pieces) > 3 else " are" if len(pieces) > 1 else " is"
    return f"the piece{'s' * (len(pieces) > 1)} {', '.join(pieces[:3])}{more}"
