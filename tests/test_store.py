"""Laws of the store: what was recorded stays, bit for bit, whatever happens to the process, the disk and the file."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.special
import xarray as xr

import trajkit as tk
from trajkit.storage import run_file as format_of_runs

SAMPLES, CLASSES = 12, 4


def probe(**changes: Any) -> tk.Probe:
    label = np.arange(SAMPLES) % CLASSES
    given = {
        "inputs": np.arange(SAMPLES * 3.0).reshape(SAMPLES, 3),
        "label": label,
        "classes": ["ant", "bee", "cat", "dog"],
        "split": np.where(np.arange(SAMPLES) < 8, "train", "test"),
        "sample": [f"image-{n}" for n in range(SAMPLES)],
    }
    return tk.Probe(**(given | changes))


def logits(seed: int, step: int) -> np.ndarray:
    return 3 * np.random.default_rng([seed, step]).standard_normal((SAMPLES, CLASSES))


def fill(folder: Path, seed: int, steps: Any = range(4), *, resume: bool = False, **attributes: Any) -> None:
    with tk.Recorder(folder, probe(), run={"seed": seed, **attributes}, resume=resume) as record:
        for step in steps:
            record(lambda inputs, step=step: logits(seed, step), step, epoch=step / 2)


def expected(seed: int, steps: Any = range(4)) -> np.ndarray:
    return np.stack([scipy.special.log_softmax(logits(seed, step), axis=-1) for step in steps])


def run_script(script: str, *arguments: object, cwd: Path | None = None) -> str:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


_opened: list[str] | None = None


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], str | Path):
        _opened.append(str(arguments[0]))


sys.addaudithook(_note_opened)


@contextmanager
def files_opened() -> Iterator[list[str]]:
    global _opened
    _opened = names = []
    try:
        yield names
    finally:
        _opened = None


# --- reading ------------------------------------------------------------------------------------------------------


def test_load__gives_all_runs_as_one_dataset(tmp_path: Path) -> None:
    fill(tmp_path, 0, range(4), architecture="MLP", learning_rate=0.1, augmentation=True)
    fill(tmp_path, 1, range(0, 12, 2), architecture="CNN", learning_rate=1, augmentation=False)
    fill(tmp_path, 2, [5], architecture="CNN", learning_rate=None, width=2**60)
    ds = tk.load(tmp_path)
    tk.validate(ds)
    assert ds.run.values.tolist() == ["0-MLP-0.1-True", "1-CNN-1-False", "2-CNN-None-1152921504606846976"]
    assert ds.architecture.values.tolist() == ["MLP", "CNN", "CNN"]
    np.testing.assert_array_equal(ds.learning_rate, [0.1, 1.0, np.nan])
    np.testing.assert_array_equal(ds.augmentation, [1.0, 0.0, np.nan])
    assert ds.seed.dtype == np.int64
    assert ds.kind.values.tolist() == ["network"] * 3
    assert ds.step.values.tolist() == [[0, 1, 2, 3, -1, -1], [0, 2, 4, 6, 8, 10], [5, -1, -1, -1, -1, -1]]
    np.testing.assert_array_equal(ds.epoch, np.where(ds.step >= 0, ds.step / 2, np.nan))
    for row, steps in enumerate([range(4), range(0, 12, 2), [5]]):
        np.testing.assert_allclose(ds.log_prob[row, : len(steps)], expected(row, steps), atol=1e-6)
        assert ds.log_prob[row, len(steps) :].isnull().all()
    for name in ("label", "split", "sample"):
        np.testing.assert_array_equal(ds[name], getattr(probe(), name))
    assert ds["class"].values.tolist() == ["ant", "bee", "cat", "dog"]


def test_load__reads_predictions_when_they_are_used_and_only_those(tmp_path: Path) -> None:
    for seed in range(5):
        fill(tmp_path, seed)
    tk.Store(tmp_path).table()
    with files_opened() as opened:
        ds = tk.load(tmp_path)
        picked = ds.isel(run=[3, 1], checkpoint=slice(1, 3))
    assert not [name for name in opened if name.endswith(".run")]
    with files_opened() as opened:
        values = picked.log_prob.values
    assert {Path(name).name for name in opened if name.endswith(".run")} == {"1.run", "3.run"}
    np.testing.assert_allclose(values, [expected(3, [1, 2]), expected(1, [1, 2])], atol=1e-6)


INDEXERS: list[dict[str, Any]] = [
    {"run": 1},
    {"run": -1, "checkpoint": 0},
    {"checkpoint": [2, 0, 5], "sample": slice(None, None, -2)},
    {"run": [2, 0], "class": 3},
    {"sample": [4, 4, 1], "class": [0, 2]},
    {"run": 0, "checkpoint": 1, "sample": 2, "class": 3},
    {"run": xr.DataArray([0, 1, 2], dims="point"), "checkpoint": xr.DataArray([1, 3, 0], dims="point")},
    {"run": []},
    {"run": slice(5, 9)},
]


@pytest.mark.parametrize("indexer", INDEXERS, ids=str)
def test_load__any_selection_is_that_of_the_loaded_dataset(tmp_path: Path, indexer: dict[str, Any]) -> None:
    for seed, count in enumerate([4, 6, 1]):
        fill(tmp_path, seed, range(count))
    lazy, eager = tk.load(tmp_path), tk.load(tmp_path).load()
    assert lazy.isel(indexer).identical(eager.isel(indexer))


def test_load__in_chunks_gives_dask_arrays_of_the_same_numbers(tmp_path: Path) -> None:
    for seed in range(3):
        fill(tmp_path, seed, range(3 + seed))
    lazy = tk.load(tmp_path, chunks={"run": 1, "sample": 5})
    assert dict(lazy.chunksizes)["run"] == (1, 1, 1)
    assert lazy.compute().identical(tk.load(tmp_path).load())


def test_load__results_are_those_of_the_dataset_in_memory(tmp_path: Path) -> None:
    for seed, count in enumerate([4, 6, 5]):
        fill(tmp_path, seed, range(count), architecture="MLP")
    eager = tk.load(tmp_path).load()
    for result in (tk.points, tk.progress, tk.loss, tk.pairwise, lambda ds: tk.select(ds, seed=[0, 2], split="test")):
        xr.testing.assert_identical(result(tk.load(tmp_path)), result(eager))


def test_table__says_what_each_run_came_to(tmp_path: Path) -> None:
    fill(tmp_path, 0, range(4), architecture="MLP")
    fill(tmp_path, 1, range(2), architecture="CNN")
    table = tk.Store(tmp_path).table()
    ds = tk.load(tmp_path)
    assert table.index.tolist() == ds.run.values.tolist() == ["0-MLP", "1-CNN"]
    assert table["seed"].tolist() == [0, 1]
    assert table["architecture"].tolist() == ["MLP", "CNN"]
    assert table["checkpoints"].tolist() == [4, 2]
    assert table["step"].tolist() == [3, 1]
    assert table["state"].tolist() == ["complete"] * 2
    assert table["unfinished"].tolist() == [0, 0]
    assert table["diverged_at"].isna().all()
    for split in ("train", "test"):
        loss = tk.loss(tk.select(ds, split=split)).values
        np.testing.assert_allclose(table[f"{split}_loss"], [loss[0, 3], loss[1, 1]], rtol=1e-6)


def test_store__an_empty_one_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"is no store of runs: no probe.json in it"):
        tk.Store(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"is no store of runs: no such folder"):
        tk.Store(tmp_path / "nowhere")
    fill(tmp_path, 0, [])
    assert tk.Store(tmp_path).table()["checkpoints"].tolist() == [0]
    with (
        pytest.warns(RuntimeWarning, match="run '0' has no checkpoint yet and is left out"),
        pytest.raises(OSError, match=r"no run in .* has a whole checkpoint yet"),
    ):
        tk.load(tmp_path)


@pytest.mark.parametrize("run", ["a/b", "..", ".hidden", "Größe 3: ß=0.1?", "x" * 400, "a" * 199, "C:\\x", "0"])
def test_store__runs_may_have_any_name(tmp_path: Path, run: str) -> None:
    with tk.Recorder(tmp_path / "store", probe(), run=run) as record:
        record(lambda inputs: logits(0, 0), 0)
    with tk.Recorder(tmp_path / "store", probe(), run=f"{run}!") as record:
        record(lambda inputs: logits(1, 0), 0)
    assert sorted(tk.load(tmp_path / "store").run.values.tolist()) == sorted([run, f"{run}!"])
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


# --- resuming -----------------------------------------------------------------------------------------------------


def test_recorder__resumes_after_the_last_checkpoint(tmp_path: Path) -> None:
    fill(tmp_path / "parts", 0, range(3), architecture="MLP")
    fill(tmp_path / "parts", 0, range(1, 6), resume=True, architecture="MLP")
    fill(tmp_path / "whole", 0, range(6), architecture="MLP")
    parts, whole = (tk.load(tmp_path / name).drop_attrs() for name in ("parts", "whole"))
    xr.testing.assert_identical(parts, whole)


def test_recorder__a_run_that_exists_is_only_continued_on_request(tmp_path: Path) -> None:
    fill(tmp_path, 0, [0, 10])
    before = (tmp_path / "0.run").read_bytes()
    with pytest.raises(FileExistsError, match=r"run '0' has 2 checkpoints up to step 10 in .*: pass resume=True"):
        fill(tmp_path, 0)
    with pytest.raises(FileExistsError, match=r"0.run holds another run: its attributes is {'seed': 0}, not {}"):
        tk.Recorder(tmp_path, probe(), run="0", resume=True)
    assert (tmp_path / "0.run").read_bytes() == before


def test_recorder__a_run_without_checkpoints_starts_anew(tmp_path: Path) -> None:
    fill(tmp_path, 0, [], run="r", note="a head longer than the next")
    fill(tmp_path, 1, [], run="r")
    assert tk.Store(tmp_path).table()["unfinished"].tolist() == [0]
    fill(tmp_path, 2, range(4), run="r")
    assert tk.load(tmp_path).seed.values.tolist() == [2]


def test_recorder__a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    (tmp_path / "notes.run").write_text("do not delete")
    with pytest.raises(FileExistsError, match=r"notes.run is no file of a run: move it elsewhere"):
        tk.Recorder(tmp_path, probe(), run="notes")
    assert (tmp_path / "notes.run").read_text() == "do not delete"


# --- another probe ------------------------------------------------------------------------------------------------

REORDER = np.roll(np.arange(SAMPLES), 1)
OTHER_PROBES: dict[str, dict[str, Any]] = {
    r"'label' \(the same values in another order\)": {"label": probe().label[REORDER]},
    r"'label' \(other values\)": {"label": np.zeros(SAMPLES, dtype=int)},
    r"'class' \(other values\)": {"classes": ["ant", "bee", "cow", "dog"]},
    r"'class' \(the same values in another order\)": {"classes": ["dog", "bee", "cat", "ant"]},
    r"'class' \(4 and 5 entries\)": {"classes": ["ant", "bee", "cat", "dog", "elk"]},
    r"'split' \(the same values in another order\)": {"split": probe().split[::-1]},
    r"'sample' \(the same values in another order\)": {"sample": probe().sample[REORDER]},
    r"'sample' \(other values\)": {"sample": None},
    r"runs on another probe: the inputs \(identities \w+ and \w+\) differ": {"inputs": probe().inputs[REORDER]},
    r"the inputs \(identities": {"inputs": probe().inputs.astype(np.float32)},
}


@pytest.mark.parametrize(("message", "change"), OTHER_PROBES.items(), ids=str)
def test_recorder__another_probe_is_refused(tmp_path: Path, message: str, change: dict[str, Any]) -> None:
    fill(tmp_path, 0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for run in ("0", "new"):
        with pytest.raises(tk.SchemaError, match=rf"holds runs on another probe: .*{message.split(': ')[-1]}"):
            tk.Recorder(tmp_path, probe(**change), run=run, resume=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["stray", "+stray"])
def test_load__a_run_from_the_folder_of_another_probe_is_refused(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "here", 0)
    with tk.Recorder(tmp_path / "there", probe(label=probe().label[REORDER]), run=name) as record:
        record(lambda inputs: logits(0, 0), 0)
    shutil.copy(tmp_path / "there" / f"{name}.run", tmp_path / "here")
    with pytest.raises(tk.SchemaError, match=r"- \+?stray.run: recorded on another probe than that of .*here"):
        tk.load(tmp_path / "here")


def test_load__a_copied_run_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    shutil.copy(tmp_path / "0.run", tmp_path / "copy.run")
    with pytest.raises(tk.SchemaError, match=r"0.run, copy.run hold the same run '0'"):
        tk.load(tmp_path)


# --- a process that dies ------------------------------------------------------------------------------------------

KILLS = """
    import hashlib, json, os, random, select, signal, struct, sys, time, traceback, warnings
    import numpy as np
    import trajkit as tk

    folder, kills = sys.argv[1], int(sys.argv[2])
    random.seed(int(sys.argv[3]))
    # 400 kB a checkpoint: a kill often comes while one is being written.
    probe = tk.Probe(np.arange(10_000), label=np.arange(10_000) % 10)
    base = np.random.default_rng(0).standard_normal((10_000, 10)).astype(np.float32)
    ACK = struct.Struct("<q32s")

    def train(run, pipe):
        def tell(run, step, epoch, log_prob):
            os.write(pipe, ACK.pack(step, hashlib.sha256(log_prob.tobytes()).digest()))

        with tk.Recorder(folder, probe, run=run, resume=True, listeners=[tell]) as record:
            step = record.step
            while True:
                step += 1
                record(lambda inputs: np.roll(base, step, axis=0), step)

    def digests(run):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                ds = tk.load(folder)
            except OSError:
                return {}, [str(w.message) for w in caught]
        if run not in ds.run.values:
            return {}, [str(w.message) for w in caught]
        one = ds.sel(run=run)
        found = {int(s): hashlib.sha256(one.log_prob[k].values.tobytes()).digest()
                 for k, s in enumerate(one.step.values) if s >= 0}
        return found, [str(w.message) for w in caught]

    tk.Store.create(folder, probe)
    finished, torn, lost = {}, 0, 0
    for kill in range(kills):
        run = f"run-{kill // 3}"  # each is killed three times, and resumed twice
        read, write = os.pipe()
        child = os.fork()
        if not child:
            try:
                train(run, write)
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        os.close(write)
        time.sleep(random.uniform(0, 0.12))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        acks = finished.setdefault(run, {})
        with os.fdopen(read, "rb") as told:
            while len(ack := told.read(ACK.size)) == ACK.size:
                step, digest = ACK.unpack(ack)
                acks[step] = digest
        found, messages = digests(run)
        lost += sum(found.get(step) != digest for step, digest in acks.items())
        # At most one checkpoint was finished and not yet reported, and it is whole too.
        assert sorted(found) == list(range(len(found))) and len(found) - len(acks) in (0, 1), (sorted(found), len(acks))
        acks.update(found)
        row = tk.Store(folder).table()
        if run in row.index:
            assert row.loc[run, "checkpoints"] == len(found)
            assert row.loc[run, "state"] == "interrupted", row.loc[run, "state"]
            if row.loc[run, "unfinished"]:
                torn += 1
                assert any(repr(run) in m and "unfinished" in m for m in messages), messages
    print(json.dumps({"kills": kills, "checkpoints": sum(map(len, finished.values())), "torn": torn, "lost": lost}))
