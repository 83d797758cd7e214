"""Laws of atomic writing: what is written takes its place completely or not at all."""

import errno
import os
from pathlib import Path

import pytest

from trajkit.storage.atomic import atomic_write, write_once


@pytest.mark.parametrize(("old", "new"), [("file", "file"), ("folder", "folder"), (None, "file"), (None, "folder")])
def test_atomic_write__takes_the_place_at_the_end_or_not_at_all(tmp_path: Path, old: str | None, new: str) -> None:
    def write(path: Path, kind: str | None, text: str) -> None:
        if kind == "folder":
            path.mkdir()
        if kind:
            (path / "inner" if kind == "folder" else path).write_text(text)

    def stopped_halfway() -> None:
        with atomic_write(path, overwrite=True) as part:
            write(part, new, "half")
            raise KeyboardInterrupt

    path = tmp_path / "x"
    held = path / "inner" if new == "folder" else path
    write(path, old, "old")
    with pytest.raises(KeyboardInterrupt):
        stopped_halfway()
    assert (held.read_text() if old else path.exists()) == ("old" if old else False)
    with atomic_write(path, overwrite=True) as part:
        write(part, new, "new")
    assert held.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_write_once__the_first_file_stands(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    write_once(tmp_path / "x", b"first")
    assert (tmp_path / "x").read_bytes() == b"first"
    write_once(tmp_path / "x", b"second")
    # A file system without links cannot tell who was first: then the last stands, completely.
    assert (tmp_path / "x").read_bytes() == (b"first" if links else b"second")
    assert os.listdir(tmp_path) == ["x"]
