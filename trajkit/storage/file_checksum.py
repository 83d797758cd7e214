"""A checksum behind the last byte of a file, where netCDF does not look.

HDF5 has checksums for numbers alone: one flipped bit in a text, or in what says where numbers lie, would be read as
other data, or crash. A program that changes the file cuts the checksum off.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

_MAGIC = b"trajkit-crc32:"
_LENGTH = len(_MAGIC) + 4


def add_checksum(path: Path) -> None:
    """Append the checksum of all bytes."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end = _MAGIC + _crc_of_first(path, size).to_bytes(4, "little")
        file.write(end)


def check_checksum(path: Path) -> None:
    """Refuse a file whose bytes are not those that were written; one without a checksum passes.

    Raises
    ------
    OSError
        If the checksum differs.
    """
    size = path.stat().st_size - _LENGTH
    if size < 0:
        return
    with path.open("rb") as file:
        file.seek(size)
        end = file.read(_LENGTH)
    if end.startswith(_MAGIC) and _crc_of_first(path, size) != int.from_bytes(end[len(_MAGIC) :], "little"):
        raise OSError("it fails its checksum")


def _crc_of_first(path: Path, size: int) -> int:
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(min(2**20, size)):
            crc, size = zlib.crc32(piece, crc), size - len(piece)
    return crc
