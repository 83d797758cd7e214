"""Which attributes predict the distance of two runs."""

import numpy as np
import pytest
import xarray as xr
from strategies import distances_of

import trajkit as tk


def test_importance__finds_the_attributes_that_matter():
    random = np.random.default_rng(0)
    a, b, c = (random.permutation(np.arange(60) % k) for k in (3, 4, 5))
    x = 0.1 * random.standard_normal((60, 8)) + 2 * np.eye(3, 8)[a] + 1 * np.eye(4, 8)[b][:, ::-1]
    distance = tk.set_roles(distances_of(x, a=a, b=b, c=c), setting=["a", "b", "c"])
    found = tk.importance(distance, ["a", "b", "c"], folds=3, repeats=3)
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
    assert tk.importance(distance, "identity", folds=4, repeats=1, unit="run").r_squared.mean() < 0.2


def configurations(random: np.random.Generator, number: int, seeds: int = 3) -> xr.DataArray:
    """Configurations at random places, whose learning rate says nothing of the place; their seeds differ little."""
    place = np.repeat(random.standard_normal((number, 4)), seeds, axis=0)
    x = place + 0.1 * random.standard_normal(place.shape)
    rate = np.repeat(random.permutation(number) / number, seeds)
    return distances_of(x, learning_rate=rate, seed=np.tile(np.arange(seeds), number))


def test_importance__holds_out_the_twins_of_a_run_with_it():
    """Settings that only name the configuration predict nothing: by runs, twins in training seem to say otherwise."""
    score = {"run": [], "configuration": []}
    for seed in range(4):
        distance = configurations(np.random.default_rng(seed), 18)
        for unit, scores in score.items():
            found = tk.importance(distance, "learning_rate", folds=3, repeats=1, unit=unit)
            scores.append(float(found.r_squared.mean()))
    assert np.mean(score["run"]) > 0.3
    assert np.mean(score["configuration"]) < 0.05


def test_importance__of_too_few_configurations_cannot_be_told():
    distance = configurations(np.random.default_rng(0), 8)
    found = tk.importance(distance, "learning_rate", folds=3, repeats=1)
    assert found.importance.isnull().all()
    assert found.r_squared.isnull().all()
    said = found.attrs["limitations"]
    assert "cannot be told: 8 configurations make no 3 folds with three configurations each: use folds=2" in said
    assert tk.importance(distance, "learning_rate", folds=2, repeats=1).r_squared.notnull().all()
    assert tk.figures.importance(found).layout.title.text == said
    with pytest.raises(ValueError, match="folds: wanted 2 or more with three runs each, got 9 folds of 24 runs"):
        tk.importance(distance, "learning_rate", folds=9, unit="run")
    with pytest.raises(ValueError, match="unit: wanted 'configuration' or 'run', got 'seed'"):
        tk.importance(distance, "learning_rate", unit="seed")
