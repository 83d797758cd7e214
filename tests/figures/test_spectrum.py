"""Eigenvalues, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np

import trajkit as tk
from trajkit.figures.coloring import TIME_LIKE


def test_spectrum__bars_are_absolute_eigenvalues_and_time_like_ones_are_red(embedding):
    figure = tk.figures.spectrum(embedding)
    space, time, stress, distance = figure.data
    np.testing.assert_array_equal(np.nansum([space.y, time.y], axis=0), np.abs(embedding.eigenvalue))
    np.testing.assert_array_equal(np.isfinite(time.y), embedding.signature < 0)
    assert time.marker.color == TIME_LIKE
    np.testing.assert_array_equal(stress.y, embedding.explained_stress)
    np.testing.assert_array_equal(distance.y, embedding.explained_distance)
