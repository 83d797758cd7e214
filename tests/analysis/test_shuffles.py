"""Null models: what they keep and what they permute."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.with_references(tk.simulate(runs=5, samples=60, spread=0.3, ragged=True), n_geodesic=9)


SHUFFLES = [tk.shuffle_within_class, tk.shuffle_confusions]
MEASURES = (
    *(tk.loss, tk.error, tk.progress, tk.distance_to_geodesic, tk.length),
    lambda ds: tk.progress(ds, "bhattacharyya"),
)


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("split", [None, "train", "test"])
def test_shuffles__keep_what_depends_on_labels_alone(ds, shuffle, split):
    some, null = ((d if split is None else tk.select(d, split=split)) for d in (ds, shuffle(ds, seed=1)))
    for measure in MEASURES:
        np.testing.assert_allclose(measure(null), measure(some), atol=1e-6)


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_shuffles__leave_references_and_their_input_and_depend_on_the_seed(ds, shuffle):
    before = ds.copy(deep=True)
    null = shuffle(ds, 3)
    assert ds.identical(before)
    references = ds.kind == "reference"
    assert null.sel(run=references).identical(ds.sel(run=references))
    assert null.identical(shuffle(ds, 3))
    assert not null.equals(shuffle(ds, 4))


def test_shuffle_within_class__permutes_each_run_its_own_way_within_class_and_split(ds):
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


def test_shuffle_confusions__permutes_wrong_classes_alike_at_all_checkpoints(ds):
    null = tk.shuffle_confusions(ds)
    np.testing.assert_allclose(tk.data_map(null).confidence, tk.data_map(ds).confidence, atol=1e-6)
    orders = set()
    for sample in range(20):
        a, b = (d.log_prob.values[0, 5:8, sample] for d in (ds, null))
        order = [int(np.flatnonzero(a[0] == value)[0]) for value in b[0]]
        np.testing.assert_array_equal(b, a[:, order])
        assert order[int(ds.label[sample])] == int(ds.label[sample])
        orders.add(tuple(order))
    assert len(orders) > 5
