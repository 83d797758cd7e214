"""Sweeps, against the functions that they sweep."""

import numpy as np
import pytest

import trajkit as tk
from trajkit.theory.steps import even_steps


def test_sweep__of_regressions_is_their_spectrum():
    swept = tk.theory.sweep([0.0, 0.5], [0.1, 1.0], [10, 100], features=8, checkpoints=6)
    one = tk.theory.regression_spectrum(tk.theory.exponential_spectrum(8, 0.5), even_steps(100, 6), scale=1.0)
    cell = swept.sel(decay=0.5, scale=1.0, steps=100)
    np.testing.assert_allclose(cell.explained_stress, one.explained_stress[:5])
    assert cell.progress == one.progress[-1]


def test_sweep__of_softmax_is_the_embedding_of_its_runs():
    swept = tk.theory.sweep(
        [0.5], [0.0, 1.0], [10, 50], model="softmax", features=6, samples=60, classes=3, runs=3, checkpoints=6
    )
    x, label = tk.theory.sloppy_inputs(60, 6, decay=0.5, classes=3)
    ds = tk.theory.linear_runs(x, label, steps=even_steps(50, 6), scale=1.0, seeds=3, rate=0.5, bias=False)
    cell = swept.sel(decay=0.5, scale=1.0, steps=50)
    embedding = tk.embed(ds, 5, references=False)
    np.testing.assert_allclose(cell.explained_stress, embedding.explained_stress, atol=1e-6)
    np.testing.assert_allclose(cell.explained_distance, embedding.explained_distance, atol=1e-6)
    assert float(cell.progress) == pytest.approx(float(tk.progress(ds)[:, -1].mean()), abs=1e-6)


@pytest.mark.parametrize("model", ["regression", "softmax"])
def test_sweep__is_thinner_where_eigenvalues_fall_fast_and_weights_start_small(model):
    found = tk.theory.sweep(
        [0.1, 1.0], [0.1, 10.0], [100], model=model, features=20, samples=100, runs=6, checkpoints=10
    ).explained_distance.sel(component=3, steps=100)
    assert found.sel(decay=1.0, scale=10.0) > found.sel(decay=0.1, scale=10.0)
    assert (found.isel(scale=0) > 0.9).all()
    assert (found.isel(scale=0) > found.isel(scale=1)).all()


@pytest.mark.parametrize(
    "change",
    [{"decay": []}, {"decay": [1, 0]}, {"scale": [-1]}, {"steps": [0]}, {"model": "deep"}, {"n_components": 51}],
)
def test_sweep__refuses_what_is_out_of_range(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        tk.theory.sweep(**({"decay": [0.5], "scale": [1.0], "steps": [10]} | change))
