"""Laws of whole trajectories: tangents, resampling, lengths, means, tubes and distances between runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import oracles
import pytest
import scipy.optimize
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import mp, relative, within
from strategies import array, datasets, dtypes, log_probs, log_softmax

import trajkit as tk
from trajkit.curves.means import MEANS

Array = NDArray[np.float64]

LENGTH_METRICS = ("fisher_rao", "bhattacharyya")
SYMMETRIC = ("bhattacharyya", "hellinger", "fisher_rao", "jeffreys", "jensen_shannon")
METHODS = ("progress", "frechet", "hausdorff", "kernel")
TAKE_ZEROS = ("arithmetic", "amplitude", "bhattacharyya")
# Where one example costs a tenth of a second.
fewer = settings(max_examples=20)


def runs_of(log_prob: list[NDArray[Any]], label: NDArray[Any] | None = None, **attributes: list[Any]) -> xr.Dataset:
    """Make a dataset of runs (checkpoint, sample, class) in float64."""
    n, c = log_prob[0].shape[1:]
    ds = tk.from_arrays(
        log_prob=log_prob,
        label=np.arange(n) % c if label is None else label,
        runs=attributes or {"seed": list(range(len(log_prob)))},
    )
    exact = np.full(ds.log_prob.shape, np.nan)
    for r, curve in enumerate(log_prob):
        exact[r, : len(curve)] = curve
    return ds.assign(log_prob=(ds.log_prob.dims, exact))


def recorded(ds: xr.Dataset, run: int) -> NDArray[np.intp]:
    return np.flatnonzero(ds.step.values[run] >= 0)


def prob(log_prob: Any) -> Array:
    """Probabilities that sum to one exactly enough."""
    p: Array = np.exp(np.asarray(log_prob, dtype=np.float64))
    out: Array = p / p.sum(-1, keepdims=True)
    return out


def one_sample(metric: str, p: Array, q: Array) -> float:
    """Distance of two rows of log-probabilities, straight from the formula."""
    p, q = log_softmax(p), log_softmax(q)
    half = 0.5 * math.fsum((np.exp(p / 2) - np.exp(q / 2)) ** 2)
    if metric == "hellinger":
        return half
    if metric == "fisher_rao":
        return 2 * math.asin(min(1.0, math.sqrt(half / 2)))
    if metric == "bhattacharyya":
        if half < 0.5:
            return -math.log1p(-half)
        top = float(((p + q) / 2).max())
        return math.inf if top == -math.inf else -top - math.log(math.fsum(np.exp((p + q) / 2 - top)))
    if metric == "jeffreys":
        return math.fsum((np.exp(p) - np.exp(q)) * (p - q))
    middle = np.logaddexp(p, q) - math.log(2)
    return 0.5 * math.fsum(np.exp(p) * (p - middle)) + 0.5 * math.fsum(np.exp(q) * (q - middle))


def plain(metric: str, a: Any, b: Any) -> float:
    """Mean over samples of `one_sample`, for log-probabilities (sample, class)."""
    return math.fsum(one_sample(metric, p, q) for p, q in zip(np.asarray(a), np.asarray(b), strict=True)) / len(a)


def between(a: Any, b: Any, t: float) -> Array:
    """Probabilities at t on the great circles from a to b (sample, class), one sample at a time."""
    out = []
    for p, q in zip(np.sqrt(prob(a)), np.sqrt(prob(b)), strict=True):
        angle = 2 * math.asin(min(1.0, math.sqrt(math.fsum((p - q) ** 2)) / 2))
        if angle == 0:
            out.append(p**2)
        else:
            out.append(((math.sin((1 - t) * angle) * p + math.sin(t * angle) * q) / math.sin(angle)) ** 2)
    return np.array(out)


def certain(classes: int, *wins: int) -> Array:
    """Log-probabilities (sample, class) that allow a single class each."""
    with np.errstate(divide="ignore"):
        out: Array = np.log(np.eye(classes)[list(wins)])
    return out


# --- tangent ------------------------------------------------------------------------------------------------------


@given(log_probs())
def test_tangent__is_orthogonal_to_the_start_and_as_long_as_the_angle(log_prob: NDArray[Any]) -> None:
    a, b = log_prob
    got = tk.tangent(array(a), array(b)).values
    for n, (p, q) in enumerate(zip(a, b, strict=True)):
        row, other = oracles.distribution(p), oracles.distribution(q)
        angle = mp.acos(min(oracles.overlap(row, other), mp.mpf(1)))
        along = mp.fsum(mp.mpf(v) * mp.sqrt(x) for v, x in zip(got[n].tolist(), row, strict=True))
        size = mp.sqrt(mp.fsum(mp.mpf(v) ** 2 for v in got[n].tolist()))
        within("tangent is orthogonal to the start", abs(along), 1e-13)
        within("length of the tangent is the angle", abs(size - angle), 1e-13)


@given(log_probs())
def test_tangent__agrees_with_fifty_digits(log_prob: NDArray[Any]) -> None:
    a, b = (x[:1] for x in log_prob)
    p, q = oracles.distribution(a[0]), oracles.distribution(b[0])
    angle = mp.acos(min(oracles.overlap(p, q), mp.mpf(1)))
    stretch = angle / mp.sin(angle) if angle else mp.mpf(1)
    exact = [stretch * (mp.sqrt(y) - mp.cos(angle) * mp.sqrt(x)) for x, y in zip(p, q, strict=True)]
    got = tk.tangent(array(a), array(b)).values[0]
    within("tangent against mpmath", np.abs(got - np.array(exact, dtype=float)).max(), 1e-13)


@given(log_probs(), st.sampled_from([1e-3, 1e-4]))
def test_tangent__is_the_derivative_of_the_geodesic(log_prob: NDArray[Any], h: float) -> None:
    a, b = (array(x) for x in log_prob)
    start, near, far = np.exp(0.5 * tk.geodesic(a, b, [0, h, 2 * h]).values)
    slope = (-3 * start + 4 * near - far) / (2 * h)
    within("tangent against differences of the geodesic", np.abs(slope - tk.tangent(a, b)).max() / h**2, 2.0)


@given(log_probs(points=1))
def test_tangent__from_a_point_to_itself_is_exactly_zero(log_prob: NDArray[Any]) -> None:
    assert not tk.tangent(array(log_prob[0]), array(log_prob[0])).values.any()


@pytest.mark.parametrize("size", [1e-4, 1e-6, 1e-8])
def test_tangent__of_near_points_is_relatively_accurate(size: float) -> None:
    p, q = np.log([[0.5, 0.3, 0.2]]), np.log([[0.5 + size, 0.3 - size, 0.2]])
    exact = mp.acos(oracles.overlap(oracles.distribution(p[0]), oracles.distribution(q[0])))
    got = np.linalg.norm(tk.tangent(array(p), array(q)))
    within("length of tiny tangents (1e-8 and up), relative", relative(got, exact), 1e-7)


def test_tangent__broadcasts_over_runs_and_keeps_missing_points() -> None:
    ds = tk.simulate(runs=3, checkpoints=5, samples=4, ragged=True)
    velocity = tk.tangent(ds.log_prob, tk.truth(ds))
    assert velocity.dims == ("run", "checkpoint", "sample", "class")
    assert (velocity.isnull().any(("sample", "class")) == (ds.step < 0)).all()
    assert velocity.attrs["units"] == "rad"
    alone = tk.tangent(ds.log_prob[1, 2], tk.truth(ds))
    np.testing.assert_allclose(velocity[1, 2], alone, rtol=1e-14)


def test_tangent__bad_inputs() -> None:
    ds = tk.simulate(runs=1)
    with pytest.raises(
        ValueError, match=r"wanted log-probabilities with dimensions 'sample' and 'class', got \('class"
    ):
        tk.tangent(tk.truth(ds)[0], tk.ignorance(ds))
    with pytest.raises(ValueError, match="sample"):
        tk.tangent(tk.truth(ds), tk.ignorance(ds)[:-1])


# --- resample -----------------------------------------------------------------------------------------------------


def plain_resampled(curve: Any, values: Any, grid: Any) -> list[Array]:
    """Probabilities (sample, class) at each value of the grid, by looking through the run."""
    highest: list[float] = []
    out = []
    for v in values:
        highest.append(v if not highest else max(v, highest[-1]))
    for s in grid:
        passed = [k for k, v in enumerate(highest) if v <= s]
        if not passed:
            out.append(prob(curve[0]))
        elif passed[-1] == len(highest) - 1:
            out.append(prob(curve[-1]))
        else:
            k = passed[-1]
            out.append(between(curve[k], curve[k + 1], (s - highest[k]) / (highest[k + 1] - highest[k])))
    return out


@given(st.data(), st.sampled_from(["progress", "length", "own"]), st.integers(2, 7))
def test_resample__interpolates_as_a_search_through_the_run_does(data: st.DataObject, by: str, n: int) -> None:
    ds = data.draw(datasets(zeros=True))
    if by == "own":
        # Few values, so that there are ties and falls.
        random = np.random.default_rng(data.draw(st.integers(0, 999)))
        own = xr.DataArray(random.integers(0, 4, ds.step.shape) / 4, dims=("run", "checkpoint"), name="own")
        own = own.assign_coords(run=ds.run, checkpoint=ds.checkpoint).where(ds.step >= 0)
        values = own.values
        spread = values[ds.step.values >= 0]
        if spread.min() == spread.max() or all(
            values[r, recorded(ds, r)[-1]] < values[r, 0] for r in range(len(values))
        ):
            return
        even = tk.resample(ds, n, own)
        grid = np.linspace(spread.min(), spread.max(), n)
    elif by == "length":
        total = tk.length(ds).values
        if not total.all():
            with pytest.raises(ValueError, match="have length 0"):
                tk.resample(ds, n, "length")
            return
        values = np.full(ds.step.shape, np.nan)
        for r in range(ds.sizes["run"]):
            curve, arc = ds.log_prob.values[r].astype(float), 0.0
            for k in recorded(ds, r):
                each = (
                    [one_sample("fisher_rao", *ends) for ends in zip(curve[k - 1], curve[k], strict=True)] if k else [0]
                )
                arc += 2 * math.sqrt(math.fsum(x**2 for x in each) / len(each))
                values[r, k] = arc
            values[r] /= arc
        even, grid = tk.resample(ds, n, "length"), np.linspace(0, 1, n)
    else:
        values, even, grid = tk.progress(ds).values, tk.resample(ds, n), np.linspace(0, 1, n)
    tk.validate(even)
    assert even.log_prob.dtype == ds.log_prob.dtype
    np.testing.assert_array_equal(even[by], np.broadcast_to(grid, (ds.sizes["run"], n)))
    for r in range(ds.sizes["run"]):
        at = recorded(ds, r)
        exact = plain_resampled(ds.log_prob.values[r, at], values[r, at], grid)
        within("resampled points against a search, probabilities", np.abs(prob(even.log_prob[r]) - exact).max(), 1e-6)


@given(st.integers(2, 6), st.lists(st.floats(0, 1), max_size=6), st.integers(2, 30))
def test_resample__of_a_geodesic_stays_on_it_at_equal_progress(classes: int, inner: list[float], n: int) -> None:
    check_geodesic(classes, inner, n)


def test_resample__of_a_geodesic_stays_on_it_with_a_thousand_classes() -> None:
    check_geodesic(1000, [0.1, 0.11, 0.7], 9)


def check_geodesic(classes: int, inner: list[float], n: int) -> None:
    probe = tk.simulate(runs=1, checkpoints=1, samples=3, classes=classes)
    start, end = tk.ignorance(probe), tk.truth(probe)
    ds = runs_of([tk.geodesic(start, end, sorted({0.0, *inner, 1.0})).values], probe.label.values)
    even, grid = tk.resample(ds, n), np.linspace(0, 1, n)
    for metric in LENGTH_METRICS:
        within("progress of a resampled geodesic is the grid", np.abs(tk.progress(even, metric)[0] - grid).max(), 1e-6)
    within("a resampled geodesic stays on it, rad", tk.distance_to_geodesic(even, "fisher_rao").max().item(), 1e-10)
    gap = np.abs(prob(even.log_prob[0]) - prob(tk.geodesic(start, end, grid))).max()
    within("points of a resampled geodesic, probabilities", gap, 1e-10)


@given(log_probs(zeros=False), st.lists(st.floats(0.01, 0.99), max_size=5), st.integers(2, 20))
def test_resample__by_length_spaces_points_of_any_geodesic_equally(
    log_prob: NDArray[Any], inner: list[float], n: int
) -> None:
    a, b = (array(log_softmax(x)) for x in log_prob)
    if float(tk.fisher_rao(a, b)) < 1e-3:
        return
    ds = runs_of([tk.geodesic(a, b, [0.0, *sorted(inner), 1.0]).values])
    even = tk.resample(ds, n, "length")
    grid = np.linspace(0, 1, n)
    # One sample's angle counts by its square: all go in proportion, so that length is t.
    gap = np.abs(prob(even.log_prob[0]) - prob(tk.geodesic(a, b, grid))).max()
    within("a geodesic resampled by length, probabilities", gap, 1e-9)
    pieces = tk.speed(even)[0, 1:]
    within("pieces of equal length, relative", np.abs(pieces * (n - 1) / tk.length(ds).item() - 1).max().item(), 1e-6)


@given(datasets(zeros=True), st.integers(2, 8))
def test_resample__nan_leaves_gaps_exactly_beyond_each_runs_own_range(ds: xr.Dataset, n: int) -> None:
    progress, grid = tk.progress(ds).values, np.linspace(0, 1, n)
    low, high = np.nanmin(progress[:, :1], 1), np.nanmax(progress, 1)
    inside = (grid >= low[:, None]) & (grid <= high[:, None])
    if not inside.any(1).all():
        with pytest.raises(ValueError, match=f"reach none of the {n} values; use extend='hold' or a larger n"):
            tk.resample(ds, n, extend="nan")
        return
    even, held = tk.resample(ds, n, extend="nan"), tk.resample(ds, n)
    tk.validate(even)
    np.testing.assert_array_equal(even.step >= 0, inside)
    np.testing.assert_array_equal(even.progress.notnull(), inside)
    np.testing.assert_array_equal(even.log_prob, held.log_prob.where(xr.DataArray(inside, dims=("run", "checkpoint"))))


def test_resample__holds_first_and_last_checkpoint_beyond_a_ragged_runs_range() -> None:
    ds = tk.simulate(runs=3, checkpoints=11, spread=0.2, ragged=True).isel(checkpoint=slice(2, None))
    even = tk.resample(ds, 51)
    for r in range(3):
        at, own = recorded(ds, r), ds.known_progress.values[r]
        below, above = np.linspace(0, 1, 51) < own[0] - 1e-6, np.linspace(0, 1, 51) > own[at[-1]] + 1e-6
        assert below.any()
        assert above.any() == (r > 0)
        for outside, k in ((below, 0), (above, at[-1])):
            gap = np.abs(prob(even.log_prob[r][outside]) - prob(ds.log_prob[r, k])).max(initial=0)
            within("what is held beyond the range, probabilities", gap, 1e-7)


def curve_of(*values: float) -> tuple[xr.Dataset, xr.DataArray]:
    """One run of random points and a quantity along it."""
    random = np.random.default_rng(3)
    ds = runs_of([log_softmax(random.standard_normal((len(values), 2, 3)))])
    return ds, ds.step.copy(data=np.array([values])).rename("height")


def test_resample__a_fall_is_passed_over_by_the_running_maximum() -> None:
    ds, height = curve_of(0.0, 0.6, 0.3, 1.0)
    even = tk.resample(ds, 6, height)
    np.testing.assert_allclose(even.height[0], [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    curve = ds.log_prob.values[0]
    exact = [
        prob(curve[0]),
        between(curve[0], curve[1], 1 / 3),
        between(curve[0], curve[1], 2 / 3),
        prob(curve[2]),  # the later of the two that stand at 0.6
        between(curve[2], curve[3], 0.5),
        prob(curve[3]),
    ]
    within("resampling over a fall, probabilities", np.abs(prob(even.log_prob[0]) - exact).max(), 1e-12)


@pytest.mark.parametrize("tail", [(0.5,), (0.6,), (0.5, 0.4), (0.2, 0.6, 0.1)])
def test_resample__after_a_fall_at_the_end_the_last_checkpoint_stands(tail: tuple[float, ...]) -> None:
    ds, height = curve_of(0.0, 0.6, *tail)
    # A second run reaches further, so that the grid goes beyond the first.
    far = ds.assign_coords(run=["far"])
    both = tk.concat([ds, far])
    heights = xr.concat([height, (2 * height).assign_coords(run=["far"])], "run", join="exact")
    even = tk.resample(both, 5, heights.where(both.step >= 0))
    assert even.height[0, -1] == 1.2
    for k in (2, 3, 4):
        assert np.abs(prob(even.log_prob[0, k]) - prob(ds.log_prob[0, -1])).max() < 1e-14


def test_resample__one_checkpoint_or_identical_ones_stand_everywhere() -> None:
    point = log_softmax(np.eye(3)[[0, 1, 2, 0]])[None]
    ds = runs_of([point, np.repeat(point, 3, 0)])
    even = tk.resample(ds, 7)
    tk.validate(even)
    assert even.sizes["checkpoint"] == 7
    assert np.abs(prob(even.log_prob) - prob(point)).max() < 1e-14
    with pytest.raises(ValueError, match=r"runs \['0', '1'\] have length 0 \(one checkpoint, or all alike\)"):
        tk.resample(ds, 7, "length")
    with pytest.raises(ValueError, match=r"runs \['0', '1'\] reach none of the 7 values"):
        tk.resample(ds, 7, extend="nan")


def test_resample__by_accuracy_goes_from_the_smallest_to_the_largest_of_all_runs() -> None:
    ds = tk.simulate(runs=4, spread=0.4, classes=5, ragged=True)
    random = np.random.default_rng(1)
    noisy = log_softmax(ds.log_prob.values.astype(float).clip(-30) + random.standard_normal(ds.log_prob.shape))
    ds = ds.assign(log_prob=ds.log_prob.copy(data=noisy))
    accuracy = (1 - tk.error(ds)).rename("accuracy")
    assert (accuracy.diff("checkpoint") < 0).any()
    even = tk.resample(ds, 9, accuracy)
    tk.validate(even)
    np.testing.assert_allclose(even.accuracy[0], np.linspace(float(accuracy.min()), float(accuracy.max()), 9))
    assert even.attrs["resampled_by"] == "accuracy"
    for r in range(4):
        at = recorded(ds, r)
        exact = plain_resampled(ds.log_prob.values[r, at], accuracy.values[r, at], even.accuracy.values[r])
        assert np.abs(prob(even.log_prob[r]) - exact).max() < 1e-12
    # Named in the dataset, or its runs in another order: all one.
    assert tk.resample(ds.assign(accuracy=accuracy), 9, "accuracy").identical(even)
    assert tk.resample(ds, 9, accuracy.isel(run=[3, 1, 0, 2]).transpose()).identical(even)


def test_resample__by_step_or_an_attributes_name_keeps_what_is_there() -> None:
    ds = tk.simulate(runs=2, checkpoints=5).assign_attrs(note="kept")
    even = tk.resample(ds, 9, "step")
    assert even.step.values.tolist() == [list(range(9))] * 2
    assert even.attrs["note"] == "kept"
    assert np.abs(prob(even.log_prob[:, ::2]) - prob(ds.log_prob)).max() < 1e-7
    like_an_attribute = tk.resample(ds, 3, ds.step.rename("seed"))
    assert like_an_attribute.seed.identical(ds.seed)


def test_resample__progress_by_another_metric_goes_from_0_to_1() -> None:
    ds = tk.simulate(runs=2, spread=0.3).isel(checkpoint=slice(3, 15))
    even = tk.resample(ds, 5, tk.progress(ds, "bhattacharyya"))
    np.testing.assert_array_equal(even.progress[0], np.linspace(0, 1, 5))
    length = ds.step.rename("length").astype(float)
    np.testing.assert_array_equal(tk.resample(ds, 3, length).length[0], [3, 8.5, 14])


def test_resample__bad_inputs() -> None:
    ds = tk.simulate(runs=2, checkpoints=4)
    where = ("run", "checkpoint")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"n": 1}, "n: wanted 2 points or more, got 1"),
        ({"n": -3}, "n: wanted 2 points or more, got -3"),
        ({"extend": "shared"}, r"extend: wanted one of \['hold', 'nan'\], got 'shared'"),
        (
            {"by": "accuracy"},
            r"by: wanted 'progress', 'length', a DataArray or one of \['step', 'known_progress'\], got",
        ),
        ({"by": "log_prob"}, "got 'log_prob'"),
        ({"by": np.zeros((2, 4))}, r"by: wanted a name or a DataArray on \(run, checkpoint\), got ndarray"),
        ({"by": tk.length(ds)}, r"by: wanted a DataArray on \(run, checkpoint\), got 'length' on \('run',\)"),
        ({"by": ds.step.astype(str)}, "by: wanted numbers to space points by, got 'step' of dtype <U21"),
        ({"by": xr.zeros_like(ds.step).rename("flat")}, "'flat' is 0 everywhere: nothing to space points by"),
        ({"by": tk.loss(ds)}, "'loss' falls along every run; resample by what grows, such as its negative"),
        ({"by": tk.progress(ds).where(ds.step != 2)}, r"2 recorded.* no finite value.*run 'A-0', checkpoint 2"),
        ({"by": tk.loss(ds).isel(run=[1])}, r"4 recorded checkpoints.*the first: run 'A-0', checkpoint 0"),
        ({"by": xr.DataArray([[0, 1, 2, np.inf]] * 2, dims=where, coords=ds.step.coords)}, "checkpoint 3"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            tk.resample(ds, **arguments)


# --- length and speed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_length__of_a_finely_resampled_geodesic_has_closed_form(classes: int, dtype: type) -> None:
    ds = tk.with_references(tk.simulate(runs=1, samples=6, classes=classes), n_geodesic=7)
    geodesic = tk.select(ds, run="geodesic")
    even = tk.resample(geodesic.assign(log_prob=geodesic.log_prob.astype(dtype)), 200)
    exact = 2 * np.arccos(1 / np.sqrt(classes))
    within("length of a resampled geodesic, closed form", abs(tk.length(even).item() - exact), 1e-6)


@given(datasets(zeros=True), st.sampled_from(LENGTH_METRICS))
def test_length__is_the_plain_sum_over_checkpoints(ds: xr.Dataset, metric: str) -> None:
    got, speed = tk.length(ds, metric), tk.speed(ds, metric)
    assert got.dims == ("run",)
    assert speed.dims == ("run", "checkpoint")
    for r in range(ds.sizes["run"]):
        at, step = recorded(ds, r), ds.step.values[r]
        pieces = []
        for j, k in itertools.pairwise(at):
            a, b = ds.log_prob.values[r, j].astype(float), ds.log_prob.values[r, k].astype(float)
            each = [one_sample(metric, p, q) for p, q in zip(a, b, strict=True)]
            mean = math.fsum(x**2 if metric == "fisher_rao" else x for x in each) / len(each)
            pieces.append(2 * math.sqrt(mean))
            expected = pieces[-1] / (step[k] - step[j])
            within("speed against a loop, relative", relative(speed.values[r, k], expected, 1e-6), 1e-9)
        within("length against a loop, relative", relative(got.values[r], sum(pieces), 1e-6), 1e-9)
        assert np.isnan(speed.values[r, 0])
        assert np.isnan(speed.values[r, at[-1] + 1 :]).all()


@given(datasets(least_points=4), st.sampled_from(LENGTH_METRICS), st.integers(0, 3))
def test_length__is_additive(ds: xr.Dataset, metric: str, k: int) -> None:
    ds = ds.isel(run=(ds.step >= 0).sum("checkpoint").values > k)
    if not ds.sizes["run"]:
        return
    parts = tk.length(ds.isel(checkpoint=slice(k + 1)), metric) + tk.length(ds.isel(checkpoint=slice(k, None)), metric)
    within("length is additive", float(np.abs(parts - tk.length(ds, metric)).max()), 1e-11)


def test_length__refinement_makes_the_two_differ_by_sqrt_2() -> None:
    ds = tk.simulate(runs=3, spread=0.3, samples=12)
    ds = ds.assign(log_prob=ds.log_prob.astype(np.float64))
    gaps = []
    for n in (25, 50, 100, 200):
        even = tk.resample(ds, n)
        gaps.append(float(np.abs(tk.length(even, "bhattacharyya") * np.sqrt(2) / tk.length(even) - 1).max()))
    within("lengths differ by sqrt 2 at 200 points, relative", gaps[-1], 1e-4)
    # What is left falls with the square of the spacing.
    for coarse, fine in itertools.pairwise(gaps):
        assert 3 < coarse / fine < 5


def test_length__of_one_checkpoint_or_identical_ones_is_zero() -> None:
    point = log_softmax(np.random.default_rng(0).standard_normal((1, 4, 3)))
    ds = runs_of([point, np.repeat(point, 3, 0)])
    for metric in LENGTH_METRICS:
        assert tk.length(ds, metric).values.tolist() == [0, 0]
        np.testing.assert_array_equal(tk.speed(ds, metric), [[np.nan] * 3, [np.nan, 0, 0]])


def test_length__across_disjoint_predictions_is_finite_in_radians_and_infinite_in_nats() -> None:
    ds = runs_of([np.stack([certain(3, 0, 1), certain(3, 1, 1), certain(3, 2, 1)])])
    assert tk.length(ds).item() == pytest.approx(2 * 2 * np.pi / 2 / np.sqrt(2))
    assert np.isinf(tk.length(ds, "bhattacharyya").item())
    np.testing.assert_array_equal(tk.speed(ds, "bhattacharyya"), [[np.nan, np.inf, np.inf]])


def test_length_and_speed__say_what_they_are() -> None:
    ds = tk.simulate(runs=2)
    assert tk.length(ds).attrs["units"] == "rad"
    assert tk.length(ds, "bhattacharyya").attrs["units"] == "nat^(1/2)"
    assert tk.speed(ds).attrs["units"] == "rad / step"
    assert tk.length(ds).architecture.values.tolist() == ["A", "B"]
    for function in (tk.length, tk.speed):
        with pytest.raises(
            ValueError, match=r"(length|speed) is defined by \['fisher_rao', 'bhattacharyya'\], not by .*'hell"
        ):
            function(ds, "hellinger")


# --- distance to the geodesic -------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(LENGTH_METRICS))
def test_distance_to_geodesic__agrees_with_a_scalar_minimiser(data: st.DataObject, metric: str) -> None:
    classes = data.draw(st.integers(2, 5))
    log_prob = data.draw(log_probs(1, 3, classes, zeros=False))
    label = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=3, max_size=3)))
    ds = runs_of([log_prob], label)
    t = mp.mpf(oracles.progress(metric, log_prob[0], label))
    exact = mp.mpf(0)
    for row, k in zip(log_prob[0], label.tolist(), strict=True):
        truth = [mp.mpf(c == k) for c in range(classes)]
        here = oracles.geodesic([mp.mpf(1) / classes] * classes, truth, t)
        exact += oracles.FORMULA[metric](oracles.overlap(oracles.distribution(row), here)) / 3
    got = tk.distance_to_geodesic(ds, metric).item()
    within("distance to the geodesic against golden sections", abs(got - exact), 1e-11)


@given(datasets(zeros=True), st.sampled_from(LENGTH_METRICS))
def test_distance_to_geodesic__is_the_least_over_a_fine_grid(ds: xr.Dataset, metric: str) -> None:
    grid = tk.geodesic(tk.ignorance(ds), tk.truth(ds), np.linspace(0, 1, 101))
    least = getattr(tk, metric)(ds.log_prob, grid).min("t", skipna=False)
    got = tk.distance_to_geodesic(ds, metric)
    assert (got.isnull() == (ds.step < 0)).all()
    excess = (got - least).values[ds.step.values >= 0]
    within(f"excess of the {metric} distance over a grid's", excess.max(), 1e-12)
    if metric == "fisher_rao":
        # An angle changes no faster than the geodesic is run through: half a step of the grid at most.
        half_step = 0.005 * np.arccos(1 / np.sqrt(ds.sizes["class"]))
        assert (excess >= -half_step - 1e-12).all()


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_distance_to_geodesic__is_zero_on_it(classes: int) -> None:
    probe = tk.simulate(runs=1, checkpoints=1, samples=5, classes=classes)
    curve = tk.geodesic(tk.ignorance(probe), tk.truth(probe), np.linspace(0, 1, 21)).values
    ds = runs_of([curve], probe.label.values)
    within("fisher_rao distance on the geodesic", tk.distance_to_geodesic(ds, "fisher_rao").max().item(), 2e-12)
    within("bhattacharyya distance on the geodesic", tk.distance_to_geodesic(ds).max().item(), 1e-23)
    full = tk.distance_to_geodesic(tk.with_references(probe), "fisher_rao")
    within("fisher_rao distance on the geodesic, float32", full.max().item(), 1e-6)


@pytest.mark.parametrize("metric", LENGTH_METRICS)
def test_distance_to_geodesic__of_simulated_runs_has_closed_form(metric: str) -> None:
    spread, classes = 0.3, 6
    ds = tk.simulate(runs=3, checkpoints=9, classes=classes, spread=spread, ragged=True)
    s = np.linspace(0, 1, 9)
    # The part off the geodesic's plane is the sine of the angle to it.
    angle = np.arcsin(np.sin((1 - s) * np.arccos(1 / np.sqrt(classes))) * np.sin(spread * s))
    exact = angle if metric == "fisher_rao" else -np.log(np.cos(angle))
    got = tk.distance_to_geodesic(ds, metric)
    within(f"{metric} distance of simulated runs, closed form", float(np.abs(got - exact).max()), 1e-6)


@pytest.mark.parametrize("size", [1e-2, 1e-4, 1e-6, 1e-7])
@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_distance_to_geodesic__tiny_ones_are_relatively_accurate(size: float, t: float) -> None:
    psi = (1 - t) * np.pi / 3
    on = np.array([np.cos(psi), *[np.sin(psi) / np.sqrt(3)] * 3])
    aside = np.array([0, 1, -1, 0]) / np.sqrt(2)
    row = 2 * np.log(np.cos(size) * on + np.sin(size) * aside)
    ds = runs_of([np.stack([[row, row]])], np.array([0, 0]))
    angle = tk.distance_to_geodesic(ds, "fisher_rao").item()
    within("tiny angles to the geodesic (1e-7 and up), relative", abs(angle / size - 1), 1e-6)
    nats = tk.distance_to_geodesic(ds).item()
    within(
        "tiny d_B to the geodesic (5e-15 and up), relative", abs(nats / -np.log1p(-2 * np.sin(size / 2) ** 2) - 1), 1e-6
    )


def test_distance_to_geodesic__says_what_it_is() -> None:
    ds = tk.simulate(runs=2, ragged=True)
    got = tk.distance_to_geodesic(ds)
    assert (got.name, got.attrs["scale"], got.attrs["units"]) == ("distance_to_geodesic", "squared length", "nat")
    assert tk.distance_to_geodesic(ds, "fisher_rao").attrs["scale"] == "length"
    assert ds.merge(got).distance_to_geodesic.variable.identical(got.variable)
    with pytest.raises(ValueError, match=r"defined by \['fisher_rao', 'bhattacharyya'\], not by metric 'jeffreys'"):
        tk.distance_to_geodesic(ds, "jeffreys")


# --- distances of trajectories ------------------------------------------------------------------------------------


def textbook_frechet(d: Array) -> float:
    """Eiter & Mannila's recursion."""

    @cache
    def c(i: int, j: int) -> float:
        if i == j == 0:
            return float(d[0, 0])
        ways = [c(a, b) for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if a >= 0 and b >= 0]
        return max(min(ways), float(d[i, j]))

    return c(d.shape[0] - 1, d.shape[1] - 1)


