"""Laws of the door to files: what is read is bounded by what is there, and every error names the file."""

import errno
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from recorded_runs import run_script

import trajkit as tk
from trajkit.storage.reading import TooLargeError, check_claim, open_zip, reading


@pytest.mark.parametrize("kind", [ValueError, KeyError, RecursionError, OverflowError, zipfile.BadZipFile, MemoryError])
def test_reading__names_the_file_whatever_its_reader_raises(tmp_path: Path, kind: type[Exception]) -> None:
    (tmp_path / "odd.bin").write_bytes(b"abc")
    with pytest.raises(ValueError, match=r"cannot read .*odd\.bin \(3 bytes\)"), reading(tmp_path / "odd.bin", "x"):
        raise kind("broken")


def test_reading__opens_neither_pipes_nor_folders_nor_devices(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "device"):
        with pytest.raises(ValueError, match=f"{name} .*not a file"), reading(tmp_path / name, "x"):
            pass
    with pytest.raises(OSError, match="Is a directory"), reading(tmp_path, "x"):
        pass
    with pytest.raises(FileNotFoundError, match="gone"), reading(tmp_path / "gone", "x"):
        pass


def test_reading__blames_no_file_for_what_the_system_refuses(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(b"abc")
    with pytest.raises(OSError, match=r"whole: Too many open files.*ulimit") as told, reading(tmp_path / "whole", "x"):
        raise OSError(errno.EMFILE, "Too many open files")
    assert "damaged" not in str(told.value)


def test_check_claim__allows_large_files_and_refuses_what_their_size_does_not_explain() -> None:
    check_claim(2**28, 1, "")
    check_claim(2**30, 2**24, "")
    with pytest.raises(TooLargeError, match=r"unpacks to 1,074 MB.*100 times.*If it is genuine, store it plainly"):
        check_claim(2**30, 2**20, "store it plainly")
    with pytest.raises(TooLargeError, match=r"GB are free"):
        check_claim(2**60, 2**60, "")


def test_open_zip__refuses_bombs_passwords_and_other_compressions(tmp_path: Path) -> None:
    def made(compression: int = zipfile.ZIP_STORED) -> Path:
        with zipfile.ZipFile(tmp_path / "a.zip", "w", compression) as archive:
            archive.writestr("a", bytes(100))
        return tmp_path / "a.zip"

    raw = bytearray(made().read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(raw)
    for path, message in ((tmp_path / "b.zip", "encrypted"), (made(zipfile.ZIP_LZMA), "numpy and torch do not use")):
        with path.open("rb") as file, pytest.raises(ValueError, match=message):
            open_zip(file)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as member:
        for _ in range(300):
            member.write(bytes(2**20))
    with (tmp_path / "a.zip").open("rb") as file, pytest.raises(TooLargeError, match="without compression"):
        open_zip(file)


def test_load__without_file_handles_calls_nothing_damaged(tmp_path: Path) -> None:
    """Whatever is opened, the error speaks of open files."""
    ds = tk.simulate(runs=2)
    for name in ("a.nc", "a.zarr"):
        tk.save(ds, tmp_path / name)
    with tk.Recorder(tmp_path / "store", tk.Probe(np.eye(2), [0, 1]), run={"seed": 1}) as record:
        record(lambda inputs: 2 * inputs - 1, 0)
    code = """
    import os, resource, sys, trajkit as tk
    from contextlib import suppress
    places = [f"{sys.argv[1]}/{name}" for name in ("a.nc", "a.zarr", "store")]
    # Once before: what is imported later needs handles of its own.
    for place in places:
        tk.load(place).load()
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    with suppress(OSError):
        while True:
            os.open(os.devnull, os.O_RDONLY)
    for read in (lambda: tk.sample_data("sloppy"), *[lambda place=place: tk.load(place) for place in places]):
        try:
            read()
        except OSError as error:
            print(error)
    """
    lines = run_script(code, tmp_path).splitlines()
    assert len(lines) == 4
    assert all("Too many open files" in line and "damaged" not in line for line in lines)


def test_load__of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*nothing"):
        tk.load(f"{tmp_path}/nothing/")
