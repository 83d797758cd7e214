"""The file of one run: a sequence of frames, each whole or not there.

A frame is a header of fixed size (`FRAME`) and a payload of the length that the header names; both carry a CRC-32. The
first frame holds the run's identity and attributes as JSON, then come checkpoints as little-endian float32 (sample,
class), and at last an end. Frames are only ever added, and each is flushed to disk before its checkpoint counts as
recorded: a process that dies leaves whole frames and at most one that is cut short, which the next writer removes.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
import weakref
import zlib
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from warnings import warn

import numpy as np

from trajkit.typing import AnyArray, Labels, Mask

SUFFIX = ".run"
_MAGIC = b"tkf1"
# Kinds of frames: the head, a checkpoint, the predictions of a diverged model (which are no distributions), the end.
HEAD, CHECKPOINT, DIVERGED, END = b"H", b"C", b"D", b"E"

FRAME = np.dtype(
    [
        ("magic", "S4"),
        ("kind", "S1"),
        ("version", "u1"),
        ("unused", "V2"),
        ("step", "<i8"),
        ("epoch", "<f8"),
        ("train_loss", "<f8"),
        ("test_loss", "<f8"),
        ("length", "<u8"),
        ("payload_crc", "<u4"),
        ("crc", "<u4"),
    ]
)
_VERSION = 1


class Run(NamedTuple):
    """What is known of a run without reading its predictions."""

    file: str
    size: int
    head: dict[str, Any]
    frames: AnyArray
    damaged: bool

    @property
    def name(self) -> str:
        """Identity of the run; from the name of the file where the head was never finished."""
        return str(self.head.get("run", unquote(self.file.removesuffix(SUFFIX))))

    @property
    def offsets(self) -> Labels:
        """Where the payload of each frame starts."""
        return FRAME.itemsize + self._starts[:-1]

    @property
    def end(self) -> int:
        """Where the last whole frame ends."""
        return int(self._starts[-1])

    @property
    def _starts(self) -> Labels:
        return np.concatenate([[0], np.cumsum(FRAME.itemsize + self.frames["length"].astype(np.int64))])

    @property
    def unfinished(self) -> int:
        """Bytes after the last whole frame."""
        return self.size - self.end

    @property
    def is_checkpoint(self) -> Mask:
        """Which frames are checkpoints."""
        return self.frames["kind"] == CHECKPOINT

    @property
    def checkpoints(self) -> AnyArray:
        """Frames of the whole checkpoints."""
        return self.frames[self.is_checkpoint]

    @property
    def diverged_at(self) -> int | None:
        """Step at which the predictions stopped being distributions."""
        steps = self.frames["step"][self.frames["kind"] == DIVERGED]
        return int(steps[0]) if len(steps) else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever recorded."""
        return not np.isin(self.frames["kind"], [CHECKPOINT, DIVERGED]).any()

    @property
    def is_ended(self) -> bool:
        """Whether the recording was ended, and not resumed."""
        return bool(len(self.frames) and self.frames["kind"][-1] == END)


def file_name(run: str) -> str:
    """Name the file of a run: readable, and valid on every system.

    Examples
    --------
    >>> file_name("MLP lr=0.1/seed 3")
    'MLP lr=0.1%2Fseed 3.run'
    """
    name = quote(run, safe=" =,+-_()")
    if name.startswith("."):
        name = "%2E" + name[1:]
    # File systems allow 255 bytes; the identity stands in the head.
    return (name if len(name) < 200 else f"{name[:180]}~{zlib.crc32(run.encode()):08x}") + SUFFIX


def frame(
    kind: bytes,
    payload: bytes,
    *,
    step: int = -1,
    epoch: float = np.nan,
    losses: tuple[float, float] = (np.nan, np.nan),
) -> bytes:
    """Put a header before a payload; `losses` are those on train and test."""
    fields = (_MAGIC, kind, _VERSION, b"", step, epoch, *losses, len(payload), zlib.crc32(payload), 0)
    header = np.array(fields, FRAME)
    header["crc"] = zlib.crc32(header.tobytes()[:-4])
    return header.tobytes() + payload