def plain_hausdorff(d: Array) -> float:
    return float(max(max(min(row) for row in d.tolist()), max(min(column) for column in d.T.tolist())))


def plain_kernel(d: Array, s: Array, t: Array, bandwidth: float) -> float:
    def one_way(d: Array, s: Array, t: Array) -> float:
        total = mp.mpf(0)
        for i in range(len(s)):
            weight = [mp.exp(-(((s[i] - x) / bandwidth) ** 2) / 2) for x in t]
            total += mp.fsum(w * x for w, x in zip(weight, d[i], strict=True)) / mp.fsum(weight)
        return float(total / len(s))

    return (one_way(d, s, t) + one_way(d.T, t, s)) / 2


@fewer
@given(datasets(), st.sampled_from(METHODS), st.sampled_from(SYMMETRIC))
def test_trajectory_distance__agrees_with_plain_loops(ds: xr.Dataset, method: str, metric: str) -> None:
    got = tk.trajectory_distance(ds, method=method, metric=metric, n=4)
    even, progress = tk.resample(ds, 4).log_prob.values, tk.progress(ds).values
    for u in range(ds.sizes["run"]):
        for v in range(u):
            if method == "progress":
                exact = sum(plain(metric, p, q) for p, q in zip(even[u], even[v], strict=True)) / 4
            else:
                i, j = recorded(ds, u), recorded(ds, v)
                a, b = ds.log_prob.values[u, i].astype(float), ds.log_prob.values[v, j].astype(float)
                d = np.array([[plain(metric, p, q) for q in b] for p in a])
                if method == "frechet":
                    exact = textbook_frechet(d)
                elif method == "hausdorff":
                    exact = plain_hausdorff(d)
                else:
                    exact = plain_kernel(d, progress[u, i], progress[v, j], 0.05)
            floor = 1e-6 if metric == "fisher_rao" else 1e-12
            within(f"{method} distance against loops, relative", relative(got.values[u, v], exact, floor), 1e-8)


