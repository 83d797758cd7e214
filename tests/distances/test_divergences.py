"""Laws of the distances of two arrays, and their formulas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp  # type: ignore[import-untyped]
from numpy.typing import NDArray
from oracles import relative, within
from strategies import (
    FLOOR,
    FUNCTIONS,
    METRICS,
    array,
    dtypes,
    log_probs,
    log_softmax,
    matrix,
    metrics,
    mixed,
    point_set,
)

import trajkit as tk
from trajkit.distances import Metric, metric_names

# A length where the triangle inequality is claimed.
LENGTH: dict[str, Callable[[Any], Any]] = {"hellinger": np.sqrt, "fisher_rao": lambda d: d}


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


def test_distances__missing_checkpoints_stay_missing() -> None:
    ds = tk.simulate(runs=3, ragged=True, checkpoints=5)
    for function in FUNCTIONS.values():
        d = function(ds.log_prob, tk.truth(ds))
        assert d.dims == ("run", "checkpoint")
        assert (d.isnull() == (ds.step < 0)).all()


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_distances__want_sample_and_class(function: Any) -> None:
    ds = tk.simulate(runs=1, checkpoints=2)
    with pytest.raises(ValueError, match=r"dimensions 'sample' and 'class', got \('run', 'checkpoint', 'class'\)"):
        function(ds.log_prob.isel(sample=0), tk.truth(ds))


DIVERGENCES: dict[str, Callable[[Any, Any], Any]] = {
    "kullback_leibler": lambda p, q: sum(a * mp.log(a / b) for a, b in zip(p, q, strict=True) if a),
    "jeffreys": lambda p, q: sum((a - b) * mp.log(a / b) for a, b in zip(p, q, strict=True) if a or b),
    "jensen_shannon": lambda p, q: sum(
        (a * mp.log(2 * a / (a + b)) if a else 0) / 2 + (b * mp.log(2 * b / (a + b)) if b else 0) / 2
        for a, b in zip(p, q, strict=True)
    ),
}


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


@pytest.mark.parametrize("name", metric_names())
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
    with pytest.raises(TypeError, match="pass the dataset that holds it"):
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
