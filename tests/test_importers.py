"""Laws of the formats that can be written: they give back what was written, or refuse to write it."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from strategies import datasets

import trajkit as tk
from trajkit.importers import read_arrays, read_table, write_arrays, write_table
from trajkit.schema import run_attributes

FORMATS: dict[str, tuple[Callable[..., Path], Callable[..., xr.Dataset]]] = {
    "runs.csv": (write_table, read_table),
    "runs.parquet": (write_table, read_table),
    "runs": (write_arrays, read_arrays),
}
in_each_format = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
def ds() -> xr.Dataset:
    """Ragged runs with attributes of every kind, some of them missing."""
    ds = tk.simulate(runs=3, checkpoints=5, samples=6, classes=3, spread=0.1, ragged=True)
    return ds.assign_coords(
        augmentation=("run", [True, False, True]),
        learning_rate=("run", [0.1, np.nan, 1e-300]),
        optimizer=("run", ["", "Adam, β₂=0.999", 'a "quoted" one']),
        width=("run", np.array([-1, 0, 2**62])),
        nothing=("run", ["", "", ""]),
        unknown=("run", [np.nan] * 3),
    ).assign(epoch=ds.step.where(ds.step >= 0) / 10)


def there_and_back(ds: xr.Dataset, folder: Path, name: str) -> xr.Dataset:
    write, read = FORMATS[name]
    return read(write(ds, folder / name))


def assert_same_trajectories(a: xr.Dataset, b: xr.Dataset) -> None:
    """Demand equal sizes, identities, steps, epochs, attributes, and log-probabilities within float32."""
    assert a.sizes == b.sizes
    assert set(run_attributes(a)) == set(run_attributes(b))
    for name in ("run", "sample", "class", "label", "split", "step", *({"epoch"} & set(b)), *run_attributes(b)):
        np.testing.assert_array_equal(a[name], b[name])
        assert a[name].dtype.kind == b[name].dtype.kind
    np.testing.assert_array_equal(np.isneginf(a.log_prob), np.isneginf(b.log_prob))
    np.testing.assert_allclose(a.log_prob, b.log_prob, rtol=3e-7, atol=3e-7)


@in_each_format
@given(datasets(zeros=True))
def test_formats__give_back_trajectories(tmp_path_factory: pytest.TempPathFactory, name: str, ds: xr.Dataset) -> None:
    assert_same_trajectories(there_and_back(ds, tmp_path_factory.mktemp("trip"), name), ds)


CHANGES: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "attributes and epochs": lambda ds: ds,
    "names like numbers": lambda ds: ds.assign_coords({"run": ["007", "7", "nan"], "class": ["1", "01", "nan"]}),
    "unknown epochs": lambda ds: ds.assign(epoch=ds.epoch.where(ds.run != ds.run[0])),
    "text samples": lambda ds: ds.assign_coords(sample=[f"cat/{i}.png" for i in range(6)]),
    "references": lambda ds: tk.with_references(tk.simulate(runs=2, checkpoints=4, samples=5), n_geodesic=4),
}


@in_each_format
@pytest.mark.parametrize("change", CHANGES)
def test_formats__give_back_names_attributes_and_epochs(name: str, change: str, ds: xr.Dataset, tmp_path: Path) -> None:
    changed = CHANGES[change](ds)
    assert_same_trajectories(there_and_back(changed, tmp_path, name), changed)


@in_each_format
@pytest.mark.parametrize("text", [["01", "1", "2"], ["True", "False", "True"], ["nan", "nan", ""], ["1", "", "2"]])
def test_formats__give_back_or_refuse_attributes_that_look_like_others(
    name: str, text: list[str], ds: xr.Dataset, tmp_path: Path
) -> None:
    ds = ds.assign_coords(version=("run", text))
    if name.endswith(".parquet"):
        assert_same_trajectories(there_and_back(ds, tmp_path, name), ds)
        return
    with pytest.raises(tk.SchemaError, match="'version' would come back from a CSV as"):
        there_and_back(ds, tmp_path, name)
    assert not os.listdir(tmp_path)


@in_each_format
def test_writers__replace_only_when_asked_and_leave_nothing_half_done(
    name: str, ds: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, read = FORMATS[name]
    path = write(ds, tmp_path / name)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write(ds, path)
    with monkeypatch.context() as patch:
        patch.setattr(xr.Dataset, "isel", broken_at_the_second_call())
        with pytest.raises(OSError, match="disk full"):
            write(ds, path, overwrite=True)
    assert os.listdir(tmp_path) == [name]
    assert_same_trajectories(read(path), ds)
    write(ds.isel(run=[1]), path, overwrite=True)
    assert read(path).sizes["run"] == 1
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write(ds, tmp_path / "no" / name)
    with pytest.raises(tk.SchemaError, match="'label' is missing"):
        write(ds.drop_vars("label"), tmp_path / f"other-{name}")


def broken_at_the_second_call() -> Callable[..., xr.Dataset]:
    calls: Iterator[int] = iter(range(99))
    isel = xr.Dataset.isel

    def broken(self: xr.Dataset, *args: Any, **kwargs: Any) -> xr.Dataset:
        if kwargs.get("run") is not None and next(calls):
            raise OSError("disk full")
        return isel(self, *args, **kwargs)

    return broken


@in_each_format
def test_formats__show_progress_when_asked_or_slow(
    name: str, ds: xr.Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write, read = FORMATS[name]
    read(write(ds, tmp_path / name))
    assert capsys.readouterr() == ("", "")
    read(write(ds, tmp_path / name, overwrite=True, progress_bar=True), progress_bar=True)
    shown = capsys.readouterr().err
    assert "writing: 100%" in shown
    assert "reading: 100%" in shown


@in_each_format
def test_readers__refuse_files_cut_short(name: str, tmp_path: Path) -> None:
    write, read = FORMATS[name]
    path = write(tk.simulate(runs=3, samples=6), tmp_path / name)
    for file in sorted(path.glob("*.npz")) or [path]:
        raw = file.read_bytes()
        for percent in range(0, 100, 5):
            file.write_bytes(raw[: len(raw) * percent // 100])
            with pytest.raises(ValueError, match=re.escape(str(file))):
                read(path)
        file.write_bytes(raw)
