"""Softmax regression by gradient descent."""

import numpy as np
import pytest
from scipy.optimize import minimize

import trajkit as tk


@pytest.fixture(scope="module")
def noisy() -> tuple[np.ndarray, np.ndarray]:
    """Inputs that no linear model separates, so that there is a best one."""
    x, label = tk.theory.sloppy_inputs(120, 6, decay=0.3, classes=3)
    random = np.random.default_rng(1)
    return x, np.where(random.random(120) < 0.3, random.integers(3, size=120), label)


def loss(weight, x, label):
    logits = np.column_stack([x, np.ones(len(x))]) @ weight.reshape(-1, 3)
    top = logits.max(1, keepdims=True)
    return (top[:, 0] + np.log(np.exp(logits - top).sum(1)) - logits[np.arange(len(x)), label]).mean()


def test_linear_runs__loss_falls_at_every_step_to_the_least(noisy):
    ds = tk.theory.linear_runs(*noisy, steps=[*range(30), 100, 1000, 4000], scale=[0.0, 3.0], seeds=2)
    found = tk.loss(ds)
    # To the rounding of float32.
    assert (found.diff("checkpoint") < 1e-7).all()
    assert (found[:, :20].diff("checkpoint") < -1e-4).all()
    least = minimize(loss, np.zeros(21), noisy, tol=1e-12).fun
    np.testing.assert_allclose(found[:, -1], least, atol=1e-6)
    # The optimum is one point of prediction space: starts far apart end there.
    assert tk.pairwise(ds.isel(checkpoint=[-1])).max() < 1e-6


def test_linear_runs__follow_the_gradient(noisy):
    ds = tk.theory.linear_runs(*noisy, steps=[0, 1], scale=1.0, seeds=1, rate=1e-6)
    x, label = noisy
    known = np.column_stack([x, np.ones(120)])
    start = np.linalg.lstsq(known, ds.log_prob[0, 0].values.astype(float), rcond=None)[0]
    numeric = np.array(
        [(loss(start + h, x, label) - loss(start - h, x, label)) / 2e-6 for h in 1e-6 * np.eye(21).reshape(21, 7, 3)]
    )
    eta = 2e-6 / np.linalg.eigvalsh(known.T @ known / 120).max()
    faster = tk.theory.linear_runs(*noisy, steps=[0, 1], scale=1.0, seeds=1, rate=0.5)
    moved = np.log(np.exp(known @ (start - 0.5e6 * eta * numeric.reshape(7, 3))))
    moved -= np.log(np.exp(moved).sum(1, keepdims=True))
    np.testing.assert_allclose(faster.log_prob[0, 1], moved, atol=1e-5)


def test_linear_runs__are_a_trajectory_dataset_that_starts_at_its_scale(noisy):
    x, label = noisy
    split = np.where(np.arange(120) < 60, "train", "test")
    ds = tk.theory.linear_runs(x, label, steps=50, scale=[0.0, 1.0], split=split, sample=np.arange(7, 127))
    tk.validate(ds)
    assert tk.run_table(ds).scale.tolist() == [0, 1, 1, 1]
    assert tk.progress(ds).isel(run=0, checkpoint=0) == pytest.approx(0, abs=1e-9)
    assert ds.sample.values[0] == 7
    large = tk.theory.linear_runs(x, label, steps=1 + np.arange(2), scale=4.0, bias=False, seeds=2, rate=1e-9)
    centered = large.log_prob.isel(checkpoint=0) - large.log_prob.isel(checkpoint=0).mean("class")
    # Logits of root mean square 4; of three classes, what softmax sees of them is 2/3 of the square.
    np.testing.assert_allclose(np.sqrt(np.square(centered).mean(("sample", "class"))), 4 * np.sqrt(2 / 3), rtol=0.3)


def test_linear_runs__train_on_the_train_samples_or_on_others(noisy):
    x, label = noisy
    split = np.where(np.arange(120) < 60, "train", "test")
    own = tk.theory.linear_runs(x, label, steps=20, split=split)
    given = tk.theory.linear_runs(x, label, steps=20, split=split, train=(x[:60], label[:60]))
    np.testing.assert_array_equal(own.log_prob, given.log_prob)
    other = tk.theory.linear_runs(x, label, steps=20, split=split, train=(x[60:], label[60:]))
    assert not np.allclose(own.log_prob, other.log_prob)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((4, 2, 2))}, "reshape"),
        ({"x": np.array([[np.nan, 1.0]] * 4)}, "NaN"),
        ({"label": [0, 1, 1]}, "4 class indices"),
        ({"label": [0.0, 1.0, 1.0, 0.0]}, "class indices"),
        ({"split": "test"}, "train="),
        ({"scale": -1.0}, "scale"),
        ({"scale": [1.0, 1.0]}, "different numbers"),
        ({"seeds": 0}, "seed"),
        ({"rate": 0.0}, "rate"),
        ({"classes": 1}, "classes"),
        ({"train": (np.zeros((4, 3)), [0, 1, 0, 1])}, "3 features"),
    ],
)
def test_linear_runs__refuse_what_is_out_of_range(change, message):
    asked = {"x": np.eye(4)[:, :2] + 1, "label": np.array([0, 1, 1, 0]), "steps": 5} | change
    with pytest.raises(ValueError, match=message):
        tk.theory.linear_runs(asked.pop("x"), asked.pop("label"), **asked)
