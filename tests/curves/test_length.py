"""Laws of length and speed."""

import itertools
import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from oracles import (
    one_sample,
    relative,
    within,
)
from strategies import (
    LENGTH_METRICS,
    certain,
    datasets,
    log_softmax,
    recorded,
    runs_of,
)

import trajkit as tk


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
