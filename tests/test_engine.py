"""The pairwise engine: single precision, memory, files, dask and clusters, GPUs, interrupted and refused work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import within
from strategies import log_probs, log_softmax, point_set
from xarray.backends import BackendArray
from xarray.core import indexing

import trajkit as tk
from trajkit.distances import compiled, kernels, memory, work
from trajkit.workspace import limit_workspace

METRICS = ["bhattacharyya", "hellinger", "fisher_rao", "kullback_leibler", "jeffreys", "jensen_shannon"]
CAPPED = [m for m in METRICS if m in ("bhattacharyya", "kullback_leibler", "jeffreys")]


def predictions(points: int, samples: int, classes: int, size: float = 2.0, seed: int = 0) -> NDArray[np.float32]:
    logits = size * np.random.default_rng(seed).standard_normal((points, samples, classes))
    return log_softmax(logits).astype(np.float32)


def dataset(runs: int, checkpoints: int, samples: int = 20) -> xr.Dataset:
    """Ragged trajectories without exact zeros, for divergences that zeros make infinite."""
    x = predictions(runs * checkpoints, samples, 4).reshape(runs, checkpoints, samples, 4)
    names = [f"r{k}" for k in range(runs)]
    lengths = [checkpoints - k % 3 for k in range(runs)]
    return tk.from_arrays(
        log_prob=[x[k, :n] for k, n in enumerate(lengths)], label=np.arange(samples) % 4, runs={"run": names}
    )


def plain(log_prob: NDArray[Any], metric: str, cap: float | None, weight: NDArray[Any]) -> NDArray[np.float64]:
    """All pairs by the formulas of the single metrics: memory holds points x points x samples x classes."""
    x = xr.DataArray(log_prob, dims=("point", "sample", "class"))
    function = getattr(tk, metric)
    keywords = {} if cap is None else {"cap": cap}
    out: NDArray[np.float64] = function(x, x.rename(point="point2"), weights=weight, **keywords).values
    return out


# --- precision ----------------------------------------------------------------------------------------------------


@given(log_probs(points=3, zeros=False), st.sampled_from(METRICS))
def test_float32__is_right_to_a_millionth_and_relatively_to_a_thousandth(log_prob: NDArray[Any], metric: str) -> None:
    exact = tk.pairwise(point_set(log_prob), metric=metric).values
    got = tk.pairwise(point_set(log_prob), metric=metric, dtype="float32").values
    assert got.dtype == np.float32
    if metric != "kullback_leibler":
        assert (got == got.T).all()
    assert (np.diag(got) == 0).all()
    deviation = np.abs(got.astype(np.float64) - exact)
    # What is stored as float32 is rounded to 6e-8 of itself.
    within("float32 against float64, nats beyond rounding", (deviation - 1.2e-7 * exact).max(), 1e-6)
    # The smallest float32 is 1e-38.
    within("float32 against float64, relative", (deviation / np.maximum(exact, 1e-37)).max(), 1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("metric", METRICS)
def test_pairwise__agrees_with_the_formulas_across_tiles_and_runs_of_samples(metric: str, dtype: str) -> None:
    # More points than a tile and more samples than are multiplied at once, neither a multiple of anything.
    log_prob = predictions(compiled.TILE + 7, compiled.FLUSH + 13, 3)
    weight = np.random.default_rng(1).choice([0.0, 1.0, 2.5], log_prob.shape[1])
    for cap in (None, 0.3) if metric in CAPPED else (None,):
        got = tk.pairwise(point_set(log_prob), metric=metric, weights=weight, cap=cap, dtype=dtype).values
        deviation = np.abs(got - plain(log_prob, metric, cap, weight)).max()
        within(f"pairwise against the formulas, {dtype}", deviation, {"float32": 1e-6, "float64": 1e-12}[dtype])


@pytest.mark.parametrize("classes", [2, 3, 4, 5, 64, 65, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pairwise__takes_any_number_of_classes(classes: int, dtype: str) -> None:
    log_prob = predictions(5, 9, classes)
    got = tk.pairwise(point_set(log_prob), dtype=dtype).values
    exact = plain(log_prob, "bhattacharyya", None, np.ones(9))
    within(f"any number of classes, {dtype}", np.abs(got - exact).max(), {"float32": 1e-6, "float64": 1e-13}[dtype])


@pytest.mark.parametrize("log_odds", [30.0, 80.0, 200.0, 2000.0])
@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_float32__networks_that_disagree_with_confidence_are_right(log_odds: float, share: float) -> None:
    # Overlaps of e^-15 to e^-1000: products of a few of them are below the smallest float32, and float64.
    random = np.random.default_rng(0)
    logits = random.standard_normal((70, 100, 4))
    sure = random.random((70, 100)) < share
    logits[sure, random.integers(0, 4, sure.sum())] += log_odds
    log_prob = log_softmax(logits).astype(np.float32)
    exact = plain(log_prob, "bhattacharyya", None, np.ones(100))
    got = tk.pairwise(point_set(log_prob), dtype="float32").values
    off = ~np.eye(70, dtype=bool)
    within("confident disagreement in float32, relative", (np.abs(got - exact)[off] / exact[off]).max(), 1e-6)
    got = tk.pairwise(point_set(log_prob)).values
    within("confident disagreement in float64, relative", (np.abs(got - exact)[off] / exact[off]).max(), 1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_weights__whole_numbers_repeat_samples(metric: str) -> None:
    log_prob = predictions(6, 8, 4)
    times = np.array([0, 1, 3, 1, 2, 0, 1, 5])
    repeated = tk.pairwise(point_set(np.repeat(log_prob, times, axis=1)), metric=metric).values
    weighted = tk.pairwise(point_set(log_prob), metric=metric, weights=times).values
    within("weights against repetition", np.abs(weighted - repeated).max(), 1e-13)


# --- memory -------------------------------------------------------------------------------------------------------


class Counted(BackendArray):
    """A file's predictions that count what is read of them."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values, self.shape, self.dtype, self.read = values, values.shape, values.dtype, 0

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._get)

    def _get(self, key: tuple[Any, ...]) -> NDArray[Any]:
        part = self.values[key]
        self.read += part.size
        return part


