from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.storage.zarr_pieces import pieces_of


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


@pytest.mark.parametrize("options", [{"zarr_format": 2}, {"zarr_format": 3}, {"zarr_format": 3, "consolidated": False}])
@pytest.mark.filterwarnings("ignore:.*(Zarr V3|Zarr format 3|consolidated metadata)")
def test_load__a_piece_that_xarray_left_out_is_named(tmp_path: Path, ds: xr.Dataset, options: Any) -> None:
    path = tmp_path / "runs.zarr"
    ds.assign_coords(zero=("run", [0] * 3)).chunk(sample=20).to_zarr(path, **options)
    with pytest.warns(RuntimeWarning, match=r"the piece zero/(c/)?0 is missing"):
        assert (tk.load(path).zero == 0).all()
    piece = next(p for p in (path / "log_prob").rglob("*") if p.is_file() and p.name[0] in "01")
    piece.unlink()
    with (
        pytest.warns(RuntimeWarning, match=rf"the pieces .*{piece.relative_to(path)}.* are missing"),
        pytest.raises(tk.SchemaError, match="of a recorded checkpoint"),
    ):
        tk.load(path)


def test_load__metadata_of_zarr_that_were_changed_are_refused(tmp_path: Path, ds: xr.Dataset) -> None:
    path = tk.save(ds, tmp_path / "runs.zarr") / ".zmetadata"
    path.write_text(path.read_text().replace("trajkit.simulate", "trajkit.simulatf", 1))
    with pytest.raises(OSError, match=r"cannot read .*\.zmetadata fails its checksum"):
        tk.load(path.parent)


@pytest.mark.parametrize("format", [2, 3])
@pytest.mark.filterwarnings("ignore:.*(Zarr V3|Zarr format 3)")
def test_pieces__an_index_touches_the_files_that_it_reads(tmp_path: Path, format: int) -> None:
    array = xr.DataArray(np.arange(1.0, 36).reshape(5, 7), dims=("a", "b"))
    array.to_dataset(name="x").chunk(a=2, b=3).to_zarr(tmp_path / "x.zarr", zarr_format=format)
    pieces = pieces_of(tmp_path / "x.zarr")["x"]
    every = sorted(p for p in (tmp_path / "x.zarr" / "x").rglob("*") if p.is_file() and p.name[0] in "012")
    assert sorted(pieces.touched([])) == every
    assert len(every) == 9
    some = {path.relative_to(pieces.folder).as_posix()[-3:] for path in pieces.touched([4, np.array([6, 0])])}
    assert some == ({"2.0", "2.2"} if format == 2 else {"2/0", "2/2"})
    assert not list(pieces.missing())
    every[3].unlink()
    assert list(pieces.missing()) == [every[3]]
