"""Inputs and labels that are drawn."""

import numpy as np
import pytest

import trajkit as tk


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