def test_pairwise__reads_a_file_once_a_block_of_samples_at_a_time() -> None:
    ds = tk.simulate(runs=3, checkpoints=5, samples=20, ragged=True)
    counted = Counted(ds.log_prob.values)
    lazy = ds.assign(log_prob=(ds.log_prob.dims, indexing.LazilyIndexedArray(counted), ds.log_prob.attrs))
    with limit_workspace(kernels.PACKED_BYTES * 10 * 15 * 4):
        got = tk.pairwise(lazy)
    assert counted.read == ds.log_prob.size
    np.testing.assert_allclose(got, tk.pairwise(ds), rtol=1e-12)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_pairwise__takes_a_file_that_is_not_in_memory(tmp_path: Path, suffix: str) -> None:
    ds = tk.simulate(runs=3, checkpoints=5, samples=20, ragged=True)
    path = tk.save(ds, tmp_path / f"x{suffix}")
    with xr.open_dataset(path, engine="netcdf4" if suffix == ".nc" else "zarr", chunks=None) as lazy:
        got = tk.pairwise(lazy)
        assert not lazy.log_prob.variable._in_memory
    xr.testing.assert_equal(got, tk.pairwise(ds))
    # In dask's pieces nothing is computed until it is asked for.
    pieces = tk.pairwise(tk.load(path, chunks={"run": 2}))
    assert pieces.chunks is not None
    xr.testing.assert_allclose(pieces.compute(), tk.pairwise(ds), rtol=1e-12)


def run(code: str, **keywords: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, **keywords
    )


@pytest.mark.parametrize(
    ("metric", "dtype"), [("bhattacharyya", "float32"), ("bhattacharyya", "float64"), ("jeffreys", "float64")]
)
def test_memory__is_the_result_and_256_megabytes(metric: str, dtype: str) -> None:
    code = f"""
    import resource, numpy as np, trajkit as tk
    how = dict(metric="{metric}", dtype="{dtype}")
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    logits = np.random.default_rng(0).standard_normal((60, 50, 300, 10), dtype=np.float32)
    ds = tk.from_arrays(logits=logits, label=np.arange(300) % 10, runs=dict(seed=np.arange(60)))
    tk.pairwise(ds.isel(run=[0]), **how)
    # Memory that making the data used once is free by now, but still in the peak: use it up.
    import psutil
    held = np.ones(max(0, int(peak() - psutil.Process().memory_info().rss)) // 8)
    before = peak()
    distance = tk.pairwise(ds, **how)
    print(peak() - before - distance.nbytes)
    """
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 256e6