@fewer
@given(datasets(), st.sampled_from(METHODS), st.sampled_from(SYMMETRIC))
def test_trajectory_distance__is_symmetric_with_a_zero_diagonal(ds: xr.Dataset, method: str, metric: str) -> None:
    got = tk.trajectory_distance(ds, method=method, metric=metric, n=5).values
    np.testing.assert_array_equal(got, got.T)
    assert not np.diag(got).any()
    assert (got >= 0).all()


@fewer
@given(datasets(), st.sampled_from(SYMMETRIC))
def test_trajectory_distance__of_a_run_and_its_copy_is_zero(ds: xr.Dataset, metric: str) -> None:
    copy = ds.assign_coords(run=[f"copy of {r}" for r in ds.run.values])
    both = tk.concat([ds, copy])
    runs = ds.sizes["run"]
    for method in ("progress", "frechet", "hausdorff"):
        got = tk.trajectory_distance(both, method=method, metric=metric, n=3).values
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


@fewer
@given(datasets(), st.randoms(use_true_random=False), st.sampled_from(METHODS))
def test_trajectory_distance__permutations_change_nothing(ds: xr.Dataset, random: Any, method: str) -> None:
    runs, samples, classes = (random.sample(range(ds.sizes[d]), ds.sizes[d]) for d in ("run", "sample", "class"))
    shuffled = ds.isel(run=runs, sample=samples).isel({"class": classes})
    shuffled = shuffled.assign_coords(label=("sample", np.argsort(classes)[shuffled.label.values]))
    wanted = tk.trajectory_distance(ds, method=method, n=3).values[np.ix_(runs, runs)]
    got = tk.trajectory_distance(shuffled, method=method, n=3).values
    within("distances of trajectories under permutation, relative", relative(got, wanted, 1e-6), 1e-6)


