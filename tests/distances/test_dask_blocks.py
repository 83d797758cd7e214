"""Laws of distances by dask: pieces, files and clusters."""

import contextvars
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
from other_process import run
from strategies import (
    ragged_runs,
)

import trajkit as tk
from trajkit.workspace import limit_workspace


@pytest.fixture
def small_blocks() -> Iterator[None]:
    """Tiles of 16 points."""
    with limit_workspace(16**2 * 40):
        yield


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("metric", ["bhattacharyya", "kullback_leibler"])
@pytest.mark.parametrize("chunks", [{"run": 2}, {"sample": 7}, {"run": 1, "sample": 9}])
def test_dask__pieces_in_dask_pieces_out_and_the_same_distances(metric: str, chunks: dict[str, int]) -> None:
    ds = ragged_runs(5, 8)
    lazy = tk.pairwise(ds.chunk(chunks), metric=metric)
    assert lazy.chunks is not None
    assert len(lazy.chunks[0]) > 1
    whole = tk.pairwise(ds, metric=metric)
    xr.testing.assert_allclose(lazy.compute(), whole, rtol=1e-12, atol=1e-15)
    assert lazy.attrs == whole.attrs


@pytest.mark.usefixtures("small_blocks")
def test_out__writes_a_file_that_holds_the_same(tmp_path: Path) -> None:
    ds = ragged_runs(5, 8)
    other = ds.isel(run=[3, 1])
    distance = tk.pairwise(ds, other, dtype="float32", out=tmp_path / "d.zarr")
    xr.testing.assert_allclose(distance.load(), tk.pairwise(ds, other, dtype="float32"), rtol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["d.zarr"]
    with pytest.raises(FileExistsError, match="choose another name, or delete it"):
        tk.pairwise(ds, out=tmp_path / "d.zarr")
    with pytest.raises(ValueError, match=r"ends in \.zarr"):
        tk.pairwise(ds, out=tmp_path / "d.nc")
    with pytest.raises(FileNotFoundError, match="make it first"):
        tk.pairwise(ds, out=tmp_path / "nowhere" / "d.zarr")


@pytest.mark.usefixtures("small_blocks")
def test_out__an_embedding_reads_it(tmp_path: Path) -> None:
    ds = tk.simulate(runs=6, checkpoints=8)
    from_file = tk.inpca(tk.pairwise(ds, out=tmp_path / "d.zarr"))
    np.testing.assert_allclose(from_file.coordinate, tk.inpca(tk.pairwise(ds)).coordinate, atol=1e-9)


@pytest.mark.usefixtures("small_blocks")
def test_out__infinite_pairs_and_nan_points_are_named_and_leave_nothing(tmp_path: Path) -> None:
    ds = ragged_runs(5, 8)
    certain = ds.copy(deep=True)
    certain.log_prob[4, 6, 2], certain.log_prob[3, 7, 2] = (
        [-np.inf, 0, -np.inf, -np.inf],
        [0, -np.inf, -np.inf, -np.inf],
    )
    with pytest.raises(ValueError, match="infinite bhattacharyya distance"):
        tk.pairwise(certain, out=tmp_path / "d.zarr")
    certain.log_prob[2, 5, 1] = np.nan
    with pytest.raises(tk.SchemaError, match="checkpoint 5: NaN in sample 1 of"):
        tk.pairwise(certain, out=tmp_path / "d.zarr")
    assert list(tmp_path.iterdir()) == []


def test_out__a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    # Files may grow to 100 kB in this process, as on a disk with no more room; SIGXFSZ ignored, writing fails.
    code = f"""
    import resource, signal, trajkit as tk
    ds = tk.simulate(runs=60, checkpoints=40, samples=5)
    tk.pairwise(ds)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        tk.pairwise(ds, out="{tmp_path}/d.zarr")
    except OSError as error:
        print(error)
    """
    done = run(code)
    assert "d.zarr failed" in done.stdout, done.stderr
    assert "nothing was written" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_blocks")
def test_client__computes_and_does_not_stand_in_the_settings_that_new_workers_get() -> None:
    """A nanny pickles dask's settings when it starts a worker again, and a client cannot be pickled."""
    from distributed import Client

    ds, settings = ragged_runs(5, 8), []

    with Client(processes=False, n_workers=1, dashboard_address=None, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        gather = client.gather

        def gathered(*args: Any, **options: Any) -> Any:
            settings.append(pickle.dumps(dask.config.config))
            return gather(*args, **options)

        client.gather = gathered
        xr.testing.assert_allclose(tk.pairwise(ds, client=client), tk.pairwise(ds), rtol=1e-12, atol=1e-15)
    assert settings, "computed elsewhere"


def test_cluster__a_worker_killed_in_mid_run_changes_nothing(tmp_path: Path) -> None:
    with limit_workspace(60**2 * 40):
        _with_a_worker_killed(tmp_path)


def _with_a_worker_killed(tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    ds = tk.simulate(runs=24, checkpoints=30, samples=300, ragged=True)
    whole = tk.pairwise(ds)
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        ) as local,
        Client(local) as client,  # type: ignore[no-untyped-call]
    ):
        first = {worker.pid for worker in local.workers.values()}
        done: list[xr.DataArray] = []
        # A new thread does not inherit the limit of the workspace.
        limited = contextvars.copy_context()

        def compute() -> None:
            done.append(limited.run(tk.pairwise, ds, out=tmp_path / "d.zarr", client=client))

        thread = threading.Thread(target=compute)
        thread.start()
        _wait_for_results(client)
        victim = next(iter(local.workers.values())).pid
        os.kill(victim, signal.SIGKILL)
        assert thread.is_alive(), "done before the worker was killed"
        thread.join(timeout=300)
        assert not thread.is_alive()
        # The nanny started another in its place.
        assert {worker.pid for worker in local.workers.values()} != first
        xr.testing.assert_allclose(done[0].load(), whole, rtol=1e-12, atol=1e-15)
        xr.testing.assert_allclose(tk.pairwise(ds.isel(run=[0, 1]), client=client), tk.pairwise(ds.isel(run=[0, 1])))


def _wait_for_results(client: Any) -> None:
    """Wait until some blocks of the matrix are written."""
    deadline = time.monotonic() + 300
    while not any("store-map" in str(key) for keys in client.has_what().values() for key in keys):
        assert time.monotonic() < deadline, "nothing was computed"
        time.sleep(0.01)
