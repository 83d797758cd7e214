"""Laws of geodesics and their tangents."""

from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import mp, relative, within
from strategies import (
    array,
    log_probs,
    log_softmax,
    positions,
)

import trajkit as tk


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
    got = np.exp(tk.geodesic(tk.ignorance(ds), tk.truth(ds), t))
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
