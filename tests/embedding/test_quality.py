"""Laws of the measures of a picture's quality."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness

import trajkit as tk


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
    with pytest.raises(ValueError, match="got 'coordinate' on"):
        tk.explained_stress(tk.unstack(embedding), distance)


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