def test_pairwise__refuses_a_result_that_memory_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
    monkeypatch.setattr(work.Work, "distances", lambda *_: pytest.fail("it began"))
    with pytest.raises(MemoryError, match=r"160 x 160 distances need 0\.0 GB.*float32.*out=.*landmarks"):
        tk.pairwise(tk.simulate())


def test_available_memory__heeds_the_limit_of_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 200000\n")
    monkeypatch.setattr(memory, "_LIMIT", tmp_path / "memory.max")
    monkeypatch.setattr(memory, "_USED", tmp_path / "memory.current")
    assert memory.available_memory() == 500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory() > 1_000_000


# --- bad input ----------------------------------------------------------------------------------------------------


def test_pairwise__names_points_that_are_nan_or_no_distributions() -> None:
    ds = tk.simulate(runs=3, checkpoints=4)
    ds.log_prob[1, 2, 3] = np.nan
    ds.log_prob[2, 0] -= 0.1
    with pytest.raises(tk.SchemaError) as error:
        tk.pairwise(ds)
    runs = ds.run.values
    assert f"run {str(runs[1])!r}, checkpoint 2: NaN in 1 of 50 samples of a recorded checkpoint" in str(error.value)
    assert f"run {str(runs[2])!r}, checkpoint 0: the probabilities of a sample sum to 0.904837" in str(error.value)
    many = ds.assign(log_prob=ds.log_prob + 1)
    with pytest.raises(tk.SchemaError, match="and 7 more points"):
        tk.pairwise(many)


def test_pairwise__says_what_dtype_and_device_it_takes() -> None:
    with pytest.raises(ValueError, match="wanted float32 or float64, got float16"):
        tk.pairwise(tk.simulate(), dtype="float16")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch finds no GPU here"):
            tk.pairwise(tk.simulate(), device="cuda")


# --- interruption -------------------------------------------------------------------------------------------------