"""


def test_store__fifty_kills_at_random_moments_lose_no_finished_checkpoint(tmp_path: Path) -> None:
    seed = np.random.default_rng().integers(2**31)
    report = json.loads(run_script(KILLS, tmp_path / "store", 50, seed))
    assert report["lost"] == 0, (seed, report)
    assert report["kills"] == 50
    # So that there was something to lose; on a slow machine a kill may come before the first checkpoint.
    assert report["checkpoints"] > 10, (seed, report)


def test_recorder__a_checkpoint_is_flushed_to_disk_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = []
    flush = os.fsync

    def watched(descriptor: int) -> None:
        flush(descriptor)
        flushed.append((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))

    monkeypatch.setattr(os, "fsync", watched)
    with tk.Recorder(tmp_path, probe(), run="r") as record:
        # The name of a new file is flushed as well.
        assert flushed[-1][0] == tmp_path.stat().st_ino
        for step in range(3):
            record(lambda inputs, step=step: logits(0, step), step)
            stat = (tmp_path / "r.run").stat()
            assert flushed[-1] == (stat.st_ino, stat.st_size)


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


def test_recorder__a_run_is_recorded_by_one_process_at_a_time(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)]
    here = tk.Probe(np.eye(3), label=[0, 1, 2])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
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
            # Reading what this process records does not give the run away.
            assert tk.load(tmp_path).sel(run="r").step.values.tolist() == [0, 1]
            with pytest.raises(BlockingIOError, match="is being recorded"):
                tk.Recorder(tmp_path, here, run="r", resume=True)


def test_recorder__without_locks_it_records_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(format_of_runs, "_lock_once", refuse)
    with pytest.warns(RuntimeWarning, match=r"does not support locks \(No locks available\): nothing keeps two"):
        fill(tmp_path, 0)
    assert tk.Store(tmp_path).table()["state"].tolist() == ["complete"]


CROWD = """
    import os, sys
    import numpy as np
    import trajkit as tk

    start, go = os.pipe()
    children = []
    for number in range(8):
        child = os.fork()
        if not child:
            os.close(go)
            probe = tk.Probe(np.eye(3) + (number == 7), label=[0, 1, 2])
            os.read(start, 1)  # all begin at once
            try:
                for seed in range(2):
                    with tk.Recorder(sys.argv[1], probe, run=dict(process=number, seed=seed)) as record:
                        for step in range(3):
                            record(lambda inputs: 2 * step * np.eye(3) + number, step)
                os._exit(0)
            except tk.SchemaError:
                os._exit(3)
        children.append(child)
    os.close(go)
    print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


