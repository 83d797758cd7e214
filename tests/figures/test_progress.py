"""Progress along training, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np
import pytest

import trajkit as tk


def test_progress__draws_progress_of_networks_against_one_plus_step(ds):
    figure = tk.figures.progress(tk.with_references(ds), color="architecture")
    assert [t.name for t in figure.data] == ["A", "B", "C"]
    x = np.concatenate([t.x[np.isfinite(t.x)] for t in figure.data])
    y = np.concatenate([t.y[np.isfinite(t.y)] for t in figure.data])
    points = tk.points(ds)
    np.testing.assert_array_equal(np.sort(x), np.sort(points.step.values + 1))
    np.testing.assert_array_equal(np.sort(y), np.sort(points.progress.values))


def test_progress__asks_for_progress(ds):
    with pytest.raises(ValueError, match=r"ds.assign\(progress=tk.progress\(ds\)\)"):
        tk.figures.progress(ds.drop_vars("progress"))
