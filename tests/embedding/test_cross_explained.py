"""Points of one set placed in the embedding of another, against `inpca`, `project` and `explained_distance`."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from strategies import as_distance

import trajkit as tk
from trajkit.embedding.cross_explained import frame_of, placed, unexplained


def squared_distances(points: int = 14, seed: int = 0) -> np.ndarray:
    """Random symmetric distances: far from Euclidean, with time-like components."""
    upper = np.triu(np.random.default_rng(seed).exponential(1.0, (points, points)), 1)
    return upper + upper.T


@pytest.mark.parametrize("weighted", [False, True])
def test_frame__places_points_where_project_does_and_misses_what_explained_distance_says(weighted: bool) -> None:
    d = squared_distances()
    weight = np.random.default_rng(1).random(9) + 0.1 if weighted else np.ones(9)
    frame = frame_of(d[:9, :9], weight / weight.sum(), 3)
    embedding = tk.inpca(as_distance(d[:9, :9]), 3, weights=weight if weighted else None)
    new = tk.project(embedding, as_distance(d[9:, :9]))
    assert_allclose(np.abs(placed(d[9:, :9], frame)), np.abs(new.coordinate), rtol=1e-9, atol=1e-9)
    lost = unexplained(d[9:, 9:], d[9:, :9], frame)
    assert_allclose(1 - lost.sum() / d[9:, 9:].sum(), tk.explained_distance(new, as_distance(d[9:, 9:]))[-1])


def test_frame__leaves_out_components_that_are_rounding_noise() -> None:
    line = np.arange(5.0)[:, None]
    assert frame_of(np.square(line - line.T), np.full(5, 0.2), 3).signature.tolist() == [1.0]
