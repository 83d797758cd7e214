"""Laws of the checksum of a whole file."""

from pathlib import Path

import netCDF4
import pytest
import xarray as xr

import trajkit as tk
from trajkit.storage.file_checksum import add_checksum, check_checksum


@pytest.mark.parametrize("content", [b"", b"x", b"trajkit" * 10**6])
def test_check_checksum__any_flipped_bit_is_found(tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "x").write_bytes(content)
    check_checksum(path)
    add_checksum(path)
    check_checksum(path)
    whole = path.read_bytes()
    assert whole.startswith(content)
    for at in {0, len(content) // 2, len(whole) - 1}:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        if content or at:  # a flip in the mark that says what follows leaves a file without a checksum
            with pytest.raises(OSError, match="it fails its checksum"):
                check_checksum(path)


def test_load__a_netcdf_file_that_another_program_changed_has_no_checksum(tmp_path: Path, ds: xr.Dataset) -> None:
    path = tk.save(ds, tmp_path / "x.nc")
    with netCDF4.Dataset(path, "a") as file:
        file["label"][0] = label = (int(ds.label[0]) + 1) % 5
    assert tk.load(path).label[0] == label
    with netCDF4.Dataset(path, "a") as file:
        file.note = "added"
        file.createVariable("more", "f8", ("run",))[:] = 1.0
    assert tk.load(path).attrs["note"] == "added"


@pytest.mark.parametrize("chunks", [None, {}])
def test_load__a_changed_text_is_told(tmp_path: Path, ds: xr.Dataset, chunks: dict[str, int] | None) -> None:
    ds = ds.assign_coords(architecture=("run", ["first", "second", "third"]))
    path = tk.save(ds, tmp_path / "x.nc")
    path.write_bytes(path.read_bytes().replace(b"second", b"seccnd", 1))
    with pytest.raises(OSError, match=r"cannot read .*x.nc .* damaged .*it fails its checksum"):
        tk.load(path, chunks)
