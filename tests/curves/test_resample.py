"""Laws of trajectories at equal progress or another quantity."""

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import (
    between,
    one_sample,
    plain_resampled,
    prob,
    within,
)
from strategies import (
    LENGTH_METRICS,
    array,
    datasets,
    log_probs,
    log_softmax,
    recorded,
    runs_of,
)

import trajkit as tk


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
        ({"extend": "both"}, r"extend: wanted one of \['hold', 'nan', 'shared'\], got 'both'"),
        ({"extend": "shared", "reach": math.nan}, "reach: wanted a share between 0 and 1, got nan"),
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
