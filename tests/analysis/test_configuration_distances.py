"""Distances between configurations."""

import numpy as np

from trajkit.analysis.configuration_distances import complete, configuration_distances


def test_configuration_distances__are_means_over_the_pairs_that_count():
    random = np.random.default_rng(0)
    x = random.standard_normal((7, 7))
    values, code = x + x.T, np.array([0, 1, 0, 2, 1, 0, 1])
    seed = np.array([0, 0, 1, 0, 1, 2, 0])
    pairs = seed[:, None] != seed
    found = configuration_distances(values, code, pairs)
    for a in range(3):
        for b in range(3):
            both = [values[i, j] for i in range(7) for j in range(7) if code[i] == a and code[j] == b and pairs[i, j]]
            np.testing.assert_allclose(found[a, b], np.mean(both) if both else np.nan)
    assert np.isnan(found[2, 2])


def test_complete__leaves_out_as_few_as_lack_distances():
    distance = np.ones((5, 5))
    for a, b in ((0, 3), (1, 3), (2, 3)):
        distance[a, b] = distance[b, a] = np.nan
    assert complete(distance).tolist() == [0, 1, 2, 4]
