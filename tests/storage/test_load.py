"""Laws of loading: what was saved comes back, and damage is noticed."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from strategies import datasets

import trajkit as tk


@settings(max_examples=15)
@given(ds=datasets(zeros=True))
def test_load__gives_back_what_was_saved(tmp_path_factory: pytest.TempPathFactory, suffix: str, ds: xr.Dataset) -> None:
    path = tmp_path_factory.mktemp("round") / f"trip{suffix}"
    before = ds.copy(deep=True)
    assert tk.save(ds, path) == path
    assert ds.identical(before)
    back = tk.load(path)
    assert back.identical(ds)
    for name, variable in ds.variables.items():
        assert back[name].dtype.kind == variable.dtype.kind
    assert back.log_prob.dtype == ds.log_prob.dtype


def test_load__gives_back_every_kind_of_attribute(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    ds = ds.assign_coords(
        augmentation=("run", [True, False, True]),
        learning_rate=("run", [0.1, np.nan, 1e-300]),
        optimizer=("run", ["", "Adam, β₂=0.999", 'a "quoted"\nline']),
        width=("run", np.array([-1, 0, 2**62])),
        difficulty=("sample", np.linspace(0, 1, 30).astype(np.float32)),
    ).assign(late=ds.step > 2, weight=("sample", np.arange(30.0)), epoch=ds.step / 10, phase=ds.step.astype(str))
    ds = ds.assign_attrs(note="日本", values=[1, 2, 3])
    back = tk.load(tk.save(ds, tmp_path / f"all{suffix}"))
    xr.testing.assert_equal(back, ds)
    assert back.augmentation.dtype == bool
    assert back.late.dtype == bool
    assert back.optimizer.values.tolist() == ds.optimizer.values.tolist()
    assert back.attrs["note"] == "日本"
    assert back.attrs["metadata"] == ds.attrs["metadata"]


def test_load__in_chunks_gives_the_same_numbers(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    path = tk.save(ds, tmp_path / f"x{suffix}")
    for dim, pieces in {"run": (2, 1), "sample": (2,) * 15}.items():
        with tk.load(path, chunks={dim: 2}) as lazy:
            assert dict(lazy.chunksizes)[dim] == pieces
            assert lazy.compute().identical(ds)


@pytest.mark.parametrize("share", [0.001, *np.arange(0, 0.94, 0.05).round(2)])
def test_load__a_truncated_file_is_told_as_such(tmp_path: Path, ds: xr.Dataset, share: float) -> None:
    whole = tk.save(ds, tmp_path / "whole.nc").read_bytes()
    path = tmp_path / "part.nc"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(OSError, match=rf"cannot read .*part.nc \({int(share * len(whole))} bytes\).*cut short"):
        tk.load(path)
    # Restored, it loads, in the same session too.
    path.write_bytes(whole)
    assert tk.load(path).identical(ds)


@pytest.mark.parametrize("share", np.arange(0, 1, 0.05).round(2))
def test_load__a_truncated_piece_of_a_zarr_group_is_told_as_such(tmp_path: Path, ds: xr.Dataset, share: float) -> None:
    path = tk.save(ds, tmp_path / "x.zarr")
    # A third of the pieces each time, others at other shares; predictions each time.
    pieces = sorted(piece for piece in path.rglob("*") if piece.is_file())[round(20 * share) % 3 :: 3]
    pieces.append(path / "log_prob" / "1.0.0.0")
    assert len(pieces) > 10
    noticed = 0
    for piece in pieces:
        whole = piece.read_bytes()
        piece.write_bytes(whole[: int(share * len(whole))])
        try:
            back = tk.load(path)
        except OSError:
            noticed += 1
        else:  # xarray reads the summary of all metadata instead of the single ones
            assert piece.name in (".zattrs", ".zgroup", ".zarray")
            assert back.identical(ds)
        piece.write_bytes(whole)
    assert noticed > 2
    assert tk.load(path).identical(ds)


def test_load__another_kind_of_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("run,step\n" * 1000)
    with pytest.raises(OSError, match=r"cannot read .*text.nc \(9000 bytes\) as netCDF: .* of another format"):
        tk.load(tmp_path / "text.nc")


def test_load__damage_among_the_numbers_is_noticed(tmp_path: Path) -> None:
    # Noise does not compress: all but the head of the file is log_prob. (In the head, HDF5 itself may stumble.)
    logits = np.random.default_rng(0).standard_normal((2, 4, 500, 10))
    ds = tk.from_arrays(logits=logits, label=np.zeros(500, dtype=int), runs={"seed": [0, 1]})
    whole = tk.save(ds, tmp_path / "whole.nc").read_bytes()
    noticed = []
    for at in (len(whole) * np.linspace(0.3, 0.99, 30)).astype(int):
        path = tmp_path / f"{at}.nc"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            back = tk.load(path)
        except OSError as error:
            noticed.append(str(error))
        else:  # the byte lay between the pieces
            assert back.identical(ds)
    assert len(noticed) > 20
    assert all("damaged" in message for message in noticed)


def test_load__damaged_text_is_told_as_such(tmp_path: Path, ds: xr.Dataset) -> None:
    path = tk.save(ds.assign_coords(run=["first-run", "second-run", "third-run"]), tmp_path / "damaged.nc")
    path.write_bytes(path.read_bytes().replace(b"second-run", b"\xffecond-run", 1))
    with pytest.raises(OSError, match=r"cannot read .* damaged"):
        tk.load(path)


@pytest.mark.parametrize("chunks", [None, {}])
def test_load__netcdf_without_trajectories_is_refused(tmp_path: Path, chunks: dict[str, int] | None) -> None:
    xr.Dataset({"rain": ("day", [1.0, 2.0])}).to_netcdf(tmp_path / "weather.nc")
    with pytest.raises(tk.SchemaError, match="'log_prob' is missing"):
        tk.load(tmp_path / "weather.nc", chunks)


def test_load__what_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*missing.nc$"):
        tk.load(tmp_path / "missing.nc")
    (tmp_path / "folder.nc").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no file .*folder.nc: it is a folder"):
        tk.load(tmp_path / "folder.nc")
