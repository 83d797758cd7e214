"""Laws of the matrix of all pairs, and of growing it."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest
import xarray as xr
from counted import Counted
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import relative, within
from strategies import (
    FUNCTIONS,
    METRICS,
    datasets,
    log_probs,
    matrix,
    mixed,
    ragged_runs,
)

import trajkit as tk
from trajkit.distances import kernels, metric_names
from trajkit.workspace import limit_workspace


def test_pairwise__float32_input_is_as_good_as_its_own_rounding() -> None:
    ds = tk.simulate(runs=4, spread=0.3, samples=100, classes=10)
    exact = ds.assign(log_prob=ds.log_prob.astype(np.float64))
    for metric in METRICS:
        assert np.abs(tk.pairwise(ds, metric=metric) - tk.pairwise(exact, metric=metric)).max() < 1e-15


@given(datasets())
def test_pairwise__labels_every_point_with_its_run_and_attributes(ds: xr.Dataset) -> None:
    d = tk.pairwise(ds, metric="hellinger")
    p = tk.points(ds)
    assert d.dims == ("point", "point2")
    assert d.attrs == {
        "long_name": "hellinger distance",
        "metric": "hellinger",
        "scale": "squared length",
        "units": "1",
    }
    for name in ("run", "checkpoint", "architecture", "learning_rate", "augmentation"):
        xr.testing.assert_equal(d[name].variable, p[name].variable)
    assert (d.run2.values == p.run.values).all()
    assert (d.checkpoint2.values == p.checkpoint.values).all()
    assert np.isfinite(d).all()


def test_pairwise__says_its_scale() -> None:
    ds = tk.simulate(runs=1, checkpoints=2)
    scales = {metric: tk.pairwise(ds, metric=metric).attrs["scale"] for metric in METRICS}
    assert scales == {"bhattacharyya": "squared length", "hellinger": "squared length", "fisher_rao": "length"}
    for metric, function in FUNCTIONS.items():
        assert function(tk.ignorance(ds), tk.truth(ds)).attrs["scale"] == scales[metric]


@given(log_probs(points=3), st.sampled_from([1e-8, 1e-3, 0.5, 30.0, 2000.0]))
def test_pairwise__the_cap_holds_for_each_sample_before_the_mean(log_prob: NDArray[Any], cap: float) -> None:
    got = matrix(log_prob, "bhattacharyya", cap=cap)
    for i in range(3):
        for j in range(i):
            exact = oracles.distance("bhattacharyya", log_prob[i], log_prob[j], cap)
            within("capped distances against mpmath, relative", relative(got[i, j], exact, 1e-12), 1e-9)


def test_pairwise__zero_overlap_is_an_error_that_names_run_and_checkpoint() -> None:
    ds = tk.with_references(tk.simulate(runs=2, checkpoints=3, classes=3))
    wrong = tk.truth(ds.assign_coords(label=(ds.label + 1) % 3)).values
    lost = ds.log_prob.values.copy()
    lost[1, 2] = wrong
    ds = ds.assign(log_prob=(ds.log_prob.dims, lost))
    with pytest.raises(ValueError, match=r"infinite.*run 'B-0', checkpoint 2.*cap=.*hellinger") as error:
        tk.pairwise(ds)
    # It is without overlap with truth itself, the end of the geodesic and the end of the other run, both ways.
    assert "6 pairs" in str(error.value)
    capped = tk.pairwise(ds, cap=20)
    assert capped.attrs["cap"] == 20
    assert capped.max() == 20
    assert np.isinf(tk.bhattacharyya(ds.log_prob[1, 2], tk.truth(ds)))
    for metric, largest in {"hellinger": 1, "fisher_rao": np.pi / 2}.items():
        assert tk.pairwise(ds, metric=metric).max() == pytest.approx(largest)


def test_pairwise__edits_nothing() -> None:
    ds = tk.simulate(runs=3, ragged=True)
    before = ds.copy(deep=True)
    p = tk.points(ds)
    kept = p.copy(deep=True)
    for metric in METRICS:
        tk.pairwise(ds, metric=metric)
        tk.pairwise(p, p, metric=metric)
        FUNCTIONS[metric](ds.log_prob, tk.truth(ds))
    assert ds.identical(before)
    assert p.identical(kept)


def test_pairwise__different_probes_are_refused() -> None:
    ds = tk.simulate(runs=1, checkpoints=2, samples=4)
    with pytest.raises(ValueError, match=r"different probes: 'sample' has 4 and 3 entries"):
        tk.pairwise(ds, ds.isel(sample=slice(3)))
    with pytest.raises(ValueError, match="different probes: 'sample'"):
        tk.pairwise(ds, ds.isel(sample=[1, 0, 2, 3]))
    renamed = ds.assign_coords({"class": [f"new-{c}" for c in ds["class"].values]})
    with pytest.raises(ValueError, match="different probes: 'class'"):
        tk.pairwise(ds, renamed)
    for function in FUNCTIONS.values():
        with pytest.raises(ValueError, match="sample"):
            function(ds.log_prob, ds.log_prob.isel(sample=slice(3)))


def test_pairwise__refuses_what_is_no_trajectory_dataset() -> None:
    with pytest.raises(tk.SchemaError, match="'step' is missing"):
        tk.pairwise(tk.simulate().drop_vars("step"))


@pytest.mark.parametrize("name", metric_names())
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_pairwise__equals_the_function_of_its_name(name: str, weighted: bool) -> None:
    ds = mixed(1)
    weights = np.array([0.0, 1, 2, 0.5, 3, 1, 1]) if weighted else None
    log_prob = tk.points(ds).log_prob.reset_coords(["run", "checkpoint", "kind", "seed"], drop=True)
    direct = getattr(tk, name)(log_prob, log_prob.rename(point="point2"), weights=weights)
    matrix = tk.pairwise(ds, metric=name, weights=weights)
    np.testing.assert_allclose(matrix.values, direct.values, rtol=1e-8, atol=1e-14)
    assert matrix.attrs == direct.attrs


@pytest.mark.parametrize("name", metric_names())
def test_weights__in_proportion_to_multiplicities_equal_repetition(name: str) -> None:
    ds = mixed(2)
    times = [1, 3, 0, 2, 1, 0, 4]
    repeated = ds.isel(sample=np.repeat(np.arange(7), times)).assign_coords(sample=np.arange(sum(times)))
    weighted = tk.pairwise(ds, metric=name, weights=times)
    np.testing.assert_allclose(weighted.values, tk.pairwise(repeated, metric=name).values, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("weights", [[1.0, 2], [-1.0] * 7, [0.0] * 7, [np.nan] * 7])
def test_weights__that_make_no_sense_are_refused(weights: list[float]) -> None:
    ds = mixed(5)
    with pytest.raises(ValueError, match="wanted 7 finite numbers"):
        tk.pairwise(ds, weights=weights)
    with pytest.raises(ValueError, match="wanted 7 finite numbers"):
        tk.hellinger(ds.log_prob[0, 0], ds.log_prob[0, 1], weights=weights)


def test_pairwise__takes_datasets_that_differ_in_what_else_they_know_of_samples() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    more = ds.assign_coords(difficulty=("sample", np.arange(20)))
    np.testing.assert_array_equal(tk.pairwise(ds, more), tk.pairwise(more, ds))


def test_pairwise__reads_a_file_once_a_block_of_samples_at_a_time() -> None:
    ds = tk.simulate(runs=3, checkpoints=5, samples=20, ragged=True)
    counted = Counted(ds.log_prob.values)
    with limit_workspace(kernels.PACKED_BYTES * 10 * 15 * 4):
        got = tk.pairwise(ds.assign(log_prob=counted.lazy(ds.log_prob)))
    assert counted.read == ds.log_prob.nbytes
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


def test_pairwise__names_points_that_are_nan_or_no_distributions() -> None:
    ds = tk.simulate(runs=3, checkpoints=4)
    ds.log_prob[1, 2, 3] = np.nan
    ds.log_prob[2, 0] -= 0.1
    with pytest.raises(tk.SchemaError) as error:
        tk.pairwise(ds)
    runs = ds.run.values
    assert f"run {str(runs[1])!r}, checkpoint 2: NaN in sample 3 of a recorded checkpoint" in str(error.value)
    assert f"run {str(runs[2])!r}, checkpoint 0: the probabilities of sample 0 sum to 0.904837" in str(error.value)
    many = ds.assign(log_prob=ds.log_prob + 1)
    with pytest.raises(tk.SchemaError, match="and 7 more points"):
        tk.pairwise(many)


def test_pairwise__says_what_dtype_and_device_it_takes() -> None:
    with pytest.raises(ValueError, match="wanted float32 or float64, got float16"):
        tk.pairwise(tk.simulate(), dtype="float16")
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch finds no GPU here"):
            tk.pairwise(tk.simulate(), device="cuda")


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


@pytest.mark.parametrize("metric", metric_names())
def test_extend__gives_what_pairwise_gives_of_all(metric: str) -> None:
    ds = ragged_runs(5, 6)
    old = ds.isel(run=[3, 1])
    grown = tk.extend(tk.pairwise(old, metric=metric), ds)
    order = tk.concat([old, ds.isel(run=[0, 2, 4])])
    xr.testing.assert_allclose(grown, tk.pairwise(order, metric=metric), rtol=1e-10, atol=1e-15)


def test_extend__keeps_cap_weights_and_dtype() -> None:
    ds = ragged_runs(3, 6)
    weights = np.arange(ds.sizes["sample"])
    old = tk.pairwise(ds.isel(run=[0]), cap=0.2, weights=weights, dtype="float32")
    grown = tk.extend(old, ds, weights=weights)
    xr.testing.assert_allclose(grown, tk.pairwise(ds, cap=0.2, weights=weights, dtype="float32"))
    assert grown.dtype == np.float32
    assert grown.attrs["cap"] == 0.2


def test_extend__refuses_what_does_not_belong_to_the_matrix() -> None:
    ds = ragged_runs(3, 6)
    old = tk.pairwise(ds.isel(run=[0, 1]))
    with pytest.raises(ValueError, match=r"lacks 11 of the 11 points.*tk\.concat\(\[old, new\]\)"):
        tk.extend(old, ds.isel(run=[2]))
    with pytest.raises(ValueError, match=r"other distances between old points.*weights"):
        tk.extend(old, ds, weights=np.arange(ds.sizes["sample"]))
    with pytest.raises(ValueError, match="rows and columns of this matrix differ"):
        tk.extend(tk.pairwise(ds, ds.isel(run=[0])), ds)
