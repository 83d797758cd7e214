"""Spread of groups."""

import numpy as np
import pytest
from configurations import designed, rejections

import trajkit as tk
from trajkit.analysis.dispersion import dispersion


def test_dispersion__of_points_is_their_squared_distance_to_the_centroid_with_lost_degrees_of_freedom():
    x = np.random.default_rng(0).standard_normal((9, 3))
    code = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])
    expected = np.concatenate([4 / 3 * np.square(x[c == code] - x[c == code].mean(0)).sum(1) for c in (0, 1)])
    found = dispersion(np.square(x[:, None] - x).sum(-1), code)
    np.testing.assert_allclose(found[:8], expected)
    assert np.isnan(found[8])


def test_dispersion__keeps_negative_values_of_distances_that_are_not_euclidean():
    assert dispersion(np.array([[0.0, 1, 1], [1, 0, 9], [1, 9, 0]]), np.zeros(3, dtype=int))[0] < 0


def test_dispersion__of_groups_has_the_size_that_was_put_in():
    """Deviations 1 and 2 of configurations, as large ones of seeds: variances 2 and 8 in each of 20 dimensions."""
    found = tk.compare_groups(
        designed((2, 40), np.random.default_rng(1), configuration=1.0, spread=(1.0, 2.0)),
        "architecture",
        permutations=99,
    )
    np.testing.assert_allclose(found.dispersion, [40, 160], rtol=0.1)
    assert found.group.values.tolist() == ["architecture=0", "architecture=1"]
    assert found.group_size.values.tolist() == [40, 40]
    assert found.dispersion_p_value.item() == pytest.approx(0.01)


def test_dispersion__test_keeps_its_level_though_groups_lie_apart():
    random, p = np.random.default_rng(2), []
    for _ in range(80):
        distance = designed((2, 9), random, configuration=1.0, effect=lambda value: np.ones(20) * value[0][:, None])
        p.append(tk.compare_groups(distance, "architecture", permutations=99).dispersion_p_value.item())
    assert rejections(p) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 80)
    spread = [
        tk.compare_groups(designed((2, 9), random, spread=(3.0, 1.0)), "architecture").dispersion_p_value.item()
        for _ in range(10)
    ]
    assert rejections(spread) >= 0.9


@pytest.mark.parametrize("unit", ["configuration", "run"])
def test_dispersion__is_given_where_configurations_are_compared(unit):
    found = tk.compare_groups(designed((2, 3), np.random.default_rng(0)), "architecture", unit=unit, permutations=9)
    assert ("dispersion" in found) == (unit == "configuration")
