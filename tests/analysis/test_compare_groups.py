"""Comparison of groups in which configurations are the evidence."""

import numpy as np
import pytest
import xarray as xr
from configurations import designed, other_interaction, rejections
from strategies import distances_of

import trajkit as tk
from trajkit.analysis.blocked_test import BlockedTest, blocked_test
from trajkit.analysis.comparison_units import configuration_units
from trajkit.configuration import checked_configurations


def six_against_eighteen(value: np.ndarray) -> np.ndarray:
    """Keep all widths of the second architecture, and one width of the first."""
    return (value[0] > 0) | (value[2] == 0)


# Situations without an effect of architecture, and how many distinct permutations they have at least.
NULLS = {
    "no variance of configurations": ((3, 6), {}),
    "half of the variance": ((3, 6), {"configuration": 1.0}),
    "80 % of the variance": ((3, 6), {"configuration": 2.0}),
    "80 % of the variance, 12 configurations": ((2, 6), {"configuration": 2.0}),
    "seeds with an effect of one deviation": ((3, 6), {"seed_effect": 1.0}),
    "an interaction of two other settings": ((2, 3, 4), {"interaction": 2.0}),
    "spread 3 to 1, 6 configurations of 24": ((4, 6), {"spread": (3.0, 1.0, 1.0, 1.0)}),
    "spread 3 to 1, 6 against 18 configurations": ((2, 6, 3), {"spread": (3.0, 1.0), "kept": six_against_eighteen}),
    "spread 1 to 3, 6 against 18 configurations": ((2, 6, 3), {"spread": (1.0, 3.0), "kept": six_against_eighteen}),
}


def p_values_of(distance: xr.DataArray, random: np.random.Generator) -> BlockedTest:
    """Compute the p-values of `compare_groups` alone, which takes a tenth of the time."""
    units = configuration_units(distance, checked_configurations(distance))
    others = {name: units.attributes[name] for name in units.others("architecture")}
    block = units.joint(list(others))
    return blocked_test(units.squared, units.attributes["architecture"], block, others, 199, random)


def of_null(situation: str, datasets: int) -> list[BlockedTest]:
    levels, about = NULLS[situation]
    random, found = np.random.default_rng(7), []
    for _ in range(datasets):
        made = dict(about)
        if size := made.pop("interaction", 0.0):
            made["effect"] = other_interaction(size, random)
        found.append(p_values_of(designed(levels, random, **made), random))
    return found


def check_level(situation: str, datasets: int) -> None:
    found = of_null(situation, datasets)
    for p in ([f.p_value for f in found], [f.main_p_value for f in found]):
        assert rejections(p) <= 0.065 + 2 * np.sqrt(0.05 * 0.95 / datasets)
        if found[0].distinct >= 200:
            assert rejections(p) >= 0.03 - 2 * np.sqrt(0.05 * 0.95 / datasets)


@pytest.mark.parametrize("situation", NULLS)
def test_p_values__keep_their_level_without_an_effect(situation):
    """Estimand: these configurations, and a population of them. Two standard errors more than in 1000 data sets."""
    check_level(situation, 120)


@pytest.mark.slow
@pytest.mark.parametrize("situation", NULLS)
def test_p_values__reject_3_to_6_5_percent_without_an_effect(situation):
    """Estimand: these configurations, and a population of them; 1000 data sets."""
    found = of_null(situation, 1000)
    assert rejections([f.p_value for f in found]) <= 0.065
    if found[0].distinct >= 200:
        assert rejections([f.p_value for f in found]) >= 0.025


def test_p_values__of_the_public_function_are_those_of_the_test():
    distance = designed((2, 3, 4), np.random.default_rng(0), configuration=1.0)
    found = tk.compare_groups(distance, "architecture", permutations=199, seed=5)
    expected = p_values_of(distance, np.random.default_rng(5))
    assert (found.p_value.item(), found.main_p_value.item()) == (expected.p_value, expected.main_p_value)
    assert found.interaction_p_value.item() == expected.interaction_p_value
    assert found.depends_on.item() == expected.depends_on


def power(levels: tuple[int, ...], size: float, configuration: float, dimension: int, datasets: int) -> float:
    """Share of data sets in which one of several architectures is found to differ, by `size` in each coordinate."""
    random, p = np.random.default_rng(8), []
    for _ in range(datasets):
        distance = designed(
            levels, random, dimension=dimension, configuration=configuration,
            effect=lambda value: size * (value[0] == 0)[:, None] * np.ones(dimension),
        )  # fmt: skip
        p.append(p_values_of(distance, random).p_value)
    return rejections(p)


