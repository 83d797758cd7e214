"""Arrangements of labels within blocks."""

import numpy as np
import pytest

from trajkit.analysis.arrangements import arrangements, p_values


def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("label", "block", "distinct"),
    [
        ([0, 1] * 6, np.repeat(np.arange(6), 2), 2**6 // 2),
        ([0, 1, 2] * 4, np.repeat(np.arange(4), 3), 6**4 // 6),
        ([0, 1, 2, 0, 1], [0, 0, 0, 1, 1], 6 * 2 // 2),
        ([0, 1, 2, 1, 0, 2], [0, 0, 1, 1, 2, 2], 2**3),
        ([0, 1, 2], [0, 0, 0], 1),
    ],
)
def test_arrangements__lists_one_of_those_that_are_equal_but_for_names(label, block, distinct):
    """All permutations within blocks, with names of labels that are in the same blocks exchanged, are found again."""
    label, block = np.array(label), np.array(block)
    found = arrangements(label, block, 999, random())
    assert found.distinct == distinct == len(found.label) == len(np.unique(found.label, axis=0))
    np.testing.assert_array_equal(found.label[0], label)

    def differences(row: np.ndarray) -> frozenset:
        """For each pair of labels that meet: the units of each in each block, without the names of the labels."""
        units = {value: tuple(np.flatnonzero(row == value)) for value in np.unique(row)}
        return frozenset(units.values())

    drawn = arrangements(label, block, distinct - 2, random()) if distinct > 2 else found
    assert {differences(row) for row in drawn.label} <= {differences(row) for row in found.label}
    for value in np.unique(block):
        inside = np.sort(found.label[:, block == value], axis=1)
        assert (inside == inside[0]).all()


def test_arrangements__are_random_where_there_are_too_many():
    label, block = np.tile(np.arange(3), 8), np.repeat(np.arange(8), 3)
    found = arrangements(label, block, 499, random())
    assert found.label.shape == (500, 24)
    assert found.distinct == 6**7
    for value in range(3):
        np.testing.assert_allclose((found.label == value).mean(0), 1 / 3, atol=0.08)


def test_p_values__count_ties_up_to_rounding_and_infinite_values():
    np.testing.assert_allclose(p_values(np.array([1.0, 1.0 + 1e-13, np.inf, 0.5])), [0.75, 0.75, 0.25, 1])