def test_store__processes_that_begin_at_once_agree_on_the_probe(tmp_path: Path) -> None:
    codes = json.loads(run_script(CROWD, tmp_path / "store"))
    # One recorded on other inputs: whoever came first decides.
    assert set(codes[:7]) | {codes[7]} == {0, 3}
    assert len(set(codes[:7])) == 1
    ds = tk.load(tmp_path / "store")
    assert ds.sizes["run"] == 2 * codes.count(0)
    assert (ds.step == np.arange(3)).all()
    left = {path.name for path in (tmp_path / "store").iterdir() if path.suffix != ".run"}
    assert left == {"probe.json", ".index.npz"}


@pytest.mark.parametrize("links", [True, False])
def test_store__the_first_probe_stands(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    first = tk.Store.create(tmp_path / "store", probe())
    text = (tmp_path / "store" / "probe.json").read_text()
    monkeypatch.setattr(Path, "exists", lambda path: False)  # another process was quicker
    if links:
        with pytest.raises(tk.SchemaError, match="holds runs on another probe"):
            tk.Store.create(tmp_path / "store", probe(classes=5))
    assert tk.Store.create(tmp_path / "store", probe()).probe.differences(first.probe) == []
    assert (tmp_path / "store" / "probe.json").read_text() == text
    assert os.listdir(tmp_path / "store") == ["probe.json"]


# --- a file that was cut or damaged -------------------------------------------------------------------------------


@pytest.mark.parametrize("percent", range(0, 100, 5))
def test_store__a_file_cut_short_keeps_its_whole_checkpoints(tmp_path: Path, percent: int) -> None:
    fill(tmp_path, 0)
    fill(tmp_path, 1, range(8))
    path = tmp_path / "1.run"
    whole, content = tk.load(tmp_path).load(), path.read_bytes()
    size = len(content) * percent // 100
    os.truncate(path, size)
    # A head, then checkpoints of one length, then the end.
    head = content.index(format_of_runs._MAGIC, 1)
    checkpoint = format_of_runs.FRAME.itemsize + 4 * SAMPLES * CLASSES
    kept = min(8, max(0, (size - head) // checkpoint))
    row = tk.Store(tmp_path).table().loc["1"]
    assert row["checkpoints"] == kept
    assert row["unfinished"] == (size if size < head else size - head - kept * checkpoint)
    assert row["state"] == "interrupted"
    # A cut between two checkpoints leaves nothing to warn of.
    with pytest.warns(RuntimeWarning, match="run '1'") if row["unfinished"] or not kept else nullcontext() as caught:
        cut = tk.load(tmp_path).load()
    if row["unfinished"]:
        assert caught is not None
        assert f"has {row['unfinished']} bytes of an unfinished checkpoint" in str(caught[0].message)
    for run, count in {"0": 4, "1": kept}.items():
        if count:
            np.testing.assert_array_equal(
                cut.log_prob.sel(run=run)[:count].values.view(np.uint32),
                whole.log_prob.sel(run=run)[:count].values.view(np.uint32),
            )
    assert cut.sizes["run"] == 1 + (kept > 0)
    fill(tmp_path, 1, range(8), resume=True)
    assert tk.load(tmp_path).load().equals(whole)


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


def test_recorder__never_removes_whole_checkpoints_behind_damage(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    path = tmp_path / "0.run"
    whole = path.read_bytes()
    at = whole.index(format_of_runs._MAGIC, len(whole) // 2)
    path.write_bytes(damaged := whole[: at + 20] + b"?" + whole[at + 21 :])
    with pytest.raises(OSError, match=r"0.run is damaged: whole checkpoints follow bytes that are none"):
        fill(tmp_path, 0, resume=True)
    assert path.read_bytes() == damaged
    assert tk.Store(tmp_path).table()["state"].tolist() == ["damaged"]
    with pytest.warns(RuntimeWarning, match="run '0' is damaged after step 1"):
        tk.load(tmp_path)


def test_store__a_damaged_probe_is_told_as_such(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    text = (tmp_path / "probe.json").read_text()
    (tmp_path / "probe.json").write_text(text[: len(text) // 2])
    for action in (tk.load, tk.Store, lambda folder: fill(folder, 1)):
        with pytest.raises(OSError, match=r"cannot read .*probe.json: it is damaged"):
            action(tmp_path)


def test_store__a_last_checkpoint_whose_bytes_never_reached_the_disk_is_unfinished(tmp_path: Path) -> None:
    # After a power failure a file may have its length but zeros for its last bytes.
    record = tk.Recorder(tmp_path, probe(), run={"seed": 0})
    for step in range(4):
        record(lambda inputs, step=step: logits(0, step), step, epoch=step / 2)
    record.close(complete=False)
    path = tmp_path / "0.run"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40] + bytes(40))
    assert tk.Store(tmp_path).table().loc["0", ["checkpoints", "state"]].tolist() == [3, "interrupted"]
    with pytest.warns(RuntimeWarning, match=r"run '0' has \d+ bytes of an unfinished checkpoint after step 2"):
        assert tk.load(tmp_path).step.values.tolist() == [[0, 1, 2]]
    fill(tmp_path, 0, range(4), resume=True)
    assert path.read_bytes().startswith(whole)


# --- a disk that fills --------------------------------------------------------------------------------------------

FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    import numpy as np
    import trajkit as tk

    # Files beyond the limit cannot grow, as on a full disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    folder = Path(sys.argv[1])
    probe = tk.Probe(np.arange(3000), label=np.arange(3000) % 10)
    logits = np.random.default_rng(0).standard_normal((9, 3000, 10))
    refused = 0
    with tk.Recorder(folder, probe, run="r") as record:
        record(lambda inputs: logits[0], 0)
        size = (folder / "r.run").stat().st_size
        for step in range(1, 9):
            before = (folder / "r.run").read_bytes()
            for room in (0, 1, 50, 4096, 100_000, size - 300):
                limit(len(before) + room)
                try:
                    record(lambda inputs: logits[step], step)
                except OSError as error:
                    assert "all earlier checkpoints are intact. Is the disk full?" in str(error), error
                    refused += 1
                else:
                    sys.exit(f"room for {room}: writing seemed to succeed")
                limit(0)
                assert (folder / "r.run").read_bytes() == before
                assert tk.Store(folder).table()["checkpoints"].tolist() == [step]
                assert (tk.load(folder).step.values == np.arange(step)).all()
                try:
                    tk.Recorder(folder, probe, run="new")
                except OSError as error:
                    assert "Is the disk full?" in str(error), error
                else:
                    sys.exit("a new run seemed to begin")
                (folder / "new.run").unlink(missing_ok=True)
            limit(resource.RLIM_INFINITY)
            record(lambda inputs: logits[step], step)
    assert refused == 48
    exact = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(tk.load(folder).log_prob[0], exact, atol=1e-5)

    # Packing the store fails as cleanly.
    for suffix in (".nc", ".zarr"):
        for room in (0, 1000, 500_000):
            limit(room)
            try:
                tk.save(tk.Store(folder), folder.parent / f"packed{suffix}")
            except OSError as error:
                assert "nothing was written. Is the disk full" in str(error), error
            else:
                sys.exit(f"limit {room}: packing to {suffix} seemed to succeed")
        left = [str(path.relative_to(folder.parent)) for path in folder.parent.rglob("*")]
        assert not [name for name in left if not name.startswith(folder.name)], left
"""


def test_store__a_disk_that_fills_leaves_every_earlier_checkpoint(tmp_path: Path) -> None:
    run_script(FULL_DISK, tmp_path / "store")


# --- a folder that cannot be written to ---------------------------------------------------------------------------

READ_ONLY = """
    import os, sys
    from pathlib import Path
    import numpy as np
    import trajkit as tk

    probe = tk.Probe(np.eye(3), label=[0, 1, 2])
    os.chdir(sys.argv[1])
    if os.geteuid() == 0:  # to whom permissions do not apply
        # Whatever is imported on first use is imported now: others may not read the files of root.
        with tk.Recorder("rehearsal", probe, run="r") as record:
            record(lambda inputs: 2 * inputs, 0)
        tk.save(tk.load("rehearsal").load(), "rehearsal.nc")
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    for run, resume in (("r", True), ("new", False)):
        try:
            tk.Recorder("store", probe, run=run, resume=resume)
        except PermissionError as error:
            assert f"cannot record into store/{run}.run (Permission denied)" in str(error), error
        else:
            sys.exit(f"recording {run} into a read-only folder seemed to succeed")
    try:
        tk.Recorder("empty", probe, run="r")
    except PermissionError as error:
        assert "cannot make a store of runs in empty (Permission denied)" in str(error), error
    else:
        sys.exit("making a store in a read-only folder seemed to succeed")
    assert tk.Store("store").table()["checkpoints"].tolist() == [2]
    assert tk.load("store").log_prob.shape == (1, 2, 3, 3)
    try:
        tk.save(tk.load("store"), "store/packed.nc")
    except OSError as error:
        assert "nothing was written" in str(error) and "read-only" in str(error), error
    else:
        sys.exit("saving into a read-only folder seemed to succeed")
"""


def test_store__a_read_only_folder_is_read_and_not_written(tmp_path: Path) -> None:
    with tk.Recorder(tmp_path / "store", tk.Probe(np.eye(3), label=[0, 1, 2]), run="r") as record:
        for step in range(2):
            record(lambda inputs, step=step: 2 * step * inputs, step)
    (tmp_path / "empty").mkdir()
    folders = [tmp_path / "store", tmp_path / "empty"]
    tmp_path.chmod(0o755)
    before = {path.name: path.read_bytes() for path in folders[0].iterdir()}
    for path in [*folders[0].iterdir(), *folders]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        run_script(READ_ONLY, tmp_path)
    finally:
        for path in folders:
            path.chmod(0o755)
    assert {path.name: path.read_bytes() for path in folders[0].iterdir()} == before


# --- many runs ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten thousand runs of three checkpoints, made from the bytes of one."""
    folder = tmp_path_factory.mktemp("many")
    fill(folder, 0, range(3), width=8)
    whole = (folder / "0-8.run").read_bytes()
    head = tk.Store(folder).runs()[0].head
    rest = whole[len(format_of_runs.frame(format_of_runs.HEAD, json.dumps(head).encode())) :]
    for seed in range(1, 10_000):
        changed = head | {"run": f"{seed}-8", "attributes": {"seed": seed, "width": 8}}
        path = folder / format_of_runs.file_name(f"{seed}-8")
        path.write_bytes(format_of_runs.frame(format_of_runs.HEAD, json.dumps(changed).encode()) + rest)
    return folder


def test_table__of_ten_thousand_runs_opens_one_file_the_second_time(ten_thousand: Path) -> None:
    first = tk.Store(ten_thousand).table()
    assert len(first) == 10_000
    assert sorted(first["seed"]) == list(range(10_000))
    with files_opened() as opened:
        again = tk.Store(ten_thousand).table()
    pd.testing.assert_frame_equal(again, first)
    assert [Path(name).name for name in opened] == ["probe.json", ".index.npz"]
    fill(ten_thousand, 77, range(5), resume=True, width=8)
    with files_opened() as opened:
        assert tk.Store(ten_thousand).table().loc["77-8", "checkpoints"] == 5
    assert [Path(name).name for name in opened if name.endswith(".run")] == ["77-8.run"]


def test_load__of_ten_thousand_runs_reads_what_is_asked_for(ten_thousand: Path) -> None:
    tk.Store(ten_thousand).table()
    with files_opened() as opened:
        ds = tk.load(ten_thousand)
        values = ds.sel(run=["5000-8", "3-8"]).log_prob.values
    assert ds.sizes["run"] == 10_000
    np.testing.assert_allclose(values[:, :3], [expected(0, range(3))] * 2, atol=1e-6)
    assert len([name for name in opened if name.endswith(".run")]) <= 2 * 5


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no such thing", None], ids=["empty", "damaged", "cut"])
def test_table__the_index_may_be_deleted_or_damaged(tmp_path: Path, content: bytes | None) -> None:
    for seed in range(3):
        fill(tmp_path, seed)
    table = tk.Store(tmp_path).table()
    index = tmp_path / ".index.npz"
    index.write_bytes(index.read_bytes()[:-200] if content is None else content)
    pd.testing.assert_frame_equal(tk.Store(tmp_path).table(), table)
    index.unlink()
    pd.testing.assert_frame_equal(tk.Store(tmp_path).table(), table)
    assert index.exists()


def test_table__forgets_runs_that_were_removed(tmp_path: Path) -> None:
    for seed in range(3):
        fill(tmp_path, seed)
    assert len(tk.Store(tmp_path)) == 3
    (tmp_path / "1.run").unlink()
    assert tk.Store(tmp_path).table().index.tolist() == ["0", "2"]


# --- packing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_save__packs_a_store_without_loss(tmp_path: Path, suffix: str) -> None:
    for seed in range(3):
        fill(tmp_path / "store", seed, range(3 + seed), architecture="MLP")
    packed = tk.load(tk.save(tk.Store(tmp_path / "store"), tmp_path / f"packed{suffix}"))
    assert packed.drop_attrs(deep=False).identical(tk.load(tmp_path / "store").load().drop_attrs(deep=False))