def read_run(path: Path) -> Run:
    """Read the head and the headers of a run's frames, up to the first that is not whole.

    Of the payloads only the head's and the last are checked: the others were on disk before the last was begun, and are
    checked when read.
    """
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        headers: list[bytes] = []
        at = 0
        while (header := _header_at(file, at, size)) is not None:
            headers.append(header)
            at += FRAME.itemsize + _length(header)
        if headers and not _payload_is_whole(file, at, headers[-1]):
            at -= FRAME.itemsize + _length(headers.pop())
        if headers and not _payload_is_whole(file, FRAME.itemsize + _length(headers[0]), headers[0]):
            headers, at = [], 0
        frames = np.frombuffer(b"".join(headers), FRAME)
        head = json.loads(_read(file, FRAME.itemsize, _length(headers[0]))) if headers else {}
        return Run(path.name, size, head, frames, damaged=_has_frame(file, at + 1, size))


def read_payload(path: Path, offset: int, header: np.void) -> bytes:
    """Read and check the payload of one frame."""
    with path.open("rb", buffering=0) as file:
        payload = _read(file, offset, int(header["length"]))
    if zlib.crc32(payload) != header["payload_crc"]:
        raise OSError(
            f"{path}: the checkpoint at step {header['step']} fails its checksum: the file was damaged after it was "
            "written. Restore it from a copy, or move it out of the folder"
        )
    return payload


def _read(file: io.FileIO, at: int, length: int) -> bytes:
    file.seek(at)
    pieces = []
    while length > 0 and (piece := file.read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _header_at(file: io.FileIO, at: int, size: int) -> bytes | None:
    """Read the header at `at`, or None unless it and its payload lie within the file."""
    header = _read(file, at, FRAME.itemsize)
    if not _is_header(header) or at + FRAME.itemsize + _length(header) > size:
        return None
    if header[5] != _VERSION:
        raise OSError(f"{file.name}: format {header[5]}, written by a newer trajkit: update trajkit")
    return header


def _is_header(header: bytes) -> bool:
    crc = zlib.crc32(header[:-4]).to_bytes(4, "little")
    return len(header) == FRAME.itemsize and header.startswith(_MAGIC) and header.endswith(crc)


def _length(header: bytes) -> int:
    return int(np.frombuffer(header, FRAME)["length"][0])


def _payload_is_whole(file: io.FileIO, end: int, header: bytes) -> bool:
    length = _length(header)
    return zlib.crc32(_read(file, end - length, length)) == int(np.frombuffer(header, FRAME)["payload_crc"][0])


def _has_frame(file: io.FileIO, start: int, size: int) -> bool:
    """Say whether a header lies beyond the first frame that is not whole: then the file is damaged, not cut short."""
    rest = _read(file, start, size - start)
    at = rest.find(_MAGIC)
    while at >= 0:
        if _is_header(rest[at : at + FRAME.itemsize]):
            return True
        at = rest.find(_MAGIC, at + 1)
    return False


class RunWriter:
    """A run that is being recorded: locked for others, and longer by whole frames only.

    Parameters
    ----------
    path
        The run's file, made if it is not there.
    head
        What identifies the run; where the file has a head, it must be the same but for when and by what it was made.
    resume
        Whether a file with checkpoints may be continued.

    Raises
    ------
    BlockingIOError
        If this or another process records the run already.
    FileExistsError
        If the file holds checkpoints and `resume` was not asked for, or another run.
    OSError
        If the folder is read-only, or the file damaged.
    """

    def __init__(self, path: Path, head: dict[str, Any], *, resume: bool) -> None:
        self.path = path
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise type(error)(error.errno, f"cannot record into {path} ({error.strerror})") from error
        self._file = io.FileIO(descriptor, "r+")
        try:
            _lock(self._file, path)
            self.run = read_run(path)
            self._refuse(head, resume)
            self._end = 0 if self.run.is_empty else self.run.end
            self._file.truncate(self._end)
            if not self._end:
                self.append(HEAD, json.dumps(head, ensure_ascii=False).encode())
                _flush_folder(path.parent)
        except BaseException:
            self._file.close()
            raise
        _open_writers.add(self)

    def append(self, kind: bytes, payload: bytes, **fields: Any) -> None:
        """Add a frame and wait until it is on disk; if that fails, the file is as it was before."""
        if self._file.closed:
            raise ValueError(
                f"{self.path}: the recording was closed, or this process was forked from that which records"
            )
        data = memoryview(frame(kind, payload, **fields))
        end, whole = self._end + len(data), False
        try:
            self._file.seek(self._end)
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())
            whole = True
        except OSError as error:
            raise type(error)(
                error.errno,
                f"writing to {self.path} failed ({error.strerror}); all earlier checkpoints are intact. "
                "Is the disk full?",
            ) from error
        finally:
            if whole:
                self._end = end
            elif not self._file.closed:
                self._file.truncate(self._end)

    @property
    def is_open(self) -> bool:
        """Whether the run can be added to."""
        return not self._file.closed

    def close(self) -> None:
        """Release the run for others."""
        self._file.close()

    def _refuse(self, head: dict[str, Any], resume: bool) -> None:
        run, name = self.run, f"run {head['run']!r}"
        if run.damaged:
            raise OSError(f"{self.path} is damaged: whole checkpoints follow bytes that are none. Move it elsewhere")
        if not run.head and not _MAGIC.startswith(_read(self._file, 0, len(_MAGIC))):
            raise FileExistsError(f"{self.path} is no file of a run: move it elsewhere, or give the run another name")
        if run.is_empty:
            return
        rename = "give the new run another name (run=dict(run=...))"
        for key in ("run", "attributes", "probe"):
            if json.dumps(run.head[key], sort_keys=True) != json.dumps(head[key], sort_keys=True):
                raise FileExistsError(
                    f"{self.path} holds another run: its {key} is {run.head[key]!r}, not {head[key]!r}; {rename}"
                )
        if run.diverged_at is not None:
            raise FileExistsError(f"{name} in {self.path} diverged at step {run.diverged_at}: {rename}")
        if not resume:
            raise FileExistsError(
                f"{name} has {len(run.checkpoints)} checkpoints up to step {run.checkpoints['step'][-1]} in "
                f"{self.path}: pass resume=True to continue it, or {rename}"
            )


