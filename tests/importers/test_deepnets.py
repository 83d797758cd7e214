"""Laws of `read_deepnets`: runs, steps, labels and attributes come from the files of the reference code."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hostile_pickles import TENSOR, in_zip, saved

import trajkit as tk
from trajkit.importers import read_deepnets

RANDOM = np.random.default_rng(0)
LABEL = {"train": RANDOM.integers(0, 3, 40), "test": RANDOM.integers(0, 3, 10)}


def deepnets_rows(checkpoints: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    """Make checkpoints in the form of the reference code's `fit`."""
    random = np.random.default_rng(seed)
    rows = []
    for k in range(checkpoints):
        row = {}
        for split, (y, f, e) in {"train": ("yh", "f", "e"), "test": ("yvh", "fv", "ev")}.items():
            label = torch.from_numpy(LABEL[split])
            logits = torch.from_numpy(random.standard_normal((len(label), 3))) + k * torch.eye(3)[label]
            row[y] = torch.log_softmax(logits.float(), dim=1)
            row[f] = -torch.gather(row[y], 1, label.view(-1, 1))
            row[e] = (label != row[y].argmax(1)).float()
        rows.append(row)
    return rows


def write_deepnets(folder: Path, value: Any, **configuration: Any) -> Path:
    name = json.dumps({"seed": 42, "m": "allcnn", "opt": "sgd", "bs": 10, "lr": 0.1, "bn": True} | configuration)
    path = folder / f"{name.replace(' ', '')}.p"
    path.write_bytes(saved(value))
    return path


def test_read_deepnets__reads_runs_with_steps_labels_and_attributes(tmp_path: Path) -> None:
    rows = {seed: deepnets_rows(9, seed) for seed in (42, 43)}
    for seed, data in rows.items():
        value = {"data": data, "configs": SimpleNamespace(epochs=2, save_init=1, bs=10)}
        write_deepnets(tmp_path, value if seed == 42 else data[:6], seed=seed, epochs=2 if seed == 42 else 1)
    (tmp_path / '{"m":"allcnn"}_init.p').write_bytes(b"not a result")
    steps = {42: range(9), 43: range(6)}
    ds = read_deepnets(tmp_path, step=lambda configuration: list(steps[configuration["seed"]]))
    assert dict(ds.sizes) == {"run": 2, "checkpoint": 9, "sample": 50, "class": 3}
    assert ds.label.values.tolist() == [*LABEL["train"], *LABEL["test"]]
    assert ds.split.values.tolist() == ["train"] * 40 + ["test"] * 10
    assert ds.sample.values[[0, 39, 40]].tolist() == ["train-0", "train-39", "test-0"]
    assert ds.seed.values.tolist() == [42, 43]
    assert (ds.architecture.values.tolist(), ds.optimizer.values.tolist()) == (["allcnn"] * 2, ["sgd"] * 2)
    assert ds.batch_norm.dtype == bool
    for run, data in enumerate(rows.values()):
        for k in steps[42 + run]:
            wanted = torch.cat([data[k]["yh"], data[k]["yvh"]]).numpy()
            np.testing.assert_allclose(ds.log_prob[run, k], wanted, rtol=1e-6, atol=1e-6)
    losses = [torch.cat([row["f"], row["fv"]]).mean() for row in rows[42]]
    np.testing.assert_allclose(tk.loss(ds)[0], losses, rtol=1e-5)


def test_read_deepnets__takes_steps_from_the_schedule_of_the_code(tmp_path: Path) -> None:
    # 40 training samples in batches of 10: in each of the first 5 epochs 4 updates, all saved; then once an epoch.
    steps = [*range(21), 24, 28]
    write_deepnets(tmp_path, {"data": deepnets_rows(23), "configs": SimpleNamespace(epochs=7, bs=10)})
    assert read_deepnets(tmp_path).step.values[0].tolist() == steps


def test_read_deepnets__reads_tables_of_probabilities(tmp_path: Path) -> None:
    rows = deepnets_rows(4)
    table = pd.DataFrame({"t": [0, 3, 6, 9], "yvh": [np.exp(row["yvh"].numpy()) for row in rows]})
    write_deepnets(tmp_path, table)
    ds = read_deepnets(tmp_path, label=LABEL, probe={"test": slice(None)})
    np.testing.assert_allclose(ds.log_prob[0], [row["yvh"].numpy() for row in rows], rtol=1e-5, atol=1e-6)
    assert ds.step.values.tolist() == [[0, 3, 6, 9]]


def test_read_deepnets__keeps_the_samples_asked_for(tmp_path: Path) -> None:
    rows = deepnets_rows(4)
    write_deepnets(tmp_path, rows)
    probe = {"test": [7, 2], "train": slice(0, 40, 20)}
    ds = read_deepnets(tmp_path, probe=probe, step=lambda _: range(4), classes=list("abc"))
    assert ds.sample.values.tolist() == ["test-7", "test-2", "train-0", "train-20"]
    assert ds.label.values.tolist() == [*LABEL["test"][[7, 2]], *LABEL["train"][[0, 20]]]
    np.testing.assert_allclose(ds.log_prob[0, 3, 1], rows[3]["yvh"][2], rtol=1e-5, atol=1e-6)
    assert ds["class"].values.tolist() == ["a", "b", "c"]


