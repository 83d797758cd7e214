"""Pickles of arrays, tensors and tables, read without running anything that they name.

A pickle is a program: it names callables and the arguments to call them with. This reader calls none of them. The first
pass (`pickle_requests`) keeps every call as an inert request and refuses names that are not in `_MAKERS`. The second
pass turns requests into arrays with the functions of that table, all of which are defined in this file. Nothing is
imported for a file, so neither torch nor the version of pandas that wrote the file has to be installed.

The table covers the forms in which numpy, torch (`torch.save` old and new, tensors in plain pickles) and pandas write
arrays, tensors and tables: see `ndarray.__reduce__`, `torch.serialization` and `pandas.core.internals.managers`.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from trajkit.importers.pickle_requests import STORAGE, Held, Reader, Request, UnsafePickleError
from trajkit.storage.reading import TooLargeError, open_zip, reading, size_of
from trajkit.typing import AnyArray
from trajkit.workspace import most_bytes

# First object of a file that torch.save wrote before version 1.6, and of a tensor in a plain pickle.
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C


def read_pickle(path: Path) -> Any:
    """Read plain containers, arrays, tensors and tables from a pickle or a file by `torch.save`.

    Tensors become numpy arrays (bfloat16 becomes float32), tables a DataFrame, namespaces dicts.

    Raises
    ------
    UnsafePickleError
        If the file requests anything else. Nothing that it names is run or imported.
    ValueError
        If the file is cut short, damaged or not a pickle, or asks for far more memory or work than its size explains.
    """
    try:
        with reading(path, "a whole pickle of arrays, tensors or tables", ours=UnsafePickleError) as file:
            return _read(file, _Budget(most_bytes(size_of(file))))
    except UnsafePickleError as error:
        raise UnsafePickleError(f"{path}: {error}") from None


class _Budget:
    """How much more may be built from a file. It also bounds what a few bytes ask for again and again."""

    def __init__(self, size: int) -> None:
        self.left = size

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooLargeError(
                "it holds few values and refers to them so often that they would fill the memory. If it is genuine, "
                "write its arrays with numpy.savez and use `read_arrays`"
            )


def _read(file: IO[bytes], budget: _Budget) -> Any:
    if zipfile.is_zipfile(file):
        return _read_torch_zip(file, budget)
    file.seek(0)
    first = _reader(file).load()
    if type(first) is int and first == _TORCH_MAGIC:
        return _read_torch_stream(file, budget)
    return _Builder({}, budget).build(first)


def _read_torch_zip(file: IO[bytes], budget: _Budget) -> Any:
    """Read the format of `torch.save` since 1.6: a zip of one pickle and one member for each storage."""
    with open_zip(file) as archive:
        names = archive.namelist()
        (pickled,) = (name for name in names if name.endswith("/data.pkl"))
        root = pickled.removesuffix("data.pkl")
        if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("its tensors are big-endian")
        budget.spend(sum(member.file_size for member in archive.infolist()))
        requests = _reader(io.BytesIO(archive.read(pickled))).load()
        members = {
            name.removeprefix(f"{root}data/"): archive.read(name) for name in names if name.startswith(f"{root}data/")
        }
        return _Builder(members, budget).build(requests)


def _read_torch_stream(file: IO[bytes], budget: _Budget) -> Any:
    """Read the older format: pickles of protocol, machine, requests and keys, then the bytes of the storages."""
    _reader(file).load()
    _reader(file).load()
    reader = _reader(file)
    requests = reader.load()
    members = {}
    for key in _reader(file).load():
        size = int.from_bytes(file.read(8), "little") * _STORAGES[reader.storages[key]].itemsize
        if size > size_of(file) - file.tell():
            raise EOFError(f"a storage of {size} bytes reaches beyond the end")
        members[key] = file.read(size)
    return _Builder(members, budget).build(requests)


def _reader(file: IO[bytes]) -> Reader:
    return Reader(file, _MAKERS)


# Second pass: arrays


class _Builder:
    """Turns requests into arrays, each of them once even if the pickle refers to it several times."""

    def __init__(self, storages: Mapping[str, bytes], budget: _Budget) -> None:
        self.storages = storages
        self.budget = budget
        # By the id of a value: what was built from it, and what it cost.
        self._built: dict[int, tuple[Any, int]] = {}

    def build(self, value: Any) -> Any:
        if isinstance(value, type):
            raise ValueError("a type in place of a value")
        if not isinstance(value, (Request, Held, list)):
            self.budget.spend(len(value) if isinstance(value, (str, bytes, bytearray)) else 0)
            return value
        if id(value) in self._built:
            built, cost = self._built[id(value)]
            # Paid for each time: whoever walks through the result does so each time.
            self.budget.spend(cost)
            return built
        before = self.budget.left
        # A value that contains itself reaches the recursion limit; that error refuses the file.
        built = self._build(value)
        self._built[id(value)] = built, before - self.budget.left
        return built

    def _build(self, value: Any) -> Any:
        if isinstance(value, Request):
            if value.of == STORAGE:
                return _storage(self.storages, *value.args)
            built = _MAKERS[value.of](_Built(self, value))
            self.budget.spend(built.nbytes if isinstance(built, np.ndarray) else 0)
            return built
        # Sixteen bytes and more for each entry of a container.
        self.budget.spend(16 * (1 + len(value if isinstance(value, list) else value.items)))
        if isinstance(value, list):
            return [self.build(v) for v in value]
        if value.kind is dict:
            return _dict([[(self.build(k), self.build(v)) for k, v in value.items]])
        items = [self.build(v) for v in value.items]
        return tuple(items) if value.kind is tuple else value.kind(_keys(items))


def _dict(parts: Iterable[Iterable[Any]]) -> dict[Any, Any]:
    pairs = [(k, v) for part in parts for k, v in part]
    return dict(zip(_keys([k for k, _ in pairs]), [v for _, v in pairs], strict=True))


def _keys(keys: Iterable[Any]) -> list[Any]:
    """Refuse keys chosen to have one hash: each would be compared with all others."""
    keys = list(keys)
    if len(keys) > 2 * len({hash(key) for key in keys}) + 1000:
        raise TooLargeError("the keys of a dict or set repeat or have few hashes: wanted keys as programs write them")
    return keys


class _Built:
    """A request with its arguments, state and items built."""

    def __init__(self, builder: _Builder, request: Request) -> None:
        # Some requests have a type among their arguments; no function of `_MAKERS` uses it.
        self.args: tuple[Any, ...] = tuple(a if isinstance(a, type) else builder.build(a) for a in request.args)
        self.state = builder.build(request.state)
        self.items: list[tuple[Any, Any]] = [(builder.build(k), builder.build(v)) for k, v in request.items]
        self.budget = builder.budget


# numpy


def _dtype(made: _Built) -> np.dtype[Any]:
    code = made.args[0]
    if not re.fullmatch(r"[biufc]\d{1,2}|[SU]\d+|O8?", code):
        raise ValueError(f"arrays of dtype {code!r} are not read")
    order = made.state[1] if made.state else "="
    return np.dtype({"<": "<", ">": ">"}.get(order, "") + code)


def _array(made: _Built) -> AnyArray:
    _, shape, dtype, fortran, data = made.state
    return _from_bytes(data, dtype).reshape(shape, order="F" if fortran else "C")


def _array_of_buffer(made: _Built) -> AnyArray:
    """Read protocol 5. Since numpy 2.4, order "K" comes with the axes in their order in memory."""
    data, dtype, shape, order, *axes = made.args
    flat = _from_bytes(data, dtype)
    if order == "K" and axes and axes[0] is not None:
        return flat.reshape(shape).transpose(axes[0])
    return flat.reshape(shape, order=order)


def _scalar(made: _Built) -> Any:
    dtype, data = made.args
    return _from_bytes(data, dtype)[0]


def _from_bytes(data: Any, dtype: np.dtype[Any]) -> AnyArray:
    if dtype.kind == "O":
        objects = np.empty(len(data), dtype=object)
        # One by one: numpy would stack a list of arrays that is assigned at once.
        for i, value in enumerate(data):
            objects[i] = value
        return objects
    return np.frombuffer(data, dtype=dtype)


# torch

_STORAGES: dict[tuple[str, str], np.dtype[Any]] = {
    ("torch", "DoubleStorage"): np.dtype("<f8"),
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "HalfStorage"): np.dtype("<f2"),
    ("torch", "BFloat16Storage"): np.dtype("<u2"),
    ("torch", "LongStorage"): np.dtype("<i8"),
    ("torch", "IntStorage"): np.dtype("<i4"),
    ("torch", "ShortStorage"): np.dtype("<i2"),
    ("torch", "CharStorage"): np.dtype("i1"),
    ("torch", "ByteStorage"): np.dtype("u1"),
    ("torch", "BoolStorage"): np.dtype("?"),
}


def _storage(members: Mapping[str, bytes], of: tuple[str, str], key: str, count: int) -> AnyArray:
    flat: AnyArray = np.frombuffer(members[key], dtype=_STORAGES[of], count=count)
    if of[1] == "BFloat16Storage":
        # numpy has no bfloat16; its bits are the upper half of a float32.
        flat = (flat.astype("<u4") << 16).view("<f4")
    return flat


def _tensor(made: _Built) -> AnyArray:
    storage, offset, size, stride = made.args[:4]
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if (
        min((offset, *size, *stride)) < 0
        or math.prod(size) > len(storage)
        or (math.prod(size) and last >= len(storage))
    ):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [s * storage.itemsize for s in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides, writeable=False)


# pandas


def _table(made: _Built) -> pd.DataFrame:
    state = made.state
    return pd.DataFrame(state["_mgr"] if "_mgr" in state else state["_data"])


def _columns(made: _Built) -> dict[Any, Any]:
    """Read the blocks of a table: arrays (column, row) of one type, with the indices of their columns."""
    if made.args:
        blocks, (names, _) = made.args
    else:  # pandas before 1.3
        state = made.state[3]["0.14.1"]
        blocks, (names, _) = [(b["values"], b["mgr_locs"]) for b in state["blocks"]], state["axes"]
    columns: dict[int, Any] = {}
    for values, places in blocks:
        at = range(len(names))[places] if isinstance(places, slice) else np.asarray(places).tolist()
        columns |= dict(zip(at, values if np.ndim(values) == 2 else [values], strict=True))
    return {names[i]: list(columns[i]) for i in range(len(names))}


def _index(made: _Built) -> Sequence[Any]:
    given = made.args[1]
    # A range stays one: as a list it would take memory for whatever its end is.
    return list(given["data"]) if "data" in given else range(given["start"], given["stop"], given["step"])


def _arrow_text(made: _Built) -> AnyArray:
    """Read an arrow array of text: type, length, ..., offset, buffers (validity, ends of the texts, letters)."""
    kind, length, missing, start, (_, ends, letters), *_ = made.args[0]
    if kind not in ("large_string", "string") or missing:
        raise ValueError(f"arrow arrays of {kind} with {missing} missing values are not read")
    end = np.frombuffer(ends, "<i8" if kind == "large_string" else "<i4")[start : start + length + 1]
    if (np.diff(end) < 0).any():
        raise ValueError("texts that overlap")
    return _from_bytes([bytes(letters[a:b]).decode() for a, b in pairwise(end)], np.dtype("O"))


def _bytes(made: _Built) -> bytes:
    if any(isinstance(a, int) for a in made.args):
        # bytes(n) would allocate n bytes, however large n is.
        raise ValueError("a number in place of bytes")
    return bytes(*made.args)


def _read_bytes(raw: bytes, budget: _Budget) -> Any:
    # Paid for even if it is read a second time: a pickle in a pickle in a pickle may hold each twice.
    budget.spend(len(raw) + 4096)
    return _read(io.BytesIO(raw), budget)


def _argument(index: int) -> Callable[[_Built], Any]:
    return lambda made: made.args[index]


def _named(modules: Iterable[str], name: str, maker: Callable[[_Built], Any]) -> dict[tuple[str, str], Any]:
    return {(module, name): maker for module in modules}


def _never(made: _Built) -> Any:
    raise ValueError("a call of a type that appears only as an argument")


# All names that a pickle may request, and the function that makes the value from the request.
_MAKERS: dict[tuple[str, str], Callable[[_Built], Any]] = {
    **_named(("numpy.core.multiarray", "numpy._core.multiarray"), "_reconstruct", _array),
    **_named(("numpy.core.multiarray", "numpy._core.multiarray"), "scalar", _scalar),
    **_named(("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer", _array_of_buffer),
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): _never,
    **dict.fromkeys(_STORAGES, _never),
    STORAGE: _never,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _argument(0),
    ("torch.storage", "_load_from_bytes"): lambda made: _read_bytes(made.args[0], made.budget),
    **_named(("pandas", "pandas.core.frame"), "DataFrame", _table),
    ("pandas.core.internals.managers", "BlockManager"): _columns,
    ("pandas._libs.internals", "_unpickle_block"): lambda made: made.args[:2],
    ("pandas._libs.internals", "BlockPlacement"): _argument(0),
    ("pandas.core.indexes.base", "_new_Index"): _index,
    **_named(("pandas", "pandas.core.indexes.base"), "Index", _never),
    **_named(("pandas", "pandas.core.indexes.range"), "RangeIndex", _never),
    ("pandas.core.indexes.numeric", "Int64Index"): _never,
    **_named(("pandas", "pandas.core.arrays.string_"), "StringDtype", lambda made: "text"),
    **_named(("pandas", "pandas._libs.missing"), "NA", _never),
    **_named(("pandas.arrays", "pandas.core.arrays.string_"), "StringArray", _never),
    **_named(
        ("pandas.arrays", "pandas.core.arrays.string_arrow"), "ArrowStringArray", lambda made: made.state["_pa_array"]
    ),
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): lambda made: made.state[1],
    ("pyarrow.lib", "_restore_array"): _arrow_text,
    ("pyarrow.lib", "type_for_alias"): _argument(0),
    ("pyarrow.lib", "py_buffer"): _argument(0),
    ("pyarrow.lib", "chunked_array"): lambda made: np.concatenate(made.args[0]),
    ("collections", "OrderedDict"): lambda made: dict(*made.args) | dict(made.items),
    ("types", "SimpleNamespace"): lambda made: made.state or {},
    ("argparse", "Namespace"): lambda made: made.state or {},
    ("_codecs", "encode"): lambda made: made.args[0].encode("latin1"),
    **_named(("builtins", "__builtin__"), "slice", lambda made: slice(*made.args)),
    **_named(("builtins", "__builtin__"), "bytes", _bytes),
    **_named(("builtins", "__builtin__"), "bytearray", _bytes),
    **_named(("builtins", "__builtin__"), "set", lambda made: set(_keys(*made.args))),
    **_named(("builtins", "__builtin__"), "frozenset", lambda made: frozenset(_keys(*made.args))),
}
