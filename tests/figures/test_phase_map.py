"""Heat maps of a sweep, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np
import pytest

import trajkit as tk


def test_phase_map__shows_the_sweep_and_its_boundary():
    swept = tk.theory.sweep([0.1, 0.5, 1.0], [0.1, 1.0], [10, 1000], n_components=3)
    figure = tk.figures.phase_map(swept, measure="explained_stress", component=2)
    heats = [t for t in figure.data if t.type == "heatmap"]
    np.testing.assert_array_equal(heats[1].z, swept.explained_stress.sel(component=2, steps=1000).T)
    assert [t.contours.start for t in figure.data if t.type == "contour"] == [0.9, 0.9]
    assert [a.text for a in figure.layout.annotations] == ["10 steps", "1000 steps"]
    assert not [t for t in tk.figures.phase_map(swept, boundary=None).data if t.type == "contour"]
    assert len(tk.figures.phase_map(swept.isel(decay=[0])).data) == 2
    with pytest.raises(ValueError, match="component in"):
        tk.figures.phase_map(swept, component=4)
