"""What few components explain, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np

import trajkit as tk


def test_dimensionality__draws_estimate_interval_and_every_null_in_both_panels(small):
    found = tk.dimensionality(small, 3, null_draws=2, nulls={"confusions": tk.shuffle_confusions})
    figure = tk.figures.dimensionality(found)
    shown = [t.name for t in figure.data if t.name and t.showlegend is not False]
    assert shown == ["samples shuffled", "confusions", "observed"]
    for k, measure in enumerate(["explained stress", "explained distance"]):
        curve = [t for t in figure.select_traces({"name": "observed"}) if t.mode == "lines+markers"][k]
        np.testing.assert_array_equal(curve.y, found.estimate.sel(measure=measure))
        np.testing.assert_array_equal(curve.customdata[:, 0], found.lower.sel(measure=measure))
        null = [t for t in figure.select_traces({"name": "samples shuffled"}) if t.fill is None][k]
        np.testing.assert_allclose(null.y, found.null.sel(measure=measure).mean("draw"))
        band = [t for t in figure.select_traces({"name": "confusions"}) if t.fill == "toself"][k]
        draws = found.other_null.sel(other="confusions", measure=measure)
        np.testing.assert_allclose(band.y[:3], draws.max("draw"))
    assert "components for 90%: 1, of the null" in figure.layout.annotations[0].text


def test_dimensionality__says_where_components_are_too_few(small):
    found = tk.dimensionality(small, 2, null_draws=2, share=0.9999)
    title = tk.figures.dimensionality(found).layout.annotations[1].text
    assert "more than 2" in title
