"""Laws of what a trajectory dataset holds."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from strategies import (
    datasets,
)

import trajkit as tk
from trajkit.schema import run_attributes, stamp


def problems(ds: xr.Dataset) -> tuple[str, ...]:
    with pytest.raises(tk.SchemaError) as error:
        tk.validate(ds)
    return error.value.problems


@given(datasets(zeros=True))
def test_validate__accepts_trajectories_and_edits_nothing(ds: xr.Dataset) -> None:
    before = ds.copy(deep=True)
    tk.validate(ds)
    assert ds.identical(before)


def with_value(name: str, at: tuple[int, ...], value: float) -> Callable[[xr.Dataset], xr.Dataset]:
    def change(ds: xr.Dataset) -> xr.Dataset:
        values = ds[name].values.copy()
        values[at] = value
        return ds.assign({name: (ds[name].dims, values)})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_value("log_prob", (1, 2, 3, 0), -9), "run 'B-0', checkpoint 2: the probabilities of sample 3 sum to"),
        (
            with_value("log_prob", (1, 2, 3, 0), 0.5),
            "run 'B-0', checkpoint 2: positive log-probability 0.5; wanted natural logs",
        ),
        (with_value("log_prob", (1, 2, 3, 0), np.inf), "positive log-probability inf"),
        (
            with_value("log_prob", (1, 2, 3, 0), np.nan),
            "NaN in 1 of 50 samples of a recorded checkpoint; a missing one is NaN throughout",
        ),
        (with_value("log_prob", (1, 2, 3), -np.inf), "the probabilities of sample 3 sum to 0"),
        (
            with_value("step", (1, 2), -1),
            r"run 'B-0', checkpoint 2: step is -1 \(missing\) but 'log_prob' holds values",
        ),
        (with_value("step", (1, 2), -7), "run 'B-0': 'step' holds values below -1"),
        (with_value("step", (1, 2), 1), r"run 'B-0': 'step' does not increase .* \[0, 1, 1, 3, 4"),
        (lambda ds: ds.drop_vars("log_prob"), r"'log_prob' is missing: wanted float32 or float64 values on \('run', "),
        (lambda ds: ds.drop_vars("class"), "'class' is missing: wanted text"),
        (lambda ds: ds.drop_vars("sample"), "'sample' is missing: wanted signed integer or text"),
        (lambda ds: ds.sel(run="A-0"), r"no dimension 'run': write `ds.sel\(run=\['A-0'\]\)`, with a list"),
        (lambda ds: ds.isel(checkpoint=-1), r"write `ds.sel\(checkpoint=\[19\]\)`"),
        (lambda ds: ds.isel(checkpoint=-1, drop=True), r"write `ds.isel\(checkpoint=\[0\]\)`"),
        (lambda ds: ds.isel({"class": 1}), r"write `ds.sel\({'class': \['1'\]}\)`"),
        (
            lambda ds: ds.assign(step=ds.step[0]),
            r"'step' has dimensions \('checkpoint',\): wanted \('run', 'checkpoint'",
        ),
        (lambda ds: ds.rename(sample="image"), "'sample' is missing"),
        (
            lambda ds: ds.assign(log_prob=ds.log_prob.astype("f2")),
            "'log_prob' has dtype float16: wanted float32 or float64",
        ),
        (lambda ds: ds.assign(log_prob=ds.log_prob.notnull().astype(int)), "'log_prob' has dtype int64"),
        (lambda ds: ds.assign(step=ds.step.astype(float)), "'step' has dtype float64: wanted signed integer"),
        (lambda ds: ds.assign(epoch=ds.step), "'epoch' has dtype int64: wanted float32 or float64"),
        (lambda ds: ds.assign_coords(label=ds.label.astype(str)), "'label' has dtype <U21: wanted signed integer"),
        (lambda ds: ds.assign_coords(label=ds.label + 1), r"'label' holds \[5\]: wanted class indices from 0 to 4"),
        (lambda ds: ds.assign_coords({"class": range(5)}), "'class' has dtype int64: wanted text"),
        (lambda ds: ds.assign_coords(run=["x", "x"]), "'run' is not unique: 'x' appear more than once"),
        (lambda ds: ds.assign_coords(checkpoint=[0] * 20), "'checkpoint' is not unique"),
        (
            lambda ds: ds.assign_coords(checkpoint=range(20, 0, -1)),
            "'checkpoint' does not increase along its dimension",
        ),
        (
            lambda ds: ds.assign_coords(opt=("run", np.array(["a", 1], object))),
            "run attribute 'opt' has dtype object: wanted text",
        ),
        (lambda ds: ds.assign_coords(lr=("run", np.array([1, 2], "f2"))), "run attribute 'lr' has dtype float16"),
        (lambda ds: ds.isel(run=[]), "dimension 'run' is empty"),
        (lambda ds: ds.isel(sample=[]), "dimension 'sample' is empty: the dataset holds no sample"),
        (lambda ds: ds.isel({"class": [0]}), "one class only"),
    ],
)
def test_validate__bad_input_is_told_clearly(change: Callable[[xr.Dataset], xr.Dataset], message: str) -> None:
    ds = change(tk.simulate(runs=2))
    with pytest.raises(tk.SchemaError, match=message):
        tk.validate(ds)


def test_validate__several_problems_come_in_one_message() -> None:
    ds = tk.simulate(runs=2)
    structure = problems(ds.drop_vars("label").assign(step=ds.step.astype(float)))
    assert [p.split("'")[1] for p in structure] == ["step", "label"]
    values = ds.log_prob.values.copy()
    values[0, 1], values[1, 2] = 0.5, np.nan
    broken = ds.assign(log_prob=(ds.log_prob.dims, values)).assign_coords(label=ds.label - 1)
    assert [p.split(":")[0] for p in problems(broken)] == [
        "'label' holds [-1]",
        "run 'A-0', checkpoint 1",
        "run 'B-0', checkpoint 2",
    ]


def test_validate__wants_a_dataset() -> None:
    with pytest.raises(TypeError, match=r"got the DataArray 'log_prob': pass the dataset that holds it"):
        tk.validate(tk.simulate().log_prob)


def test_run_attributes__are_the_coordinates_of_run_alone() -> None:
    ds = tk.simulate(runs=2).assign_coords(width=("run", [1, 2]), where=("sample", range(50)), here=3)
    assert run_attributes(ds) == ["kind", "architecture", "seed", "width"]
    assert run_attributes(tk.progress(ds)) == ["kind", "architecture", "seed", "width"]
    assert tk.run_table(ds)["width"].tolist() == [1, 2]


def test_stamp__keeps_what_stands_there_and_edits_nothing() -> None:
    ds = tk.simulate(runs=2)
    bare = ds.drop_attrs()
    before = bare.copy(deep=True)
    stamped = stamp(bare)
    assert bare.identical(before)
    assert stamped.attrs["schema_version"] == 1
    own = ds.assign(step=ds.step.assign_attrs(long_name="mine", units="updates")).assign_attrs(created="long ago")
    assert stamp(own).step.attrs == {"long_name": "mine", "units": "updates"}
    assert stamp(own).attrs["created"] == "long ago"


def test_schema_error__shows_the_first_problems_and_keeps_all() -> None:
    prob = np.full((40, 1, 2, 2), 0.4)
    ds = tk.simulate(runs=40, checkpoints=1, samples=2, classes=2)
    with pytest.raises(tk.SchemaError, match="and 10 more") as error:
        tk.validate(ds.assign(log_prob=ds.log_prob.copy(data=np.log(prob).astype(np.float32))))
    assert len(error.value.problems) == 40
