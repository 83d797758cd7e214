"""Laws of InPCA."""

from typing import Any

import numpy as np
import oracles
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import rebuilt, relative, within
from strategies import (
    METRICS,
    as_distance,
    simulated,
    symmetric,
)

import trajkit as tk


@given(symmetric())
def test_inpca__all_components_give_the_distances_back(squared: NDArray[np.float64]) -> None:
    e = tk.inpca(as_distance(squared), None)
    assert dict(e.sizes) == {"point": len(squared), "component": len(squared)}
    within("InPCA gives D back, relative to the largest", np.abs(rebuilt(e) - squared).max() / squared.max(), 1e-10)
    within("explained stress of all components is 1", abs(float(e.explained_stress[-1]) - 1), 1e-6)
    within("explained distance of all components is 1", abs(float(e.explained_distance[-1]) - 1), 1e-10)


@pytest.mark.parametrize("metric", METRICS)
def test_inpca__all_components_of_trajectories_give_the_distances_back(metric: str) -> None:
    d = simulated(40, metric)
    squared = d.values if metric != "fisher_rao" else d.values**2
    e = tk.inpca(d, None)
    within("InPCA gives D back, relative to the largest", np.abs(rebuilt(e) - squared).max() / squared.max(), 1e-10)


@given(symmetric())
def test_inpca__eigenvalues_are_those_of_the_double_centred_matrix(squared: NDArray[np.float64]) -> None:
    e = tk.inpca(as_distance(squared), None)
    exact = np.linalg.eigvalsh(oracles.double_centered(squared))
    scale = np.abs(exact).max()
    within("eigenvalues, relative to the largest", np.abs(np.sort(e.eigenvalue) - exact).max() / scale, 1e-12)
    size = np.abs(e.eigenvalue.values)
    assert (np.diff(size) <= 1e-12 * scale).all()
    assert (e.signature.values == np.where(e.eigenvalue < 0, -1, 1)).all()
    # sum_i x_ik^2 = |eigenvalue_k|, and centred.
    x = e.coordinate.values
    within("squared length of a coordinate is |eigenvalue|", np.abs((x**2).sum(0) - size).max() / scale, 1e-12)
    centre = np.abs(x[:, size > 1e-9 * scale].sum(0)).max() / np.sqrt(scale)
    within("coordinates are centred, relative", centre, 1e-6)


def test_inpca__negative_eigenvalues_are_kept_with_their_sign() -> None:
    # Four points: two pairs, far from each other within a pair but near across. No Euclidean picture has that.
    squared = np.array([[0, 9, 1, 1], [9, 0, 1, 1], [1, 1, 0, 9], [1, 1, 9, 0]], dtype=float)
    e = tk.inpca(as_distance(squared), None)
    np.testing.assert_allclose(e.eigenvalue, [4.5, 4.5, -3.5, 0], atol=1e-12)
    assert e.signature.values[:3].tolist() == [1, 1, -1]
    # Along the time-like axis the pairs differ; there their squared distance counts negatively.
    time = e.coordinate.values[:, 2]
    np.testing.assert_allclose(np.abs(np.subtract.outer(time, time))[:2, 2:], np.sqrt(3.5), rtol=1e-12)
    np.testing.assert_allclose(rebuilt(e), squared, atol=1e-12)


def test_inpca__one_time_like_axis_alone_can_be_asked_for() -> None:
    e = tk.inpca(as_distance(-np.square(np.subtract.outer([0.0, 1, 5], [0.0, 1, 5]))), 1)
    assert e.signature.values.tolist() == [-1]
    np.testing.assert_allclose(np.abs(np.diff(e.coordinate.values[:, 0])), [1, 4])


