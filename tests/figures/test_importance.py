"""Importance of attributes, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


def test_importance__draws_means_and_folds_with_the_most_important_on_top():
    names = ["a", "b", "(random)"]
    values = np.array([[0.1, 0.2], [0.6, 0.8], [0.0, -0.02]])
    found = xr.Dataset(
        {"importance": (("attribute", "fold"), values), "r_squared": ("fold", [0.5, 0.7])}, {"attribute": names}
    )
    bars, dots = tk.figures.importance(found).data
    assert list(bars.y) == ["(random)", "a", "b"]
    np.testing.assert_allclose(bars.x, [-0.01, 0.15, 0.7])
    drawn = sorted(zip(dots.y, dots.x, strict=True))
    assert drawn == sorted((name, x) for name, row in zip(names, values.tolist(), strict=True) for x in row)
    figure = tk.figures.importance(found)
    assert "0.60 (0.50 to 0.70)" in figure.layout.title.text
    assert figure.layout.shapes[0].x0 == pytest.approx(-0.01)
    with pytest.raises(ValueError, match=r"importance\(ds, by\)"):
        tk.figures.importance(found.drop_vars("r_squared"))
