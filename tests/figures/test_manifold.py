"""The manifold in three dimensions, seen in the traces of the figure."""

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

import trajkit as tk
from trajkit.figures.coloring import PALETTE, TIME_LIKE


def segments(trace: go.Scatter3d) -> list[np.ndarray]:
    """Split a trace at its gaps."""
    xyz = np.stack([trace.x, trace.y, trace.z], axis=1)
    return [s for s in np.split(xyz, np.flatnonzero(np.isnan(xyz[:, 0])) + 1) if np.isfinite(s).any()]


def networks(figure: go.Figure) -> list[go.Scatter3d]:
    return [t for t in figure.data if t.mode == "lines+markers"]


def with_many_rates(embedding: xr.Dataset) -> xr.Dataset:
    """Repeat the runs under new names until `rate` has more values than there are colours."""
    rates = embedding.assign_coords(rate=embedding.rate + np.arange(embedding.sizes["run"]) * 1e-3)
    again = rates.assign_coords(run=[f"{r}-again" for r in rates.run.values], rate=rates.rate + 5)
    return xr.concat([rates, again], "run", data_vars="minimal", coords="minimal", compat="override", join="outer")


def test_manifold__draws_each_point_of_each_run_once_at_its_coordinates(ds, embedding):
    figure = tk.figures.manifold(embedding, color="architecture")
    drawn = {s_run: s for t in networks(figure) for s_run, s in zip(dict.fromkeys(t.text), segments(t), strict=True)}
    assert set(drawn) == set(ds.run.values)
    for run, xyz in drawn.items():
        recorded = int((ds.step.sel(run=run) >= 0).sum())
        expected = embedding.coordinate.sel(run=run, component=[1, 2, 3]).values[:recorded]
        np.testing.assert_array_equal(xyz[:recorded], expected)
        assert np.isnan(xyz[recorded:]).all()


def test_manifold__colours_by_attribute_in_colours_of_their_own(embedding):
    figure = tk.figures.manifold(embedding, color="architecture")
    assert [t.name for t in networks(figure)] == ["A", "B", "C"]
    assert [t.line.color for t in networks(figure)] == list(PALETTE[:3])
    assert figure.layout.legend.title.text == "architecture"


@pytest.mark.parametrize("color", ["progress", "step", "checkpoint", "rate"])
def test_manifold__colours_by_quantity_on_one_scale(ds, embedding, color):
    given = with_many_rates(embedding) if color == "rate" else embedding
    (trace,) = networks(tk.figures.manifold(given, color=color))
    values = np.asarray(trace.marker.color)
    assert np.nanmin(values) == pytest.approx(trace.marker.cmin)
    assert np.nanmax(values) == pytest.approx(trace.marker.cmax)
    assert trace.marker.colorbar.title.text == {"step": "log10(1 + step)"}.get(color, color)


def test_manifold__a_dataarray_colours_as_the_variable_of_its_name(ds, embedding):
    by_name = tk.figures.manifold(embedding, color="progress")
    by_array = tk.figures.manifold(embedding.drop_vars("progress"), color=tk.progress(ds))
    np.testing.assert_array_equal(networks(by_name)[0].marker.color, networks(by_array)[0].marker.color)


def test_manifold__marks_ignorance_truth_and_geodesic(embedding):
    figure = tk.figures.manifold(embedding)
    named = {t.name: t for t in figure.data}
    assert {"ignorance", "truth", "geodesic"} <= named.keys()
    assert named["truth"].mode == "markers"
    assert named["geodesic"].line.dash == "dash"
    assert {a.text for a in figure.layout.scene.annotations} == {"ignorance", "truth"}


def test_manifold__time_like_axes_are_red_and_only_those(embedding):
    signature = embedding.signature.values
    assert (signature < 0).any()
    components = tuple(np.flatnonzero(signature < 0)[:1] + 1) + tuple(np.flatnonzero(signature > 0)[:2] + 1)
    scene = tk.figures.manifold(embedding, components=components).layout.scene
    assert scene.xaxis.title.font.color == TIME_LIKE
    assert "time-like" in scene.xaxis.title.text
    for axis in (scene.yaxis, scene.zaxis):
        assert axis.title.font.color != TIME_LIKE
        assert "time-like" not in axis.title.text


def test_manifold__axis_titles_give_the_explained_stress(embedding):
    scene = tk.figures.manifold(embedding, components=(2, 4, 1)).layout.scene
    for axis, k in ((scene.xaxis, 2), (scene.yaxis, 4), (scene.zaxis, 1)):
        assert f"{float(embedding.explained_stress.sel(component=k)):.3f}" in axis.title.text
        assert f"component {k}" in axis.title.text


def test_manifold__a_selection_keeps_axes_colours_and_ranges(embedding):
    whole = tk.figures.manifold(embedding, color="progress")
    part = tk.figures.manifold(embedding, color="progress", runs=["A-0", "B-1"])
    assert set(networks(part)[0].text) == {"A-0", "B-1"}
    assert networks(part)[0].marker.cmax == networks(whole)[0].marker.cmax
    assert part.layout.scene.xaxis.range == whole.layout.scene.xaxis.range
    assert [t.name for t in part.data] == [t.name for t in whole.data]
