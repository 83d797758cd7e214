"""Changes of the embedding, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np

import trajkit as tk


def test_stability__draws_every_repeat_of_every_change(small):
    found = tk.stability(small, shares=[0.5], repeats=3)
    figure = tk.figures.stability(found)
    (misfit,) = figure.select_traces({"name": "misfit"})
    expected = found.misfit.isel(change=slice(1, None)).values
    np.testing.assert_array_equal(misfit.x, expected[np.isfinite(expected)])
    np.testing.assert_array_equal(np.round(misfit.y), [0] * 3 + [1] * 3 + [2, 3])
    assert [s.x0 for s in figure.layout.shapes] == [
        float(found[n][0, 0]) for n in ("explained_stress", "explained_distance")
    ]
