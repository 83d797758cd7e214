"""Steps to a given progress, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np

import trajkit as tk


def test_speed_comparison__draws_the_runs_that_arrive_and_the_medians():
    ds = tk.simulate(runs=12, groups=2, ragged=True)
    found = tk.speed_comparison(ds, "architecture", at=[0.5, 1.0])
    figure = tk.figures.speed_comparison(found)
    assert [t.name for t in figure.data if t.showlegend is None] == ["A", "B"]
    for group in "AB":
        markers = figure.select_traces({"name": group, "showlegend": False})
        steps = found.steps.values[found.architecture.values == group]
        assert [len(t.y) for t in markers] == np.isfinite(steps).sum(0).tolist()
        (middle,) = (t for t in figure.select_traces({"name": group}) if t.showlegend is None)
        expected = found["median"].sel(group=group).values
        np.testing.assert_array_equal(middle.y, np.where(np.isfinite(expected), expected, np.nan))
        np.testing.assert_array_equal(middle.customdata[:, 0], found.reached.sel(group=group))
