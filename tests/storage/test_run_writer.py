"""Laws of recording into a file: what was recorded stays, whatever happens to the process and the disk."""

import contextlib
import itertools
import json
import os
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded_runs import expected, fill, logits, probe, run_script

import trajkit as tk
from trajkit.storage.run_file import MAGIC


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
    with pytest.raises(FileExistsError, match=r"notes.run is not the file of a run: move it elsewhere"):
        tk.Recorder(tmp_path, probe(), run="notes")
    assert (tmp_path / "notes.run").read_text() == "do not delete"


def test_recorder__never_removes_whole_checkpoints_behind_damage(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    path = tmp_path / "0.run"
    whole = path.read_bytes()
    at = whole.index(MAGIC, len(whole) // 2)
    path.write_bytes(damaged := whole[: at + 20] + b"?" + whole[at + 21 :])
    with pytest.raises(OSError, match=r"0.run is damaged: complete checkpoints follow bytes that are not a checkpoint"):
        fill(tmp_path, 0, resume=True)
    assert path.read_bytes() == damaged
    assert tk.Store(tmp_path).table()["state"].tolist() == ["damaged"]
    with pytest.warns(RuntimeWarning, match="run '0' is damaged after step 1"):
        tk.load(tmp_path)


def test_recorder__flushes_a_checkpoint_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed, flush = [], os.fsync

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


KILLS = """
    import contextlib, hashlib, json, os, random, select, signal, struct, sys, time, traceback, warnings
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
        found = {}
        with warnings.catch_warnings(record=True) as caught, contextlib.suppress(OSError):
            warnings.simplefilter("always")
            ds = tk.load(folder)
            for one in ds.isel(run=ds.run.values == run).log_prob:
                steps = ds.step.sel(run=run).values.tolist()
                found = {s: hashlib.sha256(one[k].values.tobytes()).digest() for k, s in enumerate(steps) if s >= 0}
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
        # Every second kill comes after a checkpoint, however slow the machine is.
        told = os.read(read, ACK.size) if kill % 2 else b""
        time.sleep(random.uniform(0, 0.12))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        acks = finished.setdefault(run, {})
        with os.fdopen(read, "rb") as rest:
            acks.update(ACK.iter_unpack(told + rest.read()))
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
    assert report["checkpoints"] >= 25, (seed, report)  # so that there was something to lose


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    import numpy as np
    import pytest
    import trajkit as tk

    # Files beyond the limit cannot grow, as on a full disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    folder = Path(sys.argv[1])
    probe = tk.Probe(np.arange(3000), label=np.arange(3000) % 10)
    logits = np.random.default_rng(0).standard_normal((9, 3000, 10))
    with tk.Recorder(folder, probe, run="r") as record:
        record(lambda inputs: logits[0], 0)
        size = (folder / "r.run").stat().st_size
        for step in range(1, 9):
            before = (folder / "r.run").read_bytes()
            for room in (0, 1, 50, 4096, 100_000, size - 300):
                limit(len(before) + room)
                with pytest.raises(OSError, match="all earlier checkpoints are intact. Is the disk full?"):
                    record(lambda inputs: logits[step], step)
                limit(0)
                assert (folder / "r.run").read_bytes() == before
                assert tk.Store(folder).table()["checkpoints"].tolist() == [step]
                assert (tk.load(folder).step.values == np.arange(step)).all()
                with pytest.raises(OSError, match="Is the disk full?"):
                    tk.Recorder(folder, probe, run="new")
                (folder / "new.run").unlink(missing_ok=True)
            limit(resource.RLIM_INFINITY)
            record(lambda inputs: logits[step], step)
    exact = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(tk.load(folder).log_prob[0], exact, atol=1e-5)

    # Packing the store fails as cleanly.
    for name, room in ((name, room) for name in ("packed.nc", "packed.zarr") for room in (0, 1000, 500_000)):
        limit(room)
        with pytest.raises(OSError, match="nothing was written. Is the disk full"):
            tk.save(tk.Store(folder), folder.parent / name)
        assert list(folder.parent.iterdir()) == [folder]
"""


def test_store__a_disk_that_fills_leaves_every_earlier_checkpoint(tmp_path: Path) -> None:
    run_script(FULL_DISK, tmp_path / "store")


@pytest.mark.parametrize(
    ("held", "offered", "same", "result", "new"),
    [
        (range(6), range(3, 9), (), range(9), 3),
        (range(6), range(2, 9), (2,), range(9), 3),
        (range(6), range(2, 5), (), range(5), 2),
        ([0, 20, 60], [40, 60, 80], (), [0, 20, 40, 60, 80], 40),
        (range(6), [2, 10], (2,), [0, 1, 2, 10], 3),
        (range(6), [1, 2], (1, 2), [0, 1, 2], 3),
    ],
)
def test_recorder__the_first_checkpoint_after_a_resume_decides_what_was_abandoned(
    tmp_path: Path, held: Any, offered: Any, same: Any, result: Any, new: int
) -> None:
    fill(tmp_path, 0, held)
    before = tk.load(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with tk.Recorder(tmp_path, probe(), run={"seed": 0}, resume=True) as record:
            for step in offered:
                record(lambda inputs, step=step: logits(0 if step in same else 1, step), step)
    (warning,) = caught
    assert "came from a training that was abandoned" in str(warning.message)
    ds = tk.load(tmp_path)
    assert ds.step.values[0].tolist() == list(result)
    wanted = [expected(0 if step < new else 1, [step])[0] for step in result]
    np.testing.assert_allclose(ds.log_prob.values[0], wanted, atol=1e-5)
    assert tk.Store(tmp_path).runs()[0].abandoned["step"].tolist() == [s for s in held if s >= new]
    # A dataset that was opened before shows what it showed.
    np.testing.assert_allclose(before.log_prob.values[0], expected(0, held), atol=1e-5)


def test_recorder__a_training_that_is_repeated_abandons_nothing(tmp_path: Path) -> None:
    fill(tmp_path, 0, range(4))
    size = (tmp_path / "0.run").stat().st_size
    fill(tmp_path, 0, range(4), resume=True)
    assert tk.load(tmp_path).step.values.tolist() == [[0, 1, 2, 3]]
    assert (tmp_path / "0.run").stat().st_size < size + 300


@pytest.mark.parametrize("replaced", [False, True])
def test_recorder__a_file_that_was_removed_is_noticed(tmp_path: Path, replaced: bool) -> None:
    record = tk.Recorder(tmp_path, probe(), "a")
    record(lambda inputs: logits(0, 0), 0)
    content = (tmp_path / "a.run").read_bytes()
    (tmp_path / "a.run").unlink()
    if replaced:
        (tmp_path / "a.run").write_bytes(content)
    with pytest.raises(FileNotFoundError, match="removed or replaced while it was recorded"):
        record(lambda inputs: logits(0, 1), 1)
    record.close(complete=False)


def test_recorder__threads_lose_no_checkpoint(tmp_path: Path) -> None:
    record, steps, kept = tk.Recorder(tmp_path, probe(), "a"), itertools.count(), []

    def work() -> None:
        for step in itertools.islice(steps, 40):
            # A later step may have been recorded in the meantime: then this one is refused.
            with contextlib.suppress(ValueError):
                record(lambda inputs: logits(0, step), step)  # noqa: B023
                kept.append(step)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record.close()
    assert tk.load(tmp_path).step.values[0].tolist() == sorted(kept)
    np.testing.assert_allclose(tk.load(tmp_path).log_prob.values[0], expected(0, sorted(kept)), atol=1e-5)
