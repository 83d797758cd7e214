"""Laws of rows of predictions."""

from typing import Any

import numpy as np
from hypothesis import given
from numpy.typing import NDArray
from oracles import within
from strategies import (
    log_probs,
)

from trajkit.probabilities import normalize


@given(log_probs(points=3))
def test_normalize__rows_sum_to_one(log_prob: NDArray[Any]) -> None:
    exact = normalize(log_prob)
    assert exact.dtype == np.float64
    within("rows sum to one", float(np.abs(np.exp(exact).sum(-1) - 1).max()), 1e-14)
    assert (np.isneginf(exact) == np.isneginf(log_prob)).all()
    assert np.isnan(normalize(np.full((1, 2), np.nan))).all()
