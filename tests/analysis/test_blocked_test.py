"""The test of a setting within blocks."""

import numpy as np
import pytest
from scipy import stats

from trajkit.analysis.blocked_test import NOTHING, blocked_test


def squared(x: np.ndarray) -> np.ndarray:
    points = np.asarray(x).reshape(len(x), -1)
    return np.square(points[:, None] - points).sum(-1)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_blocked_test__of_two_values_in_one_dimension_is_the_exact_paired_t_test():
    """scipy flips all signs of the differences; the order by |t| does not depend on the pooled variance."""
    for seed in range(20):
        x = np.random.default_rng(seed).standard_normal((8, 2)) + np.array([0, 0.4 * (seed % 4)])
        code, block = np.tile([0, 1], 8), np.repeat(np.arange(8), 2)
        found = blocked_test(squared(x.ravel()), code, block, {}, 999, random())

        def t(first, second, axis):
            return np.abs(stats.ttest_rel(first, second, axis=axis).statistic)

        expected = stats.permutation_test(
            (x[:, 0], x[:, 1]),
            t,
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf,
            alternative="greater",
        )
        assert found.p_value == pytest.approx(expected.pvalue)
        assert found.distinct == 128


def test_blocked_test__statistic_is_that_of_the_differences_themselves():
    """Three values in two dimensions, one missing in a block, computed pair by pair from coordinates."""
    x = np.random.default_rng(1).standard_normal((11, 2))
    code, block = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]), np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3])

    def statistic(label: np.ndarray) -> float:
        at = {(b, c): x[k] for k, (b, c) in enumerate(zip(block, label, strict=True))}
        pairs = []
        for i, j in ((0, 1), (0, 2), (1, 2)):
            d = np.array([at[b, i] - at[b, j] for b in range(4) if (b, i) in at and (b, j) in at])
            pairs.append((len(d), np.square(d.mean(0)).sum(), np.square(d - d.mean(0)).sum()))
        pooled = sum(ss for _, _, ss in pairs) / sum(n - 1 for n, _, _ in pairs)
        return sum(n * mean / ((ss + pooled / 4) / (n - 0.75)) for n, mean, ss in pairs)

    orders = [code.copy() for _ in range(3000)]
    generator = np.random.default_rng(2)
    for order in orders[1:]:
        for b in range(4):
            order[block == b] = generator.permutation(code[block == b])
    every = np.array([statistic(order) for order in orders])
    found = blocked_test(squared(x), code, block, {}, 999, random())
    # Values 0 and 1 are in the same blocks: 6^3 2 / 2 arrangements.
    assert found.distinct == 216
    assert found.p_value == pytest.approx((every >= every[0] * (1 - 1e-9)).mean(), abs=0.03)


def test_blocked_test__finds_an_effect_that_depends_on_another_setting_and_names_it():
    generator = np.random.default_rng(3)
    value = np.indices((2, 3, 6)).reshape(3, -1)
    block = value[1] * 6 + value[2]
    others = {"width": value[1], "depth": value[2]}
    p = {"main": [], "depends": [], "named": []}
    for _ in range(20):
        x = generator.standard_normal((36, 10)) + (value[0] * np.array([1.5, -1.5, 0])[value[1]])[:, None]
        found = blocked_test(squared(x), value[0], block, others, 199, generator)
        p["main"].append(found.main_p_value)
        p["depends"].append(found.interaction_p_value)
        p["named"].append(found.depends_on)
        assert found.p_value <= 0.05
    assert np.mean(p["main"]) > 0.3
    assert max(p["depends"]) < 0.05
    assert set(p["named"]) == {"width"}


def test_blocked_test__has_no_p_value_where_nothing_can_be_permuted():
    x = squared(np.arange(4.0))
    for code, block in (([0, 1, 2, 3], [0, 0, 0, 0]), ([0, 0, 1, 1], [0, 1, 2, 3]), ([0, 1, 0, 2], [0, 0, 1, 1])):
        assert blocked_test(x, np.array(code), np.array(block), {}, 99, random()) is NOTHING


def test_blocked_test__least_p_value_is_reached_by_the_largest_effect():
    x = np.tile([0.0, 9.0], 6) + np.repeat(np.arange(6.0), 2) + 0.01 * np.random.default_rng(0).standard_normal(12)
    others = {"width": np.repeat([0, 1, 2] * 2, 2), "depth": np.repeat([0, 0, 0, 1, 1, 1], 2)}
    found = blocked_test(squared(x), np.tile([0, 1], 6), np.repeat(np.arange(6), 2), others, 99, random())
    assert found.p_value == found.least_p_value == 1 / 32
    assert np.isfinite(found.interaction_p_value)


def test_blocked_test__of_equal_units_finds_nothing():
    found = blocked_test(np.zeros((12, 12)), np.tile([0, 1], 6), np.repeat(np.arange(6), 2), {}, 99, random())
    assert found.p_value == 1
