"""Laws of sums over pairs: precision, tiles and blocks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import all_pairs, relative, within
from strategies import (
    FLOOR,
    FUNCTIONS,
    METRICS,
    array,
    log_probs,
    log_softmax,
    matrix,
    metrics,
    point_set,
    predictions,
)

import trajkit as tk
from trajkit.distances import Metric, capped_names, compiled, kernels, metric_names
from trajkit.workspace import limit_workspace


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


def test_pairwise__one_far_sample_among_very_many_is_capped() -> None:
    # The mean is below what pairwise recomputes from differences: there too the cap holds.
    log_prob = np.full((2, 200_000, 2), np.log(0.5))
    log_prob[0, 7], log_prob[1, 7] = [0, -np.inf], [-np.inf, 0]
    assert matrix(log_prob, "bhattacharyya", cap=1.5)[0, 1] == pytest.approx(1.5 / 200_000, rel=1e-12)


@given(log_probs(points=3, zeros=False), st.sampled_from(metric_names()))
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
@pytest.mark.parametrize("metric", metric_names())
def test_pairwise__agrees_with_the_formulas_across_tiles_and_runs_of_samples(metric: str, dtype: str) -> None:
    # More points than a tile and more samples than are multiplied at once, neither a multiple of anything.
    log_prob = predictions(compiled.TILE + 7, compiled.FLUSH + 13, 3)
    weight = np.random.default_rng(1).choice([0.0, 1.0, 2.5], log_prob.shape[1])
    for cap in (None, 0.3) if metric in capped_names() else (None,):
        got = tk.pairwise(point_set(log_prob), metric=metric, weights=weight, cap=cap, dtype=dtype).values
        deviation = np.abs(got - all_pairs(log_prob, metric, cap, weight)).max()
        within(f"pairwise against the formulas, {dtype}", deviation, {"float32": 1e-6, "float64": 1e-12}[dtype])


@pytest.mark.parametrize("classes", [2, 3, 4, 5, 64, 65, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pairwise__takes_any_number_of_classes(classes: int, dtype: str) -> None:
    log_prob = predictions(5, 9, classes)
    got = tk.pairwise(point_set(log_prob), dtype=dtype).values
    exact = all_pairs(log_prob, "bhattacharyya", None, np.ones(9))
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
    exact = all_pairs(log_prob, "bhattacharyya", None, np.ones(100))
    got = tk.pairwise(point_set(log_prob), dtype="float32").values
    off = ~np.eye(70, dtype=bool)
    within("confident disagreement in float32, relative", (np.abs(got - exact)[off] / exact[off]).max(), 1e-6)
    got = tk.pairwise(point_set(log_prob)).values
    within("confident disagreement in float64, relative", (np.abs(got - exact)[off] / exact[off]).max(), 1e-12)