@fewer
@given(datasets(), st.sampled_from(SYMMETRIC))
def test_trajectory_distance__hausdorff_is_at_most_frechet(ds: xr.Dataset, metric: str) -> None:
    least = tk.trajectory_distance(ds, method="hausdorff", metric=metric)
    most = tk.trajectory_distance(ds, method="frechet", metric=metric)
    assert (least <= most).all()


@fewer
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


def test_trajectory_distance__shared_is_the_plain_mean_over_common_progress() -> None:
    ds = tk.simulate(runs=4, checkpoints=12, spread=0.3, ragged=True)
    late = ds.isel(run=[3], checkpoint=slice(4, None))
    ds = tk.concat([ds.isel(run=[0, 1, 2]), late])
    missing_first = ds.step.sel(run=late.run.item())[0] < 0
    assert missing_first
    n = 10
    even = tk.resample(ds, n, extend="nan")
    got = tk.trajectory_distance(ds, n=n, extend="shared")
    for u in range(4):
        for v in range(4):
            common = [k for k in range(n) if min(even.step.values[u, k], even.step.values[v, k]) >= 0]
            assert 0 < len(common) < n or u == v == 0
            a, b = (even.log_prob.values[r].astype(float) for r in (u, v))
            exact = sum(plain("bhattacharyya", a[k], b[k]) for k in common) / len(common)
            within("shared distance against a loop, relative", relative(got.values[u, v], exact, 1e-12), 1e-8)
    held = tk.trajectory_distance(ds, n=n)
    assert not np.allclose(held, got, rtol=1e-3)


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
            tk.trajectory_distance(ds, method=method, n=2)
        got = tk.trajectory_distance(ds, method=method, n=2, cap=8.0)
        # One sample agrees, the other counts the cap.
        assert got.values.tolist() == [[0, 4], [4, 0]]
        assert got.attrs["cap"] == 8
        assert "cap" not in tk.trajectory_distance(ds, method=method, metric="hellinger", n=2).attrs


