"""The first pass over a pickle: it becomes lists, inert containers and inert requests, and nothing in it is run."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Container, Iterator
from typing import IO, Any, ClassVar

from trajkit.storage.reading import size_of

Name = tuple[str, str]


class UnsafePickleError(ValueError):
    """A pickle that requests more than arrays, tensors, tables and plain containers; nothing in it was run."""


class Request:
    """A call that a pickle requests: its arguments and its state. Making one runs nothing."""

    of: Name

    def __new__(cls, *args: Any) -> Request:
        """Make a request without running anything."""
        request = object.__new__(cls)
        request.args = args
        request.state = None
        request.items = []
        return request

    args: tuple[Any, ...]
    state: Any
    items: list[tuple[Any, Any]]

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))


class Held:
    """A tuple, set or dict of a pickle before it is built.

    No key is hashed or compared here: tuples of tuples take 2**n steps to hash, and integers can be chosen such that
    all have one hash.
    """

    __slots__ = ("items", "kind")

    def __init__(self, kind: type, items: list[Any]) -> None:
        self.kind = kind
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def add(self, item: Any) -> None:
        """Add an item, as to a set."""
        self.items.append(item)


class _Bounded:
    """A file that is never asked for more than is left of it: memory would be taken for that first."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._size = size_of(file)
        self.readline = file.readline

    def read(self, count: int) -> bytes:
        if count > self._size - self._file.tell():
            raise EOFError(f"{count} bytes wanted at {self._file.tell()} of {self._size}")
        return self._file.read(count)


# The version in C has its own table of opcodes, and takes memory for the largest number that a memo has.
class Reader(pickle._Unpickler):
    """Reads one pickle into lists, `Held` and `Request`; names outside `allowed` are refused."""

    dispatch: ClassVar[Any]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    stack: list[Any]
    memo: Any
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: IO[bytes], allowed: Container[Name]) -> None:
        super().__init__(_Bounded(file))
        self._allowed = allowed
        # New classes for each pickle: a pickle that changes their attributes affects only itself.
        self._classes: dict[Name, type[Request]] = {}
        self.storages: dict[str, Name] = {}

    def find_class(self, module: str, name: str) -> type[Request]:
        """Give what stands for a name, if it is allowed."""
        of = (module, name)
        if of not in self._allowed:
            raise UnsafePickleError(
                f"wanted arrays, tensors, tables and plain containers, but it asks for {module}.{name}; nothing in it "
                "was run. If you trust its origin, read it with the program that wrote it and save plain arrays"
            )
        if of not in self._classes:
            self._classes[of] = type("_Request", (Request,), {"of": of})
        return self._classes[of]

    def persistent_load(self, pid: Any) -> Request:
        """Keep the storage of a tensor: ("storage", type, key, device, number of elements, optional None)."""
        kind, storage, key, _, count, *view = pid
        if kind != "storage" or any(view) or not isinstance(key, str):
            raise ValueError("an unknown kind of storage")
        self.storages[key] = storage.of
        return self.find_class(*STORAGE)(storage.of, key, count)

    def hold(self, kind: type, count: int | None) -> None:
        """Replace the last `count` values of the stack, or all since the last mark, by a container of them."""
        items = self.pop_mark() if count is None else [self.stack.pop() for _ in range(count)][::-1]
        if kind is dict:
            items = list(zip(items[::2], items[1::2], strict=True))
        self.append(Held(kind, items))

    def hold_bytes(self) -> None:
        """Read a bytearray: the original takes memory for it first, and does not notice if it is cut short."""
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def put(self) -> None:
        """Keep the last value at a place that the file names."""
        place = int(self.readline()[:-1])
        if not 0 <= place < 2**32:
            raise ValueError("a place in the memo that no program writes")
        self.memo[place] = self.stack[-1]


# Key of requests for the bytes of a storage; it is not the name of a module.
STORAGE = ("", "storage")

_HELD: dict[bytes, tuple[type, int | None]] = {
    **{pickle.EMPTY_TUPLE: (tuple, 0), pickle.TUPLE1: (tuple, 1), pickle.TUPLE2: (tuple, 2), pickle.TUPLE3: (tuple, 3)},
    **{pickle.TUPLE: (tuple, None), pickle.EMPTY_DICT: (dict, 0), pickle.DICT: (dict, None)},
    **{pickle.EMPTY_SET: (set, 0), pickle.FROZENSET: (frozenset, None)},
}


def _holding(kind: type, count: int | None) -> Callable[[Reader], None]:
    return lambda reader: reader.hold(kind, count)


Reader.dispatch = {
    **pickle._Unpickler.dispatch,
    **{code[0]: _holding(*how) for code, how in _HELD.items()},
    pickle.BYTEARRAY8[0]: Reader.hold_bytes,
    pickle.PUT[0]: Reader.put,
}
