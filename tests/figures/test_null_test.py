"""Pairs beside their null, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


def test_null_test__has_a_marker_for_each_pair_and_the_line_of_the_median(small: xr.Dataset) -> None:
    found = tk.null_test(small, null_draws=4)
    figure = tk.figures.null_test(found)
    pairs, diagonal, median = figure.data
    np.testing.assert_array_equal(pairs.y, found.observed)
    np.testing.assert_array_equal(pairs.x, found.null.mean("draw"))
    assert diagonal.y[1] == diagonal.x[1]
    assert median.y[1] / median.x[1] == pytest.approx(float(found.median_ratio))
    # With four draws no p-value is below 1 / 5.
    assert figure.layout.title.text.endswith("p ≤ 0.2")
    assert figure.layout.yaxis.title.text == "bhattacharyya distance at equal progress (nat)"
    with pytest.raises(ValueError, match="of pairs"):
        tk.figures.null_test(tk.null_test(small, lambda d: tk.loss(d).mean(), null_draws=2))
