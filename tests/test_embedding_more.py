"""Laws of known manifolds, of alignment, landmarks and the quality of a picture."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness

import trajkit as tk


def coins(heads: np.ndarray) -> xr.Dataset:
    """One coin, thrown once, for each probability of heads: a one-parameter manifold."""
    prob = np.stack([heads, 1 - heads], axis=-1)[:, None, None, :]
    return tk.from_arrays(prob=prob, label=[0], runs={"run": [f"{i}" for i in range(len(heads))]})


HEADS = np.linspace(0.02, 0.97, 30)


def distances_of(embedding: xr.Dataset) -> np.ndarray:
    x, signature = embedding.coordinate.values, embedding.signature.values
    return (signature * np.square(x[:, None] - x[None])).sum(-1)


# Coins: what theory says


def test_coin__hellinger_is_an_arc_of_a_circle_in_two_space_like_components():
    distance = tk.pairwise(coins(HEADS), metric="hellinger")
    embedding = tk.inpca(distance, 4)
    assert embedding.signature.values[:2].tolist() == [1, 1]
    np.testing.assert_allclose(embedding.eigenvalue[2:], 0, atol=1e-7)
    np.testing.assert_allclose(distances_of(embedding.isel(component=slice(2))), distance, atol=1e-7)
    # half the squared chord of a unit circle: a circle of radius sqrt(1/2)
    x = embedding.coordinate.values[:, :2]
    equations = np.column_stack([2 * x, np.ones(len(x))])
    *center, rest = np.linalg.lstsq(equations, np.square(x).sum(1), rcond=None)[0]
    assert np.sqrt(rest + np.square(center).sum()) == pytest.approx(np.sqrt(0.5), abs=1e-6)


def test_coin__jeffreys_is_exact_in_one_space_like_and_one_time_like_component():
    distance = tk.pairwise(coins(HEADS), metric="jeffreys")
    embedding = tk.inpca(distance, 4)
    assert sorted(embedding.signature.values[:2]) == [-1, 1]
    np.testing.assert_allclose(distances_of(embedding.isel(component=slice(2))), distance, atol=1e-5)


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
    np.testing.assert_allclose(distances_of(tk.inpca(distance, None)), distance, atol=1e-10)


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


# Explained stress and distance


@pytest.fixture(scope="module")
def distance() -> xr.DataArray:
    return tk.pairwise(tk.simulate(runs=6, checkpoints=8, spread=0.3))


def test_explained__of_inpca_are_those_that_inpca_gives(distance):
    embedding = tk.inpca(distance, 6)
    for name in ("explained_stress", "explained_distance"):
        np.testing.assert_allclose(getattr(tk, name)(embedding, distance), embedding[name], atol=1e-9)


def test_explained__of_all_components_is_one_and_of_scrambled_points_less(distance):
    embedding = tk.inpca(distance, None)
    scrambled = embedding.assign(
        coordinate=embedding.coordinate.copy(data=np.random.default_rng(0).permutation(embedding.coordinate.values))
    )
    for measure in (tk.explained_stress, tk.explained_distance):
        assert float(measure(embedding, distance)[-1]) == pytest.approx(1, abs=1e-9)
        assert float(measure(scrambled, distance)[-1]) < 0.9


def test_explained__of_other_points_is_refused(distance):
    embedding = tk.inpca(distance)
    with pytest.raises(ValueError, match="other points"):
        tk.explained_distance(embedding, distance[1:, 1:])
    with pytest.raises(ValueError, match="other points"):
        tk.explained_stress(embedding, distance[::-1, ::-1])
    with pytest.raises(ValueError, match="wanted coordinates on"):
        tk.explained_stress(tk.unstack(embedding), distance)


# Quality


def test_quality__is_one_with_all_components(distance):
    quality = tk.embedding_quality(tk.inpca(distance, None), distance)
    # Ties among coinciding points (all runs start alike) are ordered by rounding.
    for name in ("trustworthiness", "continuity", "rank_correlation"):
        assert float(quality[name]) == pytest.approx(1, abs=2e-2)


def test_quality__agrees_with_scikit_learn_and_scipy_on_euclidean_pictures():
    random = np.random.default_rng(0)
    points = random.standard_normal((60, 5))
    squared = np.square(points[:, None] - points[None]).sum(-1)
    distance = xr.DataArray(squared, dims=("point", "point2"), attrs={"scale": "squared length"})
    picture = points[:, :2]
    embedding = xr.Dataset({"coordinate": (("point", "component"), picture), "signature": ("component", [1, 1])})
    embedding = embedding.assign_coords(component=[1, 2])
    quality = tk.embedding_quality(embedding, distance, n_neighbors=7)
    assert float(quality.trustworthiness) == pytest.approx(trustworthiness(points, picture, n_neighbors=7))
    assert float(quality.continuity) == pytest.approx(trustworthiness(picture, points, n_neighbors=7))
    seen = np.square(picture[:, None] - picture[None]).sum(-1)
    pairs = np.triu_indices(60, 1)
    assert float(quality.rank_correlation) == pytest.approx(spearmanr(squared[pairs], seen[pairs]).statistic)


@pytest.mark.parametrize("n_neighbors", [0, 24, 100])
def test_quality__refuses_too_many_neighbours(distance, n_neighbors):
    with pytest.raises(ValueError, match="n_neighbors: wanted 1 to 23"):
        tk.embedding_quality(tk.inpca(distance), distance, n_neighbors=n_neighbors)


# Alignment


def moved(embedding: xr.Dataset, seed: int) -> xr.Dataset:
    """Turn space-like and time-like components apart, shift, and reverse their order."""
    random = np.random.default_rng(seed)
    x, signature = embedding.coordinate.values, embedding.signature.values
    out = x.copy()
    for sign in (1, -1):
        turn = np.linalg.qr(random.standard_normal(((signature == sign).sum(),) * 2))[0]
        out[:, signature == sign] = x[:, signature == sign] @ turn
    out += random.standard_normal(x.shape[1])
    changed = embedding.assign(coordinate=embedding.coordinate.copy(data=out))
    return changed.isel(component=slice(None, None, -1)).assign_coords(component=embedding.component.values)


@pytest.mark.parametrize("seed", range(5))
def test_align__undoes_any_motion_that_keeps_signed_distances(distance, seed):
    embedding = tk.inpca(distance, 6)
    assert {1, -1} == set(embedding.signature.values.tolist())
    aligned = tk.align(embedding, moved(embedding, seed))
    np.testing.assert_allclose(aligned.coordinate, embedding.coordinate, atol=1e-9)
    assert aligned.attrs["misfit"] == pytest.approx(0, abs=1e-9)


def test_align__keeps_signed_distances_and_never_mixes_signatures(distance):
    a = tk.inpca(distance, 6)
    b = tk.inpca(distance[8:40, 8:40], 6)
    if sorted(a.signature.values) != sorted(b.signature.values):
        b = tk.inpca(distance[8:40, 8:40], None)
        wanted = [np.flatnonzero(b.signature == s)[: int((a.signature == s).sum())] for s in (1, -1)]
        b = b.isel(component=np.sort(np.concatenate(wanted)))
    before = distances_of(b)
    aligned = tk.align(a, b)
    np.testing.assert_allclose(distances_of(aligned), before, atol=1e-10)
    np.testing.assert_array_equal(aligned.signature, a.signature)
    assert 0 < aligned.attrs["misfit"] < 0.5


def test_align__takes_embeddings_of_trajectories():
    ds = tk.simulate(runs=6, spread=0.3)
    whole, part = tk.embed(ds), tk.embed(ds.isel(run=slice(0, 4)))
    aligned = tk.align(whole, part)
    assert aligned.coordinate.dims == part.coordinate.dims
    shared = whole.coordinate.sel(run=aligned.run)
    worst = np.abs(aligned.coordinate - shared).max()
    assert float(worst) < 0.2 * float(np.abs(whole.coordinate).max())


def test_align__refuses_what_cannot_be_laid_together(distance):
    embedding = tk.inpca(distance, 6)
    with pytest.raises(ValueError, match="as many space-like and time-like"):
        tk.align(embedding, embedding.isel(component=slice(0, 2)))
    elsewhere = embedding.assign_coords(run=("point", [f"other-{i}" for i in range(embedding.sizes["point"])]))
    with pytest.raises(ValueError, match="share 0 points"):
        tk.align(embedding, elsewhere)
    twice = embedding.isel(point=[0, 0, 1, 2])
    with pytest.raises(ValueError, match="more than once"):
        tk.align(embedding, twice)


# Landmarks


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.simulate(runs=20, checkpoints=20, spread=0.3, ragged=True, groups=4)


def test_landmarks__are_near_the_full_embedding_and_say_how_near(ds):
    full = tk.embed(ds)
    few = tk.embed(ds, landmarks=150)
    aligned = tk.align(full, few)
    assert aligned.attrs["misfit"] < 0.05
    gap = few.explained_distance - few.projected_explained_distance
    assert float(np.abs(gap).max()) < 0.1


def test_landmarks__themselves_are_embedded_exactly(ds):
    few = tk.embed(ds, landmarks=150)
    everything = tk.with_references(ds)
    at = tk.points(everything)
    chosen = tk.points(few).is_landmark.values
    assert chosen.sum() == 150
    # Each stands for as many points as it was drawn from, a reference for itself.
    times = tk.points(few).weight.values[chosen] * len(chosen)
    is_reference = at.kind.values[chosen] == "reference"
    np.testing.assert_allclose(times[is_reference], 1)
    assert set(times[~is_reference].round(9)) == {4, 3}
    np.testing.assert_allclose(times.sum(), len(chosen))
    exact = tk.inpca(tk.pairwise(at.isel(point=chosen)), 3, weights=times)
    np.testing.assert_allclose(tk.points(few).coordinate.values[chosen], exact.coordinate.values, atol=1e-9)
    np.testing.assert_allclose(few.eigenvalue, exact.eigenvalue * len(chosen), rtol=1e-9)
    assert tk.points(few).is_landmark.values[at.kind.values == "reference"].all()


def test_landmarks__are_spread_over_every_run_and_its_progress(ds):
    few = tk.embed(ds, landmarks=150)
    networks = few.sel(run=few.kind == "network")
    per_run = networks.is_landmark.sum("checkpoint")
    recorded = (networks.step >= 0).sum("checkpoint")
    share = (150 - 52) / float(recorded.sum())
    assert (np.abs(per_run - share * recorded) <= 2).all()


def test_landmarks__the_same_seed_chooses_the_same(ds):
    a, b, c = (tk.embed(ds, landmarks=100, seed=s) for s in (1, 1, 2))
    assert a.identical(b)
    assert (a.is_landmark != c.is_landmark).any()


@pytest.mark.parametrize("landmarks", [0, 2, 52, 10_000])
def test_landmarks__too_few_or_too_many_are_refused(ds, landmarks):
    with pytest.raises(ValueError, match="landmarks: wanted more than the 52 reference points"):
        tk.embed(ds, landmarks=landmarks)
