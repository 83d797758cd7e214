"""Laws of means of several distributions."""

from typing import Any

import numpy as np
import oracles
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import (
    mean_of_samples,
    mp,
    prob,
    within,
)
from strategies import (
    log_probs,
    log_softmax,
)

from trajkit.curves.means import MEANS


def mean_distance(metric: str, points: Any, q: Any) -> float:
    """Mean over runs and samples of the distance of log-probabilities (run, sample, class) to q (sample, class)."""
    return sum(mean_of_samples(metric, p, q) for p in points) / len(points)


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

    def objective(z: NDArray[Any]) -> float:
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
    means = {name: MEANS[name](exact) for name in ("arithmetic", "amplitude", "bhattacharyya")}
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
