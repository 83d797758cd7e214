"""Figures of claims: what is drawn, seen in their traces."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

import trajkit as tk


def named(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [t for t in figure.data if t.name == name]


def shown(figure: go.Figure) -> list[str]:
    return [t.name for t in figure.data if t.name and t.showlegend is not False]


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.simulate(runs=6, samples=20, checkpoints=5, groups=2, spread=0.3)


def test_dimensionality__draws_estimate_interval_and_every_null_in_both_panels(ds):
    found = tk.dimensionality(ds, 3, null_draws=2, nulls={"confusions": tk.shuffle_confusions})
    figure = tk.figures.dimensionality(found)
    assert shown(figure) == ["samples shuffled", "confusions", "observed"]
    for k, measure in enumerate(["explained stress", "explained distance"]):
        curve = [t for t in named(figure, "observed") if t.mode == "lines+markers"][k]
        np.testing.assert_array_equal(curve.y, found.estimate.sel(measure=measure))
        np.testing.assert_array_equal(curve.customdata[:, 0], found.lower.sel(measure=measure))
        null = [t for t in named(figure, "samples shuffled") if t.fill is None][k]
        np.testing.assert_allclose(null.y, found.null.sel(measure=measure).mean("draw"))
        band = [t for t in named(figure, "confusions") if t.fill == "toself"][k]
        draws = found.other_null.sel(other="confusions", measure=measure)
        np.testing.assert_allclose(band.y[:3], draws.max("draw"))
    assert "components for 90%: 1, of the null" in figure.layout.annotations[0].text


def test_dimensionality__says_where_components_are_too_few(ds):
    found = tk.dimensionality(ds, 2, null_draws=2, share=0.9999)
    title = tk.figures.dimensionality(found).layout.annotations[1].text
    assert "more than 2" in title


def test_convergence__draws_distances_and_their_ratio_with_gaps_where_it_is_unknown(ds):
    found = tk.convergence(ds, "architecture", n=5, draws=9)
    figure = tk.figures.convergence(found)
    for name in ("within", "between", "ratio"):
        curve = next(t for t in named(figure, name) if t.mode == "lines+markers")
        np.testing.assert_array_equal(curve.y, found.estimate.sel(quantity=name))
        assert all(np.isfinite(t.y).all() for t in named(figure, name) if t.fill)
    assert figure.layout.yaxis.title.text == "bhattacharyya distance of groups by architecture (nat)"


def test_speed_comparison__draws_runs_and_medians_and_leaves_out_who_does_not_arrive():
    ds = tk.simulate(runs=12, groups=2, ragged=True)
    found = tk.speed_comparison(ds, "architecture", at=[0.5, 1.0])
    figure = tk.figures.speed_comparison(found)
    assert shown(figure) == ["A", "B"]
    for group in "AB":
        markers = [t for t in named(figure, group) if t.showlegend is False]
        steps = found.steps.values[found.architecture.values == group]
        assert [len(t.y) for t in markers] == np.isfinite(steps).sum(0).tolist()
        middle = next(t for t in named(figure, group) if t.showlegend is None)
        expected = found["median"].sel(group=group).values
        np.testing.assert_array_equal(middle.y, np.where(np.isfinite(expected), expected, np.nan))
        np.testing.assert_array_equal(middle.customdata[:, 0], found.reached.sel(group=group))


def test_stability__draws_every_repeat_of_every_change(ds):
    found = tk.stability(ds, shares=[0.5], repeats=3)
    figure = tk.figures.stability(found)
    (misfit,) = named(figure, "misfit")
    expected = found.misfit.isel(change=slice(1, None)).values
    np.testing.assert_array_equal(misfit.x, expected[np.isfinite(expected)])
    np.testing.assert_array_equal(np.round(misfit.y), [0] * 3 + [1] * 3 + [2, 3])
    assert [s.x0 for s in figure.layout.shapes] == [
        float(found[n][0, 0]) for n in ("explained_stress", "explained_distance")
    ]


def test_compare_metrics__draws_a_panel_for_each_quantity(ds):
    found = tk.compare_metrics(ds, metrics=["bhattacharyya", "fisher_rao"], by="architecture", null_draws=2)
    figure = tk.figures.compare_metrics(found)
    assert [a.text for a in figure.layout.annotations] == found.quantity.values.tolist()
    for quantity, observed, null in zip(
        found.quantity.values, named(figure, "observed"), named(figure, "null"), strict=True
    ):
        np.testing.assert_array_equal(observed.y, found.observed.sel(quantity=quantity))
        np.testing.assert_array_equal(
            null.y, found.null.sel(quantity=quantity).transpose("metric", "draw").values.ravel()
        )
    single = tk.compare_metrics(
        ds, lambda d, m: tk.progress(d, "fisher_rao").mean(), metrics=["hellinger"], null_draws=1
    )
    assert len(tk.figures.compare_metrics(single).data) == 2
    with pytest.raises(ValueError, match="wanted values on metric and quantity"):
        tk.figures.compare_metrics(tk.compare_metrics(ds, lambda d, m: tk.loss(d), metrics=["hellinger"], null_draws=1))


def test_learning_order__draws_agreement_with_intervals_beside_its_null():
    random, label = np.random.default_rng(0), np.arange(40) % 4
    ease = random.random(40) + 0.5 * random.random((6, 1, 40))
    logits = 8 * np.linspace(0, 1, 6)[:, None, None] * ease[..., None] * np.eye(4)[label]
    ds = tk.from_arrays(logits=logits, label=label, runs={"architecture": list("aaabbb"), "seed": [0, 1, 2] * 2})
    found = tk.learning_order(ds, "architecture", null_draws=3)
    figure = tk.figures.learning_order(found)
    (observed,) = named(figure, "observed")
    np.testing.assert_array_equal(observed.y, found.estimate[:2])
    np.testing.assert_allclose(observed.y + observed.error_y.array, found.upper[:2])
    np.testing.assert_allclose(observed.y - observed.error_y.arrayminus, found.lower[:2])
    assert len(named(figure, "null")[0].y) == 6
    np.testing.assert_array_equal(figure.data[-1].z, found.of_groups)


@pytest.mark.parametrize(
    ("figure", "function"),
    [
        *((name, name) for name in ("compare_metrics", "convergence", "data_map", "dimensionality", "importance")),
        *((name, name) for name in ("input_spectrum", "learning_order", "null_test", "speed_comparison", "stability")),
        ("compare_groups", "compare_groups"),
        ("dendrogram", "cluster"),
        ("phase_map", "theory.sweep"),
    ],
)
def test_figures_of_results__check_result_and_say_what_came(figure, function):
    for other, came in (
        (xr.Dataset({"observed": 0.0, "null": 0.0, "estimate": 0.0}), r"got a Dataset without \['"),
        (xr.DataArray(1.0), "got DataArray"),
        (None, "got NoneType"),
    ):
        with pytest.raises(ValueError, match=rf"wanted what `tk.{function}\(.*{came}"):
            getattr(tk.figures, figure)(other)


def test_figures__an_old_name_is_refused_with_the_new_one() -> None:
    with pytest.raises(AttributeError, match=r"write trajkit\.figures\.compare_groups"):
        _ = tk.figures.groups
    with pytest.raises(AttributeError, match="has no attribute 'histogram'"):
        _ = tk.figures.histogram
