"""Matched ratios and their intervals."""

import numpy as np
import pytest
from configurations import designed

import trajkit as tk


@pytest.mark.parametrize("levels", [(2, 3), (3, 2), (2, 2, 2)])
def test_matched_ratio__is_that_of_means_over_pairs_and_over_their_own_seeds(levels):
    random = np.random.default_rng(0)
    distance = designed(levels, random, dimension=3)
    label, seed = tk.configuration(distance).values, distance.seed.values
    names = ["architecture", "optimizer", "width"][: len(levels)]
    apart, own = [], []
    values = {c: tuple(distance[n].values[label == c][0] for n in names) for c in np.unique(label)}
    for a in values:
        for b in values:
            if a < b and values[a][1:] == values[b][1:] and values[a][0] != values[b][0]:
                one, other = np.flatnonzero(label == a), np.flatnonzero(label == b)
                apart.append(np.mean([distance.values[i, j] for i in one for j in other if seed[i] != seed[j]]))
                own.append(np.mean([distance.values[i, j] for c in (one, other) for i in c for j in c if i != j]))
    found = tk.compare_groups(distance, "architecture", permutations=1)
    assert found.matched_ratio.item() == pytest.approx(np.mean(apart) / np.mean(own))
    assert found.matched_pairs.item() == len(apart)


def test_matched_ratio__is_one_without_an_effect_though_seeds_and_configurations_differ():
    """Other settings differ by 4 deviations, all runs with one seed share an effect of one deviation."""
    random, ratios = np.random.default_rng(1), []
    place = 4 * random.standard_normal((6, 20))
    for _ in range(40):
        distance = designed((2, 6), random, seed_effect=1.0, effect=lambda value: place[value[1]])
        ratios.append(tk.compare_groups(distance, "architecture", permutations=1).matched_ratio.item())
    assert np.mean(ratios) == pytest.approx(1, abs=0.02)


def test_matched_ratio__does_not_depend_on_how_many_runs_have_a_value_or_on_other_configurations():
    random = np.random.default_rng(2)
    full = designed((2, 6, 2), random, effect=lambda value: np.ones(20) * value[0][:, None])
    # Only the first of the two widths has both architectures.
    some = np.flatnonzero((full.architecture.values == 0) | (full.width.values == 0))
    inside = np.flatnonzero(full.width.values == 0)
    ratio = [
        tk.compare_groups(full.isel(run=at, run2=at), "architecture", permutations=1).matched_ratio.item()
        for at in (some, inside)
    ]
    assert ratio[0] == pytest.approx(ratio[1])


SITUATIONS = {
    "no effect": {"shift": 0.0},
    "an effect": {"shift": 1.0, "configuration": 0.5},
    "a shared effect of seeds": {"shift": 1.0, "configuration": 0.5, "seed_effect": 1.0},
    "a large effect and seeds": {"shift": 3.0, "configuration": 0.5, "seed_effect": 1.0},
}


def covered(levels: tuple[int, ...], situation: str, datasets: int, dimension: int = 20) -> float:
    """Share of intervals that cover the ratio in a population of contexts and seeds, for these architectures."""
    about = dict(SITUATIONS[situation])
    random, shift = np.random.default_rng(3), about.pop("shift")
    place = shift * random.standard_normal((levels[0], dimension))
    apart = [np.square(place[i] - place[j]).sum() for i in range(levels[0]) for j in range(i)]
    seeds = 2 * dimension * (1 + about.get("seed_effect", 0) ** 2)
    truth = (np.mean(apart) + 2 * dimension * about.get("configuration", 0) ** 2 + seeds) / seeds
    inside = []
    for _ in range(datasets):
        distance = designed(levels, random, dimension=dimension, effect=lambda value: place[value[0]], **about)
        found = tk.compare_groups(distance, "architecture", permutations=1)
        inside.append(found.matched_lower.item() <= truth <= found.matched_upper.item())
    return float(np.mean(inside))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_matched_ratio__intervals_cover_what_other_contexts_and_seeds_would_give(situation):
    """Estimand: these architectures, a population of contexts and of seeds. Three standard errors of a share of 60."""
    assert covered((2, 6), situation, 60) >= 0.92 - 3 * np.sqrt(0.92 * 0.08 / 60)


@pytest.mark.slow
@pytest.mark.parametrize("levels", [(2, 6), (3, 4), (2, 9), (3, 6), (6, 3)])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_matched_ratio__intervals_cover_92_to_99_percent_from_12_configurations_on(levels, situation):
    """Estimand: these architectures, a population of contexts and of seeds. Two standard errors of a share of 600."""
    assert 0.92 - 0.022 <= covered(levels, situation, 600) <= 0.99 + 0.008


def test_matched_ratio__has_no_interval_below_six_configurations_and_says_so():
    random = np.random.default_rng(4)
    few = tk.compare_groups(designed((2, 2), random), "architecture", permutations=1)
    assert np.isfinite(few.matched_ratio.item())
    assert np.isnan([few.matched_lower.item(), few.matched_upper.item()]).all()
    assert "4 configurations in 2 contexts are too few for an interval" in few.limitations
    one = tk.compare_groups(designed((7, 1), random), "architecture", permutations=1)
    assert "7 configurations in one context" in one.limitations
    unreplicated = tk.compare_groups(designed((2, 6), random, seeds=1), "architecture", permutations=1)
    assert np.isnan(unreplicated.matched_ratio.item())
    assert "seeds were not measured" in unreplicated.limitations
