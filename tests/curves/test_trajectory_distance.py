"""Laws of distances between whole trajectories."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import (
    mean_of_samples,
    mp,
    relative,
    within,
)
from strategies import (
    certain,
    datasets,
    log_softmax,
    recorded,
    runs_of,
)

import trajkit as tk
from trajkit.distances import metric_names

METHODS = ("progress", "frechet", "hausdorff", "kernel")


def textbook_frechet(d: NDArray[np.float64]) -> float:
    """Eiter & Mannila's recursion."""

    @cache
    def c(i: int, j: int) -> float:
        if i == j == 0:
            return float(d[0, 0])
        ways = [c(a, b) for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if a >= 0 and b >= 0]
        return max(min(ways), float(d[i, j]))

    return c(d.shape[0] - 1, d.shape[1] - 1)


def plain_hausdorff(d: NDArray[np.float64]) -> float:
    return float(max(max(min(row) for row in d.tolist()), max(min(column) for column in d.T.tolist())))


def plain_kernel(d: NDArray[np.float64], s: NDArray[np.float64], t: NDArray[np.float64], bandwidth: float) -> float:
    def one_way(d: NDArray[np.float64], s: NDArray[np.float64], t: NDArray[np.float64]) -> float:
        total = mp.mpf(0)
        for i in range(len(s)):
            weight = [mp.exp(-(((s[i] - x) / bandwidth) ** 2) / 2) for x in t]
            total += mp.fsum(w * x for w, x in zip(weight, d[i], strict=True)) / mp.fsum(weight)
        return float(total / len(s))

    return (one_way(d, s, t) + one_way(d.T, t, s)) / 2


@settings(max_examples=20)
@given(datasets(), st.sampled_from(METHODS), st.sampled_from(metric_names(symmetric=True)))
def test_trajectory_distance__agrees_with_plain_loops(ds: xr.Dataset, method: str, metric: str) -> None:
    got = tk.trajectory_distance(ds, method=method, metric=metric, n=4, extend="hold")
    even, progress = tk.resample(ds, 4).log_prob.values, tk.progress(ds).values
    for u in range(ds.sizes["run"]):
        for v in range(u):
            if method == "progress":
                exact = sum(mean_of_samples(metric, p, q) for p, q in zip(even[u], even[v], strict=True)) / 4
            else:
                i, j = recorded(ds, u), recorded(ds, v)
                a, b = ds.log_prob.values[u, i].astype(float), ds.log_prob.values[v, j].astype(float)
                d = np.array([[mean_of_samples(metric, p, q) for q in b] for p in a])
                if method == "frechet":
                    exact = textbook_frechet(d)
                elif method == "hausdorff":
                    exact = plain_hausdorff(d)
                else:
                    exact = plain_kernel(d, progress[u, i], progress[v, j], 0.05)
            floor = 1e-6 if metric == "fisher_rao" else 1e-12
            within(f"{method} distance against loops, relative", relative(got.values[u, v], exact, floor), 1e-8)


@settings(max_examples=20)
@given(datasets(), st.sampled_from(METHODS), st.sampled_from(metric_names(symmetric=True)))
def test_trajectory_distance__is_symmetric_with_a_zero_diagonal(ds: xr.Dataset, method: str, metric: str) -> None:
    got = tk.trajectory_distance(ds, method=method, metric=metric, n=5, extend="hold").values
    np.testing.assert_array_equal(got, got.T)
    assert not np.diag(got).any()
    assert (got >= 0).all()


@settings(max_examples=20)
@given(datasets(), st.sampled_from(metric_names(symmetric=True)))
def test_trajectory_distance__of_a_run_and_its_copy_is_zero(ds: xr.Dataset, metric: str) -> None:
    copy = ds.assign_coords(run=[f"copy of {r}" for r in ds.run.values])
    both = tk.concat([ds, copy])
    runs = ds.sizes["run"]
    for method in ("progress", "frechet", "hausdorff"):
        got = tk.trajectory_distance(both, method=method, metric=metric, n=3, extend="hold").values
        within("distance of a run and its copy", np.diag(got[:runs, runs:]).max(), 1e-15)
        np.testing.assert_allclose(got[:runs, :runs], got[:runs, runs:], rtol=1e-9, atol=1e-12)


def test_trajectory_distance__smoothing_gives_a_copy_the_width_of_the_kernel() -> None:
    ds = tk.simulate(runs=1, checkpoints=9)
    both = tk.concat([ds, ds.assign_coords(run=["copy"])])
    wide, narrow = (
        tk.trajectory_distance(both, method="kernel", bandwidth=b).sel(run="copy", run2="A-0").item()
        for b in (0.05, 0.005)
    )
    assert 1e-4 < wide < 1e-2
    assert narrow < 1e-9


