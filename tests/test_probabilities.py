"""Laws of rows of predictions."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from numpy.typing import NDArray
from oracles import within
from strategies import (
    log_probs,
)

import trajkit as tk
from trajkit.probabilities import Form, normalize, wrong_rows


@given(log_probs(points=3))
def test_normalize__rows_sum_to_one(log_prob: NDArray[Any]) -> None:
    exact = normalize(log_prob)
    assert exact.dtype == np.float64
    within("rows sum to one", float(np.abs(np.exp(exact).sum(-1) - 1).max()), 1e-14)
    assert (np.isneginf(exact) == np.isneginf(log_prob)).all()
    assert np.isnan(normalize(np.full((1, 2), np.nan))).all()


@pytest.mark.parametrize("flaw", ["none", "a row that does not sum to 1", "values of -1e-9", "rounded to float16"])
def test_probabilities__are_not_taken_for_logits_for_one_flaw(flaw: str) -> None:
    logits = np.random.default_rng(0).normal(size=(1, 1, 40, 5))
    prob = np.exp(normalize(logits))
    if flaw.startswith("a row"):
        prob[0, 0, 3] *= 0.7
    if "-1e-9" in flaw:
        prob[..., 0] = -1e-9
        prob /= prob.sum(-1, keepdims=True)
    prob = prob.astype(np.float16) if "float16" in flaw else prob
    how = {"label": np.zeros(40, dtype=int), "runs": {"seed": [0]}}
    with pytest.raises(tk.SchemaError, match="probability distributions: pass them as prob="):
        tk.from_arrays(logits=prob, **how)
    stream = [(0, lambda inputs: prob[0, 0])]
    probe = tk.Probe(np.zeros((40, 1)), how["label"], classes=list("abcde"))
    with pytest.raises(ValueError, match='pass output="prob"'):
        tk.record(stream, probe)
    if "-1e-9" in flaw:
        with pytest.raises(ValueError, match="clip rounding errors at 0"):
            tk.record(stream, probe, output="prob")
    np.testing.assert_allclose(tk.from_arrays(logits=logits, **how).log_prob, normalize(logits), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("form", ["prob", "log_prob"])
@pytest.mark.parametrize("classes", [2, 10, 1000, 50000])
@pytest.mark.parametrize("size", [0.0, 1.0, 5.0])
def test_wrong_rows__rounding_is_no_error_and_errors_are_no_rounding(
    dtype: Any, form: Form, classes: int, size: float
) -> None:
    exact = normalize(size * np.random.default_rng(classes).standard_normal((9, classes)))
    given = np.exp(exact) if form == "prob" else exact
    assert not wrong_rows(given.astype(dtype).astype(float), form).any()
    # A share of 1 % is lost: no rounding of half floats takes as much from few classes.
    short = given * 0.97 if form == "prob" else given - 0.03
    if classes <= 10:
        assert wrong_rows(short.astype(dtype).astype(float), form).all()


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, ml_dtypes.float8_e4m3fn, ml_dtypes.int4])
def test_probabilities__of_eight_bits_are_refused(dtype: Any) -> None:
    is_torch = isinstance(dtype, torch.dtype)
    values = torch.full((1, 1, 4, 2), 0.5).to(dtype) if is_torch else np.full((1, 1, 4, 2), 1).astype(dtype)
    probe = tk.Probe(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(tk.SchemaError, match="too few digits: convert them to float16 or wider"):
        tk.from_arrays(prob=values, label=probe.label, runs={"seed": [0]})
    with pytest.raises((TypeError, ValueError), match="too few digits: convert them to float16 or wider"):
        tk.record([(0, lambda inputs: values[0, 0])], probe, output="prob")


def test_from_arrays__takes_tensors_of_bfloat16() -> None:
    prob = torch.tensor([[[[0.3, 0.7]]]])
    ds = tk.from_arrays(prob=prob.bfloat16(), label=[0], runs={"seed": [0]})
    np.testing.assert_allclose(np.exp(ds.log_prob), prob, atol=2e-3)
