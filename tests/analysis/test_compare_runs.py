"""Groups of runs in which each run counts by itself."""

import itertools
from functools import partial

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from strategies import distances_of

import trajkit as tk

compare = partial(tk.compare_groups, unit="run")


@pytest.fixture
def table() -> dict[str, np.ndarray]:
    """Two crossed attributes of three and two values, unbalanced, and the coordinates they move."""
    random = np.random.default_rng(1)
    a, b = random.permutation(np.arange(30) % 3), random.permutation(np.arange(30) % 2)
    x = random.standard_normal((30, 4)) + 1.5 * random.standard_normal((3, 4))[a] + 0.5 * b[:, None]
    return {"x": x, "a": np.array(["p", "q", "r"])[a], "b": b}


def test_compare_runs__agrees_with_sums_over_pairs(table):
    """SS_total = sum of squared distances / N; SS_within = sum over groups of theirs / n_g (Anderson 2001)."""
    distance = distances_of(table["x"], a=table["a"])
    d, a = distance.values, table["a"]
    pairs = list(itertools.combinations(range(30), 2))
    total = sum(d[i, j] for i, j in pairs) / 30
    within = sum(d[i, j] / (a == a[i]).sum() for i, j in pairs if a[i] == a[j])
    found = compare(distance, "a", permutations=1)
    assert float(found.r_squared.item()) == pytest.approx(1 - within / total, rel=1e-9)
    assert float(found.within.item()) == pytest.approx(np.mean([d[i, j] for i, j in pairs if a[i] == a[j]]))
    assert float(found.between.item()) == pytest.approx(np.mean([d[i, j] for i, j in pairs if a[i] != a[j]]))


def sum_left(x: np.ndarray, *attributes: np.ndarray) -> float:
    """Sum of squares that least squares leave."""
    columns = [np.ones(len(x)), *(v == value for v in attributes for value in np.unique(v))]
    design = np.stack(columns, axis=1).astype(float)
    return float(np.square(x - design @ np.linalg.lstsq(design, x, rcond=None)[0]).sum())


def test_compare_runs__each_jointly_and_beyond_the_others_is_what_least_squares_explain(table):
    x, a, b = table["x"], table["a"], table["b"]
    found = compare(distances_of(x, a=a, b=b), ["a", "b"], permutations=1)
    total = sum_left(x)
    np.testing.assert_allclose(found.r_squared, [1 - sum_left(x, a) / total, 1 - sum_left(x, b) / total], rtol=1e-9)
    assert float(found.joint_r_squared) == pytest.approx(1 - sum_left(x, a, b) / total, rel=1e-9)
    unique = [(sum_left(x, b) - sum_left(x, a, b)) / total, (sum_left(x, a) - sum_left(x, a, b)) / total]
    np.testing.assert_allclose(found.unique_r_squared, unique, rtol=1e-9)


def test_compare_runs__a_length_is_squared_and_a_squared_length_is_not(table):
    distance = distances_of(table["x"], a=table["a"])
    length = np.sqrt(distance).assign_attrs(distance.attrs | {"scale": "length"})
    squared, of_length = (compare(d, "a", permutations=9) for d in (distance, length))
    np.testing.assert_allclose(of_length.r_squared, squared.r_squared, rtol=1e-9)
    assert float(of_length.ratio.item()) < float(squared.ratio.item())


def test_compare_runs__recovers_groups_of_known_size():
    """A mean square of 1 within, groups 2 apart in mean square: R^2 = 1/2 and between / within = (2 + 2) / 2."""
    random = np.random.default_rng(0)
    a = np.arange(200) % 2
    x = random.standard_normal((200, 500)) / np.sqrt(500)
    x[:, 0] += np.where(a == 0, 1.0, -1.0)
    found = compare(distances_of(x, a=a, b=random.integers(0, 4, 200)), ["a", "b"], permutations=99)
    assert float(found.r_squared[0]) == pytest.approx(0.5, abs=0.02)
    assert float(found.ratio[0]) == pytest.approx(3, rel=0.03)
    assert float(found.p_value[0]) == 0.01
    assert float(found.p_value[1]) > 0.05
    assert float(found.alone[0] / found.replicates) == pytest.approx(3, rel=0.03)
    assert float(found.replicates) == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("which", ["p_value", "unique_p_value"])
def test_compare_runs__p_values_are_uniform_without_an_effect(which):
    random = np.random.default_rng(3)
    p = []
    for seed in range(200):
        a, b = random.permutation(np.arange(18) % 3), random.permutation(np.arange(18) % 2)
        # For the unique p-value, the other attribute has an effect.
        x = random.standard_normal((18, 3)) + (3 * b[:, None] if which == "unique_p_value" else 0)
        found = compare(distances_of(x, a=a, b=b), ["a", "b"], permutations=39, seed=seed)
        p.append(float(found[which][0]))
    assert stats.kstest(np.array(p) - random.random(200) / 40, "uniform").pvalue > 0.01


def test_compare_runs__does_not_depend_on_the_order_of_runs_and_leaves_references_out():
    ds = tk.with_references(tk.simulate(runs=8, groups=2, spread=0.3), n_geodesic=3)
    distance = tk.trajectory_distance(ds)
    found = compare(distance, "architecture", permutations=99)
    xr.testing.assert_allclose(compare(ds, "architecture", permutations=99), found)
    mixed = np.random.default_rng(0).permutation(ds.sizes["run"])
    again = compare(distance.isel(run=mixed, run2=mixed), "architecture", permutations=99)
    permuted = [name for name in found if "p_value" in str(name)]
    xr.testing.assert_allclose(again.drop_vars(permuted), found.drop_vars(permuted))


def test_compare_runs__says_what_it_cannot_tell():
    x = np.random.default_rng(0).standard_normal((6, 2))
    found = compare(
        distances_of(x, a=np.array(list("ppqqrs")), b=np.array([0, 0, 1, 1, 2, 2])), ["a", "b"], permutations=9
    )
    assert np.isnan(found.unique_p_value.sel(attribute="b"))
    assert "b: the other attributes determine it" in found.limitations
    assert "a: 2 of its 4 values have one run" in found.limitations
    assert "b: no two runs differ in it alone" in found.limitations
