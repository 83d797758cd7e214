"""Laws of atomic writing: what is written takes its place completely or not at all."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from trajkit.storage.atomic import atomic_write, clear_leftovers, finish_replacing, write_once


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


@pytest.mark.parametrize("exchanges", [True, False])
def test_atomic_write__a_folder_that_is_replaced_is_there_at_every_moment(
    tmp_path: Path, exchanges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system cannot exchange folders in one step, the next reader or writer ends what was begun."""
    (path := tmp_path / "x").mkdir()
    (path / "inner").write_text("old")
    rename, replace = os.rename, os.replace
    seen = []

    def watched(move: Any) -> Any:
        def moved(a: Path, b: Path) -> None:
            seen.append(path.exists())
            move(a, b)
            seen.append(path.exists())

        return moved

    monkeypatch.setattr(os, "rename", watched(rename))
    monkeypatch.setattr(os, "replace", watched(replace))
    if not exchanges:
        monkeypatch.setattr("trajkit.storage.atomic._exchange", lambda *_: False)
    with atomic_write(path, overwrite=True) as part:
        part.mkdir()
        (part / "inner").write_text("new")
    assert (path / "inner").read_text() == "new"
    assert os.listdir(tmp_path) == ["x"]
    assert all(seen) == (exchanges or not seen)


@pytest.mark.parametrize("next_one", [finish_replacing, clear_leftovers])
def test_finish_replacing__puts_the_new_folder_in_its_place(tmp_path: Path, next_one: Any) -> None:
    """A process was killed between the two steps of a replacement."""
    path, left = tmp_path / "x.zarr", tmp_path / ".x.zarr-abcd1234"
    for place, text in ((left / "x.zarr.old", "old"), (left / "x.zarr", "new")):
        place.mkdir(parents=True)
        (place / "inner").write_text(text)
    (left / ".in_use").touch()
    next_one(path)
    assert (path / "inner").read_text() == "new"
    next_one(path)
    assert left.exists() == (next_one is finish_replacing)
    assert (path / "inner").read_text() == "new"


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


def test_clear_leftovers__deletes_what_a_process_left_that_was_killed_at_any_moment(tmp_path: Path) -> None:
    empty, other_empty, used = (tmp_path / name for name in (".a.zarr-abcd1234", ".venv-abcd1234", ".b.nc-abcd1234"))
    for folder in (empty, other_empty, used):
        folder.mkdir()
    (used / ".in_use").touch()
    (used / "b.nc").touch()
    clear_leftovers(tmp_path / "x.nc")
    assert os.listdir(tmp_path) == [other_empty.name]


def test_atomic_write__the_mark_of_its_folder_is_deleted_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a process that is killed while it deletes the old content would leave a folder that is nobody's."""
    found, remove = [], shutil.rmtree

    def watched(path: Any, *arguments: Any, **options: Any) -> None:
        found.append((Path(path).name, os.listdir(next(tmp_path.glob(".x-*")))))
        remove(path, *arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", watched)
    for _ in range(2):
        with atomic_write(tmp_path / "x", overwrite=True) as part:
            part.mkdir()
    # Folders that stand for themselves are removed when all else is gone.
    for name, held in found:
        assert held == [".in_use"] if name.startswith(".x-") else ".in_use" in held, (name, held)
    assert [name for name, _ in found].count("x") == 1
    assert os.listdir(tmp_path) == ["x"]


def test_atomic_write__makes_another_folder_if_its_own_was_taken_for_a_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, made = tempfile.TemporaryDirectory, []

    def taken(*arguments: Any, **options: Any) -> Any:
        made.append(make(*arguments, **options))
        if len(made) == 1:
            clear_leftovers(tmp_path / "other.nc")
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryDirectory", taken)
    with atomic_write(tmp_path / "x.nc", overwrite=False) as part:
        part.touch()
    assert len(made) == 2
    assert os.listdir(tmp_path) == ["x.nc"]
