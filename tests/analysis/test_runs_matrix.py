"""The check of a matrix of distances between runs."""

import numpy as np
import pytest
import xarray as xr
from strategies import run_distances

import trajkit as tk
from trajkit.analysis.runs_matrix import runs_matrix


def test_runs_matrix__returns_the_values():
    distance = run_distances(4)
    np.testing.assert_array_equal(runs_matrix(distance), distance)


def test_runs_matrix__refuses_other_things_than_a_symmetric_matrix_of_runs():
    distance = run_distances(9)
    with pytest.raises(TypeError, match=r"wanted an xarray\.DataArray"):
        runs_matrix(distance.values)
    with pytest.raises(ValueError, match=r"wanted a square matrix \(run, run2\)"):
        runs_matrix(tk.pairwise(tk.simulate(runs=1, checkpoints=3)))
    with pytest.raises(ValueError, match="with the same runs along both dimensions"):
        runs_matrix(distance.isel(run=slice(4)))
    with pytest.raises(ValueError, match="wanted a symmetric matrix"):
        runs_matrix(distance + xr.DataArray(np.arange(9), dims="run"))
    holed = distance.copy()
    holed[2, 5] = holed[5, 2] = np.nan
    with pytest.raises(ValueError, match="2 distances are NaN or infinite, the first from run '2' to '5'"):
        runs_matrix(holed)
