"""Laws of folders of arrays: runs, checkpoints and samples are found, and objects are never unpickled."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.special
from hostile_calls import Call, command, object_array

import trajkit as tk
from trajkit.importers import read_arrays, write_arrays
from trajkit.probabilities import normalize

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.standard_normal((2, 4, 5, 3))


def test_read_arrays__reads_plain_files(tmp_path: Path) -> None:
    for run, values in zip(("adam", "sgd"), LOGITS, strict=True):
        np.save(tmp_path / f"{run}.npy", values.astype("f4"))
    ds = read_arrays(tmp_path, label=[0, 1, 2, 0, 1], runs={"seed": [3, 4]}, classes=list("abc"), split="train")
    np.testing.assert_allclose(ds.log_prob, normalize(LOGITS), rtol=1e-5, atol=1e-6)
    assert ds.run.values.tolist() == ["adam", "sgd"]
    assert ds.seed.values.tolist() == [3, 4]
    assert ds.step.values.tolist() == [[0, 1, 2, 3]] * 2
    assert set(ds.split.values) == {"train"}


def test_read_arrays__reads_one_file_for_each_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "run1").mkdir()
    for k, step in enumerate((9, 100, 20)):
        np.save(tmp_path / "run1" / f"epoch_v2_step{step}.npy", LOGITS[0, k])
    np.savez(tmp_path / "run2.npz", prob=np.exp(normalize(LOGITS[1])), step=[1, 2, 4, 8])
    ds = read_arrays(tmp_path, label=np.zeros(5, int))
    assert ds.step.values.tolist() == [[9, 20, 100, -1], [1, 2, 4, 8]]
    np.testing.assert_allclose(ds.log_prob[0, :3], normalize(LOGITS[0, [0, 2, 1]]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ds.log_prob[1], normalize(LOGITS[1]), rtol=1e-5, atol=1e-6)


def test_read_arrays__aligns_samples_that_have_identities(tmp_path: Path) -> None:
    label = np.array([0, 1, 2, 0, 1])
    order = np.array([3, 0, 4, 2, 1])
    np.savez(tmp_path / "a.npz", logits=LOGITS[0], sample=np.arange(5), label=label)
    np.savez(tmp_path / "b.npz", logits=LOGITS[0][:, order], sample=order, label=label[order])
    ds = read_arrays(tmp_path)
    np.testing.assert_array_equal(ds.log_prob[0], ds.log_prob[1])
    assert ds.label.values.tolist() == label.tolist()


PLAIN = {"logits": LOGITS[0]}
ZEROS = np.zeros(5, int)


@pytest.mark.parametrize(
    ("second", "options", "message"),
    [
        ({"logits": LOGITS[0][:, :4]}, {}, r"b\.npz: 4 samples of 3 classes, but the first run has 5 samples of 3"),
        ({"logits": LOGITS[0, 0]}, {}, r"logits is float64 \(5, 3\): wanted numbers \(checkpoint, sample, class\)"),
        ({"logits": LOGITS[0], "prob": LOGITS[0]}, {}, "wanted one of logits, log_prob, prob"),
        ({"outputs": LOGITS[0]}, {}, "holds outputs: wanted one of logits"),
        ({"logits": np.full((1, 5, 3), np.nan)}, {}, r"b\.npz, checkpoint 0: NaN for 5 samples"),
        ({"logits": np.full((1, 5, 3), -np.inf)}, {}, "logits that are all -inf"),
        ({"prob": LOGITS[0]}, {}, "negative probabilities"),
        ({"log_prob": LOGITS[0]}, {}, "positive log-probability|sum to"),
        (PLAIN | {"step": [0, 1]}, {}, r"step has shape \(2,\): wanted \(4,\)"),
        (PLAIN | {"epoch": range(4)}, {}, r"a\.npz lack 'epoch'"),
        (PLAIN | {"sample": [0, 1, 2, 3, 9]}, {"sample": range(5)}, r"samples 4 are missing[\s\S]*9 are not"),
        (PLAIN | {"sample": [0, 1, 2, 3, 3]}, {"sample": range(5)}, "3 appear more than once"),
        (PLAIN | {"label": [1] * 5}, {}, "its label differs from that of the probe"),
        (PLAIN, {"label": None}, "the true classes are unknown"),
    ],
)
def test_read_arrays__says_what_does_not_fit(second: Any, options: Any, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **PLAIN)
    np.savez(tmp_path / "b.npz", **second)
    with pytest.raises(tk.SchemaError, match=message):
        read_arrays(tmp_path, **{"label": ZEROS} | options)


def test_read_arrays__says_what_files_it_wants(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        read_arrays(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="no runs in"):
        read_arrays(tmp_path)
    with pytest.raises(ValueError, match="form: wanted"):
        read_arrays(tmp_path, form="softmax")  # type: ignore[arg-type]
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a" / "first.npy", LOGITS[0, 0])
    with pytest.raises(tk.SchemaError, match="whose last number is the step"):
        read_arrays(tmp_path, label=ZEROS)
    np.save(tmp_path / "b.npy", LOGITS[0])
    pd.DataFrame({"file": ["a", "c.npy"]}).to_csv(tmp_path / "runs.csv")
    with pytest.raises(tk.SchemaError, match=r"names each of a, b\.npy once; got a, c\.npy"):
        read_arrays(tmp_path, label=ZEROS)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_read_arrays__takes_no_distributions_for_logits_unless_told(tmp_path: Path, dtype: Any) -> None:
    values = scipy.special.softmax(LOGITS[0], axis=-1).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    options: dict[str, Any] = {"label": ZEROS, "progress_bar": False}
    with pytest.raises(tk.SchemaError, match=r"a\.npy: the rows are probability distributions: pass form='prob'"):
        read_arrays(tmp_path, **options)
    for form, wanted in (("prob", values), ("logits", scipy.special.softmax(values.astype(float), axis=-1))):
        np.testing.assert_allclose(np.exp(read_arrays(tmp_path, form=form, **options).log_prob[0]), wanted, atol=1e-3)


def test_read_arrays__unpickles_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    np.save(tmp_path / "a.npy", object_array(Call(os.system, command(mark))), allow_pickle=True)
    np.savez(tmp_path / "b.npz", logits=object_array(Call(os.system, command(mark))))
    for name in ("a.npy", "b.npz"):
        with pytest.raises(ValueError, match="without objects"):
            read_arrays(tmp_path, label=ZEROS)
        (tmp_path / name).unlink()
    (tmp_path / "c.npy").write_bytes(pickle.dumps(Call(os.system, command(mark))))
    with pytest.raises(ValueError, match="without objects"):
        read_arrays(tmp_path, label=ZEROS)
    assert not mark.exists()


def test_write_arrays__deletes_nothing_that_it_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"holds thesis\.tex, which this function did not write"):
        write_arrays(tk.simulate(runs=1), tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_write_arrays__refuses_an_attribute_named_as_its_column(tmp_path: Path) -> None:
    ds = tk.simulate(runs=2).assign_coords(file=("run", ["a", "b"]))
    with pytest.raises(tk.SchemaError, match="'file' has the name of a column of runs"):
        write_arrays(ds, tmp_path / "runs")


def test_write_arrays__keeps_long_names(tmp_path: Path) -> None:
    ds = tk.simulate(runs=2, classes=2).assign_coords({"class": ["x" * 200, "y"]})
    assert read_arrays(write_arrays(ds, tmp_path / "runs"))["class"].values.tolist() == ["x" * 200, "y"]
