"""The file of one run: a sequence of frames, each complete or absent.

A frame is a header of fixed size (`FRAME`) and a payload whose length the header states; both carry a CRC-32. The
first frame holds the run's identity and attributes as JSON. Checkpoints follow, as little-endian float32 (sample,
class), and at last a frame that marks the end. Frames are only appended, and each is flushed to disk before its
checkpoint counts as recorded. A process that dies leaves complete frames and at most one that is cut short; the next
writer removes that one.
"""

from __future__ import annotations

import io
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np

from trajkit.probabilities import are_log_prob
from trajkit.schema import RESERVED
from trajkit.storable import text_problem
from trajkit.typing import AnyArray, Labels, Mask

SUFFIX = ".run"
# Names that Windows gives to devices, whatever follows after a dot: "con.run" is the console.
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9]) *(\.|$)", re.IGNORECASE)
MAGIC = b"tkf1"
# Kinds of frames: the head, a checkpoint, the predictions of a diverged model (not distributions), the end, and a
# return to an earlier step: the checkpoints before it, from its step on, are no longer part of the run.
HEAD, CHECKPOINT, DIVERGED, END, RETURN = b"H", b"C", b"D", b"E", b"R"

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
# trajkit 0.1 would show abandoned checkpoints: it refuses the version of a return.
_VERSIONS = {kind: 2 if kind == RETURN else 1 for kind in (HEAD, CHECKPOINT, DIVERGED, END, RETURN)}

# Limits, so that a crafted file costs little: bytes of a head, or of what a recorder says at the end; frames that are
# not predictions; bytes that are looked at when runs are listed, beside complete frames.
_LONGEST, _MOST, _LONG = 2**24, 10**5, 2**32


