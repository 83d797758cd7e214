"""Laws of loss and error."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from oracles import (
    relative,
    within,
)
from strategies import (
    datasets,
    runs_of,
)

import trajkit as tk


@given(datasets(zeros=True))
def test_loss_and_error__are_the_plain_sums(ds: xr.Dataset) -> None:
    before = ds.copy(deep=True)
    loss, error = tk.loss(ds), tk.error(ds)
    assert ds.identical(before)
    assert loss.dims == error.dims == ("run", "checkpoint")
    label = ds.label.values
    for run, checkpoint in np.ndindex(ds.step.shape):
        if ds.step.values[run, checkpoint] < 0:
            assert np.isnan(loss[run, checkpoint])
            assert np.isnan(error[run, checkpoint])
            continue
        row = ds.log_prob.values[run, checkpoint].astype(float)
        exact = -sum(row[n, label[n]] for n in range(len(label))) / len(label)
        within("loss, relative", relative(loss[run, checkpoint], exact, 1e-3), 1e-12)
        wrong = sum(int(row[n].argmax() != label[n]) for n in range(len(label))) / len(label)
        within("error", abs(float(error[run, checkpoint]) - wrong), 1e-15)


def test_loss_and_error__of_the_references_are_known() -> None:
    ds = tk.with_references(tk.simulate(classes=4))
    assert float(tk.loss(ds).sel(run="ignorance")[0]) == pytest.approx(np.log(4), rel=1e-7)
    assert str(tk.loss(ds).sel(run="truth").values[0]) == "0.0"
    assert tk.error(ds).sel(run="truth")[0] == 0
    # The first class wins the tie of ignorance.
    assert float(tk.error(ds).sel(run="ignorance")[0]) == pytest.approx(float((ds.label != 0).mean()))


def test_loss__a_label_that_was_ruled_out_costs_infinitely() -> None:
    ds = runs_of([np.log([[[0.5, 0.5, 1e-300], [1.0, 1e-300, 1e-300]]])], np.array([0, 1]))
    ruled_out = np.where(ds.log_prob < -100, -np.inf, ds.log_prob)
    assert np.isinf(tk.loss(ds.assign(log_prob=(ds.log_prob.dims, ruled_out))))
