"""Laws of a run's file: complete checkpoints are kept bit for bit, and no damage goes unnoticed."""

import json
import ntpath
import os
import re
import warnings
import zlib
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recorded_runs import CLASSES, SAMPLES, expected, fill, logits, probe

import trajkit as tk
from trajkit.storage.run_file import CHECKPOINT, END, FRAME, HEAD, MAGIC, RETURN, file_name, find_file, frame


@pytest.mark.parametrize("percent", range(0, 100, 5))
def test_store__a_file_cut_short_keeps_its_whole_checkpoints(tmp_path: Path, percent: int) -> None:
    fill(tmp_path, 0)
    fill(tmp_path, 1, range(8))
    path = tmp_path / "1.run"
    whole, content = tk.load(tmp_path).load(), path.read_bytes()
    size = len(content) * percent // 100
    os.truncate(path, size)
    # A head, then checkpoints of one length, then the end.
    head = content.index(MAGIC, 1)
    checkpoint = FRAME.itemsize + 4 * SAMPLES * CLASSES
    kept = min(8, max(0, (size - head) // checkpoint))
    row = tk.Store(tmp_path).table().loc["1"]
    assert row["checkpoints"] == kept
    assert row["unfinished"] == (size if size < head else size - head - kept * checkpoint)
    assert row["state"] == "interrupted"
    # A cut between two checkpoints leaves nothing to warn of.
    with pytest.warns(RuntimeWarning, match="run '1'") if row["unfinished"] or not kept else nullcontext() as caught:
        cut = tk.load(tmp_path).load()
    if caught and row["unfinished"]:
        assert f"has {row['unfinished']} bytes of an unfinished checkpoint" in str(caught[0].message)
    for run, count in {"0": 4, "1": kept}.items():
        if count:
            bits, wanted = (ds.log_prob.sel(run=run)[:count].values.view(np.uint32) for ds in (cut, whole))
            np.testing.assert_array_equal(bits, wanted)
    assert cut.sizes["run"] == 1 + (kept > 0)
    fill(tmp_path, 1, range(8), resume=True)
    assert tk.load(tmp_path).load().drop_attrs().identical(whole.drop_attrs())


def test_store__no_damaged_byte_goes_unnoticed(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    path = tmp_path / "0.run"
    whole, sound = path.read_bytes(), tk.load(tmp_path).load()
    for at in np.random.default_rng(0).choice(len(whole), 150, replace=False):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                damaged = tk.load(tmp_path).load()
            except OSError:
                continue
        if damaged.equals(sound):
            # In the end of the recording, or what pads a header: nothing that a dataset holds.
            assert at >= len(whole) - 200
            continue
        assert caught, at
        kept = damaged.sizes["checkpoint"]
        assert damaged.log_prob.equals(sound.log_prob[:, :kept])


def test_store__a_last_checkpoint_whose_bytes_never_reached_the_disk_is_unfinished(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    path = tmp_path / "0.run"
    content = path.read_bytes()
    # After a power failure a file may have its length but zeros for its last bytes, and no end of the recording.
    whole = content[: content.index(MAGIC, 1) + 4 * (FRAME.itemsize + 4 * SAMPLES * CLASSES)]
    path.write_bytes(whole[:-40] + bytes(40))
    assert tk.Store(tmp_path).table().loc["0", ["checkpoints", "state"]].tolist() == [3, "interrupted"]
    with pytest.warns(RuntimeWarning, match=r"run '0' has \d+ bytes of an unfinished checkpoint after step 2"):
        assert tk.load(tmp_path).step.values.tolist() == [[0, 1, 2]]
    fill(tmp_path, 0, range(4), resume=True)
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("run", ["a/b", "..", ".hidden", "Größe 3: ß=0.1?", "x" * 400, "a" * 199, "C:\\x", "0"])
def test_store__runs_may_have_any_name(tmp_path: Path, run: str) -> None:
    for name in (run, f"{run}!"):
        fill(tmp_path / "store", 0, [0], run=name)
    assert sorted(tk.load(tmp_path / "store").run.values.tolist()) == sorted([run, f"{run}!"])
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


GOOD = expected(0, [0]).astype("<f4").tobytes()


def head(folder: Path, **changes: Any) -> bytes:
    """Make the first frame of a run that could stand in this store."""
    held = tk.Store(folder).runs()[0].head
    return frame(HEAD, json.dumps(held | {"run": "bad", "attributes": {"seed": 9}} | changes).encode())


def checkpoint(step: int, payload: bytes = GOOD) -> bytes:
    return frame(CHECKPOINT, payload, step=step)


def forged(raw: bytes, **fields: Any) -> bytes:
    """Change fields of a header, and let its checksum be right."""
    header = np.frombuffer(raw[: FRAME.itemsize], FRAME).copy()
    for name, value in fields.items():
        header[name] = value
    header["crc"] = zlib.crc32(header.tobytes()[:-4])
    return header.tobytes() + raw[FRAME.itemsize :]


LEFT_OUT = {
    "decreasing steps": lambda at: head(at) + checkpoint(5) + checkpoint(3),
    "negative step": lambda at: head(at) + checkpoint(-7),
    "equal steps": lambda at: head(at) + checkpoint(3) + checkpoint(3),
    "steps whose difference overflows": lambda at: head(at) + checkpoint(2**63 - 1) + checkpoint(-(2**63)),
    "short payload": lambda at: head(at) + checkpoint(0, GOOD[:-4]),
    "empty payload": lambda at: head(at) + checkpoint(0, b""),
    "no head": lambda at: checkpoint(0) + checkpoint(1),
    "the end first": lambda at: frame(END, b"{}") + head(at),
    "empty head": lambda at: frame(HEAD, b"{}") + checkpoint(0),
    "nested head": lambda at: frame(HEAD, b"[" * 10**5),
    "head of many digits": lambda at: frame(HEAD, b'{"run": 1' + b"0" * 5000 + b"}"),
    "gigantic probe": lambda at: head(at, samples=10**9, classes=10**9) + checkpoint(0),
    "negative probe": lambda at: head(at, samples=-SAMPLES, classes=-CLASSES) + checkpoint(0),
    "attribute that is a list": lambda at: head(at, attributes={"a": [1, 2]}) + checkpoint(0),
    "attribute of 100 bits": lambda at: head(at, attributes={"a": 2**100}) + checkpoint(0),
    "attribute with a surrogate": lambda at: head(at, attributes={"a": "\ud800"}) + checkpoint(0),
    "attribute 'run'": lambda at: head(at, attributes={"run": "q"}) + checkpoint(0),
    "attribute 'step'": lambda at: head(at, attributes={"step": 1}) + checkpoint(0),
    "run without a name": lambda at: head(at, run="") + checkpoint(0),
    "unknown kind of frame": lambda at: head(at) + forged(checkpoint(0), kind=b"Z"),
    "endless returns": lambda at: head(at) + checkpoint(0) + frame(RETURN, b"", step=5) * 100_001,
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_store__a_crafted_file_is_left_out_by_name_and_refused_by_a_recorder(tmp_path: Path, name: str) -> None:
    fill(tmp_path, 0)
    (tmp_path / "bad.run").write_bytes(LEFT_OUT[name](tmp_path))
    with pytest.warns(RuntimeWarning, match="bad.run cannot be read .*/bad.run.* is left out: move it out"):
        assert tk.load(tmp_path).load().run.values.tolist() == ["0"]
    assert tk.Store(tmp_path).table().index.tolist() == ["0"]
    with pytest.raises(OSError, match=r"/bad.run(: format| is not the file of a run)"):
        tk.Recorder(tmp_path, probe(), run={"run": "bad", "seed": 9}, resume=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.1])
def test_store__values_that_are_no_log_probabilities_are_refused_when_they_are_read(
    tmp_path: Path, value: float
) -> None:
    fill(tmp_path, 0)
    values = np.frombuffer(GOOD, "<f4").copy()
    values[7] = value
    (tmp_path / "bad.run").write_bytes(head(tmp_path) + checkpoint(0) + checkpoint(1, values.tobytes()))
    ds = tk.load(tmp_path)
    assert ds.log_prob.sel(run="bad")[0].notnull().all()
    with pytest.raises(OSError, match=r"/bad.run is not .*: what it holds for step 1 are no log-probabilities"):
        ds.log_prob.load()


@pytest.mark.parametrize("length", [2**62, 2**64 - 1])
def test_store__a_gigantic_length_is_a_frame_that_was_cut_short(tmp_path: Path, length: int) -> None:
    fill(tmp_path, 0)
    (tmp_path / "bad.run").write_bytes(head(tmp_path) + checkpoint(0) + forged(checkpoint(1), length=length))
    with pytest.warns(RuntimeWarning, match="run 'bad' has 248 bytes of an unfinished checkpoint after step 0"):
        assert tk.load(tmp_path).step.sel(run="bad").values.tolist() == [0, -1, -1, -1]


@pytest.mark.parametrize("is_run", [True, False])
def test_store__a_gigantic_file_is_listed_soon(tmp_path: Path, is_run: bool) -> None:
    """A terabyte would neither be read in time nor fit into memory; it is sparse, so that it takes no room."""
    fill(tmp_path, 0)
    (tmp_path / "bad.run").write_bytes(head(tmp_path) + checkpoint(0) if is_run else b"something else")
    os.truncate(tmp_path / "bad.run", 10**12)
    assert tk.Store(tmp_path).table().loc["bad", "state"] == ("damaged" if is_run else "interrupted")
    with pytest.raises(OSError, match=r"bad.run is (damaged|not the file of a run)"):
        tk.Recorder(tmp_path, probe(), run={"run": "bad", "seed": 9}, resume=True)


def test_store__returns_set_apart_all_checkpoints_before_them_from_their_step_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        frames, kept = [], []
        for _ in range(40):
            step = int(rng.integers(0, 20))
            if rng.random() < 0.3:
                frames.append(frame(RETURN, b"", step=step))
                kept = [k for k in kept if k < step]
            elif step > max(kept, default=-1):
                frames.append(checkpoint(step))
                kept.append(step)
        fill(tmp_path, 0, [0])
        (tmp_path / "bad.run").write_bytes(head(tmp_path) + b"".join(frames))
        run = next(run for run in tk.Store(tmp_path).runs() if run.name == "bad")
        assert run.checkpoints["step"].tolist() == kept
        (tmp_path / "0.run").unlink()


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(NAMES)
@example("con")
@example("Aux.1")
@example("nul .x")
@example("COM7")
@example("lpt9")
@example("a.")
@example("b ")
@example('<>:"|?*\\/%')
@example("Ä" * 200)
def test_file_name__is_valid_on_every_system(run: str) -> None:
    for name in (file_name(run), file_name(run, marked=True)):
        assert len(name) < 230
        assert re.fullmatch(r"[\w.~ =,+()%-]+\.run", name, flags=re.ASCII)
        assert not name.startswith(".")
        device = name.partition(".")[0].rstrip(" ").upper()
        assert device not in {"CON", "PRN", "AUX", "NUL"}
        assert not re.fullmatch(r"(COM|LPT)\d", device)
        if hasattr(ntpath, "isreserved"):  # since Python 3.13
            assert not ntpath.isreserved(name)


def ignoring_case(path: Path) -> str:
    return path.name.lower()


@given(st.permutations(["MLP-0", "mlp-0", "Mlp-0", "x" * 220, "X" * 220, "con", "CON", "ß", "SS", "é", "É"]))
def test_find_file__gives_different_runs_files_that_every_system_tells_apart(runs: list[str]) -> None:
    with TemporaryDirectory() as folder:
        made = {}
        for run in runs:
            made[run] = find_file(Path(folder), run)
            made[run].touch()
        assert len(set(map(ignoring_case, made.values()))) == len(runs)
        assert {run: find_file(Path(folder), run) for run in runs} == made


def test_store__runs_that_differ_in_case_alone_are_resumed_each_in_its_own_file(tmp_path: Path) -> None:
    for run in ("a", "A"):
        with tk.Recorder(tmp_path, probe(), run) as record:
            record(lambda inputs: logits(0, 0), 0)
    for run in ("A", "a"):
        with tk.Recorder(tmp_path, probe(), run, resume=True) as record:
            record(lambda inputs: logits(0, 1), 1)
    assert tk.Store(tmp_path).table()["checkpoints"].to_dict() == {"a": 2, "A": 2}
    assert sorted(path.name for path in tmp_path.glob("*.run")) == ["A~d3d99e8b.run", "a.run"]


def test_store__a_file_that_was_named_before_all_systems_were_thought_of_goes_on(tmp_path: Path) -> None:
    with tk.Recorder(tmp_path, probe(), "con") as record:
        record(lambda inputs: logits(0, 0), 0)
    (tmp_path / "%63on.run").rename(tmp_path / "con.run")
    with tk.Recorder(tmp_path, probe(), "con", resume=True) as record:
        record(lambda inputs: logits(0, 1), 1)
    assert tk.load(tmp_path).step.values.tolist() == [[0, 1]]
