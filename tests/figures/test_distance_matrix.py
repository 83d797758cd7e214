"""The matrix of distances, seen in the traces of the figure."""

import numpy as np
import pytest
from strategies import run_distances

import trajkit as tk
from trajkit.figures.axes import MOST_NAMES
from trajkit.figures.coloring import PALETTE, REFERENCE


@pytest.mark.parametrize("order", [None, "architecture", "rate", "run"])
def test_distance_matrix__every_distance_is_drawn_once_at_its_runs(distance, order):
    heat = tk.figures.distance_matrix(distance, order=order).data[0]
    assert sorted(heat.x) == sorted(distance.run.values)
    np.testing.assert_array_equal(heat.x, heat.y)
    np.testing.assert_array_equal(heat.z, distance.sel(run=heat.y, run2=heat.x))


def test_distance_matrix__without_an_order_runs_follow_the_leaves_of_their_tree(distance, tree):
    drawn = tk.figures.distance_matrix(distance).data[0].x
    assert drawn.tolist() == tree.sortby("position").run.values.tolist()


def test_distance_matrix__orders_by_text_as_it_appears_and_by_numbers_in_size(distance):
    by_text = tk.figures.distance_matrix(distance, order="architecture").data[0].x
    assert "".join(name[0] for name in by_text) == "AAABBBCCC"
    by_number = tk.figures.distance_matrix(distance, order="rate").data[0].x
    assert distance.rate.sel(run=by_number).values.tolist() == [0.01] * 4 + [0.1] * 5
    of_many = tk.figures.distance_matrix(run_distances(60), order="number").data[0].x
    assert of_many.tolist() == [f"{i}" for i in range(60)][::-1]


def test_distance_matrix__references_come_last_in_an_order(ds):
    both = tk.with_references(ds.isel(run=slice(4)), n_geodesic=0).isel(run=[4, 0, 1, 2, 3])
    distance = tk.trajectory_distance(both, n=5)
    figure = tk.figures.distance_matrix(distance, order="architecture")
    assert figure.data[0].x[-1] == "ignorance"
    assert figure.layout.shapes[-1].fillcolor == REFERENCE


@pytest.mark.parametrize(("order", "color"), [("architecture", None), (None, "architecture"), ("rate", "architecture")])
def test_distance_matrix__a_strip_along_both_axes_gives_each_run_the_colour_of_its_category(distance, order, color):
    figure = tk.figures.distance_matrix(distance, order=order, color=color)
    expected = dict(zip("ABC", PALETTE, strict=False))
    horizontal = [s for s in figure.layout.shapes if s.y1 < 0 and s.x1 > 0]
    vertical = [s for s in figure.layout.shapes if s.x1 < 0 and s.y1 > 0]
    assert len(horizontal) + len(vertical) == len(figure.layout.shapes)
    for i, run in enumerate(figure.data[0].x):
        paint = expected[str(distance.architecture.sel(run=run).values)]
        assert [s.fillcolor for s in horizontal if s.x0 < i < s.x1] == [paint]
        assert [s.fillcolor for s in vertical if s.y0 < i < s.y1] == [paint]
    assert sorted(s.name for s in figure.layout.shapes if s.showlegend) == ["A", "B", "C"]
    assert figure.layout.legend.title.text == "architecture"


def test_distance_matrix__an_attribute_of_many_values_has_no_strip():
    for order in ("number", "run"):
        figure = tk.figures.distance_matrix(run_distances(60), order=order)
        assert not figure.layout.shapes
        assert not figure.layout.showlegend


def test_distance_matrix__names_are_shown_when_few_and_always_on_hover(distance):
    figure = tk.figures.distance_matrix(distance)
    assert figure.layout.yaxis.showticklabels
    large = tk.figures.distance_matrix(run_distances(MOST_NAMES + 1))
    assert not large.layout.yaxis.showticklabels
    assert large.layout.yaxis.title.text == f"{MOST_NAMES + 1} runs"
    assert tk.figures.distance_matrix(run_distances(MOST_NAMES)).layout.yaxis.showticklabels
    # Runs named by numbers stay names.
    assert large.layout.xaxis.type == large.layout.yaxis.type == "category"
    for f in (figure, large):
        assert "%{x}" in f.data[0].hovertemplate
        assert "%{y}" in f.data[0].hovertemplate


def test_distance_matrix__the_colour_bar_names_metric_and_units(distance):
    title = tk.figures.distance_matrix(distance).data[0].colorbar.title.text
    assert title == "progress distance of trajectories (bhattacharyya, nat)"
    assert tk.figures.distance_matrix(run_distances(60)).data[0].colorbar.title.text == "distance (hellinger)"


def test_distance_matrix__one_run_is_one_cell(distance):
    assert tk.figures.distance_matrix(distance.isel(run=[0], run2=[0])).data[0].z.tolist() == [[0.0]]


def test_distance_matrix__refuses_other_things_than_a_dataarray(distance):
    with pytest.raises(TypeError, match=r"wanted an xarray\.DataArray \(run, run2\)"):
        tk.figures.distance_matrix(distance.values)
