"""Laws of files: whole or not at all, and what comes back is what went in."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import datasets, log_probs
from xarray.core import indexing

import trajkit as tk
from trajkit.storage.atomic import whole
from trajkit.storage.files import _rounded


@pytest.fixture
def ds() -> xr.Dataset:
    return tk.simulate(runs=3, checkpoints=6, samples=30, spread=0.1, ragged=True)


# --- round trips --------------------------------------------------------------------------------------------------


SUFFIXES = (".nc", ".zarr")


@pytest.mark.parametrize("suffix", SUFFIXES)
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


@pytest.mark.parametrize("suffix", SUFFIXES)
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


def test_load__keeps_zero_probabilities_and_certain_ones(tmp_path: Path, ds: xr.Dataset) -> None:
    full = tk.with_references(ds)
    assert np.isneginf(full.log_prob).any()
    back = tk.load(tk.save(full, tmp_path / "full.nc"))
    assert back.identical(full)
    for bits in (11, 12, 23):
        rounded = tk.load(tk.save(full, tmp_path / f"{bits}.nc", bits=bits)).log_prob
        assert (rounded.isnull() == full.log_prob.isnull()).all()
        assert (np.isneginf(rounded) == np.isneginf(full.log_prob)).all()
        assert ((rounded == 0) == (full.log_prob == 0)).all()


@given(st.integers(11, 23), st.integers(0, 99))
def test_save__bits_bound_the_relative_rounding(tmp_path_factory: pytest.TempPathFactory, bits: int, seed: int) -> None:
    ds = tk.simulate(runs=2, checkpoints=4, samples=8, spread=0.2, seed=seed)
    path = tk.save(ds, tmp_path_factory.mktemp("bits") / "rounded.nc", bits=bits)
    finite = np.isfinite(ds.log_prob.values)
    rounded, exact = tk.load(path).log_prob.values[finite], ds.log_prob.values[finite]
    assert (np.abs(rounded - exact) <= np.abs(exact) * 2.0 ** -(bits + 1) * (1 + 1e-6)).all()


def test_save__fewer_bits_make_smaller_files(tmp_path: Path) -> None:
    ds = tk.simulate(runs=4, samples=200, spread=0.3, classes=10)
    exact, rounded = (tk.save(ds, tmp_path / f"{bits}.nc", bits=bits).stat().st_size for bits in (None, 12))
    assert rounded < 0.7 * exact


@pytest.mark.parametrize("classes", [2, 3, 10, 100, 1000])
def test_save__the_fewest_bits_allowed_make_a_file_that_loads(tmp_path: Path, classes: int) -> None:
    ds = tk.with_references(tk.simulate(runs=1, samples=10, classes=classes))
    with pytest.raises(ValueError, match=rf"bits: wanted \d+ to 23 for {classes} classes, got 0") as error:
        tk.save(ds, tmp_path / "x.nc", bits=0)
    least = int(str(error.value).split()[2])
    tk.load(tk.save(ds, tmp_path / "x.nc", bits=least))
    for bits in (least - 1, 24, -3):
        with pytest.raises(ValueError, match=f"got {bits}"):
            tk.save(ds, tmp_path / "y.nc", bits=bits)
    assert list(tmp_path.iterdir()) == [tmp_path / "x.nc"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_load__in_chunks_gives_the_same_numbers(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    path = tk.save(ds, tmp_path / f"x{suffix}")
    for dim, pieces in {"run": (2, 1), "sample": (2,) * 15}.items():
        with tk.load(path, chunks={dim: 2}) as lazy:
            assert dict(lazy.chunksizes)[dim] == pieces
            assert lazy.compute().identical(ds)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_save__a_loaded_dataset_over_its_own_file(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    path = tk.save(ds, tmp_path / f"x{suffix}", bits=11)
    once = tk.load(path)
    with tk.load(path, chunks={}) as lazy:
        tk.save(lazy.isel(run=[0, 2]), path, overwrite=True)
    assert tk.load(path).identical(once.isel(run=[0, 2]))


def test_save__stamps_what_has_no_stamp(tmp_path: Path, ds: xr.Dataset) -> None:
    bare = ds.drop_attrs()
    kept = bare.copy(deep=True)
    back = tk.load(tk.save(bare, tmp_path / "x.nc"))
    assert bare.identical(kept)
    assert back.attrs["schema_version"] == 1
    assert back.log_prob.attrs["units"] == "nat"
    xr.testing.assert_equal(back, bare)


def test_save__numbers_carry_checksums(tmp_path: Path, ds: xr.Dataset) -> None:
    with netCDF4.Dataset(tk.save(ds, tmp_path / "x.nc")) as file:
        for name in ("log_prob", "step", "known_progress", "label", "checkpoint", "seed"):
            filters = file[name].filters()
            assert filters["fletcher32"], name
            assert filters["zlib"], name
        # One chunk per run: reading a slice of runs does not read the others.
        assert file["log_prob"].chunking() == [1, 6, 30, 5]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_save__large_runs_are_cut_in_pieces_of_some_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr("trajkit.storage.files._PIECE", 4 * 8 * 10)
    ds = tk.simulate(runs=2, checkpoints=8, samples=11, classes=10)
    path = tk.save(ds, tmp_path / f"x{suffix}")
    with xr.open_dataset(path, engine="netcdf4" if suffix == ".nc" else "zarr") as opened:
        assert opened.log_prob.encoding["chunksizes" if suffix == ".nc" else "chunks"] == (1, 8, 4, 10)
    xr.testing.assert_equal(tk.load(path), ds)


# --- whole or not at all ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_save__an_existing_file_is_only_replaced_on_request(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    path = tk.save(ds, tmp_path / f"x{suffix}")
    other = ds.isel(run=[1])
    with pytest.raises(FileExistsError, match=r"x\.\w+ exists: choose another name, or pass overwrite=True"):
        tk.save(other, path)
    assert tk.load(path).identical(ds)
    tk.save(other, path, overwrite=True)
    assert tk.load(path).identical(other)
    assert list(tmp_path.iterdir()) == [path]


def test_save__what_is_no_trajectory_dataset_leaves_no_trace(tmp_path: Path, ds: xr.Dataset) -> None:
    path = tk.save(ds, tmp_path / "x.nc")
    old = path.read_bytes()
    with pytest.raises(tk.SchemaError, match="'label' is missing"):
        tk.save(ds.drop_vars("label"), path, overwrite=True)
    with pytest.raises(TypeError, match="None"):
        tk.save(ds.assign_attrs(nothing=None), path, overwrite=True)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_save__lazy_predictions_one_run_at_a_time(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    class Watched(xr.backends.BackendArray):
        shape, dtype = ds.log_prob.shape, ds.log_prob.dtype

        def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
            return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self.read)

        def read(self, key: tuple[Any, ...]) -> np.ndarray:
            asked.append(ds.log_prob.values[key])
            return asked[-1]

    asked: list[np.ndarray] = []
    lazy = ds.assign(log_prob=ds.log_prob.copy(data=indexing.LazilyIndexedArray(Watched())))
    path = tk.save(lazy, tmp_path / f"x{suffix}")
    assert max(values.size for values in asked) == ds.log_prob[0].size
    assert tk.load(path).identical(ds)


def test_save__shows_progress_only_when_it_takes_long_or_on_request(
    tmp_path: Path, ds: xr.Dataset, capfd: pytest.CaptureFixture[str]
) -> None:
    tk.save(ds, tmp_path / "quick.nc")
    tk.save(ds, tmp_path / "quiet.nc", progress_bar=False)
    assert capfd.readouterr() == ("", "")
    tk.save(ds, tmp_path / "shown.nc", progress_bar=True)
    assert "saving: 100%" in capfd.readouterr().err


# --- rounding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", [1e-5, 1e-4])
@given(log_prob=log_probs(points=6))
def test_save__precision_bounds_the_error_of_distances(
    tmp_path_factory: pytest.TempPathFactory, precision: float, log_prob: np.ndarray
) -> None:
    label = np.zeros(log_prob.shape[1], dtype=int)
    ds = tk.from_arrays(log_prob=log_prob[:, None], label=label, runs={"seed": range(6)})
    path = tk.save(ds, tmp_path_factory.mktemp("precision") / "x.nc", precision=precision)
    exact, packed = (tk.bhattacharyya(d.log_prob, d.log_prob.rename(run="run2")).values for d in (ds, tk.load(path)))
    assert (np.isinf(exact) == np.isinf(packed)).all()
    bound = precision * (1 + exact / (2 * np.log(log_prob.shape[-1])))
    changed = np.abs(np.subtract(packed, exact, out=np.zeros_like(exact), where=np.isfinite(exact)))
    assert (changed <= bound + 1e-9).all()


@pytest.mark.parametrize("precision", [1e-5, 1e-4])
def test_save__errors_of_samples_largely_cancel(tmp_path: Path, precision: float) -> None:
    logits = 3 * np.random.default_rng(0).standard_normal((8, 5, 300, 10))
    ds = tk.from_arrays(logits=logits, label=np.zeros(300, dtype=int), runs={"seed": range(8)})
    packed = tk.load(tk.save(ds, tmp_path / "x.zarr", precision=precision))
    exact, changed = (
        tk.bhattacharyya(d.log_prob, d.log_prob[0, 0].drop_vars(["run", "checkpoint"])) for d in (ds, packed)
    )
    change = np.abs(changed - exact).max()
    assert 0 < change < precision / 10


@given(st.integers(1, 22), hnp.arrays(np.float32, 50, elements=st.floats(width=32)))
def test_save__rounds_as_netcdf_does(tmp_path_factory: pytest.TempPathFactory, bits: int, values: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("quantize") / "x.nc"
    normal = np.abs(values) >= np.finfo(np.float32).tiny
    values = np.where(normal | ~np.isfinite(values), values, 0)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("n", 50)
        file.createVariable("x", "f4", "n", quantize_mode="BitRound", significant_digits=bits, fill_value=np.nan)
        file["x"][:] = values
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        np.testing.assert_array_equal(_rounded(values, bits), file["x"][:])


def test_save__packing_is_written_into_the_file(tmp_path: Path, ds: xr.Dataset) -> None:
    assert "mantissa_bits" not in ds.log_prob.attrs
    for suffix in SUFFIXES:
        packed = tk.load(tk.save(ds, tmp_path / f"x{suffix}", precision=1e-4))
        assert packed.log_prob.attrs["mantissa_bits"] == 14
    assert "mantissa_bits" not in ds.log_prob.attrs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": 1e-4, "bits": 12}, "wanted precision or bits, got both"),
        ({"precision": 1e-9}, r"precision: wanted 2e-07 to 1 for 5 classes, or None, got 1e-09"),
        ({"precision": 0}, "precision: wanted"),
    ],
)
def test_save__impossible_precisions_are_refused(tmp_path: Path, ds: xr.Dataset, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.save(ds, tmp_path / "x.nc", **options)
    assert list(tmp_path.iterdir()) == []


def test_save__follows_the_umask(tmp_path: Path, ds: xr.Dataset) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    assert tk.save(ds, tmp_path / "x.nc").stat().st_mode == plain.stat().st_mode


FULL_DISK = """
    import os, resource, signal, sys
    from pathlib import Path
    import trajkit as tk

    # Files beyond the limit cannot grow, as on a full disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = Path(sys.argv[1])
    ds, bigger = tk.load(path), tk.simulate(runs=4, checkpoints=6, samples=200, spread=0.1)
    old = path.read_bytes()
    size = tk.save(bigger, path.with_name("whole.nc")).stat().st_size
    path.with_name("whole.nc").unlink()
    for limit in (0, 100, 5000, size // 4, size // 2, size - 4000, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        old_kept, none_written = "the file that was there is untouched", "nothing was written"
        for name, wanted in ((path.name, old_kept), ("new.nc", none_written), ("new.zarr", none_written)):
            if name == "new.zarr" and limit > 5000:
                continue  # its files are smaller
            try:
                tk.save(bigger, path.with_name(name), overwrite=True)
            except OSError as error:
                if wanted not in str(error) or "Is the disk full" not in str(error):
                    sys.exit(f"limit {limit}: {error}")
            else:
                sys.exit(f"limit {limit} of {size}: saving {name} seemed to succeed")
        if sorted(os.listdir(path.parent)) != [path.name]:
            sys.exit(f"limit {limit}: left {sorted(os.listdir(path.parent))}")
        if path.read_bytes() != old:
            sys.exit(f"limit {limit}: the old file changed")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if not tk.load(tk.save(bigger, path, overwrite=True)).identical(bigger):
        sys.exit("saving after the disk was emptied failed")
"""


def test_save__a_disk_that_fills_leaves_the_old_file_and_no_other(tmp_path: Path, ds: xr.Dataset) -> None:
    path = tk.save(ds, tmp_path / "x.nc")
    script = [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(path)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


# --- files that are none ------------------------------------------------------------------------------------------


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
    path = tmp_path / "text.nc"
    path.write_text("run,step\n" * 1000)
    with pytest.raises(OSError, match=r"cannot read .*text.nc \(9000 bytes\) as netCDF: .* of another format"):
        tk.load(path)


def test_load__damage_among_the_numbers_is_noticed(tmp_path: Path) -> None:
    # Noise does not compress: all but the head of the file is log_prob. (In the head, HDF5 itself may stumble.)
    logits = np.random.default_rng(0).standard_normal((2, 4, 500, 10))
    ds = tk.from_arrays(logits=logits, label=np.zeros(500, dtype=int), runs={"seed": [0, 1]})
    whole = tk.save(ds, tmp_path / "whole.nc").read_bytes()
    noticed = []
    for share in np.linspace(0.3, 0.99, 30):
        path = tmp_path / f"{share}.nc"
        damaged = bytearray(whole)
        damaged[int(share * len(whole))] ^= 0x10
        path.write_bytes(damaged)
        try:
            back = tk.load(path)
        except OSError as error:
            noticed.append(str(error))
        else:  # the byte lay between the pieces
            assert back.identical(ds)
    assert len(noticed) > 20
    assert all("damaged" in message for message in noticed)


def test_load__damaged_text_is_told_as_such(tmp_path: Path, ds: xr.Dataset) -> None:
    whole = tk.save(ds.assign_coords(run=["first-run", "second-run", "third-run"]), tmp_path / "whole.nc").read_bytes()
    damaged = bytearray(whole)
    damaged[whole.index(b"second-run")] = 0xFF
    path = tmp_path / "damaged.nc"
    path.write_bytes(damaged)
    with pytest.raises(OSError, match=r"cannot read .* damaged"):
        tk.load(path)


def test_load__netcdf_without_trajectories_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weather.nc"
    xr.Dataset({"rain": ("day", [1.0, 2.0])}).to_netcdf(path)
    with pytest.raises(tk.SchemaError, match="'log_prob' is missing"):
        tk.load(path)


def test_load__what_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*missing.nc$"):
        tk.load(tmp_path / "missing.nc")
    (tmp_path / "folder.nc").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no file .*folder.nc: it is a folder"):
        tk.load(tmp_path / "folder.nc")


@pytest.mark.parametrize("name", ["runs.npz", "runs", "runs.nc.bak", "runs.NC"])
def test_storage__names_end_in_nc_or_zarr(tmp_path: Path, ds: xr.Dataset, name: str) -> None:
    actions: list[Any] = [lambda: tk.save(ds, tmp_path / name), lambda: tk.load(str(tmp_path / name))]
    for action in actions:
        with pytest.raises(ValueError, match=r"wanted a file name that ends in .nc \(netCDF\) or .zarr \(zarr\), got "):
            action()
    assert list(tmp_path.iterdir()) == []


def test_save__the_folder_must_exist(tmp_path: Path, ds: xr.Dataset) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere; make it first"):
        tk.save(ds, tmp_path / "nowhere" / "x.nc")


def test_save__a_folder_in_the_way_is_left_alone(tmp_path: Path, ds: xr.Dataset) -> None:
    (tmp_path / "x.nc").mkdir()
    with pytest.raises(FileExistsError, match=r"x\.nc exists"):
        tk.save(ds, tmp_path / "x.nc")
    with pytest.raises(OSError, match=r"saving .*x.nc failed"):
        tk.save(ds, tmp_path / "x.nc", overwrite=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "x.nc"]


@pytest.mark.parametrize(("old", "new"), [("file", "file"), ("folder", "folder"), (None, "file"), (None, "folder")])
def test_whole__takes_the_place_at_the_end_or_not_at_all(tmp_path: Path, old: str | None, new: str) -> None:
    def write(path: Path, kind: str | None, text: str) -> None:
        if kind == "folder":
            path.mkdir()
        if kind:
            (path / "inner" if kind == "folder" else path).write_text(text)

    def stopped_halfway() -> None:
        with whole(path, overwrite=True) as part:
            write(part, new, "half")
            raise KeyboardInterrupt

    path = tmp_path / "x"
    held = path / "inner" if new == "folder" else path
    write(path, old, "old")
    with pytest.raises(KeyboardInterrupt):
        stopped_halfway()
    assert (held.read_text() if old else path.exists()) == ("old" if old else False)
    with whole(path, overwrite=True) as part:
        write(part, new, "new")
    assert held.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


# --- shipped data -------------------------------------------------------------------------------------------------


def test_sample_data__names_what_is_shipped_and_loads_it() -> None:
    assert tk.sample_data() == ["digits", "cifar10", "sloppy"]
    ds = tk.sample_data("digits")
    assert isinstance(ds, xr.Dataset)
    tk.validate(ds)
    assert set(ds.split.values.tolist()) == {"train", "test"}


def test_sample_data__unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"no shipped trajectories 'imagenet': wanted one of \['digits', 'cifar10', 'sloppy'\]"
    ):
        tk.sample_data("imagenet")
