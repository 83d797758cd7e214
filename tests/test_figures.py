"""Figures: what is drawn, seen in their traces."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

import trajkit as tk
from trajkit.figures.coloring import PALETTE, TIME_LIKE, coloring


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    ds = tk.simulate(runs=9, groups=3, spread=0.3, ragged=True)
    return ds.assign(progress=tk.progress(ds)).assign_coords(rate=("run", np.linspace(0.1, 1, 9)))


@pytest.fixture(scope="module")
def embedding(ds) -> xr.Dataset:
    return tk.embed(ds, 5)


def segments(trace: go.Scatter3d) -> list[np.ndarray]:
    """Split a trace at its gaps."""
    xyz = np.stack([trace.x, trace.y, trace.z], axis=1)
    return [s for s in np.split(xyz, np.flatnonzero(np.isnan(xyz[:, 0])) + 1) if np.isfinite(s).any()]


def networks(figure: go.Figure) -> list[go.Scatter3d]:
    return [t for t in figure.data if t.mode == "lines+markers"]


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
    with_rate = embedding.assign_coords(rate=embedding.rate + np.arange(embedding.sizes["run"]) * 1e-3)
    (trace,) = networks(tk.figures.manifold(_many_values(with_rate) if color == "rate" else embedding, color=color))
    values = np.asarray(trace.marker.color)
    assert np.nanmin(values) == pytest.approx(trace.marker.cmin)
    assert np.nanmax(values) == pytest.approx(trace.marker.cmax)
    assert trace.marker.colorbar.title.text == {"step": "log10(1 + step)"}.get(color, color)


def _many_values(embedding: xr.Dataset) -> xr.Dataset:
    """Repeat the runs under new names until `rate` has more values than there are colours."""
    again = embedding.assign_coords(run=[f"{r}-again" for r in embedding.run.values], rate=embedding.rate + 5)
    return xr.concat([embedding, again], "run", data_vars="minimal", coords="minimal", compat="override", join="outer")


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


def test_manifold__refuses_what_it_does_not_know(embedding):
    with pytest.raises(ValueError, match="wanted three of"):
        tk.figures.manifold(embedding, components=(1, 2, 9))
    with pytest.raises(ValueError, match="no color 'optimiser'"):
        tk.figures.manifold(embedding, color="optimiser")
    with pytest.raises(ValueError, match=r"runs \['nobody'\] are not in the dataset"):
        tk.figures.manifold(embedding, runs=["nobody"])
    with pytest.raises(ValueError, match="no values for 9 of the runs"):
        tk.figures.manifold(embedding, color=xr.DataArray([1.0], dims="run", coords={"run": ["other"]}))


def test_coloring__missing_text_is_a_category_named_none(ds):
    with_gap = ds.assign_coords(architecture=ds.architecture.where(ds.run != "A-0", ""))
    assert coloring(with_gap, "architecture").categories == ("(none)", "B", "C", "A")


def test_spectrum__bars_are_absolute_eigenvalues_and_time_like_ones_are_red(embedding):
    figure = tk.figures.spectrum(embedding)
    space, time, stress, distance = figure.data
    np.testing.assert_array_equal(np.nansum([space.y, time.y], axis=0), np.abs(embedding.eigenvalue))
    np.testing.assert_array_equal(np.isfinite(time.y), embedding.signature < 0)
    assert time.marker.color == TIME_LIKE
    np.testing.assert_array_equal(stress.y, embedding.explained_stress)
    np.testing.assert_array_equal(distance.y, embedding.explained_distance)


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


def test_figures__are_json_without_nan(ds, embedding):
    """A figure's JSON reaches the browser; NaN is none."""
    for figure in (
        tk.figures.manifold(embedding, color="progress"),
        tk.figures.spectrum(embedding),
        tk.figures.progress(ds),
    ):
        assert "NaN" not in figure.to_json()


# importance and data_map


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


@pytest.mark.parametrize("by", [None, "architecture"])
def test_data_map__draws_each_sample_once_at_its_numbers(by):
    found = tk.data_map(tk.simulate(runs=4, spread=0.3), by=by)
    name, dim = (found.run.values[1], "run") if by is None else ("B", "group")
    for of, expected in ((name, found.sel({dim: name})), (None, found.mean(dim))):
        figure = tk.figures.data_map(found, of=of)
        drawn = {s: (x, y, c) for t in figure.data for s, x, y, c in zip(t.text, t.x, t.y, t.marker.color, strict=True)}
        assert len(drawn) == 50
        for k, sample in enumerate(found["sample"].values):
            at = expected.isel(sample=k)
            assert drawn[str(sample)] == (float(at.variability), float(at.confidence), float(at.correctness))
    with pytest.raises(ValueError, match="of: wanted one of"):
        tk.figures.data_map(found, of="C-7")
    with pytest.raises(ValueError, match=r"data_map\(ds\)"):
        tk.figures.data_map(xr.Dataset())
