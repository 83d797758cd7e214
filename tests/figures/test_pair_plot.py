"""Components against each other, seen in the traces of the figure."""

import numpy as np
import plotly.graph_objects as go
import pytest

import trajkit as tk
from trajkit.figures.coloring import PALETTE, REFERENCE, TIME_LIKE


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


@pytest.mark.parametrize("components", [(1, 2), (1, 2, 3), (4, 1, 5, 2)])
@pytest.mark.parametrize("color", ["architecture", "progress", None])
def test_pair_plot__draws_each_point_of_each_run_once_in_each_pair_of_components(ds, embedding, components, color):
    figure = tk.figures.pair_plot(embedding, color=color, components=components)
    pairs = [(components[j], components[i]) for i in range(len(components)) for j in range(i)]
    drawn = panels(figure)
    assert len(drawn) == len(pairs)
    for (horizontal, vertical), traces in zip(pairs, drawn.values(), strict=True):
        points = {
            (run, k): (x, y)
            for t in of_networks(traces)
            for run, k, x, y in zip(t.text, t.customdata[:, 0], t.x, t.y, strict=True)
            if np.isfinite(x)
        }
        expected = tk.points(embedding.sel(run=ds.run))
        keys = list(zip(expected.run.values, expected.checkpoint.values, strict=True))
        assert points.keys() == set(keys)
        at = expected.coordinate.sel(component=[horizontal, vertical]).values
        np.testing.assert_array_equal([points[key] for key in keys], at)
        assert sum(np.isfinite(t.x).sum() for t in of_networks(traces)) == len(at)


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
