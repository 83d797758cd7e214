from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
import xarray as xr

import trajkit as tk


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("change", ["replaced", "removed", "copied over"])
def test_load__a_lazy_dataset_never_shows_another_file(
    tmp_path: Path, ds: xr.Dataset, suffix: str, change: str
) -> None:
    other = ds.assign(log_prob=ds.log_prob[:, :, ::-1].variable)
    path = tk.save(ds, tmp_path / f"runs{suffix}")
    lazy, sent = (tk.load(path, chunks={"run": 1}) for _ in range(2))
    sent = pickle.loads(pickle.dumps(sent))
    assert lazy.log_prob.compute().equals(ds.log_prob)
    if change == "replaced":
        tk.save(other, path, overwrite=True)
    else:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if change == "copied over":
        saved = tk.save(other, tmp_path / f"other{suffix}")
        (shutil.copytree if saved.is_dir() else shutil.copy)(saved, path)
    for opened in (lazy, sent):
        with pytest.raises(OSError, match="since this dataset was opened: load it again"):
            opened.log_prob.compute()
        # What is small was read when the dataset was opened.
        assert opened.drop_vars("log_prob").identical(ds.drop_vars("log_prob"))


@pytest.mark.parametrize("format", [2, 3])
@pytest.mark.filterwarnings("ignore:.*(Zarr V3|Zarr format 3)")
def test_load__a_piece_that_was_written_over_is_an_error_and_others_are_not(
    tmp_path: Path, ds: xr.Dataset, format: int
) -> None:
    path = tmp_path / "runs.zarr"
    ds = ds.assign_coords(seed=ds.seed + 1)
    ds.chunk(run=1).to_zarr(path, zarr_format=format)
    lazy = tk.load(path, chunks={"run": 1})
    with (path / "log_prob" / ("1.0.0.0" if format == 2 else "c/1/0/0/0")).open("rb+") as file:
        content = file.read()
        file.seek(0)
        file.write(content[::-1])
    (path / "notes.txt").write_text("files of others do not count")
    for run in (0, 2):
        assert lazy.log_prob[run].compute().equals(ds.log_prob[run])
    with pytest.raises(OSError, match="since this dataset was opened: load it again"):
        lazy.log_prob[1].compute()
    assert lazy.step.compute().equals(ds.step)


def test_load__a_zarr_folder_that_is_replaced_meanwhile_is_read_old_or_new(
    tmp_path: Path, ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ds.assign(log_prob=ds.log_prob[:, :, ::-1].variable, step=ds.step.where(ds.step < 0, 2 * ds.step))
    path, reads = tk.save(ds, tmp_path / "runs.zarr"), []
    read = xr.open_dataset

    def replaced(*arguments: object, **options: object) -> xr.Dataset:
        found = read(*arguments, **options).load()
        reads.append(path)
        if len(reads) <= 2:
            tk.save(other, path, overwrite=True)
        return found

    monkeypatch.setattr(xr, "open_dataset", replaced)
    assert tk.load(path).equals(other)
    assert len(reads) == 3
    monkeypatch.setattr(xr, "open_dataset", lambda *a, **o: (tk.save(ds, path, overwrite=True), read(*a, **o))[1])
    with pytest.raises(OSError, match=r"runs.zarr is being replaced or changed all the time"):
        tk.load(path)
