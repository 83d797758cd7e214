"""The order of the leaves of a tree."""

import itertools

import numpy as np
import pytest
import xarray as xr
from strategies import run_distances

import trajkit as tk


def between_neighbours(distance: xr.DataArray, order: tuple[int, ...]) -> float:
    return float(distance.values[order[:-1], order[1:]].sum())


@pytest.mark.parametrize("n", [2, 3, 5, 8])
@pytest.mark.parametrize("seed", range(5))
def test_leaf_order__of_all_turns_of_the_branches_it_has_the_smallest_sum(n, seed):
    distance = run_distances(n, seed)
    tree = tk.cluster(distance)
    turns = [[(i,)] for i in range(n)]
    for a, b in tree.joined.values:
        both = list(itertools.product(turns[a], turns[b]))
        turns.append([x + y for x, y in both] + [y + x for x, y in both])
    order = tuple(np.argsort(tree.position.values))
    assert order in turns[-1]
    least = min(between_neighbours(distance, turn) for turn in turns[-1])
    assert between_neighbours(distance, order) == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("values", ["random", "chain"])
def test_leaf_order__turning_one_branch_of_a_large_tree_makes_the_sum_no_smaller(values):
    distance = run_distances(60)
    if values == "chain":
        # Each run joins all before it.
        distance = distance.copy(data=np.maximum(*np.indices((60, 60)), dtype=float) * (1 - np.eye(60)))
    tree = tk.cluster(distance)
    order = np.argsort(tree.position.values)
    below = [{i} for i in range(60)]
    for a, b in tree.joined.values:
        below.append(below[a] | below[b])
    for branch in below:
        at = np.flatnonzero(np.isin(order, list(branch)))
        assert at.tolist() == list(range(at[0], at[-1] + 1))
        turned = order.copy()
        turned[at] = order[at][::-1]
        assert between_neighbours(distance, turned) >= between_neighbours(distance, order) - 1e-12
