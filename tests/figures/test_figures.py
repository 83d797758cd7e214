"""Laws of all figures, and of those that need one or two tests."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.figures.coloring import TIME_LIKE, coloring

DRAWN = {
    **{"manifold": "embedding", "pair_plot": "embedding", "dendrogram": "tree", "distance_matrix": "distance"},
    **{"spectrum": "embedding", "progress": "ds", "learning_curves": "ds", "tube": "widths"},
}


@pytest.mark.parametrize(
    ("figure", "options"),
    [
        *((name, {"color": "progress"}) for name in ("manifold", "pair_plot")),
        ("pair_plot", {"color": "architecture", "components": (1, 2)}),
        *((name, {}) for name in ("spectrum", "progress")),
        *((name, {"color": "architecture"}) for name in ("tube", "dendrogram")),
        ("distance_matrix", {"order": "architecture"}),
    ],
)
def test_figures__are_json_without_nan_and_leave_their_input_unchanged(figure, options, request):
    given = request.getfixturevalue(DRAWN[figure])
    given = given.where(given.progress > 0.3) if figure == "tube" else given
    before = given.copy(deep=True)
    assert "NaN" not in getattr(tk.figures, figure)(given, **options).to_json()
    xr.testing.assert_identical(given, before)


def test_figures__an_old_name_is_refused_with_the_new_one():
    with pytest.raises(AttributeError, match=r"write trajkit\.figures\.compare_groups"):
        _ = tk.figures.groups
    with pytest.raises(AttributeError, match="has no attribute 'histogram'"):
        _ = tk.figures.histogram


@pytest.mark.parametrize(
    ("figure", "function"),
    [
        *((name, name) for name in ("compare_groups", "compare_metrics", "convergence", "data_map", "dimensionality")),
        *((name, name) for name in ("importance", "input_spectrum", "learning_order", "null_test", "stability")),
        *(("speed_comparison", "speed_comparison"), ("dendrogram", "cluster"), ("manifold", "embed")),
        *(("pair_plot", "embed"), ("phase_map", "theory.sweep"), ("spectrum", "inpca")),
    ],
)
@pytest.mark.parametrize(
    ("other", "came"),
    [
        (xr.Dataset({"observed": 0.0, "null": 0.0, "estimate": 0.0}), r"got a Dataset without \['"),
        (xr.DataArray(1.0), "got DataArray"),
        (None, "got NoneType"),
    ],
)
def test_figures__refuse_other_things_than_results_and_name_the_function(figure, function, other, came):
    with pytest.raises((TypeError, ValueError), match=rf"wanted what `tk.{function}\(.*{came}"):
        getattr(tk.figures, figure)(other)


@pytest.mark.parametrize(
    ("figure", "option", "value", "message"),
    [
        ("manifold", "components", (1, 2, 9), "wanted three of"),
        ("manifold", "color", xr.DataArray([1.0], {"run": ["A"]}, "run"), "no values for 9 of the runs"),
        *(("pair_plot", "components", k, "two or more different ones of") for k in [(1,), (), (1, 1), (1, 9)]),
        *((name, "color", "hue", "no color 'hue': wanted one of") for name in list(DRAWN)[:4]),
        *((name, "runs", ["Z"], r"\['Z'\] are not in the dataset") for name in ("manifold", "pair_plot")),
        ("distance_matrix", "order", "hue", "no order 'hue': wanted one of"),
        ("distance_matrix", "order", xr.DataArray([1.0], dims="x"), r"order: wanted values on run, got .*'x'"),
        ("learning_curves", "of", "accuracy", r"no \['accuracy'\]"),
        ("learning_curves", "against", "epoch", "wanted one of"),
        ("learning_curves", "runs", ["Z"], "Z"),
        ("tube", "color", "checkpoint", "no color 'checkpoint': wanted one of"),
    ],
)
def test_figures__refuse_unknown_choices_and_name_the_known_ones(figure, option, value, message, request):
    with pytest.raises(ValueError, match=message):
        getattr(tk.figures, figure)(request.getfixturevalue(DRAWN[figure]), **{option: value})


def test_spectrum__bars_are_absolute_eigenvalues_and_time_like_ones_are_red(embedding):
    figure = tk.figures.spectrum(embedding)
    space, time, stress, distance = figure.data
    np.testing.assert_array_equal(np.nansum([space.y, time.y], axis=0), np.abs(embedding.eigenvalue))
    np.testing.assert_array_equal(np.isfinite(time.y), embedding.signature < 0)
    assert time.marker.color == TIME_LIKE
    np.testing.assert_array_equal(stress.y, embedding.explained_stress)
    np.testing.assert_array_equal(distance.y, embedding.explained_distance)


def test_dimensionality__draws_estimate_interval_and_every_null_in_both_panels(small):
    found = tk.dimensionality(small, 3, null_draws=2, nulls={"confusions": tk.shuffle_confusions})
    figure = tk.figures.dimensionality(found)
    shown = [t.name for t in figure.data if t.name and t.showlegend is not False]
    assert shown == ["samples shuffled", "confusions", "observed"]
    for k, measure in enumerate(["explained stress", "explained distance"]):
        curve = [t for t in figure.select_traces({"name": "observed"}) if t.mode == "lines+markers"][k]
        np.testing.assert_array_equal(curve.y, found.estimate.sel(measure=measure))
        np.testing.assert_array_equal(curve.customdata[:, 0], found.lower.sel(measure=measure))
        null = [t for t in figure.select_traces({"name": "samples shuffled"}) if t.fill is None][k]
        np.testing.assert_allclose(null.y, found.null.sel(measure=measure).mean("draw"))
        band = [t for t in figure.select_traces({"name": "confusions"}) if t.fill == "toself"][k]
        draws = found.other_null.sel(other="confusions", measure=measure)
        np.testing.assert_allclose(band.y[:3], draws.max("draw"))
    assert "components for 90%: 1, of the null" in figure.layout.annotations[0].text


def test_dimensionality__says_where_components_are_too_few(small):
    found = tk.dimensionality(small, 2, null_draws=2, share=0.9999)
    title = tk.figures.dimensionality(found).layout.annotations[1].text
    assert "more than 2" in title


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


def test_compare_groups__has_the_largest_on_top_and_the_joint_test_above(small: xr.Dataset) -> None:
    found = tk.compare_groups(small, ["seed", "architecture"], unit="run", permutations=99)
    figure = tk.figures.compare_groups(found)
    alone = dict(zip(figure.data[1].y, figure.data[1].x, strict=True))
    assert figure.data[1].y[-1] == max(alone, key=lambda name: alone[name])
    assert alone["architecture"] == float(found.r_squared.sel(attribute="architecture"))
    # No joint test is possible where each run has its own architecture and seed.
    joint = float(found.joint_r_squared)
    assert (f"{joint:.2f}" in figure.layout.title.text) == np.isfinite(joint)


def test_compare_groups__of_configurations_shows_matched_ratios_and_leaves_out_tests_that_are_impossible() -> None:
    ds = tk.simulate(runs=16, samples=10, checkpoints=4, groups=2, spread=0.3)
    i = np.arange(16)
    ds = ds.assign_coords(width=("run", i // 2 % 4), depth=("run", i // 2 % 2), seed=("run", i // 8))
    found = tk.compare_groups(ds, ["architecture", "width", "depth"], permutations=99)
    figure = tk.figures.compare_groups(found)
    told = dict(zip(figure.data[1].y, figure.data[1].customdata, strict=True))
    architecture = found.sel(attribute="architecture")
    assert told["architecture"][0] == f", p {float(architecture.p_value):.3g}"
    ratio, low = float(architecture.matched_ratio), float(architecture.matched_lower)
    assert f"4 matched pairs: {ratio:.2f} times the distance between seeds ({low:.2f} to" in told["architecture"][2]
    assert told["depth"][0] == ""
    assert "matched" not in told["depth"][2]


def test_null_test__has_a_marker_for_each_pair_and_the_line_of_the_median(small: xr.Dataset) -> None:
    found = tk.null_test(small, null_draws=4)
    figure = tk.figures.null_test(found)
    pairs, diagonal, median = figure.data
    np.testing.assert_array_equal(pairs.y, found.observed)
    np.testing.assert_array_equal(pairs.x, found.null.mean("draw"))
    assert diagonal.y[1] == diagonal.x[1]
    assert median.y[1] / median.x[1] == pytest.approx(float(found.median_ratio))
    # With four draws no p-value is below 1 / 5.
    assert figure.layout.title.text.endswith("p ≤ 0.2")
    assert figure.layout.yaxis.title.text == "bhattacharyya distance at equal progress (nat)"
    with pytest.raises(ValueError, match="of pairs"):
        tk.figures.null_test(tk.null_test(small, lambda d: tk.loss(d).mean(), null_draws=2))


def test_convergence__draws_distances_and_their_ratio_with_gaps_where_it_is_unknown(small):
    found = tk.convergence(small, "architecture", n=5, draws=9)
    figure = tk.figures.convergence(found)
    ratios = {"between / within": "ratio", "between / straight": "straight ratio"}
    for name in ("within", "between", "straight", *ratios):
        at = found.sel(quantity=ratios.get(name, name))
        (curve,) = figure.select_traces({"name": name, "mode": "lines+markers"})
        np.testing.assert_array_equal(curve.y, at.estimate)
        (band,) = figure.select_traces({"name": name, "fill": "toself"})
        known = np.isfinite(at.lower + at.upper)
        assert np.isfinite(band.y).sum() == 2 * int(known.sum())
    assert figure.layout.yaxis.title.text == "bhattacharyya distance of groups by architecture (nat)"
    path = found.sel(quantity="straight ratio", stage="path").stage_estimate
    assert figure.layout.title.text.startswith(f"path: between / straight {float(path):.2f} (")


def test_figures__of_trajectories_begin_at_their_start(small):
    late = small.assign_coords(start_step=("run", [2] * small.sizes["run"]))
    late = late.assign(progress=tk.progress(late))
    figures = [
        (tk.figures.manifold(tk.embed(late)), tk.figures.manifold(tk.embed(small))),
        (tk.figures.progress(late), tk.figures.progress(small.assign(progress=tk.progress(small)))),
    ]
    for begun, whole in figures:
        for a, b in zip(begun.data, whole.data, strict=True):
            if a.name in ("ignorance", "truth", "geodesic"):
                assert len(a.x) == len(b.x)
            else:
                # Two checkpoints of each run are before the start.
                assert len(a.x) < len(b.x)


def test_stability__draws_every_repeat_of_every_change(small):
    found = tk.stability(small, shares=[0.5], repeats=3)
    figure = tk.figures.stability(found)
    (misfit,) = figure.select_traces({"name": "misfit"})
    expected = found.misfit.isel(change=slice(1, None)).values
    np.testing.assert_array_equal(misfit.x, expected[np.isfinite(expected)])
    np.testing.assert_array_equal(np.round(misfit.y), [0] * 3 + [1] * 3 + [2, 3])
    assert [s.x0 for s in figure.layout.shapes] == [
        float(found[n][0, 0]) for n in ("explained_stress", "explained_distance")
    ]


def test_compare_metrics__draws_a_panel_for_each_quantity(small):
    found = tk.compare_metrics(small, metrics=["bhattacharyya", "fisher_rao"], by="architecture", null_draws=2)
    figure = tk.figures.compare_metrics(found)
    assert [a.text for a in figure.layout.annotations] == found.quantity.values.tolist()
    drawn = (figure.select_traces({"name": name}) for name in ("observed", "null"))
    for quantity, observed, null in zip(found.quantity.values, *drawn, strict=True):
        np.testing.assert_array_equal(observed.y, found.observed.sel(quantity=quantity))
        np.testing.assert_array_equal(
            null.y, found.null.sel(quantity=quantity).transpose("metric", "draw").values.ravel()
        )
    single = tk.compare_metrics(
        small, lambda d, m: tk.progress(d, "fisher_rao").mean(), metrics=["hellinger"], null_draws=1
    )
    assert len(tk.figures.compare_metrics(single).data) == 2
    of_points = tk.compare_metrics(small, lambda d, m: tk.loss(d), metrics=["hellinger"], null_draws=1)
    with pytest.raises(ValueError, match="wanted values on metric and quantity"):
        tk.figures.compare_metrics(of_points)


def test_speed_comparison__draws_the_runs_that_arrive_and_the_medians():
    ds = tk.simulate(runs=12, groups=2, ragged=True)
    found = tk.speed_comparison(ds, "architecture", at=[0.5, 1.0])
    figure = tk.figures.speed_comparison(found)
    assert [t.name for t in figure.data if t.showlegend is None] == ["A", "B"]
    for group in "AB":
        markers = figure.select_traces({"name": group, "showlegend": False})
        steps = found.steps.values[found.architecture.values == group]
        assert [len(t.y) for t in markers] == np.isfinite(steps).sum(0).tolist()
        (middle,) = (t for t in figure.select_traces({"name": group}) if t.showlegend is None)
        expected = found["median"].sel(group=group).values
        np.testing.assert_array_equal(middle.y, np.where(np.isfinite(expected), expected, np.nan))
        np.testing.assert_array_equal(middle.customdata[:, 0], found.reached.sel(group=group))


def test_learning_order__draws_agreement_with_intervals_beside_its_null():
    random, label = np.random.default_rng(0), np.arange(40) % 4
    ease = random.random(40) + 0.5 * random.random((6, 1, 40))
    logits = 8 * np.linspace(0, 1, 6)[:, None, None] * ease[..., None] * np.eye(4)[label]
    ds = tk.from_arrays(logits=logits, label=label, runs={"architecture": list("aaabbb"), "seed": [0, 1, 2] * 2})
    found = tk.learning_order(ds, "architecture", null_draws=3)
    figure = tk.figures.learning_order(found)
    (observed,) = figure.select_traces({"name": "observed"})
    np.testing.assert_array_equal(observed.y, found.estimate[:2])
    np.testing.assert_allclose(observed.y + observed.error_y.array, found.upper[:2])
    np.testing.assert_allclose(observed.y - observed.error_y.arrayminus, found.lower[:2])
    (null,) = figure.select_traces({"name": "null"})
    assert len(null.y) == 6
    np.testing.assert_array_equal(figure.data[-1].z, found.of_groups)


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


def test_phase_map__shows_the_sweep_and_its_boundary():
    swept = tk.theory.sweep([0.1, 0.5, 1.0], [0.1, 1.0], [10, 1000], n_components=3)
    figure = tk.figures.phase_map(swept, measure="explained_stress", component=2)
    heats = [t for t in figure.data if t.type == "heatmap"]
    np.testing.assert_array_equal(heats[1].z, swept.explained_stress.sel(component=2, steps=1000).T)
    assert [t.contours.start for t in figure.data if t.type == "contour"] == [0.9, 0.9]
    assert [a.text for a in figure.layout.annotations] == ["10 steps", "1000 steps"]
    assert not [t for t in tk.figures.phase_map(swept, boundary=None).data if t.type == "contour"]
    assert len(tk.figures.phase_map(swept.isel(decay=[0])).data) == 2
    with pytest.raises(ValueError, match="component in"):
        tk.figures.phase_map(swept, component=4)


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


def test_coloring__missing_text_is_a_category_named_none(ds):
    with_gap = ds.assign_coords(architecture=ds.architecture.where(ds.run != "A-0", ""))
    assert coloring(with_gap, "architecture").categories == ("(none)", "B", "C", "A")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seed", [20240101, 20240102, 20240103, 5, 6, 7]),
        ("seed", list(range(2**50, 2**50 + 6))),
        ("seed", [0.1, 0.1 + 1e-9, 1, 2, 3, 4]),
        ("note", ["(none)", "", "a", "a", "b", "b"]),
    ],
)
def test_coloring__every_run_is_drawn_whatever_its_values(name: str, values: list[object]) -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20).assign_coords({name: ("run", values)})
    traces = [t for t in tk.figures.manifold(tk.embed(ds), color=name).data if t.mode == "lines+markers"]
    assert sum(np.isfinite(trace.x).sum() for trace in traces) == 6 * 8
    assert len({trace.name for trace in traces}) == len({value or "(none)" for value in values})
