"""Arrays in `.npy` and `.npz` files of unknown origin."""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO

import numpy as np

from trajkit.storage.reading import open_zip, reading, size_of
from trajkit.typing import AnyArray

# Version of the format: reader of an array's head. Version 3 is for structured arrays alone.
_HEADS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
Arrays = dict[str, AnyArray]


def read_file(path: Path) -> Arrays:
    """Read a `.npy` (under the name "") or a `.npz`. Objects are refused: reading them would unpickle them.

    Raises
    ------
    ValueError
        If the file holds anything but arrays of numbers and text, or an array's head and its values disagree.
    """
    wanted = "arrays of numbers or text, without objects, as numpy.save or numpy.savez writes them"
    with reading(path, wanted) as file:
        if not file.peek(2).startswith(b"PK"):
            return {"": _array(file, size_of(file))}
        # Not by numpy.load: it opens any zip, and takes memory for whatever an array's head says.
        with open_zip(file) as archive:
            arrays: Arrays = {}
            for member in archive.infolist():
                if (name := member.filename.removesuffix(".npy")) in arrays:
                    raise ValueError(f"two arrays are named {name!r}")
                with archive.open(member) as opened:
                    arrays[name] = _array(opened, member.file_size)
            return arrays


def _array(file: IO[bytes], size: int) -> AnyArray:
    """Read an array of which the head and `size` say the same."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADS:
        raise ValueError(f"an array of format {version}: wanted numbers or text")
    shape, _, dtype = _HEADS[version](file)
    count, held = math.prod(shape), size - file.tell()
    if dtype.kind not in "biufcSUmM":
        raise ValueError(f"an array of {dtype}: wanted numbers or text, without objects")
    if min(shape, default=1) < 1 or not dtype.itemsize:
        raise ValueError(f"an array of {dtype} {shape}, which holds no values")
    if count * dtype.itemsize != held:
        raise ValueError(f"its head says {dtype} {shape}, {count * dtype.itemsize} bytes, but {held} bytes follow")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
