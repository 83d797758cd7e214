"""Spectra of inputs, against what inputs were made of, and inputs that are drawn."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


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
    found = tk.input_spectrum(wide, components=(1, 8)).eigenvalue
    assert found.sizes["component"] == 12
    np.testing.assert_allclose(found, 2 * tk.input_spectrum(x).eigenvalue, rtol=1e-9)


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
def test_input_spectrum__refuses_what_is_out_of_range(x, asked, message):
    with pytest.raises(ValueError, match=message):
        tk.input_spectrum(x, **asked)


def test_exponential_spectrum__has_mean_1_and_a_constant_ratio():
    eigenvalue = tk.theory.exponential_spectrum(9, 0.7)
    assert eigenvalue.mean() == pytest.approx(1)
    np.testing.assert_allclose(eigenvalue[1:] / eigenvalue[:-1], np.exp(-0.7))


def test_sloppy_inputs__have_the_eigenvalues_asked_for_and_classes_about_equally_frequent():
    x, label = tk.theory.sloppy_inputs(20_000, 5, decay=0.5, classes=4)
    np.testing.assert_allclose(x.var(0), tk.theory.exponential_spectrum(5, 0.5), rtol=0.05)
    assert np.bincount(label).min() > 2000


def test_sloppy_inputs__of_one_seed_differ_only_in_the_scale_of_features():
    white, sloppy = (tk.theory.sloppy_inputs(10, 5, decay=decay)[0] for decay in (0.0, 0.5))
    np.testing.assert_allclose(sloppy, white * np.sqrt(tk.theory.exponential_spectrum(5, 0.5)))


@pytest.mark.parametrize("change", [{"samples": 1}, {"features": 0}, {"decay": -1.0}, {"classes": 1}])
def test_sloppy_inputs__refuse_what_is_out_of_range(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        tk.theory.sloppy_inputs(**({"samples": 10, "features": 3, "decay": 0.5} | change))
