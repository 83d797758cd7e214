"""Laws of saving: the complete file or none, and the dataset unchanged."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from recorded_runs import fill, run_script
from xarray.core import indexing

import trajkit as tk
from trajkit.storage.atomic import atomic_write
from trajkit.workspace import limit_workspace


def test_save__stamps_what_has_no_stamp(tmp_path: Path, ds: xr.Dataset) -> None:
    bare = ds.drop_attrs()
    kept = bare.copy(deep=True)
    back = tk.load(tk.save(bare, tmp_path / "x.nc"))
    assert bare.identical(kept)
    assert back.attrs["schema_version"] == 1
    assert back.log_prob.attrs["units"] == "nat"
    xr.testing.assert_equal(back, bare)


def test_save__packing_is_written_into_the_file(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    packed = tk.load(tk.save(ds, tmp_path / f"x{suffix}", precision=1e-4))
    assert packed.log_prob.attrs["mantissa_bits"] == 14
    assert "mantissa_bits" not in ds.log_prob.attrs


def test_save__fewer_bits_make_smaller_files(tmp_path: Path) -> None:
    ds = tk.simulate(runs=4, samples=200, spread=0.3, classes=10)
    exact, rounded = (tk.save(ds, tmp_path / f"{bits}.nc", bits=bits).stat().st_size for bits in (None, 12))
    assert rounded < 0.7 * exact


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
    with limit_workspace(ds.log_prob[0].nbytes):
        path = tk.save(lazy, tmp_path / f"x{suffix}")
    assert max(values.size for values in asked) == ds.log_prob[0].size
    assert tk.load(path).identical(ds)


def test_save__packs_a_store_without_loss(tmp_path: Path, suffix: str) -> None:
    for seed in range(3):
        fill(tmp_path / "store", seed, range(3 + seed), architecture="MLP")
    packed = tk.load(tk.save(tk.Store(tmp_path / "store"), tmp_path / f"packed{suffix}"))
    assert packed.drop_attrs(deep=False).identical(tk.load(tmp_path / "store").load().drop_attrs(deep=False))


def test_save__an_existing_file_is_only_replaced_on_request(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    path = tk.save(ds, tmp_path / f"x{suffix}")
    other = ds.isel(run=[1])
    with pytest.raises(FileExistsError, match=r"x\.\w+ exists: choose another name, or pass overwrite=True"):
        tk.save(other, path)
    assert tk.load(path).identical(ds)
    tk.save(other, path, overwrite=True)
    assert tk.load(path).identical(other)
    assert list(tmp_path.iterdir()) == [path]


def test_save__a_loaded_dataset_over_its_own_file(tmp_path: Path, ds: xr.Dataset, suffix: str) -> None:
    path = tk.save(ds, tmp_path / f"x{suffix}", bits=11)
    once = tk.load(path)
    with tk.load(path, chunks={}) as lazy:
        tk.save(lazy.isel(run=[0, 2]), path, overwrite=True)
    assert tk.load(path).identical(once.isel(run=[0, 2]))


def test_save__what_is_no_trajectory_dataset_leaves_no_trace(tmp_path: Path, ds: xr.Dataset) -> None:
    path = tk.save(ds, tmp_path / "x.nc")
    old = path.read_bytes()
    with pytest.raises(tk.SchemaError, match="'label' is missing"):
        tk.save(ds.drop_vars("label"), path, overwrite=True)
    with pytest.raises(tk.SchemaError, match="the attribute 'root' of the dataset holds complex: wanted text"):
        tk.save(ds.assign_attrs(root=1j), path, overwrite=True)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


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


def test_save__follows_the_umask(tmp_path: Path, ds: xr.Dataset) -> None:
    (plain := tmp_path / "plain").touch()
    assert tk.save(ds, tmp_path / "x.nc").stat().st_mode == plain.stat().st_mode


def test_save__shows_progress_on_request(tmp_path: Path, ds: xr.Dataset, capfd: pytest.CaptureFixture[str]) -> None:
    for progress_bar in (None, False):
        tk.save(ds, tmp_path / f"{progress_bar}.nc", progress_bar=progress_bar)
    assert capfd.readouterr() == ("", "")
    tk.save(ds, tmp_path / "shown.nc", progress_bar=True)
    assert "saving: 100%" in capfd.readouterr().err


def test_save__numbers_carry_checksums(tmp_path: Path, ds: xr.Dataset) -> None:
    with netCDF4.Dataset(tk.save(ds, tmp_path / "x.nc")) as file:
        for name in ("log_prob", "step", "known_progress", "label", "checkpoint", "seed"):
            filters = file[name].filters()
            assert filters["fletcher32"], name
            assert filters["zlib"], name
        # One chunk per run: reading a slice of runs does not read the others.
        assert file["log_prob"].chunking() == [1, 6, 30, 5]


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
def test_save_and_load__want_names_that_end_in_nc_or_zarr(tmp_path: Path, ds: xr.Dataset, name: str) -> None:
    wanted = r"wanted a file name that ends in .nc \(netCDF\) or .zarr \(zarr\), got "
    with pytest.raises(ValueError, match=wanted):
        tk.save(ds, tmp_path / name)
    # A name without an ending can be that of a store.
    error, message = (FileNotFoundError, "no file or folder") if name == "runs" else (ValueError, wanted)
    with pytest.raises(error, match=message):
        tk.load(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
    import os, resource, signal, sys
    from pathlib import Path
    import pytest
    import trajkit as tk

    # Files beyond the limit cannot grow, as on a full disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = Path(sys.argv[1])
    bigger = tk.simulate(runs=4, checkpoints=6, samples=200, spread=0.1)
    old = path.read_bytes()
    size = tk.save(bigger, path.with_name("whole.nc")).stat().st_size
    path.with_name("whole.nc").unlink()
    old_kept, none_written = "the file that was there is unchanged", "nothing was written"
    for limit in (0, 100, 5000, size // 4, size // 2, size - 4000, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for name, kept in ((path.name, old_kept), ("new.nc", none_written), ("new.zarr", none_written)):
            if name != "new.zarr" or limit <= 5000:  # its files are smaller
                with pytest.raises(OSError, match=kept) as error:
                    tk.save(bigger, path.with_name(name), overwrite=True)
                assert "Is the disk full" in str(error.value), (limit, error.value)
        assert os.listdir(path.parent) == [path.name], limit
        assert path.read_bytes() == old, limit
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert tk.load(tk.save(bigger, path, overwrite=True)).identical(bigger)
"""


