"""Mean distances of matched pairs."""

import numpy as np

import trajkit as tk
from trajkit.analysis.matched_distances import matched_distances


def test_matched_distances__are_those_of_compare_groups_in_a_full_design():
    ds = tk.simulate(runs=12, samples=10, checkpoints=4, groups=2, spread=0.3)
    ds = ds.assign_coords(width=("run", np.repeat([8, 16, 32], 4)))
    distance = tk.trajectory_distance(ds, n=5)
    code = np.arange(12) % 2
    found = matched_distances(distance.values, ds.width.values, code, code)
    expected = tk.compare_groups(distance, ["architecture", "width"], unit="run", permutations=1)
    np.testing.assert_allclose(found.alone, expected.alone.sel(attribute="width"))
    np.testing.assert_allclose(found.replicates, expected.replicates)
    np.testing.assert_allclose(found.groups, expected.between.sel(attribute="architecture"))


def test_matched_distances__are_nan_without_such_pairs():
    found = matched_distances(np.ones((3, 3)) - np.eye(3), np.array([8, 16, 8]), np.array([0, 0, -1]))
    assert found.alone == 1
    assert np.isnan([found.replicates, found.groups]).all()
