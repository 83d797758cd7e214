"""All points embedded by four."""

import itertools

import numpy as np
import pytest

import trajkit as tk


def test_four_point_basis__gives_its_own_points_back_and_explains_no_more_than_all():
    ds = tk.simulate(runs=4, samples=20, spread=0.4)
    found = tk.four_point_basis(ds)
    x, sign = found.basis_coordinate.values, found.signature.sel(basis="few points").values
    even = tk.resample(ds, 21).log_prob
    means = [np.log(np.exp(even[:, at]).mean("run")) for at in (6, 14)]
    four = [tk.ignorance(ds), *means, tk.truth(ds)]
    for i, j in itertools.combinations(range(4), 2):
        expected = float(tk.bhattacharyya(four[i], four[j]))
        assert float((sign * (x[i] - x[j]) ** 2).sum()) == pytest.approx(expected, rel=1e-5)
    stress = found.explained_stress.isel(component=-1)
    assert float(stress.sel(basis="few points")) < float(stress.sel(basis="inpca"))
    whole = tk.embed(ds, 3, references=False)
    np.testing.assert_allclose(found.explained_distance.sel(basis="inpca"), whole.explained_distance, rtol=1e-6)
    assert found.coordinate.sizes == {"run": 4, "checkpoint": 20, "component": 3}


def test_four_point_basis__takes_other_numbers_of_points():
    found = tk.four_point_basis(tk.simulate(runs=3, samples=10, spread=0.3), at=(0.5,))
    assert found.basis_point.values.tolist() == ["ignorance", "mean at 0.5", "truth"]
    assert found.sizes["component"] == 2