@settings(max_examples=20)
@given(datasets(), st.randoms(use_true_random=False), st.sampled_from(METHODS))
def test_trajectory_distance__permutations_change_nothing(ds: xr.Dataset, random: Any, method: str) -> None:
    runs, samples, classes = (random.sample(range(ds.sizes[d]), ds.sizes[d]) for d in ("run", "sample", "class"))
    shuffled = ds.isel(run=runs, sample=samples).isel({"class": classes})
    shuffled = shuffled.assign_coords(label=("sample", np.argsort(classes)[shuffled.label.values]))
    wanted = tk.trajectory_distance(ds, method=method, n=3, extend="hold").values[np.ix_(runs, runs)]
    got = tk.trajectory_distance(shuffled, method=method, n=3, extend="hold").values
    within("distances of trajectories under permutation, relative", relative(got, wanted, 1e-6), 1e-6)


@settings(max_examples=20)
@given(datasets(), st.sampled_from(metric_names(symmetric=True)))
def test_trajectory_distance__hausdorff_is_at_most_frechet(ds: xr.Dataset, metric: str) -> None:
    least = tk.trajectory_distance(ds, method="hausdorff", metric=metric)
    most = tk.trajectory_distance(ds, method="frechet", metric=metric)
    assert (least <= most).all()


@settings(max_examples=20)
@given(datasets(), st.sampled_from(["frechet", "hausdorff"]))
def test_trajectory_distance__repeated_checkpoints_change_nothing(ds: xr.Dataset, method: str) -> None:
    twice = ds.isel(checkpoint=np.repeat(np.arange(ds.sizes["checkpoint"]), 2))
    twice = twice.assign_coords(checkpoint=np.arange(twice.sizes["checkpoint"]))
    step = np.where(twice.step.values >= 0, 2 * twice.step.values + twice.checkpoint.values % 2, -1)
    twice = twice.assign(step=twice.step.copy(data=step))
    a, b = (tk.trajectory_distance(x, method=method).values for x in (ds, twice))
    within("frechet and hausdorff with repeated checkpoints", relative(b, a, 1e-9), 1e-9)


def test_trajectory_distance__the_same_way_at_another_pace_is_no_distance() -> None:
    probe = tk.simulate(runs=1, checkpoints=1, samples=6, classes=4)
    start, end = tk.ignorance(probe), tk.truth(probe)
    t = np.linspace(0, 1, 12)
    ds = runs_of([tk.geodesic(start, end, x).values for x in (t, t**3, np.sqrt(t))], probe.label.values)
    within("progress distance along one way at three paces", tk.trajectory_distance(ds).max().item(), 1e-12)
    assert (tk.trajectory_distance(ds, method="frechet").values[np.triu_indices(3, 1)] > 1e-3).all()


def plain_mean(even: xr.Dataset, u: int, v: int) -> float:
    """Mean distance of two runs over the checkpoints that both have."""
    common = [k for k in range(even.sizes["checkpoint"]) if min(even.step.values[[u, v], k]) >= 0]
    a, b = (even.log_prob.values[r].astype(float) for r in (u, v))
    return sum(mean_of_samples("bhattacharyya", a[k], b[k]) for k in common) / len(common)


@pytest.mark.parametrize("extend", ["hold", "nan", "shared"])
def test_trajectory_distance__is_the_plain_mean_over_the_points_that_resample_gives(extend: str) -> None:
    ds = tk.simulate(runs=4, checkpoints=12, spread=0.3, ragged=True)
    ds = tk.concat([ds.isel(run=[0, 1, 2]), ds.isel(run=[3], checkpoint=slice(4, None))])
    n = 10
    got, even = tk.trajectory_distance(ds, n=n, extend=extend), tk.resample(ds, n, extend=extend)
    assert (even.step >= 0).all() == (extend != "nan")
    for u in range(4):
        for v in range(u):
            within(f"{extend} distance, relative", relative(got.values[u, v], plain_mean(even, u, v), 1e-12), 1e-8)
    assert got.attrs["extend"] == extend


