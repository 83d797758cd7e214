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
# Beside the metadata: their checksum. It also says that the writer left out no piece, not even one that holds only the
# fill value.
_CHECKSUM = "trajkit_checksum"


class Pieces(NamedTuple):
    """Where the pieces of an array lie: its folder, the array's shape, that of a piece, and how files are named."""

    folder: Path
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    start: tuple[str, ...]
    separator: str

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


def mark_complete(folder: Path) -> None:
    """Note that every piece was written, so that `check_pieces` can tell a lost one."""
    path = folder / _METADATA
    held = json.loads(path.read_text())
    path.write_text(json.dumps({**held, _CHECKSUM: _checksum(held["metadata"])}, indent=1))


def pieces_of(folder: Path) -> dict[str, Pieces]:
    """Find the arrays of a folder and where their pieces lie, for formats 2 and 3 of zarr."""
    arrays = {name: description for name, description in _metadata(folder).items() if "shape" in description}
    return {name: _pieces(folder / name, description) for name, description in arrays.items()}


def check_pieces(folder: Path) -> None:
    """Refuse a folder that lacks a piece, or whose metadata were changed.

    Raises
    ------
    OSError
        If a piece is missing from a folder that `save` wrote, or metadata from any.

    Warns
    -----
    RuntimeWarning
        If a piece is missing that xarray or trajkit 0.1 may have left out, since it held only the fill value.
    """
    path = folder / _METADATA
    if not path.is_file() and (_has_version(folder / ".zattrs") or any(folder.glob("*/.zarray"))):
        raise OSError(f"the piece {_METADATA} is missing; or run `zarr.consolidate_metadata({str(folder)!r})`")
    held = json.loads(path.read_text()) if path.is_file() else {}
    metadata = held.get("metadata", {})
    if lost := [key for key in metadata if not (folder / key).is_file()]:
        raise OSError(f"{_list(lost)} missing")
    # Folders of earlier development have True in place of a checksum.
    if held.get(_CHECKSUM, True) not in (True, _checksum(metadata)):
        raise OSError(f"{_METADATA} fails its checksum")
    missing = [piece for pieces in pieces_of(folder).values() for piece in pieces.missing()]
    lost = [str(piece.relative_to(folder)) for piece in missing]
    if lost and held.get(_CHECKSUM):
        raise OSError(f"{_list(lost)} missing")
    if lost:
        warn(
            f"{folder}: {_list(lost)} missing. Another program, or trajkit 0.1, leaves out pieces of zeros, NaN or "
            "empty text; if it was lost, these values are wrong. Check them, then save the dataset again with tk.save",
            RuntimeWarning,
            stacklevel=4,
        )


def _metadata(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what describes each array and group, by its place in the folder."""
    if (path := folder / _METADATA).is_file():
        held = json.loads(path.read_text())["metadata"]
        return {key.removesuffix("/.zarray"): held[key] for key in held if key.endswith("/.zarray")}
    # Format 3 has its summary, if any, in the description of the outermost group.
    root = json.loads(path.read_text()) if (path := folder / "zarr.json").is_file() else {}
    if (summary := root.get("consolidated_metadata")) is not None:
        return dict(summary["metadata"])
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/zarr.json")}


def _pieces(folder: Path, array: Mapping[str, Any]) -> Pieces:
    if "chunks" in array:
        return Pieces(folder, tuple(array["shape"]), tuple(array["chunks"]), (), array.get("dimension_separator", "."))
    name, options = (array["chunk_key_encoding"].get(key, {}) for key in ("name", "configuration"))
    chunk = array["chunk_grid"]["configuration"]["chunk_shape"]
    start, separator = (("c",), "/") if name == "default" else ((), ".")
    return Pieces(folder, tuple(array["shape"]), tuple(chunk), start, options.get("separator", separator))


def _has_version(path: Path) -> bool:
    return path.is_file() and "trajkit_version" in json.loads(path.read_text())


def _checksum(metadata: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(metadata, sort_keys=True).encode())


def _list(pieces: list[str]) -> str:
    more = f" and {len(pieces) - 3} more are" if len(pieces) > 3 else " are" if len(pieces) > 1 else " is"
    return f"the piece{'s' * (len(pieces) > 1)} {', '.join(pieces[:3])}{more}"
