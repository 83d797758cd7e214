from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import trajkit as tk


@pytest.mark.parametrize("chunks", [None, {}])
def test_load__a_zarr_folder_that_lacks_any_piece_is_refused_with_its_name(
    tmp_path: Path, ds: xr.Dataset, chunks: Any
) -> None:
    ds = ds.assign_coords(zero=("run", [0] * 3), empty=("run", [""] * 3))
    path = tk.save(ds, tmp_path / "runs.zarr")
    for piece in [p for p in path.rglob("*") if p.is_file()]:
        content = piece.read_bytes()
        piece.unlink()
        with pytest.raises(OSError, match=f"the piece {piece.relative_to(path)} is missing"):
            tk.load(path, chunks)
        piece.write_bytes(content)
    assert tk.load(path).equals(ds)


def test_load__a_piece_that_xarray_left_out_is_named(tmp_path: Path, ds: xr.Dataset) -> None:
    ds.assign_coords(zero=("run", [0] * 3)).to_zarr(tmp_path / "runs.zarr", zarr_format=2)
    with pytest.warns(RuntimeWarning, match=r"pieces? .*zero/0"):
        assert (tk.load(tmp_path / "runs.zarr").zero == 0).all()
