"""Laws of reference runs: those from ignorance to truth, and any others by name."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from strategies import (
    datasets,
)

import trajkit as tk
from trajkit.curves.references import points_with_references, with_missing_references


def test_references__are_runs_that_with_references_appends() -> None:
    ds = tk.simulate(runs=2, checkpoints=3, ragged=False).assign_coords(augmentation=("run", [True, False]))
    full = tk.with_references(ds, n_geodesic=7)
    tk.validate(full)
    assert full.run.values.tolist() == ["A-0", "B-0", "ignorance", "truth", "geodesic"]
    assert full.kind.values.tolist() == ["network"] * 2 + ["reference"] * 3
    assert full.architecture.values.tolist() == ["A", "B", "", "", ""]
    np.testing.assert_equal(full.seed.values, [0, 0, np.nan, np.nan, np.nan])
    np.testing.assert_equal(full.augmentation.values, [1, 0, np.nan, np.nan, np.nan])
    assert (full.step >= 0).sum("checkpoint").values.tolist() == [3, 3, 1, 1, 7]
    np.testing.assert_array_equal(full.log_prob[:2, :3], ds.log_prob)
    bare = tk.with_references(ds, n_geodesic=0)
    assert bare.run.values.tolist()[2:] == ["ignorance", "truth"]


def test_references__keep_what_all_runs_share() -> None:
    ds = tk.simulate(runs=2).assign(difficulty=("sample", np.arange(50.0)))
    ds = ds.assign_coords(source_file=("sample", [f"{i}.png" for i in range(50)]))
    full = tk.with_references(ds)
    assert full.difficulty.variable.identical(ds.difficulty.variable)
    assert full.source_file.variable.identical(ds.source_file.variable)


@given(datasets())
def test_with_references__edits_nothing_and_keeps_every_network(ds: xr.Dataset) -> None:
    before = ds.copy(deep=True)
    full = tk.with_references(ds, n_geodesic=5)
    assert ds.identical(before)
    tk.validate(full)
    networks = tk.points(full.sel(run=full.kind == "network"))
    assert networks.log_prob.variable.equals(tk.points(ds).log_prob.variable)


def test_with_references__bad_inputs() -> None:
    ds = tk.simulate(runs=1)
    with pytest.raises(tk.SchemaError, match=r"runs \['geodesic', 'ignorance', 'truth'\] are there already.*kind="):
        tk.with_references(tk.with_references(ds))
    for n in (1, -3):
        with pytest.raises(ValueError, match=f"n_geodesic: wanted 0, or 2 and more points, got {n}"):
            tk.with_references(ds, n_geodesic=n)
    with pytest.raises(tk.SchemaError, match="'label' is missing"):
        tk.with_references(ds.drop_vars("label"))


@pytest.mark.parametrize("known", [None, 7])
def test_points_with_references__are_those_of_runs_side_by_side(known) -> None:
    ds = tk.simulate(runs=4, ragged=True, spread=0.3)
    ds = ds.assign(progress=tk.progress(ds))
    ds = ds if known is None else tk.with_references(ds, known)
    xr.testing.assert_identical(
        points_with_references(ds).drop_attrs(), tk.points(with_missing_references(ds)).drop_attrs()
    )


def networks_and_models() -> tuple[xr.Dataset, dict[str, xr.DataArray]]:
    ds = tk.simulate(runs=3, checkpoints=6, spread=0.3, ragged=True)
    random = np.random.default_rng(0)
    models = random.dirichlet(np.ones(ds.sizes["class"]), (2, ds.sizes["sample"]))
    named = {name: tk.ignorance(ds).copy(data=np.log(p)) for name, p in zip(("one", "other"), models, strict=True)}
    return ds, named


def test_add_references__are_runs_with_one_checkpoint_and_no_attributes() -> None:
    ds, models = networks_and_models()
    before = ds.copy(deep=True)
    full = tk.add_references(ds, {"one": models["one"], "other": models["other"].values})
    assert ds.identical(before)
    tk.validate(full)
    assert full.run.values[3:].tolist() == ["one", "other"]
    assert full.kind.values[3:].tolist() == ["reference"] * 2
    assert full.architecture.values[3:].tolist() == ["", ""]
    assert np.isnan(full.seed.values[3:]).all()
    assert full.step.values[3:].tolist() == [[0] + [-1] * 5] * 2
    assert full.log_prob.dtype == ds.log_prob.dtype
    for name, model in models.items():
        np.testing.assert_allclose(full.log_prob.sel(run=name)[0], model, atol=1e-6)
    np.testing.assert_array_equal(full.log_prob[:3], ds.log_prob)


def test_add_references__come_back_from_files_and_stand_beside_the_others(tmp_path: Path) -> None:
    ds, models = networks_and_models()
    full = tk.with_references(tk.add_references(ds, models), 5)
    assert full.run.values[3:].tolist() == ["one", "other", "ignorance", "truth", "geodesic"]
    tk.save(full, tmp_path / "all.nc")
    assert tk.load(tmp_path / "all.nc").drop_attrs().equals(full.drop_attrs())
    assert tk.select(full, kind="network").sizes["run"] == 3
    embedded = tk.embed(tk.add_references(ds, models))
    assert embedded.run.values[3:].tolist() == ["one", "other", "ignorance", "truth", "geodesic"]


def test_add_references__of_another_order_shape_or_kind_are_refused_together() -> None:
    ds, models = networks_and_models()
    one, classes = models["one"], ds.sizes["class"]
    lacking = one.where(one.sample != 4)
    wrong = {
        "A-0": one,
        "truth": one,
        "": one,
        "short": one.values[:-1],
        "probabilities": np.exp(one),
        "base 2": one / np.log(2),
        "lacking": lacking,
        "turned": one.isel(sample=slice(None, None, -1)),
        "of a run": ds.log_prob[:1],
        "relabelled": one.assign_coords(label=("sample", (ds.label.values + 1) % classes)),
        "text": [["a"] * classes] * ds.sizes["sample"],
    }
    with pytest.raises(tk.SchemaError) as caught:
        tk.add_references(ds, wrong)
    said = "\n".join(caught.value.problems)
    for part in (
        "there is a run 'A-0' already",
        "the name 'truth' belongs to",
        "the name '': wanted a text",
        "'short': wanted log-probabilities of shape (50, 5) (sample, class), got (49, 5)",
        "'probabilities': positive log-probability",
        "'base 2': the probabilities of sample",
        "'lacking': NaN in 1 of 50 samples",
        "'turned': predictions on another probe: ['sample', 'label', 'split'] differ, or stand in another order",
        "'of a run': wanted log-probabilities with dimensions ('sample', 'class')",
        "'relabelled': predictions on another probe: ['label'] differ",
        "'text': wanted numbers",
    ):
        assert part in said
    assert len(caught.value.problems) == len(wrong)
    for nothing in ({}, one):
        with pytest.raises(ValueError, match="references: wanted a dict"):
            tk.add_references(ds, nothing)  # type: ignore[arg-type]
