"""The tree of runs, seen in the traces of the figure."""

import numpy as np
import plotly.graph_objects as go
import pytest
from strategies import run_distances

import trajkit as tk
from trajkit.figures.axes import MOST_NAMES
from trajkit.figures.coloring import PALETTE, REFERENCE


def bridges(figure: go.Figure) -> list[tuple[str, np.ndarray]]:
    """Colour and (x, y) of the four corners of each join."""
    traces = [t for t in figure.data if t.mode == "lines" and len(t.x)]
    return [
        (t.line.color, np.stack([t.x, t.y], axis=1).reshape(-1, 5, 2)[i, :4])
        for t in traces
        for i in range(len(t.x) // 5)
    ]


def leaves(figure: go.Figure) -> dict[str, tuple[float, go.Scatter]]:
    return {str(name): (x, t) for t in figure.data if t.mode == "markers" for name, x in zip(t.text, t.x, strict=True)}


@pytest.mark.parametrize("n", [2, 9, 30])
def test_dendrogram__two_runs_meet_at_their_cophenetic_distance(n):
    tree = tk.cluster(run_distances(n, seed=1))
    figure = tk.figures.dendrogram(tree)
    at = {name: x for name, (x, _) in leaves(figure).items()}
    assert sorted(at.values()) == list(range(n))
    # Each foot of a bridge is on a leaf or on the middle of the bridge below.
    below = {(x, 0.0): {name} for name, x in at.items()}
    meet = {}
    for _, corners in sorted(bridges(figure), key=lambda b: b[1][1, 1]):
        left, right = below.pop(tuple(corners[0])), below.pop(tuple(corners[3]))
        assert corners[1, 1] == corners[2, 1]
        meet |= {frozenset((u, v)): corners[1, 1] for u in left for v in right}
        below[((corners[0, 0] + corners[3, 0]) / 2, corners[1, 1])] = left | right
    pairs = [(u, v) for u in tree.run.values for v in tree.run2.values if u < v]
    assert meet == {frozenset((u, v)): float(tree.cophenetic.sel(run=u, run2=v)) for u, v in pairs}


def test_dendrogram__a_join_knows_its_runs_below_height_and_index():
    tree = tk.cluster(run_distances(9))
    figure = tk.figures.dendrogram(tree)
    (about,) = (t.customdata for t in figure.select_traces({"mode": "lines"}) if len(t.x))
    np.testing.assert_array_equal(about[::5], np.stack([tree.runs_below, tree.height, np.arange(8)], axis=1))


def test_dendrogram__leaves_are_in_the_order_of_the_matrix(distance, tree):
    figure = tk.figures.dendrogram(tree)
    in_order = sorted(leaves(figure), key=lambda name: leaves(figure)[name][0])
    assert in_order == tk.figures.distance_matrix(distance).data[0].x.tolist()
    assert in_order == list(figure.layout.xaxis.ticktext)


def test_dendrogram__leaves_have_the_colour_of_their_category_and_joins_that_of_all_below(tree):
    figure = tk.figures.dendrogram(tree, color="architecture")
    paint = dict(zip("ABC", PALETTE, strict=False))
    place = {x: name for name, (x, _) in leaves(figure).items()}
    for name, (_, trace) in leaves(figure).items():
        assert trace.marker.color == paint[name[0]]
    assert [t.name for t in figure.data if t.showlegend] == ["A", "B", "C"]
    assert figure.layout.legend.title.text == "architecture"
    colors = {}
    for color, corners in sorted(bridges(figure), key=lambda b: b[1][1, 1]):
        feet = [paint[place[x][0]] if y == 0 else colors[x, y] for x, y in corners[[0, 3]]]
        colors[(corners[0, 0] + corners[3, 0]) / 2, corners[1, 1]] = color
        assert (color == feet[0]) == (feet[0] == feet[1])


def test_dendrogram__a_number_of_many_values_colours_leaves_on_a_scale():
    distance = run_distances(20)
    figure = tk.figures.dendrogram(tk.cluster(distance), color="number")
    (trace,) = [t for t in figure.data if t.mode == "markers" and len(t.x)]
    np.testing.assert_array_equal(trace.marker.color, distance.number.sel(run=trace.text))
    assert trace.marker.colorbar.title.text == "number"
    assert (trace.marker.cmin, trace.marker.cmax) == (1, 3)


def test_dendrogram__references_are_dark_diamonds(ds):
    both = tk.with_references(ds.isel(run=slice(3)), n_geodesic=0).isel(run=slice(4))
    figure = tk.figures.dendrogram(tk.cluster(tk.trajectory_distance(both, n=5)), color="architecture")
    _, trace = leaves(figure)["ignorance"]
    assert (trace.name, trace.marker.color, trace.marker.symbol) == ("reference", REFERENCE, "diamond")


def test_dendrogram__names_are_shown_when_few_and_the_axis_names_metric_and_units(tree):
    figure = tk.figures.dendrogram(tree)
    assert figure.layout.xaxis.showticklabels
    assert figure.layout.yaxis.title.text == "progress distance of trajectories<br>(bhattacharyya, nat)"
    assert not any(t.showlegend for t in figure.data)
    assert not tk.figures.dendrogram(tk.cluster(run_distances(MOST_NAMES + 1))).layout.xaxis.showticklabels


def test_dendrogram__runs_that_coincide_join_at_zero():
    distance = run_distances(4)
    figure = tk.figures.dendrogram(tk.cluster(distance * 0))
    assert all((corners[:, 1] == 0).all() for _, corners in bridges(figure))
