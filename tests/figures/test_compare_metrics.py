"""A statistic under several metrics, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np
import pytest

import trajkit as tk


def test_compare_metrics__draws_a_panel_for_each_quantity(small):
    found = tk.compare_metrics(small, metrics=["bhattacharyya", "fisher_rao"], by="architecture", null_draws=2)
    figure = tk.figures.compare_metrics(found)
    assert [a.text for a in figure.layout.annotations] == found.quantity.values.tolist()
    drawn = (figure.select_traces({"name": name}) for name in ("observed", "null"))
    for quantity, observed, null in zip(found.quantity.values, *drawn, strict=True):
        np.testing.assert_array_equal(observed.y, found.observed.sel(quantity=quantity))
        np.testing.assert_array_equal(
            null.y, found.null.sel(quantity=quantity).transpose("metric", "draw").values.ravel()
        )
    single = tk.compare_metrics(
        small, lambda d, m: tk.progress(d, "fisher_rao").mean(), metrics=["hellinger"], null_draws=1
    )
    assert len(tk.figures.compare_metrics(single).data) == 2
    of_points = tk.compare_metrics(small, lambda d, m: tk.loss(d), metrics=["hellinger"], null_draws=1)
    with pytest.raises(ValueError, match="wanted values on metric and quantity"):
        tk.figures.compare_metrics(of_points)
