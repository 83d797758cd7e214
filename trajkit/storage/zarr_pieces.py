"""The pieces of a `.zarr` folder: zarr invents the content of a piece that is not there, so that each is looked for."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from warnings import warn

_METADATA = ".zmetadata"
# Beside the metadata: the writer left out no piece, not even one that holds only the fill value.
_COMPLETE = "trajkit_has_every_piece"


def mark_complete(folder: Path) -> None:
    """Note that every piece was written, so that `check_pieces` can tell a lost one."""
    path = folder / _METADATA
    path.write_text(json.dumps({**json.loads(path.read_text()), _COMPLETE: True}, indent=1))


def check_pieces(folder: Path) -> None:
    """Refuse a folder that lacks a piece.

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
    if not path.is_file():
        if _has_version(folder / ".zattrs") or any(folder.glob("*/.zarray")):
            raise OSError(f"the piece {_METADATA} is missing; or run `zarr.consolidate_metadata({str(folder)!r})`")
        return
    held = json.loads(path.read_text())
    metadata = held["metadata"]
    if lost := [key for key in metadata if not (folder / key).is_file()]:
        raise OSError(f"{_list(lost)} missing")
    lost = [piece for key in metadata if key.endswith(".zarray") for piece in _lost(folder, key, metadata[key])]
    if lost and held.get(_COMPLETE):
        raise OSError(f"{_list(lost)} missing")
    if lost:
        warn(
            f"{folder}: {_list(lost)} missing. Another program, or trajkit 0.1, leaves out pieces of zeros or empty "
            "text; if it was lost, these numbers are wrong. Check them, then save the dataset again with tk.save",
            RuntimeWarning,
            stacklevel=3,
        )


def _lost(folder: Path, key: str, array: dict[str, Any]) -> Iterator[str]:
    name = key.removesuffix(".zarray")
    separator = array.get("dimension_separator", ".")
    counts = [math.ceil(size / chunk) for size, chunk in zip(array["shape"], array["chunks"], strict=True)]
    for index in itertools.product(*map(range, counts)):
        piece = name + (separator.join(map(str, index)) or "0")
        if not (folder / piece).is_file():
            yield piece


def _has_version(path: Path) -> bool:
    return path.is_file() and "trajkit_version" in json.loads(path.read_text())


def _list(pieces: list[str]) -> str:
    more = f" and {len(pieces) - 3} more are" if len(pieces) > 3 else " are" if len(pieces) > 1 else " is"
    return f"the piece{'s' * (len(pieces) > 1)} {', '.join(pieces[:3])}{more}"
