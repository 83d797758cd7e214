"""Laws of references, distances and InPCA in one go."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from oracles import within
from strategies import (
    datasets,
    metrics,
)

import trajkit as tk


@given(datasets(least_points=2), metrics)
def test_embed__is_references_pairwise_and_inpca_in_one_go(ds: xr.Dataset, metric: str) -> None:
    before = ds.copy(deep=True)
    e = tk.embed(ds, 2, metric=metric, cap=1e5 if metric == "bhattacharyya" else None)
    assert ds.identical(before)
    full = tk.with_references(ds)
    step_by_step = tk.inpca(tk.pairwise(full, metric=metric, cap=1e5 if metric == "bhattacharyya" else None), 2)
    assert e.coordinate.dims == ("run", "checkpoint", "component")
    assert (tk.points(e).coordinate.values == step_by_step.coordinate.values).all()
    assert (e.coordinate.isnull().any("component") == (full.step < 0)).all()
    assert (e.step.values == full.step.values).all()
    for name in ("architecture", "learning_rate", "width", "augmentation", "kind"):
        xr.testing.assert_equal(e[name].variable, full[name].variable)


@pytest.mark.parametrize("references", [True, False])
def test_embed__merges_with_its_dataset(references: bool) -> None:
    ds = tk.simulate(runs=4, ragged=True, spread=0.2).assign_coords(weight_decay=("run", [0.1, np.nan, np.nan, 0.1]))
    if references:
        ds = tk.with_references(ds)
    e = tk.embed(ds, references=references)
    merged = ds.merge(e, compat="no_conflicts")
    assert merged.log_prob.identical(ds.log_prob)
    assert merged.coordinate.variable.identical(e.coordinate.variable)
    assert dict(merged.sizes) == dict(ds.sizes) | {"component": 3}
    assert merged.drop_vars([n for n in merged.variables if n not in ds.variables]).equals(ds)
    # The variables alone are simply assigned.
    assert ds.assign(e[["coordinate"]]).coordinate.variable.identical(e.coordinate.variable)
    # And the merged dataset is still one: it can be selected from, embedded anew and saved.
    tk.validate(merged)
    assert tk.select(merged, kind="network", step=(0, 5)).coordinate.notnull().any()


def test_embed__existing_references_are_not_added_again() -> None:
    ds = tk.with_references(tk.simulate(runs=2), n_geodesic=4)
    assert tk.embed(ds).run.equals(ds.run)
    assert tk.embed(tk.simulate(runs=2), references=False).run.values.tolist() == ["A-0", "B-0"]


def test_embed__project_takes_it_back_as_points() -> None:
    ds = tk.simulate(runs=4, checkpoints=6, spread=0.2, ragged=True)
    e = tk.points(tk.embed(ds, references=False))
    again = tk.project(e, tk.pairwise(ds))
    within(
        "project of an embedded point, back from (run, checkpoint)",
        float(np.abs(again.coordinate - e.coordinate).max()),
        1e-8,
    )


def test_embed__runs_of_one_point_keep_their_attributes() -> None:
    ds = tk.simulate(runs=3, checkpoints=1)
    log_prob = tk.simulate(runs=3, checkpoints=5, spread=0.3).log_prob.isel(checkpoint=[3]).values
    e = tk.embed(ds.assign(log_prob=(ds.log_prob.dims, log_prob)), 1, references=False)
    assert e.architecture.dims == e.seed.dims == ("run",)
    assert e.step.dims == ("run", "checkpoint")


def test_embed__bad_inputs() -> None:
    ds = tk.simulate(runs=2)
    with pytest.raises(tk.SchemaError, match="'kind' is missing"):
        tk.embed(ds.drop_vars("kind"))
    with pytest.raises(ValueError, match="unknown metric 'euclid'"):
        tk.embed(ds, metric="euclid")
    with pytest.raises(ValueError, match=r"n_components: wanted 1 to 92 .* got 93"):
        tk.embed(ds, 93)
    lost = ds.log_prob.values.copy()
    lost[1, 3] = tk.truth(ds.assign_coords(label=(ds.label + 1) % 5)).values
    with pytest.raises(ValueError, match=r"infinite.*run 'B-0', checkpoint 3"):
        tk.embed(ds.assign(log_prob=(ds.log_prob.dims, lost)))
    assert tk.embed(ds.assign(log_prob=(ds.log_prob.dims, lost)), cap=30).attrs["cap"] == 30


def test_embed__takes_datasets_with_results_of_their_own() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    own = ds.assign(length=tk.length(ds), correct=ds.step * 0 + 3, rank=("run", np.arange(6)))
    own = own.assign_coords(wall=(("run", "checkpoint"), np.ones((6, 8))))
    embedding = tk.embed(own)
    np.testing.assert_array_equal(embedding.coordinate, tk.embed(ds).coordinate)
    np.testing.assert_array_equal(embedding.correct.sel(run=ds.run)[:, :8], 3)
    assert (embedding.correct.sel(run="truth") == -1).all()
    np.testing.assert_allclose(tk.with_references(ds.assign(length=tk.length(ds))).length[:6], tk.length(ds))
    masked = tk.select(own, progress=(0.5, None))
    np.testing.assert_array_equal(masked.wall.isnull(), masked.step < 0)
    assert tk.explore(own).embedding.sizes["run"] == 9