def test_pairwise__stops_soon_when_interrupted(tmp_path: Path) -> None:
    code = f"""
    import signal
    import trajkit as tk
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
    tk.pairwise(tk.simulate())
    tk.pairwise(tk.simulate(), out="{tmp_path}/warm.zarr")
    ds = tk.simulate(runs=150, checkpoints=80, samples=100, classes=10)
    print("begun", flush=True)
    tk.pairwise(ds, out="{tmp_path}/d.zarr")
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(1.0)
        assert process.poll() is None, "done before it could be interrupted"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in said
    assert [p.name for p in tmp_path.iterdir()] == ["warm.zarr"]


# --- blocks: files, dask, clusters --------------------------------------------------------------------------------


@pytest.fixture
def small_blocks() -> Iterator[None]:
    """Tiles of 16 points."""
    with limit_workspace(16**2 * 40):
        yield


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("metric", ["bhattacharyya", "kullback_leibler"])
@pytest.mark.parametrize("chunks", [{"run": 2}, {"sample": 7}, {"run": 1, "sample": 9}])
def test_dask__pieces_in_dask_pieces_out_and_the_same_distances(metric: str, chunks: dict[str, int]) -> None:
    ds = dataset(5, 8)
    lazy = tk.pairwise(ds.chunk(chunks), metric=metric)
    assert lazy.chunks is not None
    assert len(lazy.chunks[0]) > 1
    whole = tk.pairwise(ds, metric=metric)
    xr.testing.assert_allclose(lazy.compute(), whole, rtol=1e-12, atol=1e-15)
    assert lazy.attrs == whole.attrs


@pytest.mark.usefixtures("small_blocks")
def test_out__writes_a_file_that_holds_the_same(tmp_path: Path) -> None:
    ds = dataset(5, 8)
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
    ds = dataset(5, 8)
    certain = ds.copy(deep=True)
    certain.log_prob[4, 6, 2], certain.log_prob[3, 7, 2] = (
        [-np.inf, 0, -np.inf, -np.inf],
        [0, -np.inf, -np.inf, -np.inf],
    )
    with pytest.raises(ValueError, match="infinite bhattacharyya distance"):
        tk.pairwise(certain, out=tmp_path / "d.zarr")
    certain.log_prob[2, 5, 1] = np.nan
    with pytest.raises(tk.SchemaError, match="checkpoint 5: NaN in 1 of 20 samples"):
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
        thread = threading.Thread(target=lambda: done.append(tk.pairwise(ds, out=tmp_path / "d.zarr", client=client)))
        thread.start()
        _wait_for_results(client)
        victim = next(iter(local.workers.values())).pid
        os.kill(victim, signal.SIGKILL)
        assert thread.is_alive(), "done before the worker was killed"
        thread.join(timeout=120)
        assert not thread.is_alive()
        # The nanny started another in its place.
        assert {worker.pid for worker in local.workers.values()} != first
        xr.testing.assert_allclose(done[0].load(), whole, rtol=1e-12, atol=1e-15)
        xr.testing.assert_allclose(tk.pairwise(ds.isel(run=[0, 1]), client=client), tk.pairwise(ds.isel(run=[0, 1])))


def _wait_for_results(client: Any) -> None:
    """Wait until some blocks of the matrix are written."""
    deadline = time.monotonic() + 60
    while not any("store-map" in str(key) for keys in client.has_what().values() for key in keys):
        assert time.monotonic() < deadline, "nothing was computed"
        time.sleep(0.01)


# --- growing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
def test_extend__gives_what_pairwise_gives_of_all(metric: str) -> None:
    ds = dataset(5, 6)
    old = ds.isel(run=[3, 1])
    grown = tk.extend(tk.pairwise(old, metric=metric), ds)
    order = tk.concat([old, ds.isel(run=[0, 2, 4])])
    xr.testing.assert_allclose(grown, tk.pairwise(order, metric=metric), rtol=1e-10, atol=1e-15)


def test_extend__keeps_cap_weights_and_dtype() -> None:
    ds = dataset(3, 6)
    weights = np.arange(ds.sizes["sample"])
    old = tk.pairwise(ds.isel(run=[0]), cap=0.2, weights=weights, dtype="float32")
    grown = tk.extend(old, ds, weights=weights)
    xr.testing.assert_allclose(grown, tk.pairwise(ds, cap=0.2, weights=weights, dtype="float32"))
    assert grown.dtype == np.float32
    assert grown.attrs["cap"] == 0.2


def test_extend__refuses_what_does_not_belong_to_the_matrix() -> None:
    ds = dataset(3, 6)
    old = tk.pairwise(ds.isel(run=[0, 1]))
    with pytest.raises(ValueError, match=r"lacks 11 of the 11 points.*tk\.concat\(\[old, new\]\)"):
        tk.extend(old, ds.isel(run=[2]))
    with pytest.raises(ValueError, match=r"other distances between old points.*weights"):
        tk.extend(old, ds, weights=np.arange(ds.sizes["sample"]))
    with pytest.raises(ValueError, match="rows and columns of this matrix differ"):
        tk.extend(tk.pairwise(ds, ds.isel(run=[0])), ds)


# --- GPU ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gpu__the_path_through_torch_gives_the_same_distances(metric: str, dtype: str) -> None:
    # On torch's CPU: any name but "cpu" itself takes this path.
    device = "cuda" if torch.cuda.is_available() else "cpu:0"
    ds = dataset(4, 9, 25)
    random = np.random.default_rng(0)
    caps = [None, 0.4] if metric in CAPPED else [None]
    for cap in caps:
        for weights in (None, random.choice([0.0, 1.0, 2.0], 25)):
            for other in (None, ds.isel(run=[1, 2])):
                how: dict[str, Any] = {"metric": metric, "dtype": dtype, "cap": cap, "weights": weights}
                with limit_workspace(20**2 * 40):
                    there = tk.pairwise(ds, other, device=device, **how).values
                here = tk.pairwise(ds, other, **how).values
                within(f"torch against compiled, {dtype}", np.abs(there - here).max(), 1e-6)
                if other is None and metric != "kullback_leibler":
                    assert (there == there.T).all()


def test_gpu__products_that_vanish_are_computed_anew() -> None:
    log_prob = predictions(9, 40, 3, size=400.0)
    there = tk.pairwise(point_set(log_prob), dtype="float32", device="cpu:0").values
    here = tk.pairwise(point_set(log_prob)).values
    assert here.max() > 100
    np.testing.assert_allclose(there, here, rtol=1e-6)


# --- benchmark ----------------------------------------------------------------------------------------------------


def test_benchmark__runs_and_fills_its_table() -> None:
    script = Path(__file__).parent / "benchmarks" / "bench_pairwise.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--repeat", "1"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    head, row = done.stdout.splitlines()[-3], done.stdout.splitlines()[-1]
    assert head.count("|") == row.count("|")
    assert row.startswith("| 300 | 100 | 10 | ")
