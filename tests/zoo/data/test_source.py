"""Laws of the order of samples: classes are dealt out in turn."""

import numpy as np

from trajkit.zoo.data import stratified_order


def test_stratified_order__deals_classes_out_in_turn():
    label = np.repeat([0, 1, 2], [50, 30, 5])
    order = stratified_order(label, seed=0)
    assert sorted(order) == list(range(85))
    assert np.bincount(label[order[:15]]).tolist() == [5, 5, 5]
    assert np.bincount(label[order[:45]]).tolist() == [20, 20, 5]
    assert not np.array_equal(order, stratified_order(label, seed=1))
