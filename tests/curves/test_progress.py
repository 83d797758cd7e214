"""Laws of progress and of the distance to the geodesic."""

import functools
from typing import Any

import numpy as np
import oracles
import pytest
import xarray as xr
from counted import Counted
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import (
    mp,
    within,
)
from strategies import (
    LENGTH_METRICS,
    datasets,
    log_probs,
    log_softmax,
    positions,
    runs_of,
)

import trajkit as tk
from trajkit.workspace import limit_workspace


@pytest.mark.parametrize("metric", LENGTH_METRICS)
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_progress__of_the_geodesic_is_t(metric: str, classes: int) -> None:
    ds = tk.with_references(tk.simulate(runs=1, samples=12, classes=classes), n_geodesic=21)
    p = tk.progress(ds, metric)
    gap = np.abs(p.sel(run="geodesic").values - np.linspace(0, 1, 21)).max()
    within("progress of the geodesic is t, float32", gap, 1e-6)
    assert float(p.sel(run="ignorance")[0]) == pytest.approx(0, abs=1e-7)
    assert float(p.sel(run="truth")[0]) == pytest.approx(1, abs=1e-12)


@given(st.integers(2, 12), st.integers(1, 9), positions, st.sampled_from(LENGTH_METRICS))
def test_progress__of_the_geodesic_is_t_in_float64(classes: int, samples: int, t: float, metric: str) -> None:
    ds = tk.simulate(runs=1, checkpoints=1, samples=samples, classes=classes)
    here = tk.geodesic(tk.ignorance(ds), tk.truth(ds), t)
    ds = ds.assign(log_prob=(ds.log_prob.dims, here.values[None, None]))
    within("progress of the geodesic is t, float64", abs(tk.progress(ds, metric).item() - t), 1e-6)


@given(st.data(), st.sampled_from(LENGTH_METRICS))
def test_progress__agrees_with_a_scalar_minimiser(data: st.DataObject, metric: str) -> None:
    # Three samples: with an odd number no level stretch of fisher_rao makes the minimiser an interval.
    classes = data.draw(st.integers(2, 5))
    log_prob = data.draw(log_probs(1, 3, classes, zeros=False))
    label = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=3, max_size=3)))
    got = tk.progress(runs_of([log_prob], label), metric).item()
    within("progress against golden sections", abs(got - oracles.progress(metric, log_prob[0], label)), 1e-6)


@given(st.data(), st.sampled_from(LENGTH_METRICS))
def test_progress__no_other_point_of_the_geodesic_is_nearer(data: st.DataObject, metric: str) -> None:
    ds = data.draw(datasets(zeros=metric == "fisher_rao"))
    distance = getattr(tk, metric)
    best = tk.progress(ds, metric)
    start, end = tk.ignorance(ds), tk.truth(ds)
    all_along = distance(ds.log_prob, tk.geodesic(start, end, np.linspace(0, 1, 51)))
    for run, checkpoint in np.argwhere(ds.step.values >= 0):
        at = {"run": run, "checkpoint": checkpoint}
        here = tk.geodesic(start, end, float(best[at]))
        gap = float(distance(ds.log_prob[at], here)) - float(all_along[at].min())
        within(f"excess distance of the {metric} minimiser", gap, 1e-9)


@pytest.mark.parametrize("metric", LENGTH_METRICS)
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3])
def test_progress__of_simulated_runs_is_known(metric: str, spread: float) -> None:
    ds = tk.simulate(runs=6, classes=8, samples=40, spread=spread, ragged=True)
    p = tk.progress(ds, metric)
    assert (p.isnull() == (ds.step < 0)).all()
    within(f"progress of simulated runs, {metric}", float(np.abs(p - ds.known_progress).max()), 1e-6)


