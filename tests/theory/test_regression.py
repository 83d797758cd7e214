"""Closed forms of linear regression, against gradient descent."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk

EIGENVALUE = tk.theory.exponential_spectrum(12, 0.4)


def descended(x, teacher, start, rate, steps):
    """Predictions of linear regression at steps, by plain gradient descent, one step at a time."""
    w, out = start.copy(), []
    eta = rate / np.linalg.eigvalsh(x.T @ x / len(x)).max()
    for t in range(max(steps) + 1):
        if t in steps:
            out.append(x @ w)
        w = w - eta * x.T @ (x @ (w - teacher)) / len(x)
    return np.array(out)


def test_regression__closed_form_is_what_gradient_descent_does():
    random = np.random.default_rng(0)
    # Inputs whose correlation matrix has exactly these eigenvalues, along no particular axes.
    left, right = (np.linalg.qr(random.standard_normal((n, 12)))[0] for n in (40, 12))
    x = left * np.sqrt(40 * EIGENVALUE) @ right.T
    teacher, steps = random.standard_normal(12), [0, 1, 3, 10, 40]
    found = tk.theory.regression_distance(EIGENVALUE, steps, runs=3, scale=0.7, teacher=teacher, noise=0.5, seed=4)
    start = 0.7 * np.random.default_rng(4).standard_normal((3, 12))
    f = np.concatenate([descended(x, right @ teacher, right @ s, 0.5, steps) for s in start])
    # -log of the overlap of two Gaussians of one variance is (difference / standard deviation)^2 / 8.
    np.testing.assert_allclose(found, np.square(f[:, None] - f).mean(-1) / (8 * 0.5**2), atol=1e-12)
    assert found.step.values.tolist() == steps * 3


def test_regression__residuals_decay_exponentially_in_the_limit_of_small_steps():
    teacher = np.ones(12)
    rate, time = 1e-4, 3.0
    found = tk.theory.regression_spectrum(EIGENVALUE, [0, round(time / rate)], rate=rate, teacher=teacher)
    left = np.exp(-EIGENVALUE / EIGENVALUE.max() * time)
    assert float(found.progress[-1]) == pytest.approx(1 - (EIGENVALUE * left).sum() / EIGENVALUE.sum(), abs=1e-4)


def test_regression__inpca_has_no_time_like_components_and_all_explain_all():
    embedding = tk.inpca(tk.theory.regression_distance(EIGENVALUE, 100, runs=4), 12)
    assert (embedding.signature == 1).all()
    np.testing.assert_allclose([embedding.explained_stress[-1], embedding.explained_distance[-1]], 1, atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 0.3, 2.0])
def test_regression_spectrum__is_what_inpca_of_many_runs_tends_to(scale):
    runs, steps = 300 if scale else 1, [0, 5, 50, 300]
    exact = tk.theory.regression_spectrum(EIGENVALUE, steps, scale=scale)
    distance = tk.theory.regression_distance(EIGENVALUE, steps, runs=runs, scale=scale)
    embedding = tk.inpca(distance, 3)
    first = slice(0, 3)
    # Exact for one run without random weights; otherwise a sample of 300 runs, whose eigenvalues vary by a tenth.
    tolerance = {"rtol": 0.2} if scale else {"rtol": 1e-6, "atol": 1e-12}
    np.testing.assert_allclose(embedding.eigenvalue / len(distance), exact.eigenvalue[first], **tolerance)
    for measure in ("explained_stress", "explained_distance"):
        np.testing.assert_allclose(embedding[measure], exact[measure][first], atol=0.03 if scale else 1e-5)


def test_regression_spectrum__signs_of_the_teacher_do_not_matter():
    sign = np.where(np.arange(12) % 2, 1.0, -1.0)
    signed = tk.theory.regression_spectrum(EIGENVALUE, 50, teacher=sign)
    xr.testing.assert_allclose(signed, tk.theory.regression_spectrum(EIGENVALUE, 50))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eigenvalue": [1.0, 0.0]}, "positive"),
        ({"eigenvalue": [1.0, np.nan]}, "positive"),
        ({"teacher": [1.0]}, "teacher"),
        ({"teacher": [0.0, 0.0]}, "not all 0"),
        ({"rate": 2.0}, "rate"),
        ({"scale": -1.0}, "scale"),
        ({"noise": 0.0}, "noise"),
        ({"steps": [0]}, "steps"),
        ({"steps": [3, 2]}, "increasing"),
    ],
)
def test_regression__refuses_what_is_out_of_range(change, message):
    asked = {"eigenvalue": [2.0, 1.0], "steps": 10} | change
    with pytest.raises(ValueError, match=message):
        tk.theory.regression_spectrum(**asked)
    with pytest.raises(ValueError, match=message):
        tk.theory.regression_distance(**asked)
