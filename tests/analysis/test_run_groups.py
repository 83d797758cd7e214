"""Laws of pairs of runs."""

import numpy as np
import pytest

import trajkit as tk
from trajkit.analysis.bootstrap_units import with_copies
from trajkit.analysis.run_groups import different_pairs


def test_different_pairs__are_pairs_of_networks_each_once_without_copies() -> None:
    ds = tk.with_references(tk.simulate(runs=3))
    assert np.argwhere(different_pairs(ds)).tolist() == [[0, 1], [0, 2], [1, 2]]
    copies = with_copies(ds, np.array([0, 1, 1, 3]))
    assert np.argwhere(different_pairs(copies)).tolist() == [[0, 1], [0, 2]]


def test_different_pairs__none_is_an_error() -> None:
    ds = tk.simulate(runs=3)
    with pytest.raises(ValueError, match="two runs of kind 'network' or more to make pairs of, got 1"):
        different_pairs(tk.with_references(ds.isel(run=[0])))
    with pytest.raises(ValueError, match="got 2, of which 1 are copies"):
        different_pairs(with_copies(ds, np.array([0, 0])))
