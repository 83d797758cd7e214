"""The order of learning, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np

import trajkit as tk


def test_learning_order__draws_agreement_with_intervals_beside_its_null():
    random, label = np.random.default_rng(0), np.arange(40) % 4
    ease = random.random(40) + 0.5 * random.random((6, 1, 40))
    logits = 8 * np.linspace(0, 1, 6)[:, None, None] * ease[..., None] * np.eye(4)[label]
    ds = tk.from_arrays(logits=logits, label=label, runs={"architecture": list("aaabbb"), "seed": [0, 1, 2] * 2})
    found = tk.learning_order(ds, "architecture", null_draws=3)
    figure = tk.figures.learning_order(found)
    (observed,) = figure.select_traces({"name": "observed"})
    np.testing.assert_array_equal(observed.y, found.estimate[:2])
    np.testing.assert_allclose(observed.y + observed.error_y.array, found.upper[:2])
    np.testing.assert_allclose(observed.y - observed.error_y.arrayminus, found.lower[:2])
    (null,) = figure.select_traces({"name": "null"})
    assert len(null.y) == 6
    np.testing.assert_array_equal(figure.data[-1].z, found.of_groups)
