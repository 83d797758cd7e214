"""Laws of the distances between points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import oracles
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp  # type: ignore[import-untyped]
from numpy.typing import NDArray
from oracles import relative, within
from strategies import METRICS, array, datasets, dtypes, log_probs, log_softmax, metrics, point_set

import trajkit as tk
from trajkit.distances import Metric, kernels, metric_names
from trajkit.workspace import limit_workspace

FUNCTIONS = {"bhattacharyya": tk.bhattacharyya, "hellinger": tk.hellinger, "fisher_rao": tk.fisher_rao}
# Below this, what 1e-16 in the square root of a probability leaves of nearly equal rows counts more than 1e-9.
FLOOR = {"bhattacharyya": 1e-12, "hellinger": 1e-12, "fisher_rao": 1e-6}
# A length where the triangle inequality is claimed.
LENGTH: dict[str, Callable[[Any], Any]] = {"hellinger": np.sqrt, "fisher_rao": lambda d: d}


def matrix(log_prob: NDArray[Any], metric: str, cap: float | None = None) -> NDArray[np.float64]:
    return tk.pairwise(point_set(log_prob), metric=metric, cap=cap).values


# --- values -------------------------------------------------------------------------------------------------------


@given(log_probs(), metrics)
def test_distances__agree_with_fifty_digits(log_prob: NDArray[Any], metric: str) -> None:
    a, b = log_prob
    exact = oracles.distance(metric, a, b)
    got = float(FUNCTIONS[metric](array(a), array(b)))
    within("distances against mpmath, relative", relative(got, exact, FLOOR[metric]), 1e-9)


@given(log_probs(points=1, zeros=False), metrics, st.integers(0, 2**32 - 1), st.sampled_from([1e-5, 1e-6, 2e-7]))
def test_distances__tiny_ones_are_relatively_accurate(
    log_prob: NDArray[Any], metric: str, seed: int, size: float
) -> None:
    # Timid predictions, because a change of a certain one's logits changes nothing.
    a = log_softmax(np.clip(log_prob[0].astype(np.float64), -20, 0))
    b = log_softmax(a + size * np.random.default_rng(seed).choice([-1.0, 1.0], a.shape))
    exact = oracles.distance(metric, a, b)
    if exact > (1e-13 if metric != "fisher_rao" else 1e-7):
        within("tiny distances (1e-13 and up), relative", relative(FUNCTIONS[metric](array(a), array(b)), exact), 1e-8)
        both = matrix(np.stack([a, b]), metric)[0, 1]
        within("tiny distances from pairwise, relative", relative(both, exact), 1e-8)


def test_distances__one_of_1e_12_is_right_to_eight_digits() -> None:
    p = np.log([[0.5, 0.5]])
    q = np.log([[0.5 + 1e-6, 0.5 - 1e-6]])
    for metric in METRICS:
        exact = oracles.distance(metric, p, q)
        assert relative(FUNCTIONS[metric](array(p), array(q)), exact) < 1e-8
        assert relative(matrix(np.stack([p, q]), metric)[0, 1], exact) < 1e-8


@given(log_probs(points=1, zeros=False), st.floats(1500, 1e4), dtypes)
def test_bhattacharyya__overlaps_below_the_smallest_float_are_accurate(
    log_prob: NDArray[Any], size: float, dtype: type
) -> None:
    logits = np.zeros((2, *log_prob.shape[1:]))
    logits[0, :, 0] = logits[1, :, 1] = size
    a, b = log_softmax(logits + np.clip(log_prob, -5, 0)).astype(dtype)
    exact = oracles.distance("bhattacharyya", a, b)
    assert exact > 745  # exp(-745) is the smallest float64
    within("huge distances, relative", relative(tk.bhattacharyya(array(a), array(b)), exact), 1e-12)
    within(
        "huge distances from pairwise, relative",
        relative(matrix(np.stack([a, b]), "bhattacharyya")[0, 1], exact),
        1e-12,
    )


@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_distances__ignorance_to_truth_has_closed_forms(classes: int) -> None:
    ds = tk.simulate(runs=1, checkpoints=1, samples=7, classes=classes)
    ends = tk.ignorance(ds), tk.truth(ds)
    forms = {
        "bhattacharyya": np.log(classes) / 2,
        "hellinger": 1 - 1 / np.sqrt(classes),
        "fisher_rao": np.arccos(1 / np.sqrt(classes)),
    }
    for metric, form in forms.items():
        within("distance of ignorance and truth, relative", relative(FUNCTIONS[metric](*ends), form), 1e-14)


# --- laws of distances --------------------------------------------------------------------------------------------


@given(log_probs(points=1), metrics)
def test_distances__a_point_has_distance_exactly_zero_from_itself(log_prob: NDArray[Any], metric: str) -> None:
    twice = np.concatenate([log_prob, log_prob])
    assert FUNCTIONS[metric](array(log_prob[0]), array(log_prob[0])).values == 0
    assert (matrix(twice, metric) == 0).all()
    assert (tk.pairwise(point_set(log_prob), point_set(log_prob), metric=metric).values == 0).all()


@given(log_probs(points=3), metrics)
def test_distances__are_symmetric_and_bounded(log_prob: NDArray[Any], metric: str) -> None:
    a, b = array(log_prob[0]), array(log_prob[1])
    there = float(FUNCTIONS[metric](a, b))
    assert there == float(FUNCTIONS[metric](b, a))
    upper = {"bhattacharyya": np.inf, "hellinger": 1 + 1e-15, "fisher_rao": np.pi / 2 + 1e-15}[metric]
    assert 0 <= there <= upper
    square = matrix(log_prob, metric, cap=1e5 if metric == "bhattacharyya" else None)
    assert (square == square.T).all()
    assert (np.diag(square) == 0).all()


@given(log_probs(points=3), st.sampled_from(["hellinger", "fisher_rao"]))
def test_distances__lengths_obey_the_triangle_inequality(log_prob: NDArray[Any], metric: str) -> None:
    d = LENGTH[metric](matrix(log_prob, metric))
    within(f"triangle inequality of {metric} as a length", d[0, 2] - d[0, 1] - d[1, 2], 1e-14)


@given(log_probs(), metrics, st.randoms(use_true_random=False))
def test_distances__permuting_samples_or_classes_changes_nothing(
    log_prob: NDArray[Any], metric: str, random: Any
) -> None:
    samples, classes = (random.sample(range(k), k) for k in log_prob.shape[1:])
    shuffled = log_prob[:, samples][:, :, classes]
    before = FUNCTIONS[metric](array(log_prob[0]), array(log_prob[1]))
    after = FUNCTIONS[metric](array(shuffled[0]), array(shuffled[1]))
    within("permutation of samples and classes, relative", relative(after, before, FLOOR[metric]), 1e-9)


@given(log_probs(points=3, samples=6, zeros=False), metrics, st.integers(1, 5))
def test_pairwise__any_split_of_the_samples_adds_up(log_prob: NDArray[Any], metric: str, at: int) -> None:
    whole = matrix(log_prob, metric)
    parts = (at * matrix(log_prob[:, :at], metric) + (6 - at) * matrix(log_prob[:, at:], metric)) / 6
    within("a split of the samples, relative", relative(parts, whole, FLOOR[metric]), 1e-9)


@given(st.data(), metrics)
def test_pairwise__blocks_of_samples_change_nothing(data: st.DataObject, metric: str) -> None:
    log_prob = data.draw(log_probs(points=3, samples=5, classes=3, zeros=False))
    room = 3 * 3 * data.draw(st.integers(1, 4))
    with limit_workspace(kernels.block_bytes(Metric(metric)) * room):
        blocks = matrix(log_prob, metric)
    whole = matrix(log_prob, metric)
    within("blocks of samples, relative", relative(blocks, whole, FLOOR[metric]), 1e-9)


# --- pairwise -----------------------------------------------------------------------------------------------------


@given(log_probs(points=5, zeros=False), metrics)
def test_pairwise__equals_the_broadcasting_functions(log_prob: NDArray[Any], metric: str) -> None:
    left, right = log_prob[:3], log_prob[2:]
    wanted = FUNCTIONS[metric](array(left, "point"), array(right, "point2")).values
    got = tk.pairwise(point_set(left), point_set(right), metric=metric).values
    assert got.shape == (3, 3)
    assert got[2, 0] == 0
    within("pairwise against broadcasting, relative", relative(got, wanted, FLOOR[metric]), 1e-9)


def test_pairwise__tiles_agree_with_the_broadcasting_functions_at_every_size() -> None:
    # 1, 31, 32, 33 and 65 points fill tiles of 32 in every way; 40 samples make two groups of products.
    random = np.random.default_rng(0)
    log_prob = log_softmax(3 * random.standard_normal((65, 40, 7)))
    for metric in METRICS:
        wanted = FUNCTIONS[metric](array(log_prob, "point"), array(log_prob, "point2")).values
        for rows in (1, 31, 32, 33, 65):
            square = matrix(log_prob[:rows], metric)
            other = tk.pairwise(point_set(log_prob[:rows]), point_set(log_prob), metric=metric).values
            within("pairwise against broadcasting, absolute", np.abs(square - wanted[:rows, :rows]).max(), 1e-13)
            within("pairwise against broadcasting, absolute", np.abs(other - wanted[:rows]).max(), 1e-13)


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


def test_distances__missing_checkpoints_stay_missing() -> None:
    ds = tk.simulate(runs=3, ragged=True, checkpoints=5)
    for function in FUNCTIONS.values():
        d = function(ds.log_prob, tk.truth(ds))
        assert d.dims == ("run", "checkpoint")
        assert (d.isnull() == (ds.step < 0)).all()


# --- cap and zero overlap -----------------------------------------------------------------------------------------


@given(log_probs(points=3), st.sampled_from([1e-8, 1e-3, 0.5, 30.0, 2000.0]))
def test_pairwise__the_cap_holds_for_each_sample_before_the_mean(log_prob: NDArray[Any], cap: float) -> None:
    got = matrix(log_prob, "bhattacharyya", cap=cap)
    for i in range(3):
        for j in range(i):
            exact = oracles.distance("bhattacharyya", log_prob[i], log_prob[j], cap)
            within("capped distances against mpmath, relative", relative(got[i, j], exact, 1e-12), 1e-9)


def test_pairwise__one_far_sample_among_very_many_is_capped() -> None:
    # The mean is below what pairwise recomputes from differences: there too the cap holds.
    log_prob = np.full((2, 200_000, 2), np.log(0.5))
    log_prob[0, 7], log_prob[1, 7] = [0, -np.inf], [-np.inf, 0]
    assert matrix(log_prob, "bhattacharyya", cap=1.5)[0, 1] == pytest.approx(1.5 / 200_000, rel=1e-12)


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


def test_pairwise__confident_disagreement_is_finite_without_a_cap() -> None:
    logits = np.zeros((2, 1, 3))
    logits[0, 0, 0] = logits[1, 0, 1] = 1e4
    log_prob = log_softmax(logits)
    within(
        "huge distances, relative", relative(matrix(log_prob, "bhattacharyya")[0, 1], 5000 - oracles.mp.log(2)), 1e-12
    )


# --- inputs -------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "euclid"}, r"unknown metric 'euclid': wanted one of \['bhattacharyya'"),
        ({"metric": "hellinger", "cap": 3}, "'hellinger' is bounded and takes no cap"),
        ({"cap": 0}, "cap: wanted a positive number of nats, got 0"),
        ({"cap": -1}, "got -1"),
        ({"cap": float("nan")}, "got nan"),
    ],
)
def test_pairwise__senseless_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.pairwise(tk.simulate(runs=1, checkpoints=2), **options)


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_distances__want_sample_and_class(function: Any) -> None:
    ds = tk.simulate(runs=1, checkpoints=2)
    with pytest.raises(ValueError, match=r"dimensions 'sample' and 'class', got \('run', 'checkpoint', 'class'\)"):
        function(ds.log_prob.isel(sample=0), tk.truth(ds))


def test_pairwise__refuses_what_is_no_trajectory_dataset() -> None:
    with pytest.raises(tk.SchemaError, match="'step' is missing"):
        tk.pairwise(tk.simulate().drop_vars("step"))


# The other divergences, and weights

NAMES = sorted(metric_names())
DIVERGENCES: dict[str, Callable[[Any, Any], Any]] = {
    "kullback_leibler": lambda p, q: sum(a * mp.log(a / b) for a, b in zip(p, q, strict=True) if a),
    "jeffreys": lambda p, q: sum((a - b) * mp.log(a / b) for a, b in zip(p, q, strict=True) if a or b),
    "jensen_shannon": lambda p, q: sum(
        (a * mp.log(2 * a / (a + b)) if a else 0) / 2 + (b * mp.log(2 * b / (a + b)) if b else 0) / 2
        for a, b in zip(p, q, strict=True)
    ),
}


def mixed(seed: int, classes: int = 6) -> xr.Dataset:
    """Predictions from nearly alike to confidently different."""
    random = np.random.default_rng(seed)
    scale = np.array([1e-6, 0.1, 3.0, 60.0])[:, None, None, None]
    base = random.standard_normal((1, 1, 7, classes))
    logits = base + scale * random.standard_normal((4, 3, 7, classes))
    return tk.from_arrays(logits=logits, label=np.arange(7) % classes, runs={"seed": np.arange(4)})


@pytest.mark.parametrize("name", sorted(DIVERGENCES))
def test_divergences__equal_their_definition_in_fifty_digits(name: str) -> None:
    x = tk.points(mixed(0))
    matrix = tk.pairwise(x, metric=name)
    with mp.workdps(50):
        exact = [[[mp.exp(mp.mpf(float(v))) for v in row] for row in point] for point in x.log_prob.values]
        exact = [[[v / mp.fsum(row) for v in row] for row in point] for point in exact]
        for i, j in [(0, 1), (1, 0), (2, 4), (3, 8), (9, 10), (11, 9), (0, 11)]:
            each = [DIVERGENCES[name](p, q) for p, q in zip(exact[i], exact[j], strict=True)]
            assert float(matrix[i, j]) == pytest.approx(float(mp.fsum(each) / len(each)), rel=1e-8, abs=1e-18)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_pairwise__equals_the_function_of_its_name(name: str, weighted: bool) -> None:
    ds = mixed(1)
    weights = np.array([0.0, 1, 2, 0.5, 3, 1, 1]) if weighted else None
    log_prob = tk.points(ds).log_prob.reset_coords(["run", "checkpoint", "kind", "seed"], drop=True)
    direct = getattr(tk, name)(log_prob, log_prob.rename(point="point2"), weights=weights)
    matrix = tk.pairwise(ds, metric=name, weights=weights)
    np.testing.assert_allclose(matrix.values, direct.values, rtol=1e-8, atol=1e-14)
    assert matrix.attrs == direct.attrs


@pytest.mark.parametrize("name", NAMES)
def test_weights__in_proportion_to_multiplicities_equal_repetition(name: str) -> None:
    ds = mixed(2)
    times = [1, 3, 0, 2, 1, 0, 4]
    repeated = ds.isel(sample=np.repeat(np.arange(7), times)).assign_coords(sample=np.arange(sum(times)))
    weighted = tk.pairwise(ds, metric=name, weights=times)
    np.testing.assert_allclose(weighted.values, tk.pairwise(repeated, metric=name).values, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_divergences__are_zero_on_themselves_and_symmetric_where_claimed(name: str) -> None:
    matrix = tk.pairwise(mixed(3), metric=name).values
    assert (np.diag(matrix) == 0).all()
    assert (matrix >= 0).all()
    assert (matrix == matrix.T).all() == Metric(name).symmetric


@pytest.mark.parametrize(("name", "factor"), [("kullback_leibler", 2), ("jeffreys", 4), ("jensen_shannon", 0.5)])
def test_divergences__are_squared_angles_close_together(name: str, factor: float) -> None:
    x = mixed(4)
    near = x.isel(run=0)
    p, q = near.log_prob.astype(float)[0], near.log_prob.astype(float)[1]
    p, q = p.isel(sample=[0]), q.isel(sample=[0])
    q = tk.geodesic(p, q.copy(data=np.roll(p.values, 1, axis=-1)), 1e-4)
    angle = float(tk.fisher_rao(p, q))
    assert float(getattr(tk, name)(p, q)) == pytest.approx(factor * angle**2, rel=1e-3)


@pytest.mark.parametrize("name", ["kullback_leibler", "jeffreys", "jensen_shannon"])
def test_divergences__with_zeros_count_zero_log_zero_as_zero(name: str) -> None:
    ds = tk.from_arrays(
        prob=[[[[0.5, 0.5, 0]], [[0.25, 0.75, 0]]], [[[1.0, 0, 0]], [[0, 0, 1.0]]]], label=[0], runs={"seed": [0, 1]}
    )
    both = tk.pairwise(ds.isel(run=[0]), metric=name)
    assert np.isfinite(both).all()
    assert float(both[0, 1]) > 0
    if name == "jensen_shannon":
        assert float(tk.pairwise(ds, metric=name).max()) == pytest.approx(np.log(2))
    else:
        with pytest.raises(ValueError, match=f"infinite {name} distance"):
            tk.pairwise(ds, metric=name)
        assert float(tk.pairwise(ds, metric=name, cap=9).max()) == 9


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


def test_distances__refuse_probabilities_arrays_and_datasets() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    a, b = ds.log_prob[0, 3], ds.log_prob[1, 5]
    for f in (tk.bhattacharyya, tk.fisher_rao, tk.jeffreys, lambda p, q: tk.geodesic(p, q, 0.5), tk.tangent):
        with pytest.raises(ValueError, match="natural logs of probabilities that sum to 1"):
            f(np.exp(a), np.exp(b))
        with pytest.raises(TypeError, match=r"such as ds\.log_prob"):
            f(a.values, b.values)
        with pytest.raises(TypeError, match=r"such as ds\.log_prob"):
            f(ds, b)
    with pytest.raises(TypeError, match="wanted a trajectory dataset"):
        tk.pairwise(ds.log_prob)
    with pytest.raises(ValueError, match="a dimension 't'"):
        tk.geodesic(tk.geodesic(a, b, [0, 1]), b, [0, 1])


@pytest.mark.parametrize("below", [-800.0, -668.0, -30.0])
def test_divergences__to_an_impossible_class_are_infinite_however_small_its_probability(below: float) -> None:
    log_prob = np.full((1, 2, 1, 3), -np.inf)
    log_prob[0, 0, 0, :2] = [0, below]
    log_prob[0, 1, 0, 0] = 0
    ds = tk.from_arrays(log_prob=log_prob, label=[0], runs={"seed": [0]})
    p, q = ds.log_prob[0]
    assert float(tk.kullback_leibler(p, q)) == float(tk.jeffreys(p, q)) == np.inf
    assert float(tk.kullback_leibler(q, p)) == pytest.approx(np.exp(below), abs=1e-16)
    for metric in ("kullback_leibler", "jeffreys"):
        with pytest.raises(ValueError, match="infinite"):
            tk.pairwise(ds, metric=metric)
