"""The door to files of unknown origin: what is read is bounded by what is there, and every error names the file."""

from __future__ import annotations

import errno
import os
import pickle
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

from trajkit.schema import SchemaError
from trajkit.workspace import ALWAYS, RATIO, available_memory, most_bytes

# What the readers of numpy, pandas, pyarrow, json, pickle and zip raise for broken files. Never `Exception`: it would
# also catch what is no property of a file.
BROKEN = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, ImportError, SyntaxError),
    *(EOFError, AssertionError, BufferError, struct.error, pickle.UnpicklingError, tokenize.TokenError, zlib.error),
    *(zipfile.BadZipFile, zipfile.LargeZipFile),
)
# The process or the system may open no more files.
NO_HANDLES = (errno.EMFILE, errno.ENFILE)


class TooLargeError(ValueError):
    """A file asks for much more memory or work than its size explains."""


@contextmanager
def reading(path: Path, wanted: str, *, ours: type[Exception] = SchemaError) -> Iterator[BufferedReader]:
    """Open a file for its reader, and turn whatever the reader raises into an error of `naming_errors`.

    Parameters
    ----------
    path
        The file.
    wanted
        What the file should hold, in a few words.
    ours
        Errors that name the file already and are left as they are, beside `SchemaError`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError, ValueError
        As `naming_errors` does.
    """
    with naming_errors(path, wanted, ours=ours), _opened(path) as file:
        yield file


@contextmanager
def naming_errors(path: Path, wanted: str, *, ours: type[Exception] = SchemaError) -> Iterator[None]:
    """Turn the errors of broken files into errors that name the file; parameters as for `reading`.

    Raises
    ------
    OSError
        If the system does not let the file be read, for example because too many files are open.
    ValueError
        If it is cut short, damaged, of another kind, or larger than the memory that is free.
    """
    try:
        yield
    except (SchemaError, ours):
        raise
    except TooLargeError as error:
        raise ValueError(f"cannot read {path} ({_size(path)}): {error}") from None
    except MemoryError as error:
        raise ValueError(
            f"cannot read {path} ({_size(path)}): it asks for more memory than there is. Read fewer runs or samples, "
            "or on a machine with more memory; if that is far more than the file should hold, the file is damaged"
        ) from error
    except OSError as error:
        if is_of_system(error):
            raise system_error(path, error) from error
        raise unreadable(path, wanted, error) from error
    except BROKEN as error:
        raise unreadable(path, wanted, error) from error


def check_claim(claimed: int, held: int, remedy: str) -> None:
    """Refuse what unpacks to much more than a file holds, before it is unpacked.

    Parameters
    ----------
    claimed
        Bytes in memory.
    held
        Bytes in the file.
    remedy
        What the owner of a genuine file can do.

    Raises
    ------
    TooLargeError
        If `claimed` is above 256 MB and above 100 times `held`, or above the memory that is free.
    """
    if claimed > most_bytes(held):
        raise TooLargeError(
            f"it unpacks to {claimed / 1e6:,.0f} MB, and at most {ALWAYS / 1e6:.0f} MB or {RATIO} times the size of "
            f"the file are read, because a file made to fill the memory looks like this. If it is genuine, {remedy}"
        )
    if claimed > ALWAYS and claimed > (free := available_memory()):
        raise TooLargeError(
            f"it needs {claimed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free. Read fewer runs or samples, "
            "or on a machine with more memory"
        )


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip whose members are plain or deflated, without a password and no larger than its size explains.

    Raises
    ------
    ValueError
        If it is another kind of zip, or a name appears twice.
    TooLargeError
        If it unpacks to far more than its size.
    """
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    if any(member.flag_bits & 1 for member in members):
        raise ValueError("it is encrypted: unpack it with its password and write it without one")
    # bz2 and lzma unpack a block at once, however large it becomes.
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise ValueError("its members are compressed in a way that numpy and torch do not use: write it by them")
    if len({member.filename for member in members}) < len(members):
        raise ValueError("two of its members have one name")
    check_claim(sum(member.file_size for member in members), size_of(file), "write it again without compression")
    return archive


def size_of(file: IO[bytes]) -> int:
    """Return the size of an open file in bytes; its position stays."""
    here = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(here)
    return size


def unreadable(path: Path, wanted: str, error: Exception) -> ValueError:
    """Make the error for a file that its reader could not read: `raise unreadable(path, ..., error) from error`."""
    return ValueError(
        f"cannot read {path} ({_size(path)}): wanted {wanted}, got a file that is cut short, damaged or of another "
        f"kind ({type(error).__name__}: {_short(str(error))}). Copy or write it again"
    )


def is_of_system(error: OSError) -> bool:
    """Whether the system refused to read a file, which says nothing about what the file holds."""
    # A damaged file leads its reader to impossible places, which are "invalid arguments".
    return error.errno is not None and error.errno > 0 and error.errno != errno.EINVAL


def system_error(path: Path, error: OSError) -> OSError:
    """Make the error for a file that the system did not let be read."""
    remedy = ""
    if error.errno in NO_HANDLES:
        remedy = ". Close files or datasets that are open, or raise the limit (ulimit -n); the file itself may be whole"
    return type(error)(error.errno, f"cannot read {path}: {os.strerror(error.errno or 0)}{remedy}")


def _opened(path: Path) -> BufferedReader:
    kind = path.stat().st_mode
    # Before it is opened: opening a pipe waits for ever, and a device has no end.
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, "wanted a file, got a folder", str(path))
    if not stat.S_ISREG(kind):
        raise ValueError("it is a pipe, socket or device, not a file")
    check_claim(path.stat().st_size, path.stat().st_size, "")
    return path.open("rb")


def _size(path: Path) -> str:
    return f"{path.stat().st_size} bytes" if path.exists() else "gone"


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]} ..."
