"""Laws of linear models: closed forms against gradient descent, spectra against what inputs were made of."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize

import trajkit as tk
from trajkit.theory.steps import even_steps

EIGENVALUE = tk.theory.exponential_spectrum(12, 0.4)


# Linear regression in closed form


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
    xr.testing.assert_allclose(
        tk.theory.regression_spectrum(EIGENVALUE, 50, teacher=sign), tk.theory.regression_spectrum(EIGENVALUE, 50)
    )


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
def test_regression__refuses_what_makes_no_sense(change, message):
    asked = {"eigenvalue": [2.0, 1.0], "steps": 10} | change
    with pytest.raises(ValueError, match=message):
        tk.theory.regression_spectrum(**asked)
    with pytest.raises(ValueError, match=message):
        tk.theory.regression_distance(**asked)


# Softmax regression


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
        ({"label": [0, 1, 1]}, "4 indices"),
        ({"label": [0.0, 1.0, 1.0, 0.0]}, "indices"),
        ({"split": "test"}, "train="),
        ({"scale": -1.0}, "scale"),
        ({"scale": [1.0, 1.0]}, "once"),
        ({"seeds": 0}, "seed"),
        ({"rate": 0.0}, "rate"),
        ({"classes": 1}, "classes"),
        ({"train": (np.zeros((4, 3)), [0, 1, 0, 1])}, "3 features"),
    ],
)
def test_linear_runs__refuse_what_makes_no_sense(change, message):
    asked = {"x": np.eye(4)[:, :2] + 1, "label": np.array([0, 1, 1, 0]), "steps": 5} | change
    with pytest.raises(ValueError, match=message):
        tk.theory.linear_runs(asked.pop("x"), asked.pop("label"), **asked)


# Networks in the picture of linear models


def test_embed_in__places_linear_models_where_they_are(noisy):
    ds = tk.theory.linear_runs(*noisy, steps=100, scale=[0.0, 1.0])
    found = tk.theory.embed_in(ds, ds.assign_coords(run=[f"{r}, again" for r in ds.run.values]), 4)
    again = found.coordinate.sel(run=[f"{r}, again" for r in ds.run.values])
    np.testing.assert_allclose(again, found.coordinate.sel(run=ds.run.values), atol=1e-7)
    assert tk.figures.manifold(found, color="scale").data
    by_themselves = found.explained_distance.sel(which="networks by themselves")
    assert by_themselves[-1] > 0.9


def test_embed_in__networks_lie_mostly_in_the_directions_of_linear_models_on_digits():
    from sklearn.datasets import load_digits

    digits = tk.select(tk.sample_data("digits"), seed=0).isel(run=slice(None, None, 6))
    images = load_digits()
    pixels = images.data / 16
    probe = digits["sample"].values
    assert (images.target[probe] == digits.label.values).all()
    outside = np.setdiff1d(np.arange(len(pixels)), probe)
    linear = tk.theory.linear_runs(
        pixels[probe], digits.label.values, train=(pixels[outside], images.target[outside]), steps=200, scale=[0, 1, 3],
        seeds=1, classes=digits["class"].values.tolist(), split=digits.split.values, sample=probe,
    )  # fmt: skip
    found = tk.theory.embed_in(linear, digits.drop_vars("epoch", errors="ignore"), 3).explained_distance.sel(
        component=3
    )
    shuffled = tk.shuffle_within_class(digits.drop_vars("epoch", errors="ignore"))
    null = tk.theory.embed_in(linear, shuffled, 3).explained_distance.sel(component=3)
    assert found.sel(which="networks") > null.sel(which="networks")
    assert found.sel(which="networks by themselves") > found.sel(which="networks") > 0.5


# Sweeps


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
def test_sweep__refuses_what_makes_no_sense(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        tk.theory.sweep(**({"decay": [0.5], "scale": [1.0], "steps": [10]} | change))


def test_phase_map__shows_the_sweep_and_its_boundary():
    swept = tk.theory.sweep([0.1, 0.5, 1.0], [0.1, 1.0], [10, 1000], n_components=3)
    figure = tk.figures.phase_map(swept, measure="explained_stress", component=2)
    heats = [t for t in figure.data if t.type == "heatmap"]
    np.testing.assert_array_equal(heats[1].z, swept.explained_stress.sel(component=2, steps=1000).T)
    assert [t.contours.start for t in figure.data if t.type == "contour"] == [0.9, 0.9]
    assert [a.text for a in figure.layout.annotations] == ["10 steps", "1000 steps"]
    assert not [t for t in tk.figures.phase_map(swept, boundary=None).data if t.type == "contour"]
    assert len(tk.figures.phase_map(swept.isel(decay=[0])).data) == 2
    with pytest.raises(ValueError, match="sweep"):
        tk.figures.phase_map(swept.drop_vars("progress"))
    with pytest.raises(ValueError, match="components"):
        tk.figures.phase_map(swept, component=4)


# Spectra of inputs


def test_input_spectrum__finds_exact_laws_exactly():
    left = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 9)))[0]
    index = np.arange(1, 9)
    left = np.linalg.qr(left - left.mean(0))[0][:, :8]
    for law, eigenvalue, decay in (("exponential", np.exp(-0.7 * index), 0.7), ("power", index**-1.5, 1.5)):
        x = left * np.sqrt(50 * eigenvalue) @ np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))[0]
        found = tk.input_spectrum(x, components=(1, 8))
        np.testing.assert_allclose(found.eigenvalue, eigenvalue, rtol=1e-9)
        assert float(found.decay.sel(law=law)) == pytest.approx(decay)
        assert float(found.r_squared.sel(law=law)) == pytest.approx(1)
        np.testing.assert_allclose(found.fitted.sel(law=law), eigenvalue, rtol=1e-9)
        assert (found.r_squared < 1 - 1e-3).any()


@pytest.mark.parametrize("heavy", [False, True])
def test_input_spectrum__intervals_cover(heavy):
    scale = np.exp(-0.3 * np.arange(6))
    covered = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        drawn = random.standard_t(10, (1000, 6)) / np.sqrt(10 / 8) if heavy else random.standard_normal((1000, 6))
        fit = tk.input_spectrum(drawn * scale, components=(1, 6)).sel(law="exponential")
        covered += bool(fit.lower <= 0.6 <= fit.upper)
    # 95 % of 200, and three standard errors.
    assert covered / 200 == pytest.approx(0.95, abs=0.046)


def test_input_spectrum__does_not_depend_on_axes_order_or_shape():
    random = np.random.default_rng(0)
    x = random.standard_normal((30, 12)) * np.exp(-0.2 * np.arange(12))
    turned = x[::-1] @ np.linalg.qr(random.standard_normal((12, 12)))[0]
    xr.testing.assert_allclose(tk.input_spectrum(x), tk.input_spectrum(turned), rtol=1e-7)
    # More features than samples: the eigenvalues come from the samples' side.
    wide = np.concatenate([x, x], axis=1)[:, :40] @ np.linalg.qr(random.standard_normal((40, 24)))[0].T
    assert tk.input_spectrum(wide, components=(1, 8)).sizes["component"] == 12
    np.testing.assert_allclose(
        tk.input_spectrum(wide, components=(1, 8)).eigenvalue, 2 * tk.input_spectrum(x).eigenvalue, rtol=1e-9
    )


def test_input_spectrum__of_digits():
    from sklearn.datasets import load_digits

    pixels = load_digits().data
    with pytest.raises(ValueError, match=r"3 features are the same.*ptp"):
        tk.input_spectrum(pixels)
    found = tk.input_spectrum(pixels[:, np.ptp(pixels, axis=0) > 0])
    exponential, power = found.sel(law="exponential"), found.sel(law="power")
    assert exponential.r_squared > 0.95 > power.r_squared
    assert 0.05 < exponential.lower < exponential.decay < exponential.upper < 0.2
    assert tk.figures.input_spectrum(found).data[0].name == "eigenvalues"


@pytest.mark.parametrize(
    ("x", "asked", "message"),
    [
        (np.ones((10, 2, 2)), {}, "reshape"),
        (np.full((10, 3), np.inf), {}, "infinite"),
        (np.array([["a"]]), {}, "numbers"),
        (np.eye(3), {}, "four samples"),
        (np.eye(10)[:, :6], {"components": (1, 2)}, "three or more"),
        (np.eye(10)[:, :6], {"components": (0, 4)}, "from 1"),
        (np.eye(10)[:, :6], {"components": (2, 7)}, "rounding noise"),
        (np.eye(10)[:, :6], {"level": 1.0}, "level"),
    ],
)
def test_input_spectrum__refuses_what_makes_no_sense(x, asked, message):
    with pytest.raises(ValueError, match=message):
        tk.input_spectrum(x, **asked)
