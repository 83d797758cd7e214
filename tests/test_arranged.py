"""Laws of the one form in which functions work with a dataset."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.arranged import arranged
from trajkit.schema import DIMS, validated

DS = tk.simulate(runs=3, checkpoints=4, samples=5, classes=3)


def test_arranged__leaves_an_ordinary_dataset_alone() -> None:
    assert arranged(DS, DIMS, "log_prob") is DS


def test_arranged__is_the_same_dataset_from_every_order_of_dimensions_and_width_of_numbers() -> None:
    turned = DS.transpose("class", "checkpoint", "sample", "run")
    narrow = turned.assign(step=turned.step.astype(np.int32)).assign_coords(label=turned.label.astype(np.int16))
    words = narrow.assign_coords(kind=narrow.kind.astype(object), run=narrow.run.astype(object))
    xr.testing.assert_identical(validated(words), DS)
    assert words.kind.dtype == object
    assert validated(words).step.dtype == np.int64


def test_arranged__reads_small_variables_and_no_predictions() -> None:
    wide = DS.assign(features=(("run", "sample", "feature"), np.zeros((3, 5, 2)))).chunk({"run": 1})
    found = arranged(wide, DIMS, "log_prob")
    assert {name for name, v in found.variables.items() if v.chunks} == {"log_prob", "features"}
    assert wide.label.chunks
    assert wide.step.chunks


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda ds: ds.sel(run="A-0"), "ds.sel(run=['A-0'])"),
        (lambda ds: ds.isel(checkpoint=-1), "ds.sel(checkpoint=[3])"),
        (lambda ds: ds.isel(sample=2), "ds.sel(sample=[2])"),
        (lambda ds: ds.isel(run=1, drop=True), "ds.isel(run=[0])"),
        (tk.points, "tk.unstack(ds)"),
    ],
)
def test_dropped__names_the_line_that_keeps_the_dimension(change, line) -> None:
    with pytest.raises(tk.SchemaError) as error:
        tk.progress(change(DS))
    assert f"`{line}`" in str(error.value)
    if line.startswith("ds.sel"):
        tk.progress(eval(line, {"ds": DS}))
