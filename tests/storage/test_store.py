"""Laws of the store: its runs are one dataset on one probe."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from recorded_runs import expected, fill, logits, probe, run_script

import trajkit as tk
from trajkit.storage.run_file import CHECKPOINT, HEAD, frame


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
    with pytest.raises(FileNotFoundError, match=r"is not a store of runs: it holds no probe.json"):
        tk.Store(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"is not a store of runs: no such folder"):
        tk.Store(tmp_path / "nowhere")
    fill(tmp_path, 0, [])
    assert tk.Store(tmp_path).table()["checkpoints"].tolist() == [0]
    with (
        pytest.warns(RuntimeWarning, match="run '0' has no checkpoint yet and is left out"),
        pytest.raises(OSError, match=r"no run in .* has a complete checkpoint yet"),
    ):
        tk.load(tmp_path)


@pytest.mark.parametrize("name", ["stray", "+stray"])
def test_load__a_run_from_the_folder_of_another_probe_is_refused(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "here", 0)
    with tk.Recorder(tmp_path / "there", probe(label=np.roll(probe().label, 1)), run=name) as record:
        record(lambda inputs: logits(0, 0), 0)
    shutil.copy(tmp_path / "there" / f"{name}.run", tmp_path / "here")
    with pytest.raises(tk.SchemaError, match=r"- \+?stray.run: recorded on another probe than that of .*here"):
        tk.load(tmp_path / "here")


def test_load__a_copied_run_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    shutil.copy(tmp_path / "0.run", tmp_path / "copy.run")
    with pytest.raises(tk.SchemaError, match=r"0.run, copy.run hold the same run '0'"):
        tk.load(tmp_path)


def test_store__a_damaged_probe_is_told_as_such(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    text = (tmp_path / "probe.json").read_text()
    (tmp_path / "probe.json").write_text(text[: len(text) // 2])
    for action in (tk.load, tk.Store, lambda folder: fill(folder, 1)):
        with pytest.raises(OSError, match=r"cannot read .*probe.json: it is damaged"):
            action(tmp_path)


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


READ_ONLY = """
    import os, sys
    from pathlib import Path
    import numpy as np
    import pytest
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
        with pytest.raises(PermissionError, match=f"cannot record into store/{run}.run .Permission denied."):
            tk.Recorder("store", probe, run=run, resume=resume)
    with pytest.raises(PermissionError, match="cannot make a store of runs in empty .Permission denied."):
        tk.Recorder("empty", probe, run="r")
    assert tk.Store("store").table()["checkpoints"].tolist() == [2]
    assert tk.load("store").log_prob.shape == (1, 2, 3, 3)
    with pytest.raises(OSError, match="nothing was written[^$]*read-only"):
        tk.save(tk.load("store"), "store/packed.nc")
"""


def test_store__a_read_only_folder_is_read_and_not_written(tmp_path: Path) -> None:
    with tk.Recorder(tmp_path / "store", tk.Probe(np.eye(3), label=[0, 1, 2]), run="r") as record:
        for step in range(2):
            record(lambda inputs, step=step: 2 * step * inputs, step)
    folders = [tmp_path / "store", tmp_path / "empty"]
    folders[1].mkdir()
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


def test_store__odd_entries_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    (tmp_path / "folder.run").mkdir()
    (tmp_path / "link.run").symlink_to("nowhere")
    (tmp_path / "loop.run").symlink_to("loop.run")
    os.mkfifo(tmp_path / "pipe.run")
    (tmp_path / "head.run").write_bytes(frame(HEAD, b'{"run": 3}'))
    assert tk.Store(tmp_path).table().index.tolist() == ["0"]
    with pytest.warns(RuntimeWarning) as caught:
        assert tk.load(tmp_path).run.values.tolist() == ["0"]
    names = {str(w.message).split(": ")[1].split(" ")[0] for w in caught}
    assert names == {"folder.run", "link.run", "loop.run", "pipe.run", "head.run"}


def test_store__a_name_that_files_cannot_keep_is_renamed(tmp_path: Path) -> None:
    """A store of 0.1 may hold one; a recorder refuses it now."""
    fill(tmp_path, 0)
    writer = tk.Store(tmp_path).writer("a", {"seed": 1, "optim/lr": 0.1}, resume=False)
    writer.append(CHECKPOINT, expected(0, [0]).astype("<f4").tobytes(), step=0)
    writer.close()
    with pytest.warns(RuntimeWarning, match="renamed, as files cannot keep them: {'optim/lr': 'optim_lr'}"):
        assert tk.load(tmp_path).optim_lr.values[1] == 0.1


def test_store__a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with tk.Recorder("~/store", probe(), "a") as record:
        record(lambda inputs: logits(0, 0), 0)
    assert tk.save(tk.load("~/store"), "~/runs.nc") == tmp_path / "runs.nc"
    assert tk.load("~/runs.nc").equals(tk.Store("~/store").load().load())
