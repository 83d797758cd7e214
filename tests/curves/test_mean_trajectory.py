"""Laws of mean trajectories and tubes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    mean_of_samples,
    prob,
    within,
)
from strategies import (
    certain,
    datasets,
    grouped,
    log_softmax,
    runs_of,
)

import trajkit as tk
from trajkit.curves.means import MEANS
from trajkit.distances import metric_names


def test_mean_trajectory__means_of_several_kinds_stand_beside_their_runs() -> None:
    ds = grouped()
    means = [tk.mean_trajectory(ds, "architecture", mean=mean, n=5) for mean in ("arithmetic", "amplitude")]
    assert tk.concat([ds, *means]).sizes["run"] == ds.sizes["run"] + 4


@pytest.mark.parametrize("mean", list(MEANS))
def test_mean_trajectory__is_the_mean_of_each_group_at_equal_progress(mean: str) -> None:
    ds = grouped(ragged=True)
    got, even = tk.mean_trajectory(ds, "architecture", mean=mean, n=5), tk.resample(ds, 5)
    tk.validate(got)
    for name in ("A", "B"):
        members = log_softmax(even.log_prob.values[ds.architecture.values == name])
        for k in range(5):
            exact = np.exp(MEANS[mean](members[:, k]))
            gap = np.abs(prob(got.sel(run=f"{mean} mean of architecture={name}").log_prob[k]) - exact).max()
            within("mean trajectories, probabilities", gap, 1e-6)


@settings(max_examples=20)
@given(datasets(), st.sampled_from(list(MEANS)))
def test_mean_trajectory__is_a_valid_dataset_that_concat_takes_beside_the_runs(ds: xr.Dataset, mean: str) -> None:
    before = ds.copy(deep=True)
    by = ["architecture", "learning_rate", "augmentation"]
    got = tk.mean_trajectory(ds, by, mean=mean, n=4)
    assert ds.identical(before)
    tk.validate(got)
    assert set(got.kind.values) == {"reference"}
    table = tk.run_table(ds)[by].drop_duplicates()
    assert tk.run_table(got)[by].reset_index(drop=True).equals(table.reset_index(drop=True))
    both = tk.concat([ds, got])
    tk.validate(both)
    assert both.sizes["run"] == ds.sizes["run"] + got.sizes["run"]
    assert both.sel(run=got.run.values).architecture.values.tolist() == got.architecture.values.tolist()


@settings(max_examples=20)
@given(datasets(), st.sampled_from(list(MEANS)))
def test_mean_trajectory__of_identical_runs_is_the_run(ds: xr.Dataset, mean: str) -> None:
    one = ds.isel(run=[0]).assign_coords(group=("run", ["g"]))
    same = tk.concat([one.assign_coords(run=[name]) for name in "abc"])
    got, wanted = tk.mean_trajectory(same, "group", mean=mean, n=4), tk.resample(one, 4)
    gap = np.abs(prob(got.log_prob) - prob(wanted.log_prob)).max()
    within("mean trajectory of identical runs, probabilities", gap, 1e-6)


@pytest.mark.parametrize("mean", list(MEANS))
def test_mean_trajectory__order_of_runs_does_not_matter(mean: str) -> None:
    ds = grouped()
    there = tk.mean_trajectory(ds, "width", mean=mean, n=5)
    back = tk.mean_trajectory(ds.isel(run=slice(None, None, -1)), "width", mean=mean, n=5).sel(run=there.run)
    within("mean trajectories under another order", np.abs(prob(there.log_prob) - prob(back.log_prob)).max(), 1e-7)


def test_mean_trajectory__bhattacharyya_centroid_is_nearest_to_its_runs() -> None:
    ds = grouped(ragged=True)
    even = tk.resample(ds, 6)
    for metric in ("bhattacharyya", "jeffreys"):
        away = {}
        for mean in MEANS:
            q = tk.mean_trajectory(ds, "architecture", mean=mean, n=6).isel(run=0).drop_vars(["run", "kind"])
            members = even.isel(run=ds.architecture.values == "A")
            away[mean] = float(getattr(tk, metric)(members.log_prob, q.log_prob).mean())
        assert all(away[metric] <= other * (1 + 1e-6) for other in away.values())
        assert away["arithmetic"] > 1e-4


def test_mean_trajectory__several_attributes_and_missing_ones_make_groups() -> None:
    ds = grouped().assign_coords(learning_rate=("run", [0.1, np.nan, 0.1, np.nan, np.nan, 0.1]))
    got = tk.mean_trajectory(ds, ["architecture", "width"], n=3)
    assert got.run.values.tolist() == [
        "arithmetic mean of architecture=A, width=8",
        "arithmetic mean of architecture=B, width=8",
        "arithmetic mean of architecture=B, width=16",
        "arithmetic mean of architecture=A, width=16",
    ]
    assert got.width.values.tolist() == [8, 8, 16, 16]
    assert got.width.dtype == ds.width.dtype
    assert got.attrs["mean"] == "arithmetic"
    missing = tk.mean_trajectory(ds, "learning_rate", n=3)
    np.testing.assert_array_equal(missing.learning_rate, [0.1, np.nan])
    every = tk.mean_trajectory(ds, "kind", n=3)
    assert every.run.values.tolist() == ["arithmetic mean of kind=network"]
    assert every.kind.values.tolist() == ["reference"]


def test_mean_trajectory__leaves_reference_runs_out() -> None:
    ds = grouped()
    assert tk.mean_trajectory(tk.with_references(ds), "architecture", n=4).equals(
        tk.mean_trajectory(ds, "architecture", n=4)
    )
    means = tk.mean_trajectory(ds, "architecture", n=4)
    for function in (tk.mean_trajectory, tk.tube):
        with pytest.raises(ValueError, match="wanted one run of kind 'network' or more, got 0 and 2 references"):
            function(means, "architecture")


def test_mean_trajectory__with_nan_is_missing_where_one_of_its_runs_is() -> None:
    ds = grouped(ragged=True)
    got, even = tk.mean_trajectory(ds, "architecture", n=30, extend="nan"), tk.resample(ds, 30, extend="nan")
    tk.validate(got)
    for r, name in enumerate("AB"):
        there = (even.step.values[ds.architecture.values == name] >= 0).all(0)
        assert 0 < there.sum() < 30
        np.testing.assert_array_equal(got.step.values[r] >= 0, there)
        np.testing.assert_array_equal(got.progress.notnull()[r], there)
    held = tk.mean_trajectory(ds, "architecture", n=30)
    assert (got.log_prob == held.log_prob).where(got.log_prob.notnull(), True).all()
    apart = tk.concat([ds.isel(run=[0], checkpoint=slice(3)), ds.isel(run=[2], checkpoint=slice(3, None))])
    message = r"reached by all runs of \['arithmetic mean of architecture=A'\]; use extend='hold'"
    with pytest.raises(ValueError, match=message):
        tk.mean_trajectory(apart, "architecture", n=30, extend="nan")


def test_mean_trajectory__zeros_are_refused_where_the_mean_has_no_use_for_them() -> None:
    disjoint = runs_of([certain(3, 0, 1)[None], certain(3, 0, 2)[None]], group=["g", "g"])
    for mean in ("geometric", "harmonic"):
        with pytest.raises(ValueError, match=r"share no class for some sample.*use mean='arithmetic', 'amplitude' or"):
            tk.mean_trajectory(disjoint, "group", mean=mean, n=2)
    with pytest.raises(ValueError, match="infinite Jeffreys divergence; use mean="):
        tk.mean_trajectory(disjoint, "group", mean="jeffreys", n=2)
    for mean in ("arithmetic", "amplitude", "bhattacharyya"):
        got = tk.mean_trajectory(disjoint, "group", mean=mean, n=2)
        tk.validate(got)
        np.testing.assert_allclose(prob(got.log_prob[0, 0]), np.array([[1, 0, 0], [0, 0.5, 0.5]]), atol=1e-7)
    with np.errstate(divide="ignore"):
        partly = np.log([[[0.5, 0.5, 0]], [[0, 0.5, 0.5]]])
    overlapping = runs_of([p[None] for p in partly], group=["g", "g"])
    for mean in ("geometric", "harmonic"):
        got = tk.mean_trajectory(overlapping, "group", mean=mean, n=2)
        np.testing.assert_allclose(prob(got.log_prob[0, 0]), [[0, 1, 0]], atol=1e-7)


@pytest.mark.parametrize("function", [tk.mean_trajectory, tk.tube])
def test_mean_trajectory_and_tube__bad_inputs(function: Callable[..., Any]) -> None:
    ds = grouped()
    refused: list[tuple[Any, dict[str, Any], str]] = [
        ("colour", {}, r"no run attributes \['colour'\]: the dataset has \['kind', 'architecture', 'seed', 'width'\]"),
        (["width", "run"], {}, r"no run attributes \['run'\]"),
        ("width", {"mean": "median"}, r"unknown mean 'median': wanted one of \['arithmetic', 'geometric', 'harm"),
        ("width", {"n": 1}, "n: wanted 2 points or more, got 1"),
        ("width", {"extend": "both"}, r"extend: wanted one of \['hold', 'nan', 'shared'\], got 'both'"),
    ]
    for by, arguments, message in refused:
        with pytest.raises(ValueError, match=message):
            function(ds, by, **arguments)


@pytest.mark.parametrize("metric", metric_names())
def test_tube__is_the_distance_to_the_mean_of_the_others(metric: str) -> None:
    ds = grouped(8, ragged=True)
    got, even = tk.tube(ds, "architecture", metric=metric, n=4), tk.resample(ds, 4, extend="shared")
    assert got.dims == ("run", "checkpoint")
    assert got.attrs["scale"] == ("length" if metric == "fisher_rao" else "squared length")
    np.testing.assert_array_equal(got.progress, even.progress[0])
    assert got.attrs["shared_to"] == even.attrs["shared_to"]
    p = prob(even.log_prob)
    for r in range(8):
        others = [s for s in range(8) if s != r and ds.architecture.values[s] == ds.architecture.values[r]]
        for k in range(4):
            mean = sum(p[s, k] for s in others) / len(others)
            if metric == "kullback_leibler":
                exact = float((p[r, k] * np.log(p[r, k] / mean)).sum(-1).mean())
            else:
                exact = mean_of_samples(metric, np.log(p[r, k]), np.log(mean))
            within("tube against a loop", abs(float(got[r, k]) - exact), 1e-12)


@pytest.mark.parametrize("mean", list(MEANS))
def test_tube__takes_any_mean(mean: str) -> None:
    ds = grouped()
    got, even = tk.tube(ds, ["architecture"], mean=mean, metric="hellinger", n=3, extend="hold"), tk.resample(ds, 3)
    others = even.log_prob.values[[2, 4]]
    for k in range(3):
        exact = mean_of_samples(
            "hellinger", even.log_prob.values[0, k].astype(float), MEANS[mean](log_softmax(others[:, k]))
        )
        within("tube against a loop", abs(float(got[0, k]) - exact), 1e-12)


@pytest.mark.parametrize("mean", list(MEANS))
@pytest.mark.parametrize("metric", metric_names(symmetric=True))
def test_tube__of_identical_runs_is_zero(mean: str, metric: str) -> None:
    one = grouped().isel(run=[0])
    same = tk.concat([one.assign_coords(run=[name]) for name in "abc"])
    got = tk.tube(same, "architecture", mean=mean, metric=metric, n=5)
    # An angle is the root of what rounding leaves.
    unit = "rad" if metric == "fisher_rao" else "others"
    within(f"tube of identical runs, {unit}", float(got.max()), 1e-14 if metric == "fisher_rao" else 1e-20)


@pytest.mark.parametrize("metric", metric_names(symmetric=True))
def test_tube__is_missing_where_a_run_is(metric: str) -> None:
    ds = grouped(ragged=True)
    got = tk.tube(ds, "architecture", metric=metric, n=30, extend="nan")
    seen = tk.resample(ds, 30, extend="nan").step.values >= 0
    for r in range(6):
        there = seen[ds.architecture.values == ds.architecture.values[r]].all(0)
        np.testing.assert_array_equal(got.notnull()[r], there)
    held = tk.tube(ds, "architecture", metric=metric, n=30, extend="hold")
    np.testing.assert_array_equal(got, held.where(got.notnull()))


def test_tube__leaves_out_and_names_runs_that_reach_too_little() -> None:
    ds = grouped(8)
    short = ds.isel(run=[7], checkpoint=slice(0, 3))
    ds = tk.concat([ds.isel(run=slice(0, 7)), short])
    got = tk.tube(ds, "architecture", n=4)
    assert (got.sizes["run"], got.attrs["left_out"]) == (7, short.run.values[0])
    assert tk.tube(ds, "architecture", n=4, reach=0).sizes["run"] == 8
    with pytest.raises(ValueError, match=r"has one run: .* do not reach 0\.8 of the median are left out: B-3"):
        tk.tube(ds.isel(run=[0, 2, 4, 5, 7]), "architecture")


def test_mean_trajectory__of_what_is_shared_has_its_progress() -> None:
    ds = grouped(6, ragged=True)
    got = tk.mean_trajectory(ds, "architecture", n=5, extend="shared")
    even = tk.resample(ds, 5, extend="shared")
    np.testing.assert_array_equal(got.progress, even.progress[:2])
    np.testing.assert_allclose(prob(got.log_prob[0]), prob(even.log_prob[[0, 2, 4]]).mean(0), atol=1e-6)


def test_tube__is_infinite_where_the_others_rule_out_what_a_run_allows() -> None:
    ds = runs_of([certain(3, k)[None] for k in (0, 0, 1)], np.array([0]), group=["g"] * 3)
    got = tk.tube(ds, "group", n=2, extend="hold")
    np.testing.assert_allclose(got, np.array([[np.log(2) / 2] * 2] * 2 + [[np.inf] * 2]))
    np.testing.assert_allclose(tk.tube(ds, "group", n=2, metric="hellinger", extend="hold")[2], 1)


def test_tube__bad_inputs() -> None:
    ds = grouped()
    with pytest.raises(ValueError, match=r"the group \{'architecture': 'A', 'seed': 0\} has one run: there are no oth"):
        tk.tube(ds, ["architecture", "seed"])
    with pytest.raises(ValueError, match=r"unknown metric 'euclid': wanted one of \['bhattacharyya', "):
        tk.tube(ds, "architecture", metric="euclid")