def test_save__a_disk_that_fills_leaves_the_old_file_and_no_other(tmp_path: Path, ds: xr.Dataset) -> None:
    run_script(FULL_DISK, tk.save(ds, tmp_path / "x.nc"))


def test_save__the_next_one_clears_what_a_killed_one_left(tmp_path: Path, ds: xr.Dataset) -> None:
    killed = """
        import os, sys, importlib, trajkit as tk
        importlib.import_module("trajkit.storage.save")._blocks = lambda *_: os.kill(os.getpid(), 9)
        tk.save(tk.simulate(runs=2), sys.argv[1])
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(killed), str(tmp_path / "a.nc")], timeout=300)
    assert len(list(tmp_path.glob(".a.nc-*"))) == 1
    with atomic_write(tmp_path / "c.nc", overwrite=False) as in_use:
        tk.save(ds, tmp_path / "b.nc")
        assert in_use.parent.is_dir()
        in_use.write_bytes(b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.nc", "c.nc"]


def test_save__threads_save_and_load_at_once(tmp_path: Path) -> None:
    """In a process of its own: it would crash or hang."""
    run_script(
        """
        import sys, threading, trajkit as tk
        ds, failed = tk.simulate(runs=2), []

        def work(name):
            for _ in range(5):
                path = tk.save(ds, f"{sys.argv[1]}/{name}.nc", overwrite=True)
                if not tk.load(path).equals(ds) or not tk.load(path, chunks={"run": 1}).compute().equals(ds):
                    failed.append(name)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        """,
        tmp_path,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are of POSIX")
def test_save__a_process_forked_while_a_thread_saves_can_load_and_save(tmp_path: Path) -> None:
    """In a process of its own: it would hang."""
    run_script(
        """
        import os, sys, threading, warnings, trajkit as tk
        # Python 3.12 warns of forks in a process with threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        ds, done = tk.simulate(runs=2, samples=500), threading.Event()
        shared = tk.save(ds, f"{sys.argv[1]}/shared.nc")

        def work():
            while not done.is_set():
                tk.save(ds, f"{sys.argv[1]}/thread.nc", overwrite=True)

        thread = threading.Thread(target=work)
        thread.start()
        for _ in range(5):
            if not (child := os.fork()):
                own = tk.save(tk.load(shared), f"{sys.argv[1]}/{os.getpid()}.nc")
                os._exit(not tk.load(own).equals(ds))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        done.set()
        thread.join()
        """,
        tmp_path,
    )


def test_save__names_that_the_file_system_takes_for_one_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ds: xr.Dataset
) -> None:
    """As on Windows and macOS, whose file systems ignore case: "LR" would hold the numbers of "lr"."""
    two = ds.assign_coords(lr=("run", np.zeros(ds.sizes["run"])), LR=("run", np.ones(ds.sizes["run"])))
    assert tk.load(tk.save(two, tmp_path / "apart.zarr")).equals(two)
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [name for name in listed(path) if name != "lr"])
    with pytest.raises(tk.SchemaError, match=r"variables \['lr'\]: a .zarr keeps .* Rename them with ds.rename"):
        tk.save(two, tmp_path / "one.zarr")
    assert not (tmp_path / "one.zarr").exists()
    assert tk.load(tk.save(two, tmp_path / "one.nc")).equals(two)
