"""Widths of tubes, seen in the traces of the figure."""

import numpy as np
import pytest
import xarray as xr
from plotly.colors import hex_to_rgb

import trajkit as tk
from trajkit.figures.coloring import PALETTE


def test_tube__draws_median_and_range_of_each_group(widths):
    figure = tk.figures.tube(widths, color="architecture")
    bands, lines = figure.data[:3], figure.data[3:]
    for i, (name, band, line) in enumerate(zip("ABC", bands, lines, strict=True)):
        group = widths.sel(run=widths.architecture == name)
        np.testing.assert_array_equal(line.x, widths.progress)
        np.testing.assert_array_equal(line.y, group.median("run"))
        high, low = np.split(band.y[:-1], 2)
        np.testing.assert_array_equal(high, group.max("run"))
        np.testing.assert_array_equal(low[::-1], group.min("run"))
        assert band.fill == "toself"
        assert (line.name, line.line.color, line.showlegend) == (name, PALETTE[i], True)
        assert band.fillcolor == f"rgba{(*hex_to_rgb(PALETTE[i]), 0.13)}"
        assert not band.showlegend
        assert band.legendgroup == line.legendgroup


def test_tube__without_colour_all_runs_are_one_group_without_legend(widths):
    band, line = tk.figures.tube(widths).data
    np.testing.assert_array_equal(line.y, widths.median("run"))
    assert not line.showlegend
    assert not band.showlegend


@pytest.mark.parametrize(("metric", "units"), [("bhattacharyya", "(nat)"), ("fisher_rao", "(rad)"), ("hellinger", "")])
def test_tube__the_axis_names_metric_and_units(ds, metric, units):
    figure = tk.figures.tube(tk.tube(ds, "architecture", n=5, metric=metric))
    title = figure.layout.yaxis.title.text
    assert title.startswith(f"{metric} distance to the group's mean{' ' + units if units else '<br>'}")
    assert "(1)" not in title


def test_tube__where_a_width_is_missing_neither_line_nor_band_is_drawn(widths):
    gaps = widths.copy()
    gaps[{"run": 0, "checkpoint": slice(4, 6)}] = np.nan
    gaps[{"run": 0, "checkpoint": 0}] = np.nan
    band, *_, line = tk.figures.tube(gaps.isel(run=[0, 3]), color="architecture").data
    missing = [0, 4, 5]
    np.testing.assert_array_equal(np.isnan(line.y), np.isin(np.arange(11), missing))
    parts = np.split(band.x, np.flatnonzero(np.isnan(band.x)) + 1)
    drawn = [sorted(set(s[np.isfinite(s)])) for s in parts if len(s)]
    progress = widths.progress.values
    assert drawn == [progress[1:4].tolist(), progress[6:].tolist()]


def test_tube__refuses_other_arrays_and_attributes_without_groups(ds, widths):
    with pytest.raises(TypeError, match=r"wanted what `tk\.tube\(ds, by\)` returns"):
        tk.figures.tube(ds)
    with pytest.raises(ValueError, match=r"wanted what `tk\.tube\(ds, by\)` returns, widths"):
        tk.figures.tube(ds.step)
    with pytest.raises(ValueError, match="wanted one width or more"):
        tk.figures.tube(widths.isel(run=slice(0)))
    again = xr.concat([widths.assign_coords(run=[f"{r}-{i}" for r in widths.run.values]) for i in range(2)], "run")
    with pytest.raises(ValueError, match="'number' has too many values to make groups"):
        tk.figures.tube(again.assign_coords(number=("run", np.arange(18.0))), color="number")
