"""Distances of groups, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np

import trajkit as tk


def test_convergence__draws_distances_and_their_ratio_with_gaps_where_it_is_unknown(small):
    found = tk.convergence(small, "architecture", n=5, draws=9)
    figure = tk.figures.convergence(found)
    for name in ("within", "between", "ratio"):
        (curve,) = figure.select_traces({"name": name, "mode": "lines+markers"})
        np.testing.assert_array_equal(curve.y, found.estimate.sel(quantity=name))
        (band,) = figure.select_traces({"name": name, "fill": "toself"})
        known = np.isfinite(found.lower.sel(quantity=name) + found.upper.sel(quantity=name))
        assert np.isfinite(band.y).sum() == 2 * int(known.sum())
    assert figure.layout.yaxis.title.text == "bhattacharyya distance of groups by architecture (nat)"