def test_trajectory_distance__bad_inputs() -> None:
    ds = tk.simulate(runs=2, checkpoints=6)
    halves = tk.concat([ds.isel(run=[0], checkpoint=slice(3)), ds.isel(run=[1], checkpoint=slice(3, None))])
    refused: list[tuple[dict[str, Any], str]] = [
        ({"method": "dtw"}, r"method: wanted one of \['progress', 'frechet', 'hausdorff', 'kernel'\], got 'dtw'"),
        ({"metric": "euclid"}, "unknown metric 'euclid': wanted one of"),
        ({"metric": "kullback_leibler"}, "'kullback_leibler' is not symmetric: wanted one of"),
        ({"extend": "nan"}, r"extend: wanted one of \['hold', 'shared'\], got 'nan'"),
        ({"bandwidth": 0.0}, "bandwidth: wanted a positive difference of progress, got 0"),
        ({"bandwidth": math.nan}, "bandwidth: wanted a positive difference of progress, got nan"),
        ({"n": 1}, "n: wanted 2 points or more, got 1"),
        ({"cap": -1.0}, "cap: wanted a positive number of nats, got -1"),
        ({"cap": 1.0, "metric": "hellinger"}, "'hellinger' is bounded and takes no cap"),
    ]
    for arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            tk.trajectory_distance(ds, **arguments)
    with pytest.raises(ValueError, match="runs 'B-0' and 'A-0' share no progress; use extend='hold'"):
        tk.trajectory_distance(halves.isel(run=[1, 0]), extend="shared", n=6)
    assert np.isfinite(tk.trajectory_distance(halves, cap=9.0)).all()


# --- means --------------------------------------------------------------------------------------------------------


def mean_distance(metric: str, points: Any, q: Any) -> float:
    """Mean over runs and samples of the distance of log-probabilities (run, sample, class) to q (sample, class)."""
    return sum(plain(metric, p, q) for p in points) / len(points)


