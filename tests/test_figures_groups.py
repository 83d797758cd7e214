"""Figures of learning curves, of groups and of nulls, by their traces."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    ds = tk.simulate(runs=6, groups=2, spread=0.3, checkpoints=5, samples=20, ragged=True)
    return ds.assign(progress=tk.progress(ds), loss=tk.loss(ds), error=tk.error(ds))


def test_learning_curves__draw_every_recorded_point_of_the_runs_asked_for(ds: xr.Dataset) -> None:
    figure = tk.figures.learning_curves(ds, color="architecture", runs=["A-0", "B-1"])
    assert [t.name for t in figure.data] == ["A", "B", "A", "B"]
    for name, trace in (("loss", figure.data[0]), ("error", figure.data[2])):
        own = ds[name].sel(run="A-0").values[ds.step.sel(run="A-0").values >= 0]
        np.testing.assert_allclose(np.asarray(trace.y)[:-1], own)
        assert set(trace.text) == {"A-0"}
    assert figure.layout.yaxis.type == "log"


def test_learning_curves__against_progress_and_with_a_colour_scale(ds: xr.Dataset) -> None:
    figure = tk.figures.learning_curves(ds, "loss", against="progress", color="error")
    assert figure.data[0].mode == "markers"
    assert figure.layout.xaxis.title.text == "progress"
    assert np.isfinite(np.asarray(figure.data[0].x)).sum() == int((ds.step >= 0).sum())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"of": "accuracy"}, "has no \\['accuracy'\\]"), ({"against": "epoch"}, "wanted one of"), ({"runs": ["Z"]}, "Z")],
)
def test_learning_curves__refuse_what_is_not_there(ds: xr.Dataset, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.figures.learning_curves(ds, **options)


def test_groups__have_the_largest_on_top_and_the_joint_test_above(ds: xr.Dataset) -> None:
    found = tk.compare_groups(ds, ["seed", "architecture"], permutations=99)
    figure = tk.figures.compare_groups(found)
    alone = dict(zip(figure.data[1].y, figure.data[1].x, strict=True))
    assert figure.data[1].y[-1] == max(alone, key=lambda name: alone[name])
    assert alone["architecture"] == float(found.r_squared.sel(attribute="architecture"))
    # With two attributes that tell every run apart, the joint test still has runs left over, or says that it has none.
    joint = float(found.joint_r_squared)
    assert (f"{joint:.2f}" in figure.layout.title.text) == np.isfinite(joint)
    with pytest.raises(ValueError, match="compare_groups"):
        tk.figures.compare_groups(ds)


def test_null__has_a_marker_for_each_pair_and_the_line_of_the_median(ds: xr.Dataset) -> None:
    found = tk.null_test(ds, null_draws=4)
    figure = tk.figures.null_test(found)
    pairs, diagonal, median = figure.data
    np.testing.assert_array_equal(pairs.y, found.observed)
    np.testing.assert_array_equal(pairs.x, found.null.mean("draw"))
    assert diagonal.y[1] == diagonal.x[1]
    assert median.y[1] / median.x[1] == pytest.approx(float(found.median_ratio))
    # Of four draws no p-value is below a fifth.
    assert figure.layout.title.text.endswith("p ≤ 0.2")
    assert figure.layout.yaxis.title.text == "bhattacharyya distance at equal progress (nat)"
    with pytest.raises(ValueError, match="of pairs"):
        tk.figures.null_test(tk.null_test(ds, lambda d: tk.loss(d).mean(), null_draws=2))
