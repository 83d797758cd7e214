"""Laws of trees of runs."""

import numpy as np
import pytest
import xarray as xr
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform
from strategies import run_distances

import trajkit as tk


@pytest.fixture(scope="module")
def distance() -> xr.DataArray:
    ds = tk.simulate(runs=5, samples=60, spread=0.3, ragged=True)
    return tk.trajectory_distance(ds, n=10)


@pytest.mark.parametrize("method", ["average", "complete", "single", "weighted"])
@pytest.mark.parametrize("n", [3, 8, 25])
def test_cluster__agrees_with_scipy(n, method):
    given = run_distances(n)
    tree = tk.cluster(given, method=method)
    table = linkage(squareform(given.values), method)
    np.testing.assert_allclose(tree.height, table[:, 2])
    np.testing.assert_array_equal(tree.runs_below, table[:, 3])
    correlation, heights = cophenet(table, squareform(given.values))
    np.testing.assert_allclose(squareform(tree.cophenetic.values), heights)
    assert float(tree.cophenetic_correlation) == pytest.approx(correlation, rel=1e-9)


def test_cluster__joins_the_groups_last_and_does_not_depend_on_the_order_of_runs(distance):
    tree = tk.cluster(distance)
    runs = tree.sortby("position").architecture.values
    assert (runs[:-1] != runs[1:]).sum() == 1
    assert tree.height[-1] > 2 * tree.height[-2]
    other = np.random.default_rng(0).permutation(5)
    mixed = tk.cluster(distance.isel(run=other, run2=other))
    xr.testing.assert_allclose(mixed.cophenetic.sel(run=tree.run, run2=tree.run2), tree.cophenetic)


def test_cluster__the_correlation_is_nan_where_it_is_not_defined():
    assert np.isnan(tk.cluster(run_distances(2)).cophenetic_correlation)
    equal = run_distances(5).copy(data=0.3 * (1 - np.eye(5)))
    assert np.isnan(tk.cluster(equal).cophenetic_correlation)


def test_cluster__keeps_run_attributes_unless_a_variable_has_the_name(distance):
    size = ("run", np.full(5, "small"))
    tree = tk.cluster(distance.assign_coords(size=size, height=size))
    assert tree["size"].dims == ("run",)
    assert tree["height"].dims == ("join",)


def test_cluster__heights_keep_the_quantity_and_units_of_the_distances(distance):
    for name in ("height", "cophenetic"):
        attrs = tk.cluster(distance)[name].attrs
        assert attrs == {key: distance.attrs[key] for key in ("long_name", "metric", "scale", "units")}


def test_cluster__refuses_other_things_than_distances_of_runs(distance):
    with pytest.raises(ValueError, match=r"method: wanted one of \['average', .*got 'ward'"):
        tk.cluster(distance, method="ward")
    with pytest.raises(ValueError, match="wanted two runs or more to join, got 1"):
        tk.cluster(distance.isel(run=[0], run2=[0]))
    with pytest.raises(ValueError, match="diagonal of the matrix of distances is not zero"):
        tk.cluster(distance + 1)
    with pytest.raises(TypeError, match=r"wanted an xarray\.DataArray \(run, run2\)"):
        tk.cluster(distance.to_dataset(name="distance"))