@pytest.mark.parametrize("levels", [(2, 9), (3, 6), (2, 3, 3), (3, 3, 2), (6, 3)])
def test_power__is_80_percent_for_one_deviation_of_a_seed_in_18_configurations(levels):
    assert power(levels, 1.0, 0.0, 20, 25) >= 0.8


@pytest.mark.slow
def test_power__table(capsys):
    """Power over effect, deviation of configurations, dimension and number of configurations; printed with -s."""
    rows = []
    for levels in ((2, 6), (2, 9), (3, 6), (6, 3), (3, 12)):
        for dimension in (2, 20):
            for configuration in (0.0, 1.0, 2.0):
                found = [power(levels, size, configuration, dimension, 100) for size in (0.5, 1.0, 2.0)]
                rows.append(f"{levels!s:8} {dimension:9} {configuration:13} " + " ".join(f"{p:6.0%}" for p in found))
                assert found[0] <= found[2] + 0.05
    with capsys.disabled():
        print("\nlevels   dimension configuration  0.5    1.0    2.0", *rows, sep="\n")


def test_effect__that_depends_on_another_setting_is_an_effect():
    random, named = np.random.default_rng(9), []
    for _ in range(10):
        distance = designed(
            (2, 3, 6), random,
            effect=lambda value: (value[0] * np.array([1.5, -1.5, 0])[value[1]])[:, None] * np.ones(20),
        )  # fmt: skip
        found = tk.compare_groups(distance, "architecture", permutations=199)
        named.append((found.p_value.item() <= 0.05, found.depends_on.item()))
    assert named.count((True, "optimizer")) >= 9


def test_seeds__are_tested_within_configurations():
    """Runs that share a seed are found to be alike, also where configurations differ more; other seeds are not."""
    random, p, shared = np.random.default_rng(10), [], []
    for _ in range(60):
        p.append(tk.compare_groups(designed((2, 6), random, configuration=2.0), "seed", permutations=99).p_value.item())
    for _ in range(10):
        distance = designed((2, 6), random, configuration=2.0, seed_effect=1.0)
        shared.append(tk.compare_groups(distance, "seed", permutations=99).p_value.item())
    assert rejections(p) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    assert rejections(shared) == 1


def test_estimates__are_those_of_configurations_with_equal_weight():
    """R^2 of the mean distances by sums over pairs: SS = sum of squared distances / number of units."""
    random = np.random.default_rng(11)
    full = designed((2, 3), random, configuration=1.0, dimension=3)
    # One configuration has one run, another one two: the others have three.
    some = np.delete(np.arange(18), [1, 2, 5])
    distance = full.isel(run=some, run2=some)
    found = tk.compare_groups(distance, ["architecture", "optimizer"], permutations=1)
    label, seed = tk.configuration(distance).values, distance.seed.values
    names = np.unique(label)
    d = np.array(
        [
            [
                0.0 if a == b else distance.values[np.ix_(label == a, label == b)][
                    seed[label == a][:, None] != seed[label == b]
                ].mean()
                for b in names
            ]
            for a in names
        ]
    )  # fmt: skip
    same = np.array([name.split(",")[0] for name in names])
    same = same[:, None] == same
    upper = np.triu(np.ones((6, 6), dtype=bool), k=1)
    assert found.within.values[0] == pytest.approx(d[same & upper].mean())
    assert found.between.values[0] == pytest.approx(d[~same & upper].mean())
    explained = 1 - (d[same & upper].sum() / 3) / (d[upper].sum() / 6)
    assert found.r_squared.values[0] == pytest.approx(explained)
    # The design is balanced: shares add up.
    assert float(found.joint_r_squared) == pytest.approx(found.r_squared.sum().item())
    np.testing.assert_allclose(found.unique_r_squared, found.r_squared)


def matrix(**attributes: object) -> xr.DataArray:
    length = len(next(iter(attributes.values())))
    x = np.random.default_rng(12).standard_normal((length, 5))
    return distances_of(x, **{name: np.asarray(values) for name, values in attributes.items()})