@given(st.integers(3, 12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_inpca__of_euclidean_distances_is_classical_scaling(m: int, dim: int, seed: int) -> None:
    from sklearn.manifold import ClassicalMDS

    dim = min(dim, m - 1)
    x = np.random.default_rng(seed).standard_normal((m, dim)) * np.array([8.0, 4.0, 2.0, 1.0])[:dim]
    length = np.sqrt(np.square(x[:, None] - x).sum(-1))
    theirs = ClassicalMDS(n_components=dim, metric="precomputed").fit_transform(length)
    for distance in (as_distance(length, "length"), as_distance(length**2)):
        ours = tk.inpca(distance, dim)
        assert (ours.signature == 1).all()
        # Coordinates are unique up to a sign per component; compare inner products, which are unique.
        gap = np.abs(ours.coordinate.values @ ours.coordinate.values.T - theirs @ theirs.T).max()
        within("InPCA against ClassicalMDS, inner products", gap / np.square(theirs).sum(), 1e-12)
        for k in range(dim):
            mine, other = ours.coordinate.values[:, k], theirs[:, k]
            value = ours.eigenvalue.values
            apart = all(abs(value[k] - v) > 1e-3 * value[0] for i, v in enumerate(value) if i != k)
            if apart:
                gap = min(np.abs(mine - other).max(), np.abs(mine + other).max())
                within("InPCA against ClassicalMDS, coordinates", gap, 1e-8)


def test_inpca__of_hellinger_is_the_pca_of_stacked_amplitudes() -> None:
    from sklearn.decomposition import PCA

    ds = tk.simulate(runs=5, checkpoints=8, spread=0.3, samples=12, classes=6)
    p = tk.points(ds).log_prob.values.astype(np.float64)
    amplitude = np.exp(0.5 * (p - np.logaddexp.reduce(p, axis=-1, keepdims=True))).reshape(len(p), -1)
    # 1 - BC is half a squared Euclidean distance, and a mean over samples.
    theirs = PCA(3, svd_solver="full").fit_transform(amplitude / np.sqrt(2 * ds.sizes["sample"]))
    ours = tk.inpca(tk.pairwise(ds, metric="hellinger"), 3)
    assert (ours.signature == 1).all()
    sign = np.sign((ours.coordinate.values * theirs).sum(0))
    within("hellinger InPCA against PCA of amplitudes", np.abs(ours.coordinate.values - sign * theirs).max(), 1e-9)


def test_inpca__lanczos_agrees_with_the_dense_solver() -> None:
    d = simulated(540)
    lanczos = tk.inpca(d, 4)
    assert lanczos.attrs["solver"] == "lanczos"
    dense = tk.inpca(d, 40).isel(component=slice(4))
    assert dense.attrs["solver"] == "dense"  # too many components for iterations
    assert (dense.signature == lanczos.signature).all()
    for name in ("coordinate", "eigenvalue", "explained_stress", "explained_distance"):
        within(f"lanczos against dense, {name}", float(np.abs(dense[name] - lanczos[name]).max()), 1e-9)


def test_inpca__lanczos_is_the_same_each_time() -> None:
    d = simulated(510)
    assert tk.inpca(d, 3).identical(tk.inpca(d, 3))


@given(symmetric(3))
def test_inpca__explained_stress_and_distance_are_their_definitions(squared: NDArray[np.float64]) -> None:
    n = len(squared) - 1
    e = tk.inpca(as_distance(squared), n)
    stress, distance = oracles.explained(squared, e.coordinate.values, e.signature.values)
    # Near 1 the square root in the stress turns 1e-16 into 1e-8.
    within("explained stress against loops", np.abs(e.explained_stress - stress).max(), 1e-6)
    within(
        "explained stress against loops, squared",
        np.abs((1 - e.explained_stress) ** 2 - (1 - np.array(stress)) ** 2).max(),
        1e-12,
    )
    within("explained distance against loops", np.abs(e.explained_distance - distance).max(), 1e-11)
    assert (np.diff(e.explained_stress) >= 0).all()


@given(symmetric(4, 10), st.integers(1, 3))
def test_inpca__the_first_components_do_not_depend_on_how_many_are_asked_for(
    squared: NDArray[np.float64], n: int
) -> None:
    few, all_of_them = tk.inpca(as_distance(squared), n), tk.inpca(as_distance(squared), None)
    xr.testing.assert_allclose(few, all_of_them.sel(component=slice(1, n)), rtol=1e-9)


@given(symmetric(3))
def test_inpca__signs_are_deterministic(squared: NDArray[np.float64]) -> None:
    e = tk.inpca(as_distance(squared), None)
    assert e.identical(tk.inpca(as_distance(squared.copy()), None))
    x = e.coordinate.values
    largest = x[np.abs(x).argmax(0), np.arange(x.shape[1])]
    assert (largest >= 0).all()


@given(symmetric(4), st.randoms(use_true_random=False))
def test_inpca__permuting_points_permutes_coordinates(squared: NDArray[np.float64], random: Any) -> None:
    order = random.sample(range(len(squared)), len(squared))
    before, after = tk.inpca(as_distance(squared), 2), tk.inpca(as_distance(squared[np.ix_(order, order)]), 2)
    value = np.abs(tk.inpca(as_distance(squared), 4).eigenvalue.values)
    if np.diff(value[:3]).max() < -1e-3 * value[0]:  # no axis is ambiguous
        gap = np.abs(before.coordinate.values[order] - after.coordinate.values).max() / np.sqrt(value[0])
        within("InPCA of permuted points, relative", gap, 1e-9)


@given(symmetric(3, 8), st.data())
def test_inpca__weights_in_proportion_to_multiplicities_equal_repetition(
    squared: NDArray[np.float64], data: st.DataObject
) -> None:
    m = len(squared)
    times = data.draw(st.lists(st.integers(1, 4), min_size=m, max_size=m))
    repeat = np.repeat(np.arange(m), times)
    repeated = tk.inpca(as_distance(squared[np.ix_(repeat, repeat)]), m - 1)
    weighted = tk.inpca(as_distance(squared), m - 1, weights=times)
    value = weighted.eigenvalue.values
    top = np.abs(value).max()
    within(
        "weighted eigenvalues times points, relative",
        np.abs(value * len(repeat) - repeated.eigenvalue.values).max() / top,
        1e-10,
    )
    for name in ("explained_stress", "explained_distance"):
        within(f"weights equal repetition, {name}", float(np.abs(weighted[name] - repeated[name]).max()), 1e-6)
    # Distances within the picture are unique even where axes of equal eigenvalue are not.
    first = np.concatenate([[0], np.cumsum(times)[:-1]])
    gap = np.abs(rebuilt(weighted) - rebuilt(repeated.isel(point=first))).max() / squared.max()
    within("weights equal repetition, distances in the picture", gap, 1e-9)
    size = np.abs(value)
    apart = [
        k
        for k in range(m - 1)
        if all(abs(size[k] - s) > 1e-3 * top for i, s in enumerate(size) if i != k) and size[k] > 1e-3 * top
    ]
    gap = np.abs(weighted.coordinate.values - repeated.coordinate.values[first])[:, apart] / np.sqrt(squared.max())
    within("weights equal repetition, coordinates", gap.max() if apart else 0.0, 1e-8)


@given(symmetric(3))
def test_inpca__equal_weights_change_the_eigenvalues_by_the_number_of_points_alone(
    squared: NDArray[np.float64],
) -> None:
    m = len(squared)
    plain, weighted = tk.inpca(as_distance(squared), 2), tk.inpca(as_distance(squared), 2, weights=np.full(m, 7))
    np.testing.assert_allclose(weighted.eigenvalue * m, plain.eigenvalue, rtol=1e-9)
    within("equal weights, coordinates", np.abs(rebuilt(plain) - rebuilt(weighted)).max() / squared.max(), 1e-9)
    np.testing.assert_allclose(plain.weight, 1 / m, rtol=1e-15)
    np.testing.assert_allclose(weighted.weight.sum(), 1)


@given(symmetric(3), st.sampled_from([1e-6, 4.0, 1e9]))
def test_inpca__scaling_the_distances_scales_the_picture(squared: NDArray[np.float64], factor: float) -> None:
    before, after = tk.inpca(as_distance(squared), 2), tk.inpca(as_distance(factor * squared), 2)
    gap = np.abs(after.coordinate / np.sqrt(factor) - before.coordinate).max() / np.sqrt(squared.max())
    within("InPCA of scaled distances, relative", float(gap), 1e-8)
    np.testing.assert_allclose(after.explained_distance, before.explained_distance, atol=1e-9)


@given(symmetric())
def test_inpca__a_length_is_squared_first(squared: NDArray[np.float64]) -> None:
    plain, from_length = tk.inpca(as_distance(squared), 1), tk.inpca(as_distance(np.sqrt(squared), "length"), 1)
    within("length against squared length", relative(from_length.eigenvalue, plain.eigenvalue.values), 1e-10)


def test_inpca__edits_nothing_and_keeps_attributes() -> None:
    d = simulated(30)
    before = d.copy(deep=True)
    e = tk.inpca(d, weights=np.arange(1, 31))
    assert d.identical(before)
    kept = e.copy(deep=True)
    tk.project(e, d)
    assert e.identical(kept)
    assert e.attrs == {"solver": "dense", "metric": "bhattacharyya", "scale": "squared length"}
    for name in ("run", "checkpoint", "architecture", "seed", "kind"):
        xr.testing.assert_equal(e[name].variable, d[name].variable)
    assert e.component.values.tolist() == [1, 2, 3]


SQUARE = np.array([[0.0, 1, 2], [1, 0, 3], [2, 3, 0]])


def changed(at: tuple[int, int], value: float) -> NDArray[np.float64]:
    out = SQUARE.copy()
    out[at] = value
    return out


@pytest.mark.parametrize(
    ("distance", "message"),
    [
        (as_distance(SQUARE[:2]), r"wanted a square matrix \(point, point2\), got \{'point': 2, 'point2': 3\}"),
        (as_distance(SQUARE).rename(point2="other"), "wanted a square matrix"),
        (as_distance(SQUARE).drop_attrs(), r'attrs\["scale"\] is None: set it to "squared length"'),
        (as_distance(SQUARE, "metres"), "is 'metres'"),
        (as_distance(changed((0, 1), 1.5)), r"not symmetric.*symmetrise it first"),
        (as_distance(changed((1, 1), 0.5)), "the diagonal .* is not zero"),
        (as_distance(changed((0, 2), np.nan)), "1 distances are NaN or infinite; drop their points or pass cap="),
        (as_distance(changed((0, 2), np.inf)), "1 distances are NaN or infinite"),
        (as_distance(np.zeros((3, 3))), r"all points coincide \(every distance is zero\)"),
        (as_distance(np.zeros((1, 1))), "all points coincide"),
    ],
)
def test_inpca__bad_matrices_are_refused(distance: xr.DataArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.inpca(distance, 1)


@pytest.mark.parametrize("n", [0, -1, 4])
def test_inpca__as_many_components_as_points_at_most(n: int) -> None:
    with pytest.raises(ValueError, match=rf"n_components: wanted 1 to 3 \(the number of points\), got {n}"):
        tk.inpca(as_distance(SQUARE), n)


def test_inpca__wrong_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"wanted an xarray.DataArray \(point, point2\), got ndarray"):
        tk.inpca(SQUARE)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        tk.inpca(as_distance(SQUARE), 2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("weights", [[], [1, 2], [1, 0, 1], [1, -1, 1], [1, np.nan, 1], [1, np.inf, 1], 1, [[1, 1, 1]]])
def test_inpca__weights_are_one_positive_number_per_point(weights: Any) -> None:
    with pytest.raises(ValueError, match="weights: wanted 3 positive numbers, one per point"):
        tk.inpca(as_distance(SQUARE), 1, weights=weights)


def coins(heads: np.ndarray) -> xr.Dataset:
    """One coin, thrown once, for each probability of heads: a one-parameter manifold."""
    prob = np.stack([heads, 1 - heads], axis=-1)[:, None, None, :]
    return tk.from_arrays(prob=prob, label=[0], runs={"run": [f"{i}" for i in range(len(heads))]})


HEADS = np.linspace(0.02, 0.97, 30)


def test_coin__hellinger_is_an_arc_of_a_circle_in_two_space_like_components():
    distance = tk.pairwise(coins(HEADS), metric="hellinger")
    embedding = tk.inpca(distance, 4)
    assert embedding.signature.values[:2].tolist() == [1, 1]
    np.testing.assert_allclose(embedding.eigenvalue[2:], 0, atol=1e-7)
    np.testing.assert_allclose(rebuilt(embedding.isel(component=slice(2))), distance, atol=1e-7)
    # half the squared chord of a unit circle: a circle of radius sqrt(1/2)
    x = embedding.coordinate.values[:, :2]
    equations = np.column_stack([2 * x, np.ones(len(x))])
    *center, rest = np.linalg.lstsq(equations, np.square(x).sum(1), rcond=None)[0]
    assert np.sqrt(rest + np.square(center).sum()) == pytest.approx(np.sqrt(0.5), abs=1e-6)


def test_coin__jeffreys_is_exact_in_one_space_like_and_one_time_like_component():
    distance = tk.pairwise(coins(HEADS), metric="jeffreys")
    embedding = tk.inpca(distance, 4)
    assert sorted(embedding.signature.values[:2]) == [-1, 1]
    np.testing.assert_allclose(rebuilt(embedding.isel(component=slice(2))), distance, atol=1e-5)


def test_coin__bhattacharyya_is_minus_log_cosine_of_the_angle_with_time_like_components():
    ds = coins(HEADS)
    prob = np.exp(ds.log_prob.values[:, 0, 0].astype(float))
    prob /= prob.sum(1, keepdims=True)
    angle = np.arctan2(np.sqrt(prob[:, 1]), np.sqrt(prob[:, 0]))
    theory = -np.log(np.cos(angle[:, None] - angle))
    distance = tk.pairwise(ds)
    np.testing.assert_allclose(distance, theory, atol=1e-12)
    embedding = tk.inpca(distance, 12)
    # -log cos x = log 2 + sum_k (-1)^k cos(2 k x) / k: terms of both signs without end
    assert (embedding.signature < 0).any()
    assert (embedding.signature > 0).sum() > 2
    np.testing.assert_allclose(rebuilt(tk.inpca(distance, None)), distance, atol=1e-10)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_iskl__eigenvalues_of_one_sample_are_exact(classes):
    """With p and l = log p centred over points, W of the Jeffreys matrix is (p l' + l p') / 2.

    Its nonzero eigenvalues come as many positive as negative (Teoh et al. 2020); for a coin they are
    (a b +- |a| |b|) / 2 with a = p - mean and b the centred log odds.
    """
    random = np.random.default_rng(classes)
    ds = tk.from_arrays(
        logits=2 * random.standard_normal((40, 1, 1, classes)), label=[0], runs={"run": [f"{i}" for i in range(40)]}
    )
    embedding = tk.inpca(tk.pairwise(ds, metric="jeffreys"), 2 * classes)
    log_prob = ds.log_prob.values[:, 0, 0].astype(float)
    log_prob -= np.logaddexp.reduce(log_prob, axis=1, keepdims=True)
    p, logs = np.exp(log_prob), log_prob
    p, logs = p - p.mean(0), logs - logs.mean(0)
    w = 0.5 * (p @ logs.T + logs @ p.T)
    exact = np.linalg.eigvalsh(w)
    exact = exact[np.argsort(-np.abs(exact))][: 2 * classes]
    np.testing.assert_allclose(embedding.eigenvalue, exact, atol=1e-9)
    rank = 2 * (classes - 1)
    assert np.abs(embedding.eigenvalue[rank:]).max() < 1e-9
    assert embedding.signature[:rank].sum() == 0
    if classes == 2:
        a, b = p[:, 0], logs[:, 0] - logs[:, 1]
        pair = 0.5 * (a @ b + np.array([1, -1]) * np.linalg.norm(a) * np.linalg.norm(b))
        np.testing.assert_allclose(embedding.eigenvalue[:2], pair, atol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_inpca__explained_stress_survives_distances_that_are_nearly_all_alike(offset: float) -> None:
    # Sums of squared distances cancel here to what is left of them in W.
    x = np.random.default_rng(0).standard_normal((600, 4)) * np.array([8, 4, 2, 1])
    squared = np.square(x[:, None] - x).sum(-1) + offset * (1 - np.eye(600))
    distance = xr.DataArray(squared, dims=("point", "point2"), attrs={"scale": "squared length"})
    exact = 1 - np.linalg.norm(rest_of(squared, e := tk.inpca(distance, 4))) / np.linalg.norm(centered(squared))
    within("explained stress of nearly equal distances", abs(float(e.explained_stress[-1]) - exact), 1e-7)


def centered(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = squared.mean(0)
    out: NDArray[np.float64] = -0.5 * (squared - mean - mean[:, None] + mean.mean())
    return out


def rest_of(squared: NDArray[np.float64], embedding: xr.Dataset) -> NDArray[np.float64]:
    x, signature = embedding.coordinate.values, embedding.signature.values
    out: NDArray[np.float64] = centered(squared) - (x * signature) @ x.T
    return out
