"""Laws of both file formats: checksums, chunks and names."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr

import trajkit as tk

SUFFIXES = (".nc", ".zarr")


def test_save__numbers_carry_checksums(tmp_path: Path, ds: xr.Dataset) -> None:
    with netCDF4.Dataset(tk.save(ds, tmp_path / "x.nc")) as file:
        for name in ("log_prob", "step", "known_progress", "label", "checkpoint", "seed"):
            filters = file[name].filters()
            assert filters["fletcher32"], name
            assert filters["zlib"], name
        # One chunk per run: reading a slice of runs does not read the others.
        assert file["log_prob"].chunking() == [1, 6, 30, 5]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_save__large_runs_are_cut_in_chunks_of_some_samples(tmp_path: Path, suffix: str) -> None:
    prob = np.full((2, 8, 300, 1000), 1 / 1000)
    ds = tk.from_arrays(prob=prob, label=np.zeros(300, dtype=int), runs={"seed": [0, 1]})
    path = tk.save(ds, tmp_path / f"x{suffix}")
    with xr.open_dataset(path, engine="netcdf4" if suffix == ".nc" else "zarr") as opened:
        chunk = opened.log_prob.encoding["chunksizes" if suffix == ".nc" else "chunks"]
    assert chunk == (1, 8, 131, 1000)
    assert 4 * np.prod(chunk) <= 4 * 2**20
    xr.testing.assert_equal(tk.load(path), ds)


@pytest.mark.parametrize("name", ["runs.npz", "runs", "runs.nc.bak", "runs.NC"])
def test_storage__names_end_in_nc_or_zarr(tmp_path: Path, ds: xr.Dataset, name: str) -> None:
    actions: list[Any] = [lambda: tk.save(ds, tmp_path / name), lambda: tk.load(str(tmp_path / name))]
    for action in actions:
        with pytest.raises(ValueError, match=r"wanted a file name that ends in .nc \(netCDF\) or .zarr \(zarr\), got "):
            action()
    assert list(tmp_path.iterdir()) == []
