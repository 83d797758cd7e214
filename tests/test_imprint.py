"""Laws of imprinting: heads against their definitions, and progress on digits that were never trained on."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize
from scipy.special import log_softmax

import trajkit as tk

LABEL = np.arange(60) % 3
SPLIT = np.where(np.arange(60) < 40, "train", "test")


@pytest.fixture(scope="module")
def features() -> xr.DataArray:
    """Two runs, whose classes come apart, the second faster; the last checkpoint of the first is missing."""
    random = np.random.default_rng(0)
    mean = random.standard_normal((3, 5))[LABEL]
    grown = np.array([[random.standard_normal((60, 5)) + r * k * mean for k in range(3)] for r in (1, 2)])
    grown[0, 2] = np.nan
    coords = {"run": ["slow", "fast"], "task": ("run", ["a", "b"])}
    return xr.DataArray(grown, coords, ("run", "checkpoint", "sample", "feature"))


def means(h):
    train = SPLIT == "train"
    return np.array([h[train & (c == LABEL)].mean(0) for c in range(3)])


def test_prototype__is_the_softmax_of_squared_distances_to_class_means(features):
    ds = tk.imprint(features, LABEL, SPLIT)
    h = features.values[1, 2]
    logits = -np.square(h[:, None] - means(h)).sum(-1)
    np.testing.assert_allclose(ds.log_prob[1, 2], log_softmax(logits, axis=1), atol=1e-5)


def test_cosine__is_the_scaled_angle_to_the_mean_direction(features):
    ds = tk.imprint(features, LABEL, SPLIT, method="cosine", scale=7.0)
    unit = features.values[1, 2] / np.linalg.norm(features.values[1, 2], axis=1, keepdims=True)
    direction = means(unit) / np.linalg.norm(means(unit), axis=1, keepdims=True)
    np.testing.assert_allclose(ds.log_prob[1, 2], log_softmax(7 * unit @ direction.T, axis=1), atol=1e-5)
    xr.testing.assert_allclose(ds, tk.imprint(5 * features, LABEL, SPLIT, method="cosine", scale=7.0), atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_head__is_the_best_linear_one(features, classes):
    label, train = LABEL % classes, SPLIT == "train"
    h = features.values[1, 1]
    ds = tk.imprint([[h]], label, SPLIT, method="head", l2=0.1)
    scaled = h - h[train].mean(0)
    scaled /= np.sqrt(np.square(scaled[train]).mean())

    def loss(w):
        weight, bias = w[:-classes].reshape(5, classes), w[-classes:]
        p = log_softmax(scaled @ weight + bias, axis=1)[train, label[train]]
        # scikit-learn holds two classes in the difference of their weights, whose square is penalised.
        size = np.square(weight).sum() if classes > 2 else np.square(weight[:, 1] - weight[:, 0]).sum()
        return -p.mean() + 0.05 * size

    w = minimize(loss, np.zeros(6 * classes), tol=1e-12).x
    wanted = log_softmax(scaled @ w[:-classes].reshape(5, classes) + w[-classes:], axis=1)
    np.testing.assert_allclose(ds.log_prob[0, 0], wanted, atol=1e-4)
    xr.testing.assert_allclose(ds, tk.imprint([[7 * h + 3]], label, SPLIT, method="head", l2=0.1), atol=1e-4)


@pytest.mark.parametrize("method", ["prototype", "cosine", "head"])
def test_imprint__gives_a_trajectory_dataset(features, method):
    ds = tk.imprint(features, LABEL, SPLIT, method=method, classes=["x", "y", "z"], step=[0, 5, 9])
    tk.validate(ds)
    assert ds.step.values.tolist() == [[0, 5, -1], [0, 5, 9]]
    assert ds.task.values.tolist() == ["a", "b"]
    assert ds.run.values.tolist() == ["slow", "fast"]
    reached = tk.progress(tk.select(ds, split="test"))
    assert reached.sel(run="fast")[2] > reached.sel(run="fast")[0]
    # Going through runs and checkpoints gives the same as an array.
    listed = tk.imprint(
        ([h for h in run if np.isfinite(h).all()] for run in features.values), LABEL, SPLIT, method=method
    )
    np.testing.assert_array_equal(listed.log_prob, ds.log_prob)


def test_imprint__features_may_differ_in_number_from_run_to_run(features):
    h = features.values[1, 2]
    wide = np.concatenate([h, np.zeros((60, 4))], axis=1)
    ds = tk.imprint([[h], [wide]], LABEL, SPLIT, runs={"width": [5, 9]})
    np.testing.assert_allclose(ds.log_prob[0], ds.log_prob[1], atol=1e-6)
    assert ds.width.values.tolist() == [5, 9]


def test_imprint__features_that_say_nothing_give_ignorance():
    ds = tk.imprint([[np.zeros((60, 4))]], LABEL, SPLIT, method="cosine")
    np.testing.assert_allclose(ds.log_prob, -np.log(3), atol=1e-6)
    np.testing.assert_allclose(tk.imprint([[np.ones((60, 4))]], LABEL, SPLIT).log_prob, -np.log(3), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "magic"}, "method"),
        ({"scale": 0}, "scale"),
        ({"l2": -1.0}, "l2"),
        ({"label": LABEL + 0.5}, "class index"),
        ({"split": SPLIT[:5]}, "each sample"),
        ({"split": np.where(LABEL > 1, "test", "train")}, r"\[2\] have no train sample"),
        ({"classes": list("abcd")}, r"\[3\] have no train sample"),
        ({"features": []}, "one run"),
        ({"features": [[]]}, "one checkpoint"),
        ({"features": [[np.zeros((59, 2))]]}, "60 samples"),
        ({"features": [[np.zeros((60, 2, 2))]]}, "60 samples"),
        ({"features": [[np.where(np.arange(60)[:, None] == 3, np.nan, np.ones((60, 2)))]]}, "1 samples have NaN"),
        ({"features": xr.DataArray(np.zeros((2, 2)), dims=("run", "sample"))}, "dimensions"),
    ],
)
def test_imprint__refuses_wrong_parameters_and_features(change, message):
    asked = {"features": [[np.ones((60, 2))]], "label": LABEL, "split": SPLIT} | change
    with pytest.raises(ValueError, match=message):
        tk.imprint(asked.pop("features"), asked.pop("label"), asked.pop("split"), **asked)


@pytest.mark.parametrize("method", ["prototype", "cosine", "head"])
def test_imprint__training_on_some_digits_is_progress_on_others(method):
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    pixels, target = load_digits(return_X_y=True)
    pixels = pixels / 16
    probe, outside = np.arange(300), np.arange(300, 1797)
    features, tasks = [], {"0 to 4": np.arange(5), "5 to 9": np.arange(5, 10)}
    for task in tasks.values():
        own = outside[np.isin(target[outside], task)]
        network = MLPClassifier((32,), random_state=0, learning_rate_init=3e-3)
        features.append([])
        for _ in range(5):
            for _ in range(6):
                network.partial_fit(pixels[own], target[own], classes=task)
            features[-1].append(np.maximum(pixels[probe] @ network.coefs_[0] + network.intercepts_[0], 0))
    split = np.where(np.arange(300) < 200, "train", "test")
    ds = tk.imprint(features, target[probe], split, runs={"task": list(tasks)}, method=method)
    test = tk.select(ds, split="test")
    for run, task in enumerate(tasks.values()):
        reached = tk.progress(test.isel(sample=np.isin(test.label.values, task)))[:, -1]
        assert reached[run] > reached[1 - run] > 0
    errors = tk.error(tk.select(ds, split="test"))[:, -1]
    assert (errors < 0.5).all()
