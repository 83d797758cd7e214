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