def test_read_deepnets__finds_labels_in_half_precision(tmp_path: Path) -> None:
    write_deepnets(tmp_path, [{key: value.half() for key, value in row.items()} for row in deepnets_rows(6)])
    ds = read_deepnets(tmp_path, step=lambda _: range(6))
    assert ds.label.values.tolist() == [*LABEL["train"], *LABEL["test"]]


def test_read_deepnets__tells_references_from_networks(tmp_path: Path) -> None:
    write_deepnets(tmp_path, deepnets_rows(4))
    write_deepnets(tmp_path, deepnets_rows(4), seed=0, m="geodesic", bn="na", lr="na", opt="geodesic")
    ds = read_deepnets(tmp_path, step=lambda _: range(4))
    kinds = dict(zip(ds.architecture.values, ds.kind.values, strict=True))
    assert kinds == {"allcnn": "network", "geodesic": "reference"}
    assert np.isnan(ds.learning_rate.values).sum() == 1


def diverging(at: int) -> list[dict[str, torch.Tensor]]:
    rows = deepnets_rows(5)
    for row in rows[at:]:
        row["yh"] = torch.full_like(row["yh"], torch.nan)
    return rows


def test_read_deepnets__cuts_diverged_runs_when_asked(tmp_path: Path) -> None:
    write_deepnets(tmp_path, diverging(3))
    with pytest.raises(tk.SchemaError, match=r"NaN predictions from checkpoint 3 on.*diverged='cut'"):
        read_deepnets(tmp_path, step=lambda _: range(5))
    ds = read_deepnets(tmp_path, step=lambda _: range(5), diverged="cut")
    assert ds.step.values.tolist() == [[0, 1, 2]]


THREE_STEPS = {"step": lambda _: range(3)}


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        ({"yh": 3}, {}, r"wanted a list of checkpoints .* got dict of 1"),
        ([], {}, "got list of 0"),
        ([{"yh": TENSOR}], {}, r"checkpoints 0 lack 'yvh'.*probe="),
        ([{"yh": TENSOR[0], "yvh": TENSOR}], {}, r"'yh' has the shapes \[\(3,\)\]: wanted one shape"),
        (deepnets_rows(3), {}, r"schedule gives .* wanted 3 whole numbers.*step="),
        ([row | {"t": k / 3} for k, row in enumerate(deepnets_rows(3))], {}, r"column 't' holds .*wanted 3 whole"),
        (deepnets_rows(3), {"step": lambda _: range(2)}, r"step\(configuration\) gives 2 steps"),
        (diverging(0), {"step": lambda _: range(5), "diverged": "cut"}, "NaN predictions from checkpoint 0 on"),
        ([{k: row[k] for k in ("yh", "yvh")} for row in deepnets_rows(3)], THREE_STEPS, "no losses"),
        ([row | {"f": 9 * row["f"]} for row in deepnets_rows(3)], THREE_STEPS, r"fit no class.* label={'train'"),
    ],
)
def test_read_deepnets__says_what_does_not_fit(value: Any, options: Any, message: str, tmp_path: Path) -> None:
    write_deepnets(tmp_path, value)
    with pytest.raises(tk.SchemaError, match=message):
        read_deepnets(tmp_path, **options)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ({"yh": 39, "f": 39, "yvh": 9, "fv": 9}, r"48 samples of 3 classes, but the first run has 50"),
        # As many samples in all, but others of the data set.
        ({"yh": 35, "f": 35, "yvh": 15, "fv": 15}, r"train-35, .* are missing[\s\S]*test-10, .* are not in the"),
    ],
)
def test_read_deepnets__refuses_runs_on_different_probes(samples: Any, message: str, tmp_path: Path) -> None:
    write_deepnets(tmp_path, deepnets_rows(3), seed=1)
    rows = [{key: row[key].repeat(2, 1)[:n] for key, n in samples.items()} for row in deepnets_rows(3)]
    write_deepnets(tmp_path, rows, seed=2)
    with pytest.raises(tk.SchemaError, match=message):
        read_deepnets(tmp_path, step=lambda _: range(3))


def test_read_deepnets__says_which_files_it_wants(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="JSON of the configuration"):
        read_deepnets(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no file .*gone\.p"):
        read_deepnets([tmp_path / "gone.p"])
    (tmp_path / "{seed=1}.p").write_bytes(saved([]))
    with pytest.raises(tk.SchemaError, match="wanted a name with the JSON"):
        read_deepnets(tmp_path)
    with pytest.raises(ValueError, match="probe: wanted"):
        read_deepnets(tmp_path, probe={"val": slice(None)})
    with pytest.raises(ValueError, match="diverged: wanted"):
        read_deepnets(tmp_path, diverged="drop")  # type: ignore[arg-type]


def test_read_deepnets__runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    (tmp_path / '{"m":"allcnn","bs":200}.p').write_bytes(in_zip(mark))
    with pytest.raises(tk.importers.UnsafePickleError, match=r"allcnn.*posix\.system"):
        read_deepnets(tmp_path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("batch_size", "epochs", "count", "last"), [(200, 200, 67, 50000), (500, 200, 62, 20000), (1000, 30, 49, 1500)]
)
def test_saved_steps__are_those_of_the_reference_code(batch_size: int, epochs: int, count: int, last: int) -> None:
    # Counted with the function `get_ts` of its utils/load_models.py.
    steps = tk.importers.saved_steps(batch_size, epochs)
    assert (len(steps), steps[0], steps[-1]) == (count, 0, last)
