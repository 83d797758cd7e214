"""Learning curves, seen in the traces of the figure."""

import numpy as np
import xarray as xr

import trajkit as tk


def test_learning_curves__draw_every_recorded_point_of_the_runs_asked_for(ds: xr.Dataset) -> None:
    figure = tk.figures.learning_curves(ds, color="architecture", runs=["A-0", "B-1"])
    assert [t.name for t in figure.data] == ["A", "B", "C"] * 2
    for name, trace in (("loss", figure.data[0]), ("error", figure.data[3])):
        own = ds[name].sel(run="A-0").values[ds.step.sel(run="A-0").values >= 0]
        np.testing.assert_allclose(np.asarray(trace.y)[:-1], own)
        assert set(trace.text) == {"A-0"}
    assert figure.layout.yaxis.type == "log"


def test_learning_curves__against_progress_and_with_a_colour_scale(ds: xr.Dataset) -> None:
    figure = tk.figures.learning_curves(ds, "loss", against="progress", color="error")
    assert figure.data[0].mode == "markers"
    assert figure.layout.xaxis.title.text == "progress"
    assert np.isfinite(np.asarray(figure.data[0].x)).sum() == int((ds.step >= 0).sum())