A, B, S = np.arange(24) % 2, np.arange(24) // 2 % 4, np.arange(24) // 8
LIMITED = {
    "nested": ({"architecture": A, "width": A * 4 + B, "seed": S}, "no pair of configurations differs in"),
    "another one differs": (
        {"architecture": A, "optimizer": B // 2, "learning_rate": A * 2 + B % 2, "seed": S},
        "differs in architecture alone: learning_rate always differs too",
    ),
    "one value": ({"architecture": np.zeros(24), "width": B, "seed": S}, "have one value"),
    "two configurations": ({"architecture": A, "seed": np.arange(24) // 2}, "unit='run' compares these configurations"),
    "one context": ({"architecture": B, "seed": np.arange(24) // 4}, "no two of its values meet in two contexts"),
    "seeds of its own": ({"architecture": A, "width": B, "seed": S + 3 * A}, "no two of its values share a seed"),
    "few permutations": ({"architecture": A, "width": B, "seed": S}, "8 distinct permutations"),
    "no replicates": ({"architecture": A[:8], "width": B[:8], "seed": np.zeros(8)}, "seeds were not measured"),
}  # fmt: skip


@pytest.mark.parametrize("case", LIMITED)
def test_limits__of_a_design_are_named_and_nothing_is_raised(case):
    attributes, sentence = LIMITED[case]
    found = tk.compare_groups(matrix(**attributes), "architecture", permutations=99)
    assert sentence in found.limitations
    if case not in ("few permutations", "no replicates"):
        assert np.isnan([found.p_value.item(), found.matched_lower.item(), found.least_p_value.item()]).all()
    else:
        assert np.isfinite(found.p_value.item())
    if case != "one value":
        assert np.isfinite(found.between.item())


def test_limits__least_p_value_counts_permutations_that_give_the_same_statistic():
    found = tk.compare_groups(matrix(architecture=A, width=B, seed=S), ["architecture", "width"], permutations=999)
    # Two values in four blocks: 2^4 orders, of which two at a time exchange the names of the values.
    assert found.least_p_value.values[0] == 1 / 8
    assert found.p_value.values[0] >= 1 / 8
    assert found.least_p_value.values[1] == pytest.approx(1 / 24)


def test_missing__is_a_value_of_its_own():
    init = np.where(A == 1, "corner", "")
    found = tk.compare_groups(matrix(init=init, width=B, seed=S), "init", permutations=99)
    named = tk.compare_groups(matrix(init=np.where(A == 1, "corner", "x"), width=B, seed=S), "init", permutations=99)
    xr.testing.assert_equal(found.drop_vars("group"), named.drop_vars("group"))
    assert found.group.values.tolist() == ["init=(not set)", "init=corner"]


def test_outcomes__are_refused_and_the_line_is_given():
    distance = matrix(architecture=A, width=B, seed=S, test_error=np.arange(24) / 24, final_loss=np.arange(24) / 7)
    with pytest.raises(
        ValueError, match=r"\['test_error'\] are outcomes.*tk.set_roles\(ds, setting=\['test_error'\]\)"
    ):
        tk.compare_groups(distance, ["architecture", "test_error"])
    with pytest.raises(ValueError, match=r"tk.set_roles\(ds, outcome=\['final_loss'\]\)"):
        tk.compare_groups(distance, "architecture")
    marked = tk.set_roles(distance, outcome=["final_loss"])
    assert np.isfinite(tk.compare_groups(marked, "architecture", permutations=99).p_value.item())


def test_runs__can_come_in_any_order_with_references_and_as_a_dataset():
    ds = tk.simulate(runs=12, samples=10, checkpoints=4, groups=2, spread=0.3)
    ds = ds.assign_coords(width=("run", np.arange(12) // 2 % 3), seed=("run", np.arange(12) // 6))
    found = tk.compare_groups(tk.with_references(ds, 3), ["architecture", "width", "seed"], permutations=99)
    distance = tk.trajectory_distance(ds)
    mixed = np.random.default_rng(0).permutation(12)
    again = tk.compare_groups(distance.isel(run=mixed, run2=mixed), ["architecture", "width", "seed"], permutations=99)
    # Random permutations depend on the order, all permutations do not: the seed of two values in six configurations.
    names = ["within", "between", "r_squared", "matched_ratio", "matched_lower", "p_value"]
    xr.testing.assert_allclose(again[names].drop_vars("group", errors="ignore"), found[names])


def test_length__is_squared_for_shares_and_tests_but_not_for_ratios():
    distance = designed((2, 6), np.random.default_rng(13), configuration=1.0, seeds=1).drop_vars("seed")
    length = np.sqrt(distance).assign_attrs(distance.attrs | {"scale": "length"})
    squared, of_length = (tk.compare_groups(d, "architecture") for d in (distance, length))
    np.testing.assert_allclose(of_length.r_squared, squared.r_squared)
    assert of_length.p_value.item() == squared.p_value.item()
    assert of_length.between.item() < squared.between.item()
