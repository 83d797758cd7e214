"""Which attributes predict the distance of two runs."""

import numpy as np
import xarray as xr
from strategies import distances_of

import trajkit as tk


def test_importance__finds_the_attributes_that_matter():
    random = np.random.default_rng(0)
    a, b, c = (random.permutation(np.arange(60) % k) for k in (3, 4, 5))
    x = 0.1 * random.standard_normal((60, 8)) + 2 * np.eye(3, 8)[a] + 1 * np.eye(4, 8)[b][:, ::-1]
    found = tk.importance(distances_of(x, a=a, b=b, c=c), ["a", "b", "c"], folds=3, repeats=3)
    mean = found.importance.mean("fold")
    assert (found.r_squared > 0.8).all()
    assert mean.sel(attribute="a") > 2 * mean.sel(attribute="b") > 0.1
    assert abs(mean.sel(attribute=["c", "(random)"])).max() < 0.03


def test_importance__is_not_fooled_by_runs_it_knows():
    """Each run has a distance of its own to all others: whoever has seen the run in training could tell it."""
    random = np.random.default_rng(1)
    own = random.exponential(size=40)
    values = (own[:, None] + own) * (1 - np.eye(40))
    names = [str(i) for i in range(40)]
    coords = {"run": names, "run2": names, "identity": ("run", random.permutation(40))}
    distance = xr.DataArray(values, coords, ("run", "run2"), attrs={"scale": "squared length"})
    assert tk.importance(distance, "identity", folds=4, repeats=1).r_squared.mean() < 0.2