_open_writers: weakref.WeakSet[RunWriter] = weakref.WeakSet()


def _release_in_child() -> None:
    """Close the files in a forked process, which would keep their locks when its parent is killed."""
    for writer in _open_writers:
        writer.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)


def _lock(file: io.FileIO, path: Path) -> None:
    """Lock the run for this process, as long as it lives and has the file open."""
    for attempt in range(10):
        try:
            _lock_once(file)
            return
        except BlockingIOError:
            # `is_locked` holds the lock for an instant.
            time.sleep(0.01 * (attempt < 9))
        except OSError as error:
            warn(
                f"{path.parent} does not support locks ({error.strerror}): nothing keeps two processes from recording "
                "the same run; see to it that each records its own",
                RuntimeWarning,
                stacklevel=2,
            )
            return
    raise BlockingIOError(
        f"{path} is being recorded, by this process or another: one process records a run; close the other "
        "recorder, or give this run another name (run=dict(run=...))"
    )


if sys.platform == "win32":
    import msvcrt

    def _lock_once(file: io.FileIO, *, shared: bool = False) -> None:
        # A byte far beyond the end, since others may still read what is locked here.
        file.seek(2**62)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error

    def _flush_folder(folder: Path) -> None:
        """Do nothing: Windows has no such call."""

else:
    import fcntl

    def _lock_once(file: io.FileIO, *, shared: bool = False) -> None:
        # flock, not lockf: that is lost when this process closes the file after reading it.
        fcntl.flock(file.fileno(), (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _flush_folder(folder: Path) -> None:
        """Wait until the names in the folder are on disk."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Say whether a process is recording the run; a file system without locks says no."""
    with path.open("rb", buffering=0) as file:
        try:
            _lock_once(file, shared=True)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False
