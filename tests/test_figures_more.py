"""Pair plot, tube, distance matrix and dendrogram: what is drawn, seen in their traces."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

import trajkit as tk
from trajkit.figures.axes import MOST_NAMES
from trajkit.figures.coloring import PALETTE, REFERENCE, TIME_LIKE


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    ds = tk.simulate(runs=9, groups=3, spread=0.3, ragged=True)
    return ds.assign(progress=tk.progress(ds)).assign_coords(
        rate=("run", [0.1, 0.01, 0.1, 0.01, 0.1, 0.01, 0.1, 0.01, 0.1])
    )


@pytest.fixture(scope="module")
def embedding(ds) -> xr.Dataset:
    return tk.embed(ds, 5)


@pytest.fixture(scope="module")
def distance(ds) -> xr.DataArray:
    return tk.trajectory_distance(ds, n=10)


@pytest.fixture(scope="module")
def widths(ds) -> xr.DataArray:
    return tk.tube(ds, "architecture", n=11)


def many(n: int = 60, seed: int = 0) -> xr.DataArray:
    """Distances of n runs with a number of their own each."""
    values = np.random.default_rng(seed).random((n, n)) + 0.1
    values = np.triu(values, 1) + np.triu(values, 1).T
    names = [f"{i}" for i in range(n)]
    coords = {"run": names, "run2": names, "number": ("run", np.linspace(3, 1, n))}
    return xr.DataArray(values, coords, ("run", "run2"), "distance", {"metric": "hellinger", "units": "1"})


def panels(figure: go.Figure) -> dict[tuple[str, str], list[go.Scatter]]:
    out: dict[tuple[str, str], list[go.Scatter]] = {}
    for trace in figure.data:
        out.setdefault((trace.xaxis, trace.yaxis), []).append(trace)
    return out


def axis(figure: go.Figure, name: str) -> go.layout.XAxis | go.layout.YAxis:
    """Give the axis that traces call "x2" or "y"."""
    return figure.layout[name[0] + "axis" + name[1:]]


def of_networks(traces: list[go.Scatter]) -> list[go.Scatter]:
    return [t for t in traces if t.mode == "lines+markers"]


# pair_plot


@pytest.mark.parametrize("components", [(1, 2), (1, 2, 3), (4, 1, 5, 2)])
@pytest.mark.parametrize("color", ["architecture", "progress", None])
def test_pair_plot__draws_each_point_of_each_run_once_in_each_pair_of_components(ds, embedding, components, color):
    figure = tk.figures.pair_plot(embedding, color=color, components=components)
    pairs = [(components[j], components[i]) for i in range(len(components)) for j in range(i)]
    drawn = panels(figure)
    assert len(drawn) == len(pairs)
    for (horizontal, vertical), traces in zip(sorted(pairs, key=_place(components)), drawn.values(), strict=True):
        points = {
            (run, k): (x, y)
            for t in of_networks(traces)
            for run, k, x, y in zip(t.text, t.customdata[:, 0], t.x, t.y, strict=True)
            if np.isfinite(x)
        }
        expected = tk.points(embedding.sel(run=ds.run))
        assert points.keys() == set(zip(expected.run.values, expected.checkpoint.values, strict=True))
        at = expected.coordinate.sel(component=[horizontal, vertical]).values
        np.testing.assert_array_equal([points[key] for key in _keys(expected)], at)
        assert sum(np.isfinite(t.x).sum() for t in of_networks(traces)) == len(at)


def _place(components):
    return lambda pair: (components.index(pair[1]), components.index(pair[0]))


def _keys(points: xr.Dataset) -> list[tuple[str, int]]:
    return list(zip(points.run.values, points.checkpoint.values, strict=True))


def test_pair_plot__panels_of_a_row_share_an_axis_and_so_do_those_of_a_column(embedding):
    figure = tk.figures.pair_plot(embedding, components=(1, 2, 3, 4))
    by_column: dict[float, set] = {}
    by_row: dict[float, set] = {}
    for x, y in panels(figure):
        by_column.setdefault(axis(figure, x).domain[0], set()).add(axis(figure, x).range)
        by_row.setdefault(axis(figure, y).domain[0], set()).add(axis(figure, y).range)
    assert [len(r) for r in by_column.values()] == [1, 1, 1]
    assert [len(r) for r in by_row.values()] == [1, 1, 1]


def test_pair_plot__one_legend_entry_stands_for_a_category_in_all_panels(embedding):
    figure = tk.figures.pair_plot(embedding, color="architecture")
    shown = [t for t in figure.data if t.showlegend]
    assert [t.name for t in shown] == ["A", "B", "C", "geodesic"]
    for entry in shown:
        alike = [t for t in figure.data if t.legendgroup == entry.legendgroup]
        assert len(alike) == 3
        assert {t.line.color for t in alike} == {entry.line.color}
    assert [t.line.color for t in shown] == [*PALETTE[:3], REFERENCE]
    assert figure.layout.legend.title.text == "architecture"


def test_pair_plot__a_quantity_has_one_colour_bar_from_its_smallest_to_its_largest_value(ds, embedding):
    figure = tk.figures.pair_plot(embedding, color="progress")
    traces = [t for ts in panels(figure).values() for t in of_networks(ts)]
    assert {t.marker.coloraxis for t in traces} == {"coloraxis"}
    values = np.concatenate([np.asarray(t.marker.color) for t in traces])
    assert figure.layout.coloraxis.cmin == pytest.approx(np.nanmin(values))
    assert figure.layout.coloraxis.cmax == pytest.approx(np.nanmax(values))
    assert figure.layout.coloraxis.colorbar.title.text == "progress"
    assert not any(t.showlegend for t in traces)


def test_pair_plot__marks_ignorance_truth_and_geodesic_in_each_panel(embedding):
    figure = tk.figures.pair_plot(embedding)
    for (x, y), traces in panels(figure).items():
        references = {t.name: t for t in traces if t.mode != "lines+markers"}
        assert references.keys() == {"ignorance", "truth", "geodesic"}
        assert references["truth"].mode == "markers"
        assert references["geodesic"].line.dash == "dash"
        assert (
            {t.line.color for t in references.values()} == {t.marker.color for t in references.values()} == {REFERENCE}
        )
        names = {a.text: (a.x, a.y) for a in figure.layout.annotations if (a.xref, a.yref) == (x, y)}
        assert names == {n: (references[n].x[0], references[n].y[0]) for n in ("ignorance", "truth")}


def test_pair_plot__time_like_axes_are_red_and_titles_give_the_explained_stress(embedding):
    assert (embedding.signature < 0).any()
    components = (1, 2, 3, 4, 5)
    figure = tk.figures.pair_plot(embedding, components=components)
    xs = {axis(figure, x).domain: axis(figure, x) for x, _ in panels(figure)}
    titled = [a for x, y in panels(figure) for a in (axis(figure, x), axis(figure, y)) if a.title.text]
    assert len(xs) == 4
    assert len(titled) == 8
    for a in titled:
        k = int(a.title.text.removeprefix("component ")[0])
        time_like = bool(embedding.signature.sel(component=k) < 0)
        assert f"{float(embedding.explained_stress.sel(component=k)):.3f}" in a.title.text
        assert ("time-like" in a.title.text) == time_like
        assert (a.title.font.color == TIME_LIKE) == (a.tickfont.color == TIME_LIKE) == time_like


def test_pair_plot__a_selection_keeps_axes_colours_and_traces(embedding):
    whole = tk.figures.pair_plot(embedding, color="architecture")
    part = tk.figures.pair_plot(embedding, color="architecture", runs=["A-0", "B-1"])
    assert {r for t in of_networks(part.data) for r in t.text} == {"A-0", "B-1"}
    assert [t.name for t in part.data] == [t.name for t in whole.data]
    assert [t.line.color for t in part.data] == [t.line.color for t in whole.data]
    assert part.layout.xaxis.range == whole.layout.xaxis.range
    assert [t.name for t in part.data if t.showlegend] == ["A", "B", "geodesic"]


@pytest.mark.parametrize("components", [(1,), (), (1, 1), (1, 2, 9)])
def test_pair_plot__refuses_components_it_cannot_set_against_each_other(embedding, components):
    with pytest.raises(ValueError, match="wanted two or more different ones of"):
        tk.figures.pair_plot(embedding, components=components)


def test_pair_plot__refuses_unknown_colours_and_runs(embedding):
    with pytest.raises(ValueError, match="no color 'optimiser'"):
        tk.figures.pair_plot(embedding, color="optimiser")
    with pytest.raises(ValueError, match=r"runs \['nobody'\] are not in the dataset"):
        tk.figures.pair_plot(embedding, runs=["nobody"])


# tube


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
        assert band.fillcolor.startswith(PALETTE[i])
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
    stretches = np.split(band.x, np.flatnonzero(np.isnan(band.x)) + 1)
    drawn = [sorted(set(s[np.isfinite(s)])) for s in stretches if len(s)]
    progress = widths.progress.values
    assert drawn == [progress[1:4].tolist(), progress[6:].tolist()]


def test_tube__refuses_what_are_no_widths_and_what_makes_no_groups(ds, widths):
    with pytest.raises(TypeError, match=r"wanted what trajkit\.tube"):
        tk.figures.tube(ds)
    with pytest.raises(ValueError, match=r"trajkit\.tube\(ds, by\) makes them"):
        tk.figures.tube(ds.step)
    with pytest.raises(ValueError, match="no color 'checkpoint': wanted one of"):
        tk.figures.tube(widths, color="checkpoint")
    with pytest.raises(ValueError, match="no widths to draw"):
        tk.figures.tube(widths.isel(run=slice(0)))
    again = xr.concat([widths.assign_coords(run=[f"{r}-{i}" for r in widths.run.values]) for i in range(2)], "run")
    with pytest.raises(ValueError, match="'number' has too many values to make groups"):
        tk.figures.tube(again.assign_coords(number=("run", np.arange(18.0))), color="number")


# distance_matrix


@pytest.mark.parametrize("order", [None, "architecture", "rate", "run"])
def test_distance_matrix__every_distance_is_drawn_once_at_its_runs(distance, order):
    heat = tk.figures.distance_matrix(distance, order=order).data[0]
    assert sorted(heat.x) == sorted(distance.run.values)
    np.testing.assert_array_equal(heat.x, heat.y)
    np.testing.assert_array_equal(heat.z, distance.sel(run=heat.y, run2=heat.x))


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("seed", range(5))
def test_distance_matrix__of_all_turns_of_the_tree_the_one_with_the_nearest_neighbours_is_drawn(n, seed):
    distance = many(n, seed)
    turns = [[[i]] for i in range(n)]
    for a, b in linkage(squareform(distance.values), "average")[:, :2].astype(int):
        turns.append([x + y for x in turns[a] for y in turns[b]] + [y + x for x in turns[a] for y in turns[b]])
    drawn = tk.figures.distance_matrix(distance).data[0].x.astype(int).tolist()
    assert drawn in turns[-1]
    total = {tuple(t): distance.values[t[:-1], t[1:]].sum() for t in turns[-1]}
    assert total[tuple(drawn)] == pytest.approx(min(total.values()), rel=1e-12)


@pytest.mark.parametrize("values", ["near", "chain"])
def test_distance_matrix__no_branch_turned_brings_neighbours_nearer(values):
    distance = many(60)
    if values == "chain":
        # Each run joins all before it.
        distance = distance.copy(data=np.maximum(*np.indices((60, 60)), dtype=float) * (1 - np.eye(60)))
    names = tk.figures.distance_matrix(distance).data[0].x
    drawn = distance.sel(run=names, run2=names).values
    below = [{i} for i in range(60)]
    for a, b in linkage(squareform(distance.values), "average")[:, :2].astype(int):
        below.append(below[a] | below[b])
    place = {int(name): i for i, name in enumerate(names)}
    for branch in below:
        at = sorted(place[i] for i in branch)
        assert at == list(range(at[0], at[-1] + 1))
        turned = np.arange(60)
        turned[at] = turned[at][::-1]
        assert np.diag(drawn[np.ix_(turned, turned)], 1).sum() >= np.diag(drawn, 1).sum() - 1e-12


def test_distance_matrix__orders_by_text_as_it_appears_and_by_numbers_in_size(distance):
    by_text = tk.figures.distance_matrix(distance, order="architecture").data[0].x
    assert "".join(name[0] for name in by_text) == "AAABBBCCC"
    by_number = tk.figures.distance_matrix(distance, order="rate").data[0].x
    assert distance.rate.sel(run=by_number).values.tolist() == [0.01] * 4 + [0.1] * 5
    of_many = tk.figures.distance_matrix(many(), order="number").data[0].x
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
        figure = tk.figures.distance_matrix(many(), order=order)
        assert not figure.layout.shapes
        assert not figure.layout.showlegend


def test_distance_matrix__names_are_shown_when_few_and_always_on_hover(distance):
    figure = tk.figures.distance_matrix(distance)
    assert figure.layout.yaxis.showticklabels
    large = tk.figures.distance_matrix(many(MOST_NAMES + 1))
    assert not large.layout.yaxis.showticklabels
    assert large.layout.yaxis.title.text == f"{MOST_NAMES + 1} runs"
    assert tk.figures.distance_matrix(many(MOST_NAMES)).layout.yaxis.showticklabels
    # Runs named by numbers stay names.
    assert large.layout.xaxis.type == large.layout.yaxis.type == "category"
    for f in (figure, large):
        assert "%{x}" in f.data[0].hovertemplate
        assert "%{y}" in f.data[0].hovertemplate


def test_distance_matrix__the_colour_bar_names_metric_and_units(distance):
    title = tk.figures.distance_matrix(distance).data[0].colorbar.title.text
    assert title == "progress distance of trajectories (bhattacharyya, nat)"
    assert tk.figures.distance_matrix(many()).data[0].colorbar.title.text == "distance (hellinger)"


def test_distance_matrix__one_run_is_one_cell(distance):
    assert tk.figures.distance_matrix(distance.isel(run=[0], run2=[0])).data[0].z.tolist() == [[0.0]]


# dendrogram


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


@pytest.mark.parametrize("method", ["average", "complete", "single", "weighted"])
@pytest.mark.parametrize("n", [2, 9, 30])
def test_dendrogram__two_runs_meet_at_their_cophenetic_distance(n, method):
    distance = many(n, seed=1)
    figure = tk.figures.dendrogram(tk.cluster(distance, method=method))
    at = {name: x for name, (x, _) in leaves(figure).items()}
    assert sorted(at.values()) == list(range(n))
    # Each foot of a bridge stands on a leaf or on the middle of the bridge below.
    below = {(x, 0.0): {name} for name, x in at.items()}
    meet = {}
    for _, corners in sorted(bridges(figure), key=lambda b: b[1][1, 1]):
        left, right = below.pop(tuple(corners[0])), below.pop(tuple(corners[3]))
        assert corners[1, 1] == corners[2, 1]
        meet |= {frozenset((u, v)): corners[1, 1] for u in left for v in right}
        below[((corners[0, 0] + corners[3, 0]) / 2, corners[1, 1])] = left | right
    expected = squareform(cophenet(linkage(squareform(distance.values), method)))
    assert len(meet) == n * (n - 1) // 2
    for (i, u), (j, v) in ((a, b) for a in enumerate(distance.run.values) for b in enumerate(distance.run.values)):
        if i < j:
            assert meet[frozenset((u, v))] == pytest.approx(expected[i, j], rel=1e-12)


def test_dendrogram__leaves_stand_in_the_order_of_the_matrix(distance):
    figure = tk.figures.dendrogram(tk.cluster(distance))
    in_order = sorted(leaves(figure), key=lambda name: leaves(figure)[name][0])
    assert in_order == tk.figures.distance_matrix(distance).data[0].x.tolist()
    assert in_order == list(figure.layout.xaxis.ticktext)


def test_dendrogram__leaves_have_the_colour_of_their_category_and_joins_that_of_all_below(distance):
    figure = tk.figures.dendrogram(tk.cluster(distance), color="architecture")
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
        assert color == (feet[0] if feet[0] == feet[1] else "#9AA0A8")


def test_dendrogram__a_number_of_many_values_colours_leaves_on_a_scale():
    distance = many(20)
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


def test_dendrogram__names_are_shown_when_few_and_the_axis_names_metric_and_units(distance):
    figure = tk.figures.dendrogram(tk.cluster(distance))
    assert figure.layout.xaxis.showticklabels
    assert figure.layout.yaxis.title.text == "progress distance of trajectories<br>(bhattacharyya, nat)"
    assert not any(t.showlegend for t in figure.data)
    assert not tk.figures.dendrogram(tk.cluster(many(MOST_NAMES + 1))).layout.xaxis.showticklabels


def test_dendrogram__runs_that_coincide_join_at_zero():
    figure = tk.figures.dendrogram(tk.cluster(many(4) * 0))
    assert all((corners[:, 1] == 0).all() for _, corners in bridges(figure))


# both


@pytest.mark.parametrize("draw", [tk.figures.distance_matrix, tk.cluster])
def test_matrices__refuses_what_is_no_symmetric_matrix_of_runs(ds, distance, draw):
    with pytest.raises(TypeError, match="wanted a DataArray"):
        draw(distance.values)
    with pytest.raises(ValueError, match=r"wanted a square matrix \(run, run2\)"):
        draw(tk.pairwise(ds.isel(run=[0])))
    with pytest.raises(ValueError, match="with the same runs along both dimensions"):
        draw(distance.isel(run=slice(4)))
    with pytest.raises(ValueError, match="wanted a symmetric matrix"):
        draw(distance + xr.DataArray(np.arange(9), dims="run"))
    holed = distance.copy()
    holed[2, 5] = holed[5, 2] = np.nan
    with pytest.raises(ValueError, match="2 distances are NaN or infinite, the first from run 'C-0' to 'C-1'"):
        draw(holed)


def test_matrices__refuse_unknown_attributes_by_the_name_of_the_argument(distance):
    with pytest.raises(ValueError, match="no order 'optimiser': wanted one of"):
        tk.figures.distance_matrix(distance, order="optimiser")
    with pytest.raises(ValueError, match="no color 'optimiser': wanted one of"):
        tk.figures.distance_matrix(distance, color="optimiser")
    with pytest.raises(ValueError, match="no color 'optimiser': wanted one of"):
        tk.figures.dendrogram(tk.cluster(distance), color="optimiser")
    with pytest.raises(ValueError, match=r"order: wanted values on run, got dimensions \('run2',\)"):
        tk.figures.distance_matrix(distance, order=xr.DataArray(np.arange(9), dims="run2"))


def test_dendrogram__refuses_distances_and_names_the_function_that_makes_a_tree(distance):
    with pytest.raises(ValueError, match=r"wanted what `tk\.cluster\(distance\)` returns, a Dataset, got DataArray"):
        tk.figures.dendrogram(distance)


def test_figures__are_json_without_nan_and_leave_their_input_as_it_was(embedding, distance, widths):
    for draw, data in (
        (lambda x: tk.figures.pair_plot(x, color="progress"), embedding),
        (lambda x: tk.figures.pair_plot(x, color="architecture", components=(1, 2)), embedding),
        (lambda x: tk.figures.tube(x, color="architecture"), widths.where(widths.progress > 0.3)),
        (lambda x: tk.figures.distance_matrix(x, order="architecture"), distance),
        (lambda x: tk.figures.dendrogram(x, color="architecture"), tk.cluster(distance)),
    ):
        before = data.copy(deep=True)
        assert "NaN" not in draw(data).to_json()
        xr.testing.assert_identical(data, before)
