"""How much memory is free, and how much a computation may take beside its input and its result: one setting for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

# 160 MB: blocks this large keep the cores busy, and the peak of `pairwise` stays within its budget of 256 MB.
_BYTES: ContextVar[float] = ContextVar("workspace", default=160e6)
_CGROUP = Path("/sys/fs/cgroup")

# What is read from a file may take this many bytes, whatever the file's size, ...
ALWAYS = 2**28
# ... or so many times its size. Predictions, which are numbers with noise, compress less than tenfold.
RATIO = 100


def most_bytes(held: int) -> int:
    """Give the bytes that values may take in memory if they take `held` bytes elsewhere.

    Examples
    --------
    >>> most_bytes(10) / 2**20, most_bytes(2**30) / 2**30
    (256.0, 100.0)
    """
    return max(ALWAYS, RATIO * held)


def available_memory(cgroup: Path = _CGROUP) -> int:
    """Give the bytes that can be allocated without swapping.

    Containers (Binder, clusters) have a limit of their own below the machine's; `cgroup` is the folder that states it.
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = cgroup / "memory.max"
    if limit.exists() and (most := limit.read_text(encoding="utf-8").strip()) != "max":
        used = int((cgroup / "memory.current").read_text(encoding="utf-8"))
        statistics = dict(line.split() for line in (cgroup / "memory.stat").read_text(encoding="utf-8").splitlines())
        # Cached files count as used, but the system gives their memory back.
        free = min(free, max(0, int(most) - used + int(statistics.get("inactive_file", 0))))
    return free


def workspace_bytes() -> float:
    """Give the number of bytes that temporary arrays may take.

    Examples
    --------
    >>> workspace_bytes()
    160000000.0
    """
    return _BYTES.get()


@contextmanager
def limit_workspace(size: float) -> Iterator[None]:
    """Work in smaller or larger blocks: temporary arrays take about `size` bytes. Results stay the same to rounding.

    Parameters
    ----------
    size
        Bytes, at least 1. One row, sample or run is always read whole, however small the workspace is.

    Raises
    ------
    ValueError
        If `size` is below 1.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=3)
    >>> with limit_workspace(10_000):
    ...     small = tk.progress(ds)
    >>> bool((small == tk.progress(ds)).all())
    True
    """
    if not size >= 1:
        raise ValueError(f"size: wanted 1 byte or more, got {size}")
    token = _BYTES.set(float(size))
    try:
        yield
    finally:
        _BYTES.reset(token)
