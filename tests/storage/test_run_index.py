"""Laws of the index: it makes listing quick and decides nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recorded_runs import expected, files_opened, fill

import trajkit as tk
from trajkit.storage.run_file import HEAD, file_name, frame


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten thousand runs of three checkpoints, made from the bytes of one."""
    folder = tmp_path_factory.mktemp("many")
    fill(folder, 0, range(3), width=8)
    whole = (folder / "0-8.run").read_bytes()
    head = tk.Store(folder).runs()[0].head
    rest = whole[len(frame(HEAD, json.dumps(head).encode())) :]
    for seed in range(1, 10_000):
        changed = head | {"run": f"{seed}-8", "attributes": {"seed": seed, "width": 8}}
        path = folder / file_name(f"{seed}-8")
        path.write_bytes(frame(HEAD, json.dumps(changed).encode()) + rest)
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
