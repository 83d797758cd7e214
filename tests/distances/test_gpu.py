"""Laws of sums by torch: those of the compiled code."""

from typing import Any

import numpy as np
import pytest
import torch
from oracles import within
from strategies import (
    point_set,
    predictions,
    ragged_runs,
)

import trajkit as tk
from trajkit.distances import capped_names, metric_names
from trajkit.workspace import limit_workspace


@pytest.mark.parametrize("metric", metric_names())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gpu__the_path_through_torch_gives_the_same_distances(metric: str, dtype: str) -> None:
    # On torch's CPU: any name but "cpu" itself takes this path.
    device = "cuda" if torch.cuda.is_available() else "cpu:0"
    ds = ragged_runs(4, 9, 25)
    random = np.random.default_rng(0)
    caps = [None, 0.4] if metric in capped_names() else [None]
    for cap in caps:
        for weights in (None, random.choice([0.0, 1.0, 2.0], 25)):
            for other in (None, ds.isel(run=[1, 2])):
                how: dict[str, Any] = {"metric": metric, "dtype": dtype, "cap": cap, "weights": weights}
                with limit_workspace(20**2 * 40):
                    there = tk.pairwise(ds, other, device=device, **how).values
                here = tk.pairwise(ds, other, **how).values
                within(f"torch against compiled, {dtype}", np.abs(there - here).max(), 1e-6)
                if other is None and metric != "kullback_leibler":
                    assert (there == there.T).all()


def test_gpu__products_that_vanish_are_computed_anew() -> None:
    log_prob = predictions(9, 40, 3, size=400.0)
    there = tk.pairwise(point_set(log_prob), dtype="float32", device="cpu:0").values
    here = tk.pairwise(point_set(log_prob)).values
    assert here.max() > 100
    np.testing.assert_allclose(there, here, rtol=1e-6)
