"""Laws of ignorance, truth, the geodesic between them, progress, loss and error."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import mp, relative, within
from strategies import array, datasets, log_probs, log_softmax

import trajkit as tk
from trajkit.workspace import limit_workspace

PROGRESS_METRICS = ("fisher_rao", "bhattacharyya")
positions = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


def one_run(log_prob: NDArray[Any], label: NDArray[Any]) -> xr.Dataset:
    """Make a dataset of one run from (checkpoint, sample, class), in the precision given."""
    ds = tk.from_arrays(log_prob=[log_prob], label=label, runs={"seed": [0]})
    return ds.assign(log_prob=(ds.log_prob.dims, log_prob[None]))


def prob(log_prob: xr.DataArray) -> xr.DataArray:
    return log_prob.copy(data=np.exp(log_prob.values))


# --- ignorance and truth ------------------------------------------------------------------------------------------


@given(datasets())
def test_ignorance_and_truth__are_what_their_names_say(ds: xr.Dataset) -> None:
    ignorance, truth = prob(tk.ignorance(ds)), prob(tk.truth(ds))
    assert ignorance.dims == truth.dims == ("sample", "class")
    np.testing.assert_allclose(ignorance, 1 / ds.sizes["class"], rtol=1e-15)
    assert (truth.sum("class") == 1).all()
    assert (truth.argmax("class") == ds.label).all()
    assert set(np.unique(truth)) == {0, 1}
    for x in (ignorance, truth):
        assert x.sample.equals(ds.sample)
        assert x["class"].equals(ds["class"])


def test_truth__a_label_that_is_no_class_is_refused() -> None:
    ds = tk.simulate(samples=3, classes=3)
    with pytest.raises(ValueError, match=r"'label' holds \[-1, 3\]: wanted class indices from 0 to 2"):
        tk.truth(ds.assign_coords(label=("sample", [3, 0, -1])))


def test_references__are_runs_that_with_references_appends() -> None:
    ds = tk.simulate(runs=2, checkpoints=3, ragged=False).assign_coords(augmentation=("run", [True, False]))
    full = tk.with_references(ds, n_geodesic=7)
    tk.validate(full)
    assert full.run.values.tolist() == ["A-0", "B-0", "ignorance", "truth", "geodesic"]
    assert full.kind.values.tolist() == ["network"] * 2 + ["reference"] * 3
    assert full.architecture.values.tolist() == ["A", "B", "", "", ""]
    np.testing.assert_equal(full.seed.values, [0, 0, np.nan, np.nan, np.nan])
    np.testing.assert_equal(full.augmentation.values, [1, 0, np.nan, np.nan, np.nan])
    assert (full.step >= 0).sum("checkpoint").values.tolist() == [3, 3, 1, 1, 7]
    np.testing.assert_array_equal(full.log_prob[:2, :3], ds.log_prob)
    bare = tk.with_references(ds, n_geodesic=0)
    assert bare.run.values.tolist()[2:] == ["ignorance", "truth"]


def test_references__keep_what_all_runs_share() -> None:
    ds = tk.simulate(runs=2).assign(difficulty=("sample", np.arange(50.0)))
    ds = ds.assign_coords(source_file=("sample", [f"{i}.png" for i in range(50)]))
    full = tk.with_references(ds)
    assert full.difficulty.variable.identical(ds.difficulty.variable)
    assert full.source_file.variable.identical(ds.source_file.variable)


@given(datasets())
def test_with_references__edits_nothing_and_keeps_every_network(ds: xr.Dataset) -> None:
    before = ds.copy(deep=True)
    full = tk.with_references(ds, n_geodesic=5)
    assert ds.identical(before)
    tk.validate(full)
    networks = tk.points(full.sel(run=full.kind == "network"))
    assert networks.log_prob.variable.equals(tk.points(ds).log_prob.variable)


def test_with_references__bad_inputs() -> None:
    ds = tk.simulate(runs=1)
    with pytest.raises(tk.SchemaError, match=r"runs \['geodesic', 'ignorance', 'truth'\] are there already.*kind="):
        tk.with_references(tk.with_references(ds))
    for n in (1, -3):
        with pytest.raises(ValueError, match=f"n_geodesic: wanted 0, or 2 and more points, got {n}"):
            tk.with_references(ds, n_geodesic=n)
    with pytest.raises(tk.SchemaError, match="'label' is missing"):
        tk.with_references(ds.drop_vars("label"))


# --- geodesic -----------------------------------------------------------------------------------------------------


@given(log_probs())
def test_geodesic__ends_where_it_should(log_prob: NDArray[Any]) -> None:
    a, b = (array(x) for x in log_softmax(log_prob))
    for t, end in ((0.0, a), (1.0, b)):
        here = tk.geodesic(a, b, t)
        assert (np.isneginf(here) == np.isneginf(end)).all()
        finite = np.isfinite(end.values)
        # In logarithms: what is certain to a part in 1e4000 stays so.
        within("ends of the geodesic, log_prob", np.abs(here.values[finite] - end.values[finite]).max(), 1e-11)


@given(log_probs(), positions)
def test_geodesic__agrees_with_fifty_digits(log_prob: NDArray[Any], t: float) -> None:
    a, b = log_prob
    got = np.exp(tk.geodesic(array(a), array(b), t).values)
    ends = [(oracles.distribution(p), oracles.distribution(q)) for p, q in zip(a, b, strict=True)]
    exact = [oracles.geodesic(p, q, mp.mpf(t)) for p, q in ends]
    within("geodesic against mpmath, probabilities", np.abs(got - np.array(exact, dtype=float)).max(), 1e-13)


@given(log_probs(), positions)
def test_geodesic__cuts_the_angle_in_proportion(log_prob: NDArray[Any], t: float) -> None:
    a, b = (array(x[:1]) for x in log_prob)
    here = tk.geodesic(a, b, t)
    whole, behind, ahead = (float(tk.fisher_rao(*ends)) for ends in ((a, b), (a, here), (here, b)))
    within("angles to the ends of the geodesic are t and 1 - t", abs(behind - t * whole), 1e-12)
    within("angles to the ends of the geodesic are t and 1 - t", abs(ahead - (1 - t) * whole), 1e-12)


@given(log_probs())
def test_geodesic__midpoint_is_the_normalised_mean_of_amplitudes(log_prob: NDArray[Any]) -> None:
    a, b = log_softmax(log_prob)
    amplitude = np.exp(0.5 * a) + np.exp(0.5 * b)
    wanted = (amplitude / np.linalg.norm(amplitude, axis=-1, keepdims=True)) ** 2
    got = np.exp(tk.geodesic(array(a), array(b), 0.5).values)
    within("midpoint of the geodesic, probabilities", np.abs(got - wanted).max(), 1e-13)


@pytest.mark.parametrize("classes", [2, 3, 1000])
def test_geodesic__from_ignorance_to_truth_has_closed_form(classes: int) -> None:
    ds = tk.simulate(runs=1, checkpoints=1, samples=5, classes=classes)
    t = np.linspace(0, 1, 7)
    got = prob(tk.geodesic(tk.ignorance(ds), tk.truth(ds), t))
    on_label = np.cos((1 - t) * np.arccos(1 / np.sqrt(classes))) ** 2
    assert got.dims == ("t", "sample", "class")
    for k in range(ds.sizes["sample"]):
        row = got.isel({"sample": k, "class": int(ds.label[k])})
        within("geodesic of ignorance and truth, closed form", np.abs(row.values - on_label).max(), 1e-14)
    np.testing.assert_allclose(got.sum("class"), 1, atol=1e-14)


@given(log_probs(points=1), positions)
def test_geodesic__from_a_point_to_itself_stays_there(log_prob: NDArray[Any], t: float) -> None:
    a = array(log_softmax(log_prob[0]))
    got, wanted = np.exp(tk.geodesic(a, a, t)), np.exp(a)
    assert np.abs(got - wanted).max() < 1e-14


def test_geodesic__broadcasts_over_runs_and_keeps_missing_points() -> None:
    ds = tk.simulate(runs=3, checkpoints=5, ragged=True, samples=4)
    g = tk.geodesic(ds.log_prob, tk.truth(ds), [0.0, 0.25, 1.0])
    assert g.dims == ("t", "run", "checkpoint", "sample", "class")
    assert g.t.values.tolist() == [0, 0.25, 1]
    assert (g.isnull().any(("t", "sample", "class")) == (ds.step < 0)).all()
    one = tk.geodesic(ds.log_prob[1, 2], tk.truth(ds), 0.25)
    np.testing.assert_allclose(g.values[1, 1, 2], one.values, rtol=1e-14)
    assert one.t == 0.25


@pytest.mark.parametrize("t", [-0.1, 1.1, [0.5, 2.0], float("nan")])
def test_geodesic__positions_outside_the_way_are_refused(t: Any) -> None:
    ds = tk.simulate(runs=1)
    with pytest.raises(ValueError, match="t: wanted numbers from 0 to 1, got"):
        tk.geodesic(tk.ignorance(ds), tk.truth(ds), t)


# --- progress -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", PROGRESS_METRICS)
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_progress__of_the_geodesic_is_t(metric: str, classes: int) -> None:
    ds = tk.with_references(tk.simulate(runs=1, samples=12, classes=classes), n_geodesic=21)
    p = tk.progress(ds, metric)
    gap = np.abs(p.sel(run="geodesic").values - np.linspace(0, 1, 21)).max()
    within("progress of the geodesic is t, float32", gap, 1e-6)
    assert float(p.sel(run="ignorance")[0]) == pytest.approx(0, abs=1e-7)
    assert float(p.sel(run="truth")[0]) == pytest.approx(1, abs=1e-12)


@given(st.integers(2, 12), st.integers(1, 9), positions, st.sampled_from(PROGRESS_METRICS))
def test_progress__of_the_geodesic_is_t_in_float64(classes: int, samples: int, t: float, metric: str) -> None:
    ds = tk.simulate(runs=1, checkpoints=1, samples=samples, classes=classes)
    here = tk.geodesic(tk.ignorance(ds), tk.truth(ds), t)
    ds = ds.assign(log_prob=(ds.log_prob.dims, here.values[None, None]))
    within("progress of the geodesic is t, float64", abs(tk.progress(ds, metric).item() - t), 1e-6)


@given(st.data(), st.sampled_from(PROGRESS_METRICS))
def test_progress__agrees_with_a_scalar_minimiser(data: st.DataObject, metric: str) -> None:
    # Three samples: with an odd number no level stretch of fisher_rao makes the minimiser an interval.
    classes = data.draw(st.integers(2, 5))
    log_prob = data.draw(log_probs(1, 3, classes, zeros=False))
    label = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=3, max_size=3)))
    got = tk.progress(one_run(log_prob, label), metric).item()
    within("progress against golden sections", abs(got - oracles.progress(metric, log_prob[0], label)), 1e-6)


@given(st.data(), st.sampled_from(PROGRESS_METRICS))
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


@pytest.mark.parametrize("metric", PROGRESS_METRICS)
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
    ds = one_run(log_prob[None], label)
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


@given(datasets(zeros=True), st.randoms(use_true_random=False), st.sampled_from(PROGRESS_METRICS))
def test_progress__permuting_samples_or_classes_changes_nothing(ds: xr.Dataset, random: Any, metric: str) -> None:
    samples, classes = (random.sample(range(ds.sizes[d]), ds.sizes[d]) for d in ("sample", "class"))
    shuffled = ds.isel(sample=samples).isel({"class": classes})
    shuffled = shuffled.assign_coords(label=("sample", np.argsort(classes)[shuffled.label.values]))
    gap = np.abs(tk.progress(ds, metric) - tk.progress(shuffled, metric)).max()
    within("progress under permutation", float(gap), 1e-6)


@given(datasets(zeros=True), st.sampled_from(PROGRESS_METRICS))
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
    for metric in PROGRESS_METRICS:
        assert tk.progress(one_run(wrong, label), metric) == 0


def test_progress__bad_inputs() -> None:
    with pytest.raises(ValueError, match=r"progress is defined by \['fisher_rao', 'bhattacharyya'\], not by .*'hell"):
        tk.progress(tk.simulate(), "hellinger")
    with pytest.raises(tk.SchemaError, match="'class' is missing"):
        tk.progress(tk.simulate().drop_vars("class"))


# --- loss and error -----------------------------------------------------------------------------------------------


@given(datasets(zeros=True))
def test_loss_and_error__are_the_plain_sums(ds: xr.Dataset) -> None:
    before = ds.copy(deep=True)
    loss, error = tk.loss(ds), tk.error(ds)
    assert ds.identical(before)
    assert loss.dims == error.dims == ("run", "checkpoint")
    label = ds.label.values
    for run, checkpoint in np.ndindex(ds.step.shape):
        if ds.step.values[run, checkpoint] < 0:
            assert np.isnan(loss[run, checkpoint])
            assert np.isnan(error[run, checkpoint])
            continue
        row = ds.log_prob.values[run, checkpoint].astype(float)
        exact = -sum(row[n, label[n]] for n in range(len(label))) / len(label)
        within("loss, relative", relative(loss[run, checkpoint], exact, 1e-3), 1e-12)
        wrong = sum(int(row[n].argmax() != label[n]) for n in range(len(label))) / len(label)
        within("error", abs(float(error[run, checkpoint]) - wrong), 1e-15)


def test_loss_and_error__of_the_references_are_known() -> None:
    ds = tk.with_references(tk.simulate(classes=4))
    assert float(tk.loss(ds).sel(run="ignorance")[0]) == pytest.approx(np.log(4), rel=1e-7)
    assert str(tk.loss(ds).sel(run="truth").values[0]) == "0.0"
    assert tk.error(ds).sel(run="truth")[0] == 0
    # The first class wins the tie of ignorance.
    assert float(tk.error(ds).sel(run="ignorance")[0]) == pytest.approx(float((ds.label != 0).mean()))


def test_loss__a_label_that_was_ruled_out_costs_infinitely() -> None:
    ds = one_run(np.log([[[0.5, 0.5, 1e-300], [1.0, 1e-300, 1e-300]]]), np.array([0, 1]))
    ruled_out = np.where(ds.log_prob < -100, -np.inf, ds.log_prob)
    assert np.isinf(tk.loss(ds.assign(log_prob=(ds.log_prob.dims, ruled_out))))
