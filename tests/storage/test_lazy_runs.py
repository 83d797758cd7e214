"""Laws of lazy runs: any selection equals that of the loaded dataset, and reads no more."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from recorded_runs import expected, files_opened, fill

import trajkit as tk


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


@pytest.mark.parametrize(
    "indexer",
    [
        {"run": 1},
        {"run": -1, "checkpoint": 0},
        {"checkpoint": [2, 0, 5], "sample": slice(None, None, -2)},
        {"run": [2, 0], "class": 3},
        {"sample": [4, 4, 1], "class": [0, 2]},
        {"run": 0, "checkpoint": 1, "sample": 2, "class": 3},
        {"run": xr.DataArray([0, 1, 2], dims="point"), "checkpoint": xr.DataArray([1, 3, 0], dims="point")},
        {"run": []},
        {"run": slice(5, 9)},
    ],
    ids=str,
)
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


def test_load__an_attribute_of_two_kinds_is_refused_with_the_files_of_each(tmp_path: Path) -> None:
    for seed, rate in enumerate([0.1, "auto", 0.2, *[0.3] * 6]):
        fill(tmp_path, seed, range(2), rate=rate)
    with pytest.raises(tk.SchemaError, match="'rate' holds float, str") as refused:
        tk.Store(tmp_path).load()
    assert str(tmp_path) in str(refused.value)
    assert "'rate' is a number in 0-0.1.run, 2-0.2.run, " in str(refused.value)
    assert " and 3 more; text in 1-auto.run: move those of one kind out of the folder" in str(refused.value)
    (tmp_path / "1-auto.run").unlink()
    assert tk.Store(tmp_path).load().rate.values[:2].tolist() == [0.1, 0.2]
