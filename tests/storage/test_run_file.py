"""Laws of a run's file: complete checkpoints are kept bit for bit, and no damage goes unnoticed."""

import os
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from recorded_runs import CLASSES, SAMPLES, fill

import trajkit as tk
from trajkit.storage.run_file import FRAME, MAGIC


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
