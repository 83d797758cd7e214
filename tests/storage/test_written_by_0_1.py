"""Files and stores that trajkit 0.1 wrote are read as it wrote them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.special

import trajkit as tk

# Made once with trajkit 0.1.0 (commit de4785c); the two files were then zipped. In short:
#
#     ds = tk.from_arrays(logits=[[logits(0, 0), logits(0, 1), logits(0, 2)], [logits(1, 0), logits(1, 1)]], ...)
#     tk.save(ds, "runs.nc"); tk.save(ds, "runs.zarr")
#     with tk.Recorder("store", probe, run={"architecture": "MLP", "seed": 0}) as record:
#         for step in range(3):
#             record(lambda inputs: logits(0, step), step, epoch=step / 2)
#     ... and "CNN", seed 1, of two checkpoints; then tk.Store("store").table(), which writes the index.
WRITTEN = Path(__file__).parent / "written_by_0.1"


def logits(seed: int, step: int) -> np.ndarray:
    return np.random.default_rng([seed, step]).integers(-3, 4, (4, 3)).astype(float)


@pytest.fixture(params=["runs.nc", "runs.zarr", "store"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy, because reading a store may write its index."""
    path = tmp_path / request.param
    if path.suffix:
        shutil.unpack_archive(WRITTEN / f"{path.name}.zip", tmp_path)
    else:
        shutil.copytree(WRITTEN / path.name, path)
    return path


@pytest.mark.parametrize("chunks", [None, {"run": 1}])
def test_load__gives_the_values_that_were_written(written: Path, chunks: dict[str, int] | None) -> None:
    with tk.load(written, chunks) as lazy:
        ds = lazy.load().sortby("seed")
    tk.validate(ds)
    assert ds.attrs["trajkit_version"] == "0.1.0" or not written.suffix
    assert ds.step.values.tolist() == [[0, 1, 2], [0, 1, -1]]
    for seed, steps in enumerate([3, 2]):
        exact = scipy.special.log_softmax([logits(seed, step) for step in range(steps)], axis=-1)
        np.testing.assert_allclose(ds.log_prob[seed, :steps], exact, atol=1e-6)
        assert ds.log_prob[seed, steps:].isnull().all()
    assert ds.architecture.values.tolist() == ["MLP", "CNN"]
    assert ds.kind.values.tolist() == ["network"] * 2
    assert ds.label.values.tolist() == [0, 1, 2, 0]
    assert ds.split.values.tolist() == ["train", "train", "test", "test"]
    assert ds.sample.values.tolist() == ["a", "b", "c", "d"]
    assert ds["class"].values.tolist() == ["ant", "bee", "cat"]
    if written.suffix:
        np.testing.assert_array_equal(ds.learning_rate, [0.1, np.nan])
    else:
        np.testing.assert_array_equal(ds.epoch, [[0, 0.5, 1], [0, 0.5, np.nan]])


def test_store__of_0_1_is_listed_and_continued(tmp_path: Path) -> None:
    store = Path(shutil.copytree(WRITTEN / "store", tmp_path / "store"))
    table = tk.Store(store).table()
    assert table.index.tolist() == ["CNN-1", "MLP-0"]
    assert table["checkpoints"].tolist() == [2, 3]
    assert table["state"].tolist() == ["complete", "complete"]
    held = tk.Store(store).probe
    inputs = np.arange(8.0).reshape(4, 2)
    probe = tk.Probe(inputs, held.label, classes=held.classes.tolist(), split=held.split, sample=held.sample)
    with tk.Recorder(store, probe, run={"architecture": "CNN", "seed": 1}, resume=True) as record:
        record(lambda inputs: logits(1, 2), 2)
    assert tk.load(store).step.values.tolist() == [[0, 1, 2], [0, 1, 2]]
