"""Laws of locks: one recorder for each run, as long as its process lives."""

import errno
import os
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from recorded_runs import fill

import trajkit as tk
from trajkit.storage import file_lock

HOLDER = """
    import os, sys
    import numpy as np
    import trajkit as tk

    probe = tk.Probe(np.eye(3), label=[0, 1, 2])
    record = tk.Recorder(sys.argv[1], probe, run="r")
    record(lambda inputs: 2 * inputs, 0)
    if os.fork():  # the child stands for a worker that loads data, and outlives its parent for a while
        print("recording", flush=True)
    sys.stdin.read()
"""


def test_lock__a_run_is_recorded_by_one_process_at_a_time(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)]
    here = tk.Probe(np.eye(3), label=[0, 1, 2])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "recording\n"
        assert tk.Store(tmp_path).table()["state"].tolist() == ["recording"]
        with pytest.raises(BlockingIOError, match=r"r.run is being recorded, by this process or another"):
            tk.Recorder(tmp_path, here, run="r", resume=True)
        with tk.Recorder(tmp_path, here, run="another") as record:
            record(lambda inputs: 2 * inputs, 0)
        holder.kill()
        holder.wait()
        assert tk.Store(tmp_path).table()["state"].tolist() == ["complete", "interrupted"]
        with tk.Recorder(tmp_path, here, run="r", resume=True) as record:
            record(lambda inputs: 2 * inputs, 1)
            with pytest.raises(BlockingIOError, match="is being recorded"):
                tk.Recorder(tmp_path, here, run="r", resume=True)
            # Reading what this process records does not release the lock.
            assert tk.load(tmp_path).sel(run="r").step.values.tolist() == [0, 1]
            with pytest.raises(BlockingIOError, match="is being recorded"):
                tk.Recorder(tmp_path, here, run="r", resume=True)


def test_lock__without_locks_a_run_is_recorded_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(RuntimeWarning, match=r"does not support locks \(No locks available\): nothing prevents two"):
        fill(tmp_path, 0)
    assert tk.Store(tmp_path).table()["state"].tolist() == ["complete"]


class Msvcrt:
    """Locks of bytes as Windows has them: a byte is locked by one open file at most, until that file is closed."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        byte = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR))
        if self.held.setdefault(byte, descriptor) != descriptor:
            raise PermissionError(errno.EACCES, "Permission denied")


def test_lock__on_windows_is_one_byte_that_no_file_reaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code with the system's module replaced: Windows itself was not at hand."""
    msvcrt = Msvcrt()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    windows = runpy.run_path(file_lock.__file__)
    path = tmp_path / "a.run"
    with windows["hold"](path):
        assert windows["is_locked"](path)
        with path.open("rb", buffering=0) as other, pytest.raises(BlockingIOError, match=r"a.run is being recorded"):
            windows["lock"](other, path)
    # Nobody can read a byte that is locked.
    assert [byte for _, byte in msvcrt.held] == [2**43]
    msvcrt.held.clear()
    assert not windows["is_locked"](path)
