"""Laws of what is said about trajectories: nulls, trees, groups, intervals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

import trajkit as tk


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.with_references(tk.simulate(runs=5, samples=60, spread=0.3, ragged=True), n_geodesic=9)


@pytest.mark.parametrize(
    "measure",
    [tk.loss, tk.error, tk.progress, lambda d: tk.progress(d, "bhattacharyya"), tk.distance_to_geodesic, tk.length],
)
@pytest.mark.parametrize("split", [None, "train", "test"])
def test_shuffle__keeps_what_depends_on_labels_alone(ds, measure, split):
    null = tk.shuffle_within_class(ds, seed=1)
    if split:
        ds, null = tk.select(ds, split=split), tk.select(null, split=split)
    np.testing.assert_allclose(measure(null), measure(ds), atol=1e-6)


def test_shuffle__permutes_each_run_its_own_way_within_class_and_split(ds):
    null = tk.shuffle_within_class(ds)
    permutations = set()
    for run in ds.run.values[:5]:
        before, after = ds.log_prob.sel(run=run).values, null.log_prob.sel(run=run).values
        place = [int(np.flatnonzero((before[3] == row).all(-1))[0]) for row in after[3]]
        assert sorted(place) == list(range(60))
        np.testing.assert_array_equal(after, before[:, place])
        np.testing.assert_array_equal(ds.label.values[place], ds.label.values)
        np.testing.assert_array_equal(ds.split.values[place], ds.split.values)
        permutations.add(tuple(place))
    assert len(permutations) == 5


def test_shuffle__leaves_references_and_its_input(ds):
    before = ds.copy(deep=True)
    null = tk.shuffle_within_class(ds)
    assert ds.identical(before)
    references = ds.kind == "reference"
    assert null.sel(run=references).identical(ds.sel(run=references))


def test_shuffle__the_same_seed_gives_the_same_and_another_another(ds):
    assert tk.shuffle_within_class(ds, 3).identical(tk.shuffle_within_class(ds, 3))
    assert not tk.shuffle_within_class(ds, 3).equals(tk.shuffle_within_class(ds, 4))


def test_shuffle__parts_runs_that_bend_alike(ds):
    """What runs of one group have in common is lost, what all share with the geodesic is not."""
    alike = ds.sel(run=["A-0", "A-1"])
    apart = tk.trajectory_distance(tk.shuffle_within_class(alike), n=20)
    assert float(tk.trajectory_distance(alike, n=20)[0, 1]) < 0.5 * float(apart[0, 1])


# cluster


def matrix(n: int, seed: int = 0) -> xr.DataArray:
    """Distances of n runs at random."""
    values = np.random.default_rng(seed).random((n, n)) + 0.1
    values = np.triu(values, 1) + np.triu(values, 1).T
    names = [f"{i}" for i in range(n)]
    return xr.DataArray(values, {"run": names, "run2": names}, ("run", "run2"), "distance", {"units": "nat"})


@pytest.mark.parametrize("method", ["average", "complete", "single", "weighted"])
@pytest.mark.parametrize("n", [3, 8, 25])
def test_cluster__agrees_with_scipy(n, method):
    distance = matrix(n)
    tree = tk.cluster(distance, method=method)
    table = linkage(squareform(distance.values), method)
    np.testing.assert_allclose(tree.height, table[:, 2])
    np.testing.assert_array_equal(tree["size"], table[:, 3])
    correlation, heights = cophenet(table, squareform(distance.values))
    np.testing.assert_allclose(squareform(tree.cophenetic.values), heights)
    assert float(tree.cophenetic_correlation) == pytest.approx(correlation, rel=1e-9)


def turned(tree: xr.Dataset) -> list[tuple[int, ...]]:
    """Every order of leaves that turning branches can give."""
    n = tree.sizes["run"]
    orders = [[(i,)] for i in range(n)]
    for a, b in tree.joined.values:
        both = list(itertools.product(orders[a], orders[b]))
        orders.append([x + y for x, y in both] + [y + x for x, y in both])
    return orders[-1]


@pytest.mark.parametrize("seed", range(5))
def test_cluster__no_turn_of_the_branches_brings_neighbours_nearer(seed):
    distance = matrix(8, seed)
    tree = tk.cluster(distance)
    order = np.argsort(tree.position.values)

    def between_neighbours(order):
        return sum(distance.values[i, j] for i, j in itertools.pairwise(order))

    assert tuple(order) in turned(tree)
    assert between_neighbours(order) == pytest.approx(min(map(between_neighbours, turned(tree))), rel=1e-12)


def test_cluster__joins_the_groups_last_and_does_not_mind_the_order_of_runs(ds):
    networks = ds.sel(run=ds.kind == "network")
    distance = tk.trajectory_distance(networks, n=10)
    tree = tk.cluster(distance)
    runs = tree.sortby("position").architecture.values
    assert (runs[:-1] != runs[1:]).sum() == 1
    assert tree.height[-1] > 2 * tree.height[-2]
    other = np.random.default_rng(0).permutation(5)
    mixed = tk.cluster(distance.isel(run=other, run2=other))
    xr.testing.assert_allclose(mixed.cophenetic.sel(run=tree.run, run2=tree.run2), tree.cophenetic)


def test_cluster__says_nan_where_no_correlation_is_defined():
    assert np.isnan(tk.cluster(matrix(2)).cophenetic_correlation)
    alike = matrix(5).copy(data=0.3 * (1 - np.eye(5)))
    assert np.isnan(tk.cluster(alike).cophenetic_correlation)


def test_cluster__refuses_what_is_no_distance_of_runs():
    with pytest.raises(ValueError, match="method: wanted one of"):
        tk.cluster(matrix(3), method="ward")
    with pytest.raises(ValueError, match="two runs or more"):
        tk.cluster(matrix(1))
    with pytest.raises(ValueError, match="diagonal"):
        tk.cluster(matrix(3) + 1)
    with pytest.raises(TypeError, match="DataArray"):
        tk.cluster(matrix(3).to_dataset())
