"""Laws of the index: it makes listing quick and decides nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recorded_runs import files_opened, fill

import trajkit as tk
from trajkit.storage.run_file import HEAD, file_name, frame


def test_table__of_ten_thousand_runs_opens_one_file_the_second_time(tmp_path: Path) -> None:
    # Ten thousand runs of three checkpoints, made from the bytes of one.
    fill(tmp_path, 0, range(3), width=8)
    whole = (tmp_path / "0-8.run").read_bytes()
    head = tk.Store(tmp_path).runs()[0].head
    rest = whole[len(frame(HEAD, json.dumps(head).encode())) :]
    for seed in range(1, 10_000):
        changed = head | {"run": f"{seed}-8", "attributes": {"seed": seed, "width": 8}}
        (tmp_path / file_name(f"{seed}-8")).write_bytes(frame(HEAD, json.dumps(changed).encode()) + rest)
    first = tk.Store(tmp_path).table()
    assert sorted(first["seed"]) == list(range(10_000))
    with files_opened() as opened:
        again = tk.Store(tmp_path).table()
    pd.testing.assert_frame_equal(again, first)
    assert [Path(name).name for name in opened] == ["probe.json", ".index.npz"]
    fill(tmp_path, 77, range(3, 5), resume=True, width=8)
    with files_opened() as opened:
        assert tk.Store(tmp_path).table().loc["77-8", "checkpoints"] == 5
    assert [Path(name).name for name in opened if name.endswith(".run")] == ["77-8.run"]


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


def test_table__an_index_with_any_bit_flipped_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    table, index = tk.Store(tmp_path).table(), tmp_path / ".index.npz"
    whole, random = index.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        flipped = bytearray(whole)
        flipped[random.integers(len(whole))] ^= 1 << int(random.integers(8))
        index.write_bytes(flipped)
        pd.testing.assert_frame_equal(tk.Store(tmp_path).table(), table)


def test_table__an_index_that_unpacks_to_more_than_it_has_is_made_again(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    table, index = tk.Store(tmp_path).table(), tmp_path / ".index.npz"
    with index.open("wb") as file:
        np.savez_compressed(
            file, about=np.zeros(10**7, np.uint8), stamps=np.zeros((0, 2)), frames=np.zeros(0, np.uint8)
        )
    size = index.stat().st_size
    pd.testing.assert_frame_equal(tk.Store(tmp_path).table(), table)
    assert index.stat().st_size != size
