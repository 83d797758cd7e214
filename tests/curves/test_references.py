"""Laws of ignorance, truth and the reference runs made of them."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from strategies import (
    datasets,
)

import trajkit as tk
from trajkit.curves.references import points_with_references, with_missing_references


@given(datasets())
def test_ignorance_and_truth__are_what_their_names_say(ds: xr.Dataset) -> None:
    ignorance, truth = np.exp(tk.ignorance(ds)), np.exp(tk.truth(ds))
    assert ignorance.dims == truth.dims == ("sample", "class")
    np.testing.assert_allclose(ignorance, 1 / ds.sizes["class"], rtol=1e-15)
    assert (truth.sum("class") == 1).all()
    assert (truth.argmax("class") == ds.label).all()
    assert set(np.unique(truth)) == {0, 1}
    for x in (ignorance, truth):
        assert x.sample.equals(ds.sample)
        assert x["class"].equals(ds["class"])


def test_truth__a_label_that_is_no_class_is_refused() -> None:
    ds = tk.simulate(samples=3, classes=3)
    with pytest.raises(ValueError, match=r"'label' holds \[-1, 3\]: wanted class indices from 0 to 2"):
        tk.truth(ds.assign_coords(label=("sample", [3, 0, -1])))


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