def test_trajectory_distance__by_default_leaves_out_and_names_runs_that_reach_too_little() -> None:
    ds = tk.simulate(runs=4, checkpoints=11, spread=0.3)
    short = ds.isel(run=[3], checkpoint=slice(0, 6))
    ds = tk.concat([ds.isel(run=[0, 1, 2]), short])
    got = tk.trajectory_distance(ds, n=5)
    assert got.run.values.tolist() == got.run2.values.tolist() == ds.run.values[:3].tolist()
    assert got.attrs["left_out"] == ds.run.values[3]
    assert got.attrs["shared_part"] == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(got, tk.trajectory_distance(ds.isel(run=[0, 1, 2]), n=5))
    every = tk.trajectory_distance(ds, n=5, reach=0.4)
    assert (every.sizes["run"], every.attrs["left_out"]) == (4, "")
    assert every.attrs["shared_to"] == pytest.approx(tk.progress(short).max().item(), abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_trajectory_distance__does_not_see_checkpoints_before_the_start(method: str) -> None:
    """What a run does before its start does not count, whatever it is."""
    ds = tk.simulate(runs=4, checkpoints=9, spread=0.3)
    noise = log_softmax(np.random.default_rng(0).standard_normal(ds.log_prob[:2, :3].shape))
    changed = ds.log_prob.values.copy()
    changed[:2, :3] = noise
    ds = ds.assign(log_prob=ds.log_prob.copy(data=changed)).assign_coords(start_step=("run", [3.0, 3.0, 0.0, np.nan]))
    cut = tk.concat([ds.isel(run=[0, 1], checkpoint=slice(3, None)), ds.isel(run=[2, 3])])
    for extend in ("hold", "shared") if method == "progress" else ("shared",):
        got, wanted = (tk.trajectory_distance(x, method=method, n=5, extend=extend) for x in (ds, cut))
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


def test_trajectory_distance__says_what_it_is() -> None:
    ds = tk.with_references(tk.simulate(runs=2))
    got = tk.trajectory_distance(ds, method="frechet", metric="fisher_rao")
    assert got.dims == ("run", "run2")
    assert (got.attrs["scale"], got.attrs["units"], got.attrs["method"]) == ("length", "rad", "frechet")
    assert got.architecture.values.tolist() == ["A", "B", "", "", ""]
    assert got.run2.values.tolist() == ds.run.values.tolist()
    assert got.sel(run="geodesic", run2="ignorance") == pytest.approx(np.arccos(1 / np.sqrt(5)))


def test_trajectory_distance__zero_overlap_is_named_or_capped() -> None:
    a, b = certain(3, 0, 1)[None], certain(3, 0, 2)[None]
    ds = runs_of([a, b])
    for method in METHODS:
        with pytest.raises(
            ValueError, match=r"infinite bhattacharyya.*run '0', checkpoint 0 and run '1', checkpoint 0"
        ):
            tk.trajectory_distance(ds, method=method, n=2, extend="hold")
        got = tk.trajectory_distance(ds, method=method, n=2, cap=8.0, extend="hold")
        # One sample agrees, the other counts the cap.
        assert got.values.tolist() == [[0, 4], [4, 0]]
        assert got.attrs["cap"] == 8
        assert "cap" not in tk.trajectory_distance(ds, method=method, metric="hellinger", n=2, extend="hold").attrs


def test_trajectory_distance__bad_inputs() -> None:
    ds = tk.simulate(runs=2, checkpoints=6)
    halves = tk.concat([ds.isel(run=[0], checkpoint=slice(3)), ds.isel(run=[1], checkpoint=slice(3, None))])
    refused: list[tuple[dict[str, Any], str]] = [
        ({"method": "dtw"}, r"method: wanted one of \['progress', 'frechet', 'hausdorff', 'kernel'\], got 'dtw'"),
        ({"metric": "euclid"}, "unknown metric 'euclid': wanted one of"),
        ({"metric": "kullback_leibler"}, "'kullback_leibler' is not symmetric: wanted one of"),
        ({"extend": "both"}, r"extend: wanted one of \['hold', 'nan', 'shared'\], got 'both'"),
        ({"reach": 1.5}, "reach: wanted a share between 0 and 1, got 1.5"),
        ({"bandwidth": 0.0}, "bandwidth: wanted a positive difference of progress, got 0"),
        ({"bandwidth": math.nan}, "bandwidth: wanted a positive difference of progress, got nan"),
        ({"n": 1}, "n: wanted 2 points or more, got 1"),
        ({"cap": -1.0}, "cap: wanted a positive number of nats, got -1"),
        ({"cap": 1.0, "metric": "hellinger"}, "'hellinger' is bounded and takes no cap"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            tk.trajectory_distance(ds, **arguments)
    with pytest.raises(ValueError, match="runs 'B-0' and 'A-0' share no progress; leave one of them out"):
        tk.trajectory_distance(halves.isel(run=[1, 0]), extend="nan", n=6)
    with pytest.raises(ValueError, match=r"no two runs reach 0\.8 of the progress.*pass a smaller reach="):
        tk.trajectory_distance(halves)
    with pytest.raises(ValueError, match=r"no interval of 'progress' in common: run 'B-0' starts at 0\.6.*'A-0' ends"):
        tk.trajectory_distance(halves, reach=0)
    assert np.isfinite(tk.trajectory_distance(halves, cap=9.0, extend="hold")).all()
