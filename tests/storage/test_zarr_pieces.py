from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

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


@pytest.mark.parametrize("chunks", [None, {"run": 1}])
def test_load__a_whole_piece_of_another_folder_or_place_is_refused(tmp_path: Path, ds: xr.Dataset, chunks: Any) -> None:
    """A copy over an older folder that was stopped halfway leaves this."""
    other = ds.assign(log_prob=ds.log_prob[:, :, ::-1].variable).assign_coords(seed=ds.seed + 1)
    path, older = tk.save(ds, tmp_path / "x.zarr"), tk.save(other, tmp_path / "older.zarr")
    for piece, source in (
        ("seed/0", older / "seed/0"),
        ("log_prob/1.0.0.0", older / "log_prob/1.0.0.0"),
        ("log_prob/0.0.0.0", path / "log_prob/1.0.0.0"),
    ):
        content = (path / piece).read_bytes()
        (path / piece).write_bytes(source.read_bytes())
        with pytest.raises(OSError, match=rf"cannot read .*x.zarr.*the piece {piece} is not the one that was saved"):
            tk.load(path, chunks).compute()
        (path / piece).write_bytes(content)
    assert tk.load(path, chunks).equals(ds)
    # Changed on purpose.
    with zarr.config.set({"array.write_empty_chunks": True}):
        zarr.open_group(path, mode="a", zarr_format=2)["seed"][:] = 7
    with pytest.raises(OSError, match=r"if it was changed on purpose, run `zarr\.consolidate_metadata"):
        tk.load(path, chunks)
    zarr.consolidate_metadata(path, zarr_format=2)
    assert (tk.load(path, chunks).seed == 7).all()
