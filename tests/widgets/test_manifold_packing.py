"""What a view sends of an embedding: points, axes, attributes and quantities."""

import json
import re

import numpy as np
import pytest
import xarray as xr
from made_embeddings import made_embedding, sent_numbers

import trajkit as tk
from trajkit.widgets.manifold_view import ManifoldView


@pytest.fixture
def ds(ragged_ds: xr.Dataset) -> xr.Dataset:
    return ragged_ds


@pytest.fixture
def embedding(ragged_embedding: xr.Dataset) -> xr.Dataset:
    return ragged_embedding


def test_buffers__hold_each_recorded_point_once_in_the_order_of_runs(embedding):
    view = ManifoldView(embedding)
    names, offset = view._runs["name"], np.frombuffer(view._offset, np.uint32)
    checkpoint, step = np.frombuffer(view._checkpoint, np.uint32), np.frombuffer(view._step)
    assert sorted(names) == sorted(embedding.run.values)
    assert names[view._runs["networks"] :] == ["ignorance", "truth", "geodesic"]
    for r, name in enumerate(names):
        one = embedding.sel(run=name)
        there = one.step.values >= 0
        part = slice(offset[r], offset[r + 1])
        np.testing.assert_array_equal(checkpoint[part], one.checkpoint.values[there])
        np.testing.assert_array_equal(step[part], one.step.values[there])
    assert offset[-1] == int((embedding.step >= 0).sum())


def test_coordinates__in_the_box_give_those_of_the_embedding_back(embedding):
    view = ManifoldView(embedding)
    unit = sent_numbers(view, "_coordinate", (4, -1))
    assert np.abs(unit).max() <= 1
    offset = np.frombuffer(view._offset, np.uint32)
    for k, axis in enumerate(view._axes):
        back = axis["low"] + (unit[k].astype(float) + 1) / 2 * (axis["high"] - axis["low"])
        for r, name in enumerate(view._runs["name"]):
            one = embedding.sel(run=name, component=axis["component"])
            wanted = one.coordinate.values[one.step.values >= 0]
            np.testing.assert_allclose(
                back[offset[r] : offset[r + 1]], wanted, atol=1e-7 * (axis["high"] - axis["low"]), rtol=0
            )


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("origin", [0.0, 5.0])
def test_precision__does_not_depend_on_scale_or_origin(scale, origin):
    made = made_embedding(5, 9)
    plain = ManifoldView(made)
    moved = ManifoldView(made.assign(coordinate=scale * (made.coordinate + origin)))
    np.testing.assert_allclose(sent_numbers(moved, "_coordinate"), sent_numbers(plain, "_coordinate"), atol=2e-7)


def test_box__is_that_of_the_figure(embedding):
    view = ManifoldView(embedding)
    scene = tk.figures.manifold(embedding).layout.scene
    for axis, drawn in zip(view._axes, (scene.xaxis, scene.yaxis, scene.zaxis), strict=False):
        assert (axis["low"], axis["high"]) == pytest.approx(drawn.range)
        assert "<br>".join(axis["title"]) == drawn.title.text
        assert axis["time_like"] == (drawn.title.font.color == "#D62728")


def test_box__stays_while_the_points_fill_it_and_fits_those_that_do_not():
    made = made_embedding(20, 9)
    view = ManifoldView(made)
    first = view._box
    view.show(made.isel(run=slice(0, 18)).assign(coordinate=0.95 * made.coordinate))
    assert view._box == first
    view.show(made.assign(coordinate=3 * made.coordinate))
    large = view._box
    assert large[1][1] > 2 * first[1][1]
    view.show(made)
    assert view._box[1] == pytest.approx(first[1])
    view.show(made.assign(coordinate=0.7 * made.coordinate))
    assert view._box == first
    view.reframe()
    assert view._box[1][1] == pytest.approx(0.7 * first[1][1])


def test_box__has_a_width_where_all_points_are_equal():
    made = made_embedding(3, 4)
    for value in (0.0, 0.3, -1e9):
        view = ManifoldView(made.assign(coordinate=xr.full_like(made.coordinate, value)))
        assert sent_numbers(view, "_coordinate") == pytest.approx(0.0)
        assert all(axis["low"] < value < axis["high"] for axis in view._axes)


def test_missing_coordinates__are_sent_as_nan_and_infinite_ones_are_refused():
    made = made_embedding(3, 4)
    made["coordinate"][1, 2] = np.nan
    assert np.isnan(sent_numbers(ManifoldView(made), "_coordinate", (4, -1))[:, 6]).all()
    made["coordinate"][1, 2, 0] = np.inf
    with pytest.raises(ValueError, match=r"components \[1\] have no finite range"):
        ManifoldView(made)


def test_attributes__have_the_figures_colours_and_a_number_for_each_run(embedding):
    made = made_embedding(30, 3, groups=3)
    rate = np.where(np.arange(30) % 5 == 0, np.nan, np.arange(30) / 7)
    view = ManifoldView(made.assign_coords(rate=("run", rate), text=("run", ["", "b"] * 15)))
    by_name = {a["name"]: a for a in view._attributes}
    assert by_name["architecture"]["paint"] == ["#0072B2", "#E69F00", "#009E73"]
    assert by_name["architecture"]["code"] == [0, 1, 2] * 10
    assert [v is None for v in by_name["rate"]["value"]] == np.isnan(rate).tolist()
    assert by_name["text"]["categories"][0] == "(none)"
    assert by_name["text"]["paint"][0] == "#9AA0A6"
    json.dumps(view.get_state(["_attributes", "_runs", "_axes", "_quantities"]), allow_nan=False)


def test_colours__of_36_categories_differ():
    made = made_embedding(40, 2).assign_coords(name=("run", [f"{i}" for i in range(40)]))
    paint = next(a["paint"] for a in ManifoldView(made)._attributes if a["name"] == "name")
    assert len(set(paint)) == 36
    assert all(re.fullmatch("#[0-9A-F]{6}", p) for p in paint)


def test_values__are_offered_for_colour_and_time_with_their_range(ds, embedding):
    loss = tk.loss(ds)
    view = ManifoldView(embedding, values={"my loss": loss})
    assert view.colors == ["", "architecture", "seed", "known_progress", "my loss", "checkpoint", "step"]
    assert view.time_axes == ["checkpoint", "step", "known_progress", "my loss"]
    q = next(q for q in view._quantities if q["name"] == "my loss")
    assert (q["low"], q["high"]) == pytest.approx((float(loss.min()), float(loss.max())))
    n = len(view._checkpoint) // 4
    values = sent_numbers(view, "_values", (-1, n))[[q["name"] for q in view._quantities].index("my loss")]
    recorded = loss.values[ds.step.values >= 0]
    np.testing.assert_allclose(values[: len(recorded)], recorded, rtol=1e-6)
    assert np.isnan(values[len(recorded) :]).all()


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([xr.DataArray([1.0], dims="run")], ValueError, "give it one with .rename"),
        ({"x": 3.0}, TypeError, "wanted a DataArray for 'x', got float"),
        ({"x": xr.DataArray([1.0], {"run": ["A-0"]}, "run")}, ValueError, "'x' on"),
        ({"x": xr.DataArray([[1.0]], {"run": ["A-0"]}, ("run", "checkpoint"))}, ValueError, "lacks 11 of the runs"),
    ],
)
def test_values__that_do_not_fit_are_refused(embedding, values, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ManifoldView(embedding, values=values)
