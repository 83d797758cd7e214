"""Laws of `read_cartography`: shuffled samples are aligned, and no epoch is missed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trajkit as tk
from trajkit.importers import read_cartography
from trajkit.probabilities import normalize

GUIDS = ["q17", "q3", "q99", "q4"]
GOLD = [0, 2, 1, 1]


def records(epoch: int, order: list[int], **changes: Any) -> str:
    logits = np.random.default_rng(epoch).standard_normal((4, 3))
    rows = [{"guid": GUIDS[i], f"logits_epoch_{epoch}": logits[i].tolist(), "gold": GOLD[i]} for i in order]
    return "\n".join(json.dumps(row | changes) for row in rows) + "\n"


def write_dynamics(folder: Path, orders: list[list[int]]) -> Path:
    inner = folder / "training_dynamics"
    inner.mkdir(parents=True)
    for epoch, order in enumerate(orders):
        (inner / f"dynamics_epoch_{epoch}.jsonl").write_text(records(epoch, order))
    return folder


def test_read_cartography__aligns_the_shuffled_samples_of_all_epochs(tmp_path: Path) -> None:
    write_dynamics(tmp_path, [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 0, 1]])
    ds = read_cartography(tmp_path, steps_per_epoch=5, classes=["no", "yes", "maybe"])
    assert ds.sample.values.tolist() == GUIDS
    assert ds.label.values.tolist() == GOLD
    assert ds.step.values.tolist() == [[0, 5, 10]]
    assert ds.epoch.values.tolist() == [[0, 1, 2]]
    assert set(ds.split.values) == {"train"}
    for epoch in range(3):
        wanted = normalize(np.random.default_rng(epoch).standard_normal((4, 3)))
        np.testing.assert_allclose(ds.log_prob[0, epoch], wanted, rtol=1e-6)


def test_read_cartography__reads_several_runs_on_one_probe(tmp_path: Path) -> None:
    orders = {"a": [[2, 1, 0, 3]], "b": [[0, 1, 2, 3]] * 2}
    folders = {name: write_dynamics(tmp_path / name, order) for name, order in orders.items()}
    ds = read_cartography(folders, runs={"optimizer": ["sgd", "adam"]})
    assert ds.run.values.tolist() == ["a", "b"]
    assert ds.optimizer.values.tolist() == ["sgd", "adam"]
    np.testing.assert_array_equal(ds.log_prob[0, 0], ds.log_prob[1, 0])
    assert ds.step.values.tolist() == [[0, -1], [0, 1]]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (records(1, [0, 1, 2]), r"epoch_1\.jsonl: the samples q4 are missing"),
        (records(1, [0, 1, 2, 3, 1]), "the samples q3 appear more than once"),
        (records(1, [0, 1, 2, 3]).replace("q4", "q5"), r"q4 are missing[\s\S]*q5 are not in the first"),
        (records(1, [0, 1, 2, 3], gold=1), r"the label \('gold'\) of the samples q17, q3 differs"),
        (records(0, [0, 1, 2, 3]), r'line 1: wanted .*"logits_epoch_1"'),
        (records(1, [0, 1, 2, 3])[:-30], "line 4: wanted"),
        (records(1, [0, 1, 2, 3], gold="yes"), "gold 'yes'"),
        (records(1, [0, 1, 2, 3], logits_epoch_1=[0.0, 1.0]), "4 samples of 2 classes, but .* 4 samples of 3"),
        (records(1, [0, 1, 2, 3], logits_epoch_1=[np.nan] * 3), "NaN for 4 samples"),
        (records(1, [0, 1, 2, 3]).replace('"q17"', "17"), "'guid' holds .*'int', 'str'"),
        ("", "is empty"),
    ],
)
def test_read_cartography__says_what_does_not_fit(second: str, message: str, tmp_path: Path) -> None:
    write_dynamics(tmp_path, [[0, 1, 2, 3]])
    (tmp_path / "training_dynamics" / "dynamics_epoch_1.jsonl").write_text(second)
    with pytest.raises(tk.SchemaError, match=message):
        read_cartography(tmp_path)


def test_read_cartography__refuses_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "dynamics_epoch_0.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(tk.SchemaError, match=r"line 1: wanted .*UnicodeDecodeError"):
        read_cartography(tmp_path)


def test_read_cartography__misses_no_epoch(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"wanted files dynamics_epoch_0\.jsonl"):
        read_cartography(tmp_path)
    write_dynamics(tmp_path, [[0, 1, 2, 3]] * 3)
    (tmp_path / "training_dynamics" / "dynamics_epoch_1.jsonl").unlink()
    with pytest.raises(FileNotFoundError, match="lacks the epochs 1 of 0 to 2"):
        read_cartography(tmp_path)


@pytest.mark.parametrize("bad", [{"logits_epoch_0": [10**400, 0, 0]}, {"gold": 10**30}, {"gold": [[[[[[[[]]]]]]]]}])
def test_read_cartography__refuses_numbers_that_no_array_holds(tmp_path: Path, bad: Any) -> None:
    (tmp_path / "dynamics_epoch_0.jsonl").write_text(records(0, [0], **bad))
    with pytest.raises(tk.SchemaError, match=r"epoch_0\.jsonl, line 1: wanted .*class index}, got guid"):
        read_cartography(tmp_path)


def test_read_cartography__counts_missing_epochs_and_makes_no_list_of_them(tmp_path: Path) -> None:
    write_dynamics(tmp_path, [[0, 1, 2, 3]])
    dynamics = tmp_path / "training_dynamics"
    (dynamics / "dynamics_epoch_999999999999.jsonl").write_text("")
    with pytest.raises(FileNotFoundError, match=r"lacks the epochs 1, 2, 3, 4, 5 and 999999999993 more of 0 to"):
        read_cartography(tmp_path)
    (dynamics / "dynamics_epoch_999999999999.jsonl").unlink()
    (dynamics / "dynamics_epoch_00.jsonl").write_text("")
    with pytest.raises(tk.SchemaError, match=r"have the number of another file"):
        read_cartography(tmp_path)