groups_of_points = st.integers(1, 5).flatmap(lambda r: log_probs(points=r, zeros=False))
groups_with_zeros = st.integers(1, 5).flatmap(lambda r: log_probs(points=r))


@given(groups_with_zeros)
def test_means__with_closed_forms_are_their_formulas(log_prob: NDArray[Any]) -> None:
    exact = log_softmax(log_prob)
    for n in range(exact.shape[1]):
        rows = [oracles.distribution(row) for row in exact[:, n]]
        by_class = list(zip(*rows, strict=True))
        formulas: dict[str, list[Any]] = {
            "arithmetic": [mp.fsum(p) for p in by_class],
            "amplitude": [mp.fsum(mp.sqrt(x) for x in p) ** 2 for p in by_class],
            "geometric": [mp.fprod(p) ** (mp.mpf(1) / len(p)) for p in by_class],
            "harmonic": [1 / mp.fsum(1 / x for x in p) if min(p) else mp.mpf(0) for p in by_class],
        }
        for name, weight in formulas.items():
            total = mp.fsum(weight)
            if total == 0:
                with pytest.raises(ValueError, match="share no class"):
                    MEANS[name](exact[:, n : n + 1])
                continue
            if name in ("geometric", "harmonic") and not np.isfinite(exact[:, n]).all(0).any():
                continue
            got = np.exp(MEANS[name](exact[:, n : n + 1])[0])
            wanted = np.array([float(w / total) for w in weight])
            within(f"{name} mean against mpmath, probabilities", np.abs(got - wanted).max(), 1e-11)


@given(groups_with_zeros)
def test_means__bhattacharyya_centroid_is_where_the_gradient_vanishes(log_prob: NDArray[Any]) -> None:
    exact = log_softmax(log_prob)
    root = np.exp(0.5 * MEANS["bhattacharyya"](exact))
    # The gradient by sqrt q, on the sphere: sqrt q = mean_r sqrt p_r / BC_r.
    points = np.sqrt(prob(exact))
    pull = np.zeros_like(root)
    for p in points:
        pull += p / (p * root).sum(-1, keepdims=True) / len(points)
    within("gradient at the bhattacharyya centroid", np.abs(pull - root).max(), 1e-11)


@given(groups_of_points)
def test_means__jeffreys_centroid_is_where_the_gradient_vanishes(log_prob: NDArray[Any]) -> None:
    exact = log_softmax(log_prob)
    q = MEANS["jeffreys"](exact)
    within("probabilities of the jeffreys centroid sum to one", np.abs(np.exp(q).sum(-1) - 1).max(), 1e-12)
    # d/dq_c of sum (p - q) log(p / q), mean over runs: log q - log g + 1 - a / q, the same for every class.
    a = np.logaddexp.reduce(exact, axis=0) - np.log(len(exact))
    slope = q - exact.mean(0) - np.exp(a - q)
    # Classes below 1e-290 count nothing.
    seen = q > -650
    for n in range(len(q)):
        here = slope[n][seen[n]]
        within("gradient at the jeffreys centroid, relative", np.ptp(here) / (1 + np.abs(here).max()), 1e-8)


@given(st.data(), st.sampled_from(["bhattacharyya", "jeffreys"]))
def test_means__centroids_agree_with_a_minimiser(data: st.DataObject, metric: str) -> None:
    classes, runs = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 4))
    random = np.random.default_rng(data.draw(st.integers(0, 9999)))
    points = log_softmax(data.draw(st.sampled_from([0.3, 2.0, 4.0])) * random.standard_normal((runs, 1, classes)))

    def objective(z: Array) -> float:
        return mean_distance(metric, points, log_softmax(z[None]))

    found = scipy.optimize.minimize(objective, points.mean(0)[0], method="BFGS", options={"gtol": 1e-9})
    got = MEANS[metric](points)
    within(f"excess of the {metric} centroid over a minimiser", mean_distance(metric, points, got) - found.fun, 1e-12)
    gap = np.abs(np.exp(got[0]) - prob(found.x)).max()
    within(f"{metric} centroid against a minimiser, probabilities", gap, 1e-4)


@given(groups_of_points)
def test_means__centroids_have_the_least_mean_distance(log_prob: NDArray[Any]) -> None:
    exact = log_softmax(log_prob)
    means = {name: mean(exact) for name, mean in MEANS.items()}
    for metric in ("bhattacharyya", "jeffreys"):
        least = mean_distance(metric, exact, means[metric])
        for q in means.values():
            other = mean_distance(metric, exact, q)
            within(f"{metric} centroid's excess over other means, relative", (least - other) / (1 + other), 1e-12)


@given(groups_with_zeros)
def test_means__that_take_zeros_take_them(log_prob: NDArray[Any]) -> None:
    exact = log_softmax(log_prob)
    means = {name: MEANS[name](exact) for name in TAKE_ZEROS}
    least = mean_distance("bhattacharyya", exact, means["bhattacharyya"])
    for q in means.values():
        assert (np.isneginf(q) == np.isneginf(exact).all(0)).all()
        assert least <= mean_distance("bhattacharyya", exact, q) + 1e-12
    ruled_out = np.isneginf(exact)
    if (ruled_out.any(0) & ~ruled_out.all(0)).any():
        with pytest.raises(ValueError, match="infinite Jeffreys divergence; use mean='arithmetic', 'amplitude' or"):
            MEANS["jeffreys"](exact)
    else:
        assert (np.isneginf(MEANS["jeffreys"](exact)) == ruled_out.all(0)).all()


@given(groups_of_points, st.sampled_from(list(MEANS)))
def test_means__order_of_runs_does_not_matter(log_prob: NDArray[Any], name: str) -> None:
    exact = log_softmax(log_prob)
    there, back = MEANS[name](exact), MEANS[name](exact[::-1])
    within("means under another order of runs, probabilities", np.abs(np.exp(there) - np.exp(back)).max(), 1e-11)


@given(log_probs(points=1, zeros=False), st.integers(1, 4), st.sampled_from(list(MEANS)))
def test_means__of_identical_points_are_the_point(log_prob: NDArray[Any], runs: int, name: str) -> None:
    exact = log_softmax(log_prob[0])
    got = MEANS[name](np.stack([exact] * runs))
    gap = np.abs(got - exact) / np.maximum(1, np.abs(exact))
    within("mean of identical points, log_prob, relative", gap.max(), 1e-13)


@pytest.mark.parametrize("name", list(MEANS))
def test_means__survive_a_thousand_sharp_classes(name: str) -> None:
    sharp = log_softmax(1e4 * np.random.default_rng(0).standard_normal((3, 2, 1000)))
    within("means of sharp predictions sum to one", np.abs(np.exp(MEANS[name](sharp)).sum(-1) - 1).max(), 1e-10)


# --- mean trajectories --------------------------------------------------------------------------------------------