@pytest.mark.parametrize("samples", [2, 10, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_progress__half_the_samples_at_each_end_gives_the_midpoint(samples: int, dtype: type) -> None:
    # C = 2: under fisher_rao every point of the geodesic is equally near.
    label = np.arange(samples) % 2
    truth = np.where(np.arange(2) == label[:, None], 0.0, -np.inf)
    at_truth = np.arange(samples)[:, None] < samples // 2
    log_prob: NDArray[Any] = np.where(at_truth, truth, np.log(0.5)).astype(dtype)
    ds = runs_of([log_prob[None]], label)
    within("midpoint of an interval of minimisers", abs(tk.progress(ds).item() - 0.5), 1e-6)
    # -log cos is strictly convex, and symmetric here.
    within("midpoint of an interval of minimisers", abs(tk.progress(ds, "bhattacharyya").item() - 0.5), 1e-6)


def test_progress__an_interval_inside_the_way_gives_its_midpoint() -> None:
    ds = tk.simulate(runs=1, checkpoints=1, samples=4, classes=2)
    start, end = tk.ignorance(ds), tk.truth(ds)
    behind, ahead = tk.geodesic(start, end, 0.2).values, tk.geodesic(start, end, 0.5).values
    mixed = np.where(np.arange(4)[:, None] < 2, behind, ahead)
    p = tk.progress(ds.assign(log_prob=(ds.log_prob.dims, mixed[None, None]))).item()
    within("midpoint of an interval of minimisers", abs(p - 0.35), 1e-6)


@given(datasets(zeros=True), st.randoms(use_true_random=False), st.sampled_from(LENGTH_METRICS))
def test_progress__permuting_samples_or_classes_changes_nothing(ds: xr.Dataset, random: Any, metric: str) -> None:
    samples, classes = (random.sample(range(ds.sizes[d]), ds.sizes[d]) for d in ("sample", "class"))
    shuffled = ds.isel(sample=samples).isel({"class": classes})
    shuffled = shuffled.assign_coords(label=("sample", np.argsort(classes)[shuffled.label.values]))
    gap = np.abs(tk.progress(ds, metric) - tk.progress(shuffled, metric)).max()
    within("progress under permutation", float(gap), 1e-6)


@given(datasets(zeros=True), st.sampled_from(LENGTH_METRICS))
def test_progress__lies_between_0_and_1_and_labels_its_points(ds: xr.Dataset, metric: str) -> None:
    before = ds.copy(deep=True)
    p = tk.progress(ds, metric)
    assert ds.identical(before)
    assert p.dims == ("run", "checkpoint")
    assert (p.isnull() == (ds.step < 0)).all()
    values = p.values[~np.isnan(p.values)]
    assert ((values >= 0) & (values <= 1)).all()
    assert p.attrs["metric"] == metric
    # Merging compares nothing and warns of nothing, because the coordinates are shared.
    assert ds.merge(p).progress.variable.identical(p.variable)


def test_progress__blocks_of_points_change_nothing() -> None:
    ds = tk.simulate(runs=4, spread=0.2, ragged=True)
    whole = tk.progress(ds)
    with limit_workspace(1):
        assert tk.progress(ds).identical(whole)


def test_progress__what_is_certain_and_wrong_stays_at_the_start() -> None:
    label = np.array([0, 1, 2])
    wrong = log_softmax(1e4 * np.eye(3)[(label + 1) % 3])[None]
    for metric in LENGTH_METRICS:
        assert tk.progress(runs_of([wrong], label), metric) == 0


def test_progress__bad_inputs() -> None:
    with pytest.raises(ValueError, match=r"progress is defined by \['fisher_rao', 'bhattacharyya'\], not by .*'hell"):
        tk.progress(tk.simulate(), "hellinger")
    with pytest.raises(tk.SchemaError, match="'class' is missing"):
        tk.progress(tk.simulate().drop_vars("class"))


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


def test_progress__of_lazy_predictions_is_read_a_few_runs_at_a_time() -> None:
    ds = tk.simulate(runs=30, checkpoints=10, spread=0.3, ragged=True)
    exact = tk.progress(ds)
    counted = Counted(ds.log_prob.values)
    with limit_workspace(ds.log_prob.nbytes / 7):
        assert tk.progress(ds.assign(log_prob=counted.lazy(ds.log_prob))).identical(exact)
    assert counted.largest <= ds.log_prob.nbytes / 7


@given(datasets(zeros=True), st.sampled_from(LENGTH_METRICS))
def test_progress__between_ends_that_are_given_is_that_between_their_names(ds: xr.Dataset, metric: str) -> None:
    ends = {"start": tk.ignorance(ds), "end": tk.truth(ds)}
    gap = np.abs(tk.progress(ds, metric, **ends) - tk.progress(ds, metric)).max()
    within("progress by the ends' predictions and by closed forms", float(gap), 1e-6)
    gap = np.abs(tk.distance_to_geodesic(ds, metric, **ends) - tk.distance_to_geodesic(ds, metric)).max()
    within("distance by the ends' predictions and by closed forms", float(gap), 1e-7)


@given(st.data(), st.sampled_from(LENGTH_METRICS))
def test_progress__between_any_two_ends_is_the_least_over_a_fine_grid(data: st.DataObject, metric: str) -> None:
    # Near an end that a sample all but excludes, bhattacharyya changes by log(1 - t): beyond logits of 10 the grid of
    # the bisection, 2^-41, shows.
    classes, random = data.draw(st.integers(2, 5)), np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    logits = random.uniform(-1, 1, (4, 3, classes)) * data.draw(st.sampled_from([0.1, 1, 10]))
    if data.draw(st.booleans()):
        excluded = random.random(logits.shape) < 0.3
        excluded[..., random.integers(classes)] = False
        logits[excluded] = -np.inf
    start, end, *models = log_softmax(logits)
    ds = runs_of([np.array(models)], np.zeros(3, dtype=int))
    a, b = (tk.ignorance(ds).copy(data=x) for x in (start, end))
    assume(float(tk.fisher_rao(a, b)) > 1e-3)
    # A sample that shares no class with either end is infinitely far from the whole geodesic.
    cap = None if metric == "fisher_rao" else 500.0
    function = tk.fisher_rao if cap is None else functools.partial(tk.bhattacharyya, cap=2000.0)
    at = tk.progress(ds, metric, start=a, end=b).values[0]
    assert ((at >= 0) & (at <= 1)).all()
    grid = tk.geodesic(a, b, np.linspace(0, 1, 101))
    for k, t in enumerate(at):
        here = tk.geodesic(a, b, float(t))
        least = function(ds.log_prob[0, k], grid).min().item()
        got = function(ds.log_prob[0, k], here).item()
        within(f"excess of the {metric} distance over that of a grid, any ends", got - least, 1e-6 * (1 + least))
        measured = tk.distance_to_geodesic(ds, metric, start=a, end=b, cap=cap)[0, k].item()
        if got < 100:
            within("distance to the geodesic of any ends", abs(measured - got), 1e-6 * (1 + got))


def test_progress__of_the_geodesic_between_two_models_is_t() -> None:
    ds = tk.simulate(runs=2, checkpoints=5, spread=0.3)
    a, b = ds.log_prob[0, 1], ds.log_prob[1, 3]
    t = np.linspace(0, 1, 11)
    on_it = runs_of([tk.geodesic(a, b, t).values], ds.label.values)
    for metric in LENGTH_METRICS:
        ends = {"start": a.values, "end": b.values}
        np.testing.assert_allclose(tk.progress(on_it, metric, **ends)[0], t, atol=1e-9)
        assert tk.distance_to_geodesic(on_it, metric, **ends).max() < 1e-7
        # Backwards it is 1 - t.
        back = tk.progress(on_it, metric, start=b.values, end=a.values)
        np.testing.assert_allclose(back[0], 1 - t, atol=1e-9)


def test_distance_to_geodesic__without_a_common_class_wants_a_cap() -> None:
    # Three classes: the ends never give the third, of which one checkpoint is sure on the first sample.
    one, two, three = (np.where(np.eye(3)[[k, k]], 0.0, -np.inf) for k in range(3))
    half = log_softmax(np.zeros((2, 3)))
    ds = runs_of([np.array([half, np.array([three[0], half[1]])])], np.zeros(2, dtype=int))
    ends = {"start": one, "end": two}
    with pytest.raises(ValueError, match=r"1 points have an infinite bhattacharyya distance.*checkpoint 1.*cap="):
        tk.distance_to_geodesic(ds, **ends)
    finite = tk.distance_to_geodesic(ds, cap=5.0, **ends).values[0]
    np.testing.assert_allclose(finite, [-0.5 * np.log(2 / 3), (5 - 0.5 * np.log(2 / 3)) / 2], rtol=1e-12)
    # That sample does not count for progress.
    np.testing.assert_allclose(tk.progress(ds, "bhattacharyya", **ends).values[0], 0.5, atol=1e-9)