class Run(NamedTuple):
    """A run without its predictions: name and size of the file, head, headers of its frames, and whether it is damaged.

    Damaged means that the file was changed after it was written: complete frames follow bytes that are not a frame, or
    these are too many for one frame that was cut short.
    """

    file: str
    size: int
    head: dict[str, Any]
    frames: AnyArray
    damaged: bool

    @property
    def name(self) -> str:
        """Identity of the run; taken from the name of the file if the head was never completed."""
        return str(self.head.get("run", unquote(self.file.removesuffix(SUFFIX))))

    @property
    def offsets(self) -> Labels:
        """Where the payload of each frame starts, in bytes."""
        return FRAME.itemsize + self._starts[:-1]

    @property
    def end(self) -> int:
        """Where the last complete frame ends, in bytes."""
        return int(self._starts[-1])

    @property
    def _starts(self) -> Labels:
        return np.concatenate([[0], np.cumsum(FRAME.itemsize + self.frames["length"].astype(np.int64))])

    @property
    def unfinished(self) -> int:
        """Number of bytes after the last complete frame."""
        return self.size - self.end

    @property
    def is_checkpoint(self) -> Mask:
        """Which frames are checkpoints of this run."""
        return (self.frames["kind"] == CHECKPOINT) & ~self._is_abandoned

    @property
    def abandoned(self) -> AnyArray:
        """Headers of the checkpoints of trainings that were resumed from an earlier step; they stay in the file."""
        return self.frames[(self.frames["kind"] == CHECKPOINT) & self._is_abandoned]

    @property
    def _is_abandoned(self) -> Mask:
        # The lowest step to which any later frame returns.
        returns = np.where(self.frames["kind"] == RETURN, self.frames["step"], np.iinfo(np.int64).max)
        lowest = np.minimum.accumulate(returns[::-1])[::-1][1:]
        abandoned: Mask = np.append(self.frames["step"][:-1] >= lowest, False)[: len(self.frames)]
        return abandoned

    @property
    def checkpoints(self) -> AnyArray:
        """Headers of the complete checkpoints."""
        return self.frames[self.is_checkpoint]

    @property
    def diverged_at(self) -> int | None:
        """Step at which the predictions were NaN, or None."""
        steps = self.frames["step"][self.frames["kind"] == DIVERGED]
        return int(steps[0]) if len(steps) else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was recorded yet."""
        return not np.isin(self.frames["kind"], [CHECKPOINT, DIVERGED]).any()

    @property
    def is_ended(self) -> bool:
        """Whether the recording was ended and not resumed."""
        return bool(len(self.frames) and self.frames["kind"][-1] == END)


def file_name(run: str, *, marked: bool = False) -> str:
    """Name the file of a run: readable, and valid on every system. A marked name ends in a checksum of the run's.

    Examples
    --------
    >>> file_name("MLP lr=0.1/seed 3")
    'MLP lr=0.1%2Fseed 3.run'
    >>> file_name("aux"), file_name("A", marked=True)
    ('%61ux.run', 'A~d3d99e8b.run')
    """
    name = quote(run, safe=" =,+-_()")
    if name.startswith(".") or _DEVICE.match(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    # File systems allow 255 bytes. The full identity is in the head.
    if marked or len(name) >= 200:
        name = f"{name[:180]}~{zlib.crc32(run.encode()):08x}"
    return name + SUFFIX


def find_file(folder: Path, run: str) -> Path:
    """Find the file of a run in a folder, or where it is to be made.

    Windows and macOS take "MLP.run" and "mlp.run" for one file. Of two runs whose names differ in case alone, the
    second has a marked name, on every system: a store may be copied to another.
    """
    name, marked = file_name(run), file_name(run, marked=True)
    # Names as they are spelled: to ask whether "mlp.run" exists would find "MLP.run" on those systems.
    taken = [path.name for path in folder.glob(f"*{SUFFIX}")]
    # Before 0.2 the names of devices were not escaped.
    held = [known for known in taken if known in (name, marked) or unquote(known) == run + SUFFIX]
    if not held:
        held = [marked if name.lower() in map(str.lower, taken) else name]
    return folder / held[0]


def frame(
    kind: bytes,
    payload: bytes,
    *,
    step: int = -1,
    epoch: float = np.nan,
    losses: tuple[float, float] = (np.nan, np.nan),
) -> bytes:
    """Make a frame: a header, then the payload. `losses` are those on train and on test."""
    fields = (MAGIC, kind, _VERSIONS[kind], b"", step, epoch, *losses, len(payload), zlib.crc32(payload), 0)
    header = np.array(fields, FRAME)
    header["crc"] = zlib.crc32(header.tobytes()[:-4])
    return header.tobytes() + payload


def read_run(path: Path) -> Run:
    """Read the head and the headers of a run's frames, up to the first frame that is not complete.

    Only the payloads of the head and of the last frame are checked. The others were on disk before the last was begun,
    and are checked when they are read.
    """
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        head: dict[str, Any] | None = {}
        headers: list[np.void] = []
        end, predictions, others = 0, 0, 0
        while (header := _header_at(file, end, size)) is not None:
            if not headers:
                if (head := _read_head(file, header)) is None:
                    break
                predictions = 4 * head["samples"] * head["classes"]
            is_prediction = header["kind"] in (CHECKPOINT, DIVERGED)
            others += not is_prediction
            if header["length"] != predictions if is_prediction else header["length"] > _LONGEST or others > _MOST:
                raise _strange(path, f"a frame of {header['length']} bytes is no checkpoint of its probe")
            headers.append(header)
            end += FRAME.itemsize + int(header["length"])
        if headers and not _is_whole(file, end, headers[-1]):
            end -= FRAME.itemsize + int(headers.pop()["length"])
        damaged = _is_damaged(file, end, size, max(predictions, _LONGEST))
        run = Run(path.name, size, head or {}, np.array(headers, FRAME), damaged)
    steps = run.checkpoints["step"]
    if (steps < 0).any() or (steps[1:] <= steps[:-1]).any():
        raise _strange(path, "its steps do not increase from 0 on")
    return run


def head_problem(head: Any) -> str | None:
    """Say why this is not what the first frame of a run holds, or would hold: `{}` if it was never completed."""
    wanted = {"run": str, "attributes": dict, "probe": str, "created": str, "samples": int, "classes": int}
    if not isinstance(head, dict) or not all(isinstance(head.get(k), t) for k, t in wanted.items()):
        return None if head == {} else "its head is no description of one"
    if not head["run"] or min(head["samples"], head["classes"]) < 1:
        return "its head names no run, or no samples or classes"
    if unusable := [name for name in head["attributes"] if name == "run" or name in RESERVED]:
        return f"run attributes cannot be named {unusable}"
    attributes = head["attributes"].values()
    if not all(value is None or isinstance(value, str | int | float) for value in attributes):
        return "a run attribute is no text, number or boolean"
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in attributes):
        return "a run attribute holds integers beyond 64 bits"
    return text_problem([head["run"], *head["attributes"], *attributes])


def _read_head(file: io.FileIO, header: np.void) -> dict[str, Any] | None:
    """Read the first frame, of which `file` has reached the header; None if it fails its checksum."""
    path, length = Path(str(file.name)), int(header["length"])
    raw = _payload_before(file, FRAME.itemsize + length, header) if length <= _LONGEST else b"too long"
    if raw is None:
        return None
    try:
        head = json.loads(raw)
    except (ValueError, RecursionError):
        head = None
    if problem := head_problem(head) if head and header["kind"] == HEAD else "its head is no description of one":
        raise _strange(path, problem)
    return head


def _strange(path: Path, why: str) -> OSError:
    return OSError(f"{path} is not the file of a run: {why}. Move it elsewhere")


def read_payload(path: Path, offset: int, header: np.void) -> bytes:
    """Read and check the payload of one frame, which starts at `offset`."""
    try:
        with path.open("rb", buffering=0) as file:
            payload = _payload_before(file, int(offset) + int(header["length"]), header)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} was removed since this dataset was opened: load the store again") from None
    if payload is None:
        raise OSError(
            f"{path}: the checkpoint at step {header['step']} fails its checksum: the file was damaged, or replaced "
            "since this dataset was opened. Load the store again; restore a damaged file from a copy or move it away"
        )
    # A recorder writes none: NaN would be taken for a missing checkpoint.
    if header["kind"] == CHECKPOINT and not are_log_prob(np.frombuffer(payload, "<f4")):
        raise _strange(path, f"what it holds for step {header['step']} are no log-probabilities")
    return payload


def _read(file: io.FileIO, at: int, length: int) -> bytes:
    file.seek(at)
    pieces = []
    # One call may read less than it is asked for.
    while length > 0 and (piece := file.read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _header_at(file: io.FileIO, at: int, size: int) -> np.void | None:
    """Read the header at `at`; None unless it is one and its payload lies within the file."""
    raw = _read(file, at, FRAME.itemsize)
    if not _is_header(raw):
        return None
    header: np.void = np.frombuffer(raw, FRAME)[0]
    if at + FRAME.itemsize + int(header["length"]) > size:
        return None
    if header["version"] != _VERSIONS.get(bytes(header["kind"])):
        raise OSError(f"{file.name}: format {header['version']}, written by a newer trajkit: update trajkit")
    return header


def _is_header(raw: bytes) -> bool:
    crc = zlib.crc32(raw[:-4]).to_bytes(4, "little")
    return len(raw) == FRAME.itemsize and raw.startswith(MAGIC) and raw.endswith(crc)


def _payload_before(file: io.FileIO, end: int, header: np.void) -> bytes | None:
    """Read the payload that ends at `end`; None if it fails its checksum."""
    length = int(header["length"])
    payload = _read(file, end - length, length)
    return payload if zlib.crc32(payload) == header["payload_crc"] else None


def _is_whole(file: io.FileIO, end: int, header: np.void) -> bool:
    """Whether the payload that ends at `end` has its checksum; a huge one is only checked when it is used."""
    at, crc = end - int(header["length"]), 0
    if end - at > _LONG:
        return True
    while at < end and (piece := _read(file, at, min(_LONGEST, end - at))):
        at, crc = at + len(piece), zlib.crc32(piece, crc)
    return bool(crc == header["payload_crc"])


def _is_damaged(file: io.FileIO, end: int, size: int, longest: int) -> bool:
    """Whether what follows the complete frames is more than one that was cut short: the file was changed later."""
    if not end and _read(file, 0, len(MAGIC)) != MAGIC:
        return False  # a file of something else
    if size - end > FRAME.itemsize + longest:
        return True
    for start in range(end + 1, min(size, end + _LONG), _LONGEST):
        piece = _read(file, start, min(_LONGEST + FRAME.itemsize, size - start))
        at = piece.find(MAGIC)
        while at >= 0:
            if _is_header(piece[at : at + FRAME.itemsize]):
                return True
            at = piece.find(MAGIC, at + 1)
    return False