def grouped(runs: int = 6, **options: Any) -> xr.Dataset:
    """Simulated runs that rule nothing out, in two architectures with two widths each."""
    ds = tk.simulate(runs=runs, checkpoints=7, samples=4, classes=4, spread=0.3, **options)
    softened = log_softmax(ds.log_prob.values.astype(float).clip(-12))
    width = np.where(np.arange(runs) < runs // 2, 8, 16)
    return ds.assign(log_prob=ds.log_prob.copy(data=softened.astype(np.float32))).assign_coords(width=("run", width))


def test_mean_trajectory__means_of_several_kinds_stand_beside_their_runs() -> None:
    ds = grouped()
    means = [tk.mean_trajectory(ds, "architecture", mean=mean, n=5) for mean in ("arithmetic", "amplitude")]
    assert tk.concat([ds, *means]).sizes["run"] == ds.sizes["run"] + 4


@pytest.mark.parametrize("mean", list(MEANS))
def test_mean_trajectory__is_the_mean_of_each_group_at_equal_progress(mean: str) -> None:
    ds = grouped(ragged=True)
    got, even = tk.mean_trajectory(ds, "architecture", mean=mean, n=5), tk.resample(ds, 5)
    tk.validate(got)
    for name in ("A", "B"):
        members = log_softmax(even.log_prob.values[ds.architecture.values == name])
        for k in range(5):
            exact = np.exp(MEANS[mean](members[:, k]))
            gap = np.abs(prob(got.sel(run=f"{mean} mean of architecture={name}").log_prob[k]) - exact).max()
            within("mean trajectories, probabilities", gap, 1e-6)


@fewer
@given(datasets(), st.sampled_from(list(MEANS)))
def test_mean_trajectory__is_a_valid_dataset_that_concat_takes_beside_the_runs(ds: xr.Dataset, mean: str) -> None:
    before = ds.copy(deep=True)
    by = ["architecture", "learning_rate", "augmentation"]
    got = tk.mean_trajectory(ds, by, mean=mean, n=4)
    assert ds.identical(before)
    tk.validate(got)
    assert set(got.kind.values) == {"reference"}
    table = tk.run_table(ds)[by].drop_duplicates()
    assert tk.run_table(got)[by].reset_index(drop=True).equals(table.reset_index(drop=True))
    both = tk.concat([ds, got])
    tk.validate(both)
    assert both.sizes["run"] == ds.sizes["run"] + got.sizes["run"]
    assert both.sel(run=got.run.values).architecture.values.tolist() == got.architecture.values.tolist()


@fewer
@given(datasets(), st.sampled_from(list(MEANS)))
def test_mean_trajectory__of_identical_runs_is_the_run(ds: xr.Dataset, mean: str) -> None:
    one = ds.isel(run=[0]).assign_coords(group=("run", ["g"]))
    same = tk.concat([one.assign_coords(run=[name]) for name in "abc"])
    got, wanted = tk.mean_trajectory(same, "group", mean=mean, n=4), tk.resample(one, 4)
    gap = np.abs(prob(got.log_prob) - prob(wanted.log_prob)).max()
    within("mean trajectory of identical runs, probabilities", gap, 1e-6)


@pytest.mark.parametrize("mean", list(MEANS))
def test_mean_trajectory__order_of_runs_does_not_matter(mean: str) -> None:
    ds = grouped()
    there = tk.mean_trajectory(ds, "width", mean=mean, n=5)
    back = tk.mean_trajectory(ds.isel(run=slice(None, None, -1)), "width", mean=mean, n=5).sel(run=there.run)
    within("mean trajectories under another order", np.abs(prob(there.log_prob) - prob(back.log_prob)).max(), 1e-7)


def test_mean_trajectory__bhattacharyya_centroid_is_nearest_to_its_runs() -> None:
    ds = grouped(ragged=True)
    even = tk.resample(ds, 6)
    for metric in ("bhattacharyya", "jeffreys"):
        away = {}
        for mean in MEANS:
            q = tk.mean_trajectory(ds, "architecture", mean=mean, n=6).isel(run=0).drop_vars(["run", "kind"])
            members = even.isel(run=ds.architecture.values == "A")
            away[mean] = float(getattr(tk, metric)(members.log_prob, q.log_prob).mean())
        assert all(away[metric] <= other * (1 + 1e-6) for other in away.values())
        assert away["arithmetic"] > 1e-4


def test_mean_trajectory__several_attributes_and_missing_ones_make_groups() -> None:
    ds = grouped().assign_coords(learning_rate=("run", [0.1, np.nan, 0.1, np.nan, np.nan, 0.1]))
    got = tk.mean_trajectory(ds, ["architecture", "width"], n=3)
    assert got.run.values.tolist() == [
        "arithmetic mean of architecture=A, width=8",
        "arithmetic mean of architecture=B, width=8",
        "arithmetic mean of architecture=B, width=16",
        "arithmetic mean of architecture=A, width=16",
    ]
    assert got.width.values.tolist() == [8, 8, 16, 16]
    assert got.width.dtype == ds.width.dtype
    assert got.attrs["mean"] == "arithmetic"
    missing = tk.mean_trajectory(ds, "learning_rate", n=3)
    np.testing.assert_array_equal(missing.learning_rate, [0.1, np.nan])
    every = tk.mean_trajectory(ds, "kind", n=3)
    assert every.run.values.tolist() == ["arithmetic mean of kind=network"]
    assert every.kind.values.tolist() == ["reference"]


def test_mean_trajectory__leaves_reference_runs_out() -> None:
    ds = grouped()
    assert tk.mean_trajectory(tk.with_references(ds), "architecture", n=4).equals(
        tk.mean_trajectory(ds, "architecture", n=4)
    )
    means = tk.mean_trajectory(ds, "architecture", n=4)
    for function in (tk.mean_trajectory, tk.tube):
        with pytest.raises(ValueError, match="wanted one run of kind 'network' or more, got 0 and 2 references"):
            function(means, "architecture")


def test_mean_trajectory__with_nan_is_missing_where_one_of_its_runs_is() -> None:
    ds = grouped(ragged=True)
    got, even = tk.mean_trajectory(ds, "architecture", n=30, extend="nan"), tk.resample(ds, 30, extend="nan")
    tk.validate(got)
    for r, name in enumerate("AB"):
        there = (even.step.values[ds.architecture.values == name] >= 0).all(0)
        assert 0 < there.sum() < 30
        np.testing.assert_array_equal(got.step.values[r] >= 0, there)
        np.testing.assert_array_equal(got.progress.notnull()[r], there)
    held = tk.mean_trajectory(ds, "architecture", n=30)
    assert (got.log_prob == held.log_prob).where(got.log_prob.notnull(), True).all()
    apart = tk.concat([ds.isel(run=[0], checkpoint=slice(3)), ds.isel(run=[2], checkpoint=slice(3, None))])
    message = r"reached by all runs of \['arithmetic mean of architecture=A'\]; use extend='hold'"
    with pytest.raises(ValueError, match=message):
        tk.mean_trajectory(apart, "architecture", n=30, extend="nan")


def test_mean_trajectory__zeros_are_refused_where_the_mean_has_no_use_for_them() -> None:
    disjoint = runs_of([certain(3, 0, 1)[None], certain(3, 0, 2)[None]], group=["g", "g"])
    for mean in ("geometric", "harmonic"):
        with pytest.raises(ValueError, match=r"share no class for some sample.*use mean='arithmetic', 'amplitude' or"):
            tk.mean_trajectory(disjoint, "group", mean=mean, n=2)
    with pytest.raises(ValueError, match="infinite Jeffreys divergence; use mean="):
        tk.mean_trajectory(disjoint, "group", mean="jeffreys", n=2)
    for mean in TAKE_ZEROS:
        got = tk.mean_trajectory(disjoint, "group", mean=mean, n=2)
        tk.validate(got)
        np.testing.assert_allclose(prob(got.log_prob[0, 0]), np.array([[1, 0, 0], [0, 0.5, 0.5]]), atol=1e-7)
    with np.errstate(divide="ignore"):
        partly = np.log([[[0.5, 0.5, 0]], [[0, 0.5, 0.5]]])
    overlapping = runs_of([p[None] for p in partly], group=["g", "g"])
    for mean in ("geometric", "harmonic"):
        got = tk.mean_trajectory(overlapping, "group", mean=mean, n=2)
        np.testing.assert_allclose(prob(got.log_prob[0, 0]), [[0, 1, 0]], atol=1e-7)


@pytest.mark.parametrize("function", [tk.mean_trajectory, tk.tube])
def test_mean_trajectory_and_tube__bad_inputs(function: Callable[..., Any]) -> None:
    ds = grouped()
    refused: list[tuple[Any, dict[str, Any], str]] = [
        ("colour", {}, r"no run attributes \['colour'\]: the dataset has \['kind', 'architecture', 'seed', 'width'\]"),
        (["width", "run"], {}, r"no run attributes \['run'\]"),
        ("width", {"mean": "median"}, r"unknown mean 'median': wanted one of \['arithmetic', 'geometric', 'harm"),
        ("width", {"n": 1}, "n: wanted 2 points or more, got 1"),
        ("width", {"extend": "shared"}, r"extend: wanted one of \['hold', 'nan'\], got 'shared'"),
    ]
    for by, arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            function(ds, by, **arguments)


# --- tube ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [*SYMMETRIC, "kullback_leibler"])
def test_tube__is_the_distance_to_the_mean_of_the_others(metric: str) -> None:
    ds = grouped(8, ragged=True)
    got, even = tk.tube(ds, "architecture", metric=metric, n=4), tk.resample(ds, 4)
    assert got.dims == ("run", "checkpoint")
    assert got.attrs["scale"] == ("length" if metric == "fisher_rao" else "squared length")
    np.testing.assert_array_equal(got.progress, np.linspace(0, 1, 4))
    p = prob(even.log_prob)
    for r in range(8):
        others = [s for s in range(8) if s != r and ds.architecture.values[s] == ds.architecture.values[r]]
        for k in range(4):
            mean = sum(p[s, k] for s in others) / len(others)
            if metric == "kullback_leibler":
                exact = float((p[r, k] * np.log(p[r, k] / mean)).sum(-1).mean())
            else:
                exact = plain(metric, np.log(p[r, k]), np.log(mean))
            within("tube against a loop", abs(float(got[r, k]) - exact), 1e-12)


@pytest.mark.parametrize("mean", list(MEANS))
def test_tube__takes_any_mean(mean: str) -> None:
    ds = grouped()
    got, even = tk.tube(ds, ["architecture"], mean=mean, metric="hellinger", n=3), tk.resample(ds, 3)
    others = even.log_prob.values[[2, 4]]
    for k in range(3):
        exact = plain("hellinger", even.log_prob.values[0, k].astype(float), MEANS[mean](log_softmax(others[:, k])))
        within("tube against a loop", abs(float(got[0, k]) - exact), 1e-12)


@pytest.mark.parametrize("mean", list(MEANS))
@pytest.mark.parametrize("metric", SYMMETRIC)
def test_tube__of_identical_runs_is_zero(mean: str, metric: str) -> None:
    one = grouped().isel(run=[0])
    same = tk.concat([one.assign_coords(run=[name]) for name in "abc"])
    got = tk.tube(same, "architecture", mean=mean, metric=metric, n=5)
    # An angle is the root of what rounding leaves.
    unit = "rad" if metric == "fisher_rao" else "others"
    within(f"tube of identical runs, {unit}", float(got.max()), 1e-14 if metric == "fisher_rao" else 1e-20)


@pytest.mark.parametrize("metric", SYMMETRIC)
def test_tube__is_missing_where_a_run_is(metric: str) -> None:
    ds = grouped(ragged=True)
    got = tk.tube(ds, "architecture", metric=metric, n=30, extend="nan")
    seen = tk.resample(ds, 30, extend="nan").step.values >= 0
    for r in range(6):
        there = seen[ds.architecture.values == ds.architecture.values[r]].all(0)
        np.testing.assert_array_equal(got.notnull()[r], there)
    np.testing.assert_array_equal(got, tk.tube(ds, "architecture", metric=metric, n=30).where(got.notnull()))


def test_tube__is_infinite_where_the_others_rule_out_what_a_run_allows() -> None:
    ds = runs_of([certain(3, k)[None] for k in (0, 0, 1)], np.array([0]), group=["g"] * 3)
    got = tk.tube(ds, "group", n=2)
    np.testing.assert_allclose(got, np.array([[np.log(2) / 2] * 2] * 2 + [[np.inf] * 2]))
    np.testing.assert_allclose(tk.tube(ds, "group", n=2, metric="hellinger")[2], 1)


def test_tube__bad_inputs() -> None:
    ds = grouped()
    with pytest.raises(ValueError, match=r"the group \{'architecture': 'A', 'seed': 0\} has one run: there are no oth"):
        tk.tube(ds, ["architecture", "seed"])
    with pytest.raises(ValueError, match=r"unknown metric 'euclid': wanted one of \['bhattacharyya', "):
        tk.tube(ds, "architecture", metric="euclid")


# --- all of them --------------------------------------------------------------------------------------------------

ALL: dict[str, Callable[[xr.Dataset], Any]] = {
    "resample": lambda ds: tk.resample(ds, 4),
    "resample by length": lambda ds: tk.resample(ds, 4, "length"),
    "resample with gaps": lambda ds: tk.resample(ds, 50, extend="nan"),
    "length": tk.length,
    "speed": tk.speed,
    "distance_to_geodesic": tk.distance_to_geodesic,
    "trajectory_distance": lambda ds: tk.trajectory_distance(ds, n=4),
    "frechet": lambda ds: tk.trajectory_distance(ds, method="frechet"),
    "kernel": lambda ds: tk.trajectory_distance(ds, method="kernel"),
    "mean_trajectory": lambda ds: tk.mean_trajectory(ds, "architecture", n=4),
    "jeffreys mean": lambda ds: tk.mean_trajectory(ds, "architecture", mean="jeffreys", n=4),
    "tube": lambda ds: tk.tube(ds, "architecture", n=4),
}


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trajectories__inputs_are_never_edited(name: str, dtype: type) -> None:
    ds = grouped(ragged=True)
    ds = ds.assign(log_prob=ds.log_prob.astype(dtype)).assign_coords(note=("run", list("abcdef")))
    before = ds.copy(deep=True)
    first = ALL[name](ds)
    assert ds.identical(before)
    assert ALL[name](ds).identical(first)


@pytest.mark.parametrize("name", list(ALL))
def test_trajectories__what_is_no_trajectory_dataset_is_refused(name: str) -> None:
    ds = grouped()
    hole = ds.copy(deep=True)
    hole.log_prob[1, 2, 0, 0] = np.nan
    gone = ds.copy(deep=True)
    gone.log_prob[0], gone.step[0] = np.nan, -1
    cases = [
        (ds.isel(run=[]), "dimension 'run' is empty"),
        (ds.isel(checkpoint=[]), "dimension 'checkpoint' is empty"),
        (ds.isel(sample=[]), "dimension 'sample' is empty"),
        (ds.isel({"class": [0]}), "one class only"),
        (ds.assign_coords(label=ds.label + 9), r"'label' holds \[9, 10, 11, 12\]: wanted class indices from 0 to 3"),
        (hole, "run 'B-0', checkpoint 2: NaN in 1 of 4 samples of a recorded checkpoint"),
        (gone, "run 'A-0' has no recorded checkpoint"),
        (ds.drop_vars("label"), "'label' is missing"),
    ]
    for bad, message in cases:
        with pytest.raises(tk.SchemaError, match=message):
            ALL[name](bad)


@settings(max_examples=12)
@given(st.sampled_from([2, 3, 30, 1000]), dtypes, st.integers(0, 99))
def test_trajectories__hold_from_two_to_a_thousand_classes(classes: int, dtype: type, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = [random.standard_normal((k, 2, classes)) * random.choice([0.1, 5, 300]) for k in (1, 4, 2, 3)]
    ds = tk.from_arrays(
        logits=logits, label=random.integers(0, classes, 2), runs={"architecture": list("ABAB"), "seed": [0, 0, 1, 1]}
    )
    ds = ds.assign(log_prob=ds.log_prob.astype(dtype))
    tk.validate(tk.resample(ds, 5))
    for method in METHODS:
        assert np.isfinite(tk.trajectory_distance(ds, method=method, n=3)).all()
    away = {}
    for mean in MEANS:
        middle = tk.mean_trajectory(ds, "architecture", mean=mean, n=3)
        tk.validate(middle)
        members = tk.resample(ds, 3).isel(run=[0, 2]).log_prob
        away[mean] = float(tk.bhattacharyya(members, middle.log_prob[0].drop_vars(["run", "kind"])).mean())
        assert np.isfinite(tk.tube(ds, "architecture", mean=mean, n=3)).all()
    # Means are stored in float32.
    assert all(away["bhattacharyya"] <= other * (1 + 1e-5) + 1e-7 for other in away.values())
