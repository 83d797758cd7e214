"""Laws of rows of predictions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from oracles import within
from strategies import (
    log_probs,
)

import trajkit as tk
from trajkit.probabilities import normalize


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
