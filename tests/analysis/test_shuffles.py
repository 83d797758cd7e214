"""Null models: what they keep and what they permute."""

import numpy as np
import pytest
import xarray as xr
from scipy.special import logit

import trajkit as tk
from trajkit.analysis.shuffles import permuted_within


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.with_references(tk.simulate(runs=5, samples=60, spread=0.3, ragged=True), n_geodesic=9)


SHUFFLES = [tk.shuffle_within_class, tk.shuffle_confusions, tk.shuffle_contexts]
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


def texts(samples: int = 80, classes: int = 60) -> xr.Dataset:
    """Predictions that lean to labels of which many are rare: a random mean prediction, then more of each label."""
    random = np.random.default_rng(0)
    share = random.dirichlet(np.full(classes, 0.5))
    label = random.choice(classes, samples, p=share)
    certainty = np.linspace(0, 3, 4)[:, None, None] * random.random((3, 1, samples, 1)) * np.eye(classes)[label]
    noise = np.linspace(0, 1, 4)[:, None, None] * random.normal(size=(3, 1, samples, classes))
    split = np.repeat(["train", "test"], samples // 2)
    return tk.from_arrays(
        logits=np.log(share + 1e-4) + certainty + noise, label=label, runs={"seed": range(3)}, split=split
    )


def test_shuffle_contexts__of_shared_labels_is_the_shuffle_within_class(ds):
    assert tk.shuffle_contexts(ds, 5).identical(tk.shuffle_within_class(ds, 5))


def test_shuffle_contexts__a_model_that_ignores_its_context_is_its_own_null():
    some = texts()
    alone = some.label.to_series().groupby([some.split.values, some.label.values]).transform("size") == 1
    assert 0.1 < alone.mean() < 0.9
    for split in ("train", "test"):
        # The first checkpoint ignores its context.
        null = tk.shuffle_contexts(some, 1)
        np.testing.assert_allclose(null.log_prob[:, 0], some.log_prob[:, 0], atol=2e-6)
        part, other = (tk.select(d, split=split) for d in (some, null))
        # Later ones do not, also where a label is rare.
        rare = alone.values[some.split.values == split]
        assert (np.abs(other.log_prob - part.log_prob)[:, 1:, rare].max("class") > 1e-3).mean() > 0.8
    tk.validate(null)

    def away(ds):
        return tk.nearest_approach(ds, tk.ignorance(ds)).distance

    first = some.isel(checkpoint=[0])
    np.testing.assert_allclose(tk.null_test(first, away, 3, null=tk.shuffle_contexts).ratio, 1, atol=1e-6)


def test_shuffle_contexts__of_rare_labels_moves_what_is_added_to_a_label_to_a_label():
    some = texts()
    null = tk.shuffle_contexts(some, 2)
    np.testing.assert_allclose(tk.loss(null), tk.loss(some), rtol=0.02)
    assert np.abs(tk.progress(null) - tk.progress(some)).max() < 0.02
    label = some.label.values
    shared = some.label.to_series().groupby([some.split.values, label]).transform("size").values > 1
    # By the formula, in one run and checkpoint: what one context adds is what another one added.
    for split in ("train", "test"):
        inside = some.split.values == split
        at = np.flatnonzero(inside & ~shared)
        mean = np.log(np.exp(some.log_prob.values[1, 3, inside].astype(float)).mean(0))
        old, new = (d.log_prob.values[1, 3, at].astype(float) - mean for d in (some, null))
        met = []
        for n, row in zip(at, new, strict=True):
            # Up to the normaliser; at both labels the classes are exchanged.
            gap = [np.ptp(np.delete(row - other, [label[n], label[k]])) for k, other in zip(at, old, strict=True)]
            met.append(int(at[np.argmin(gap)]))
            assert min(gap) < 1e-4
        assert sorted(met) == at.tolist()
        # The sum of log odds beyond those of the mean is what it was.
        odds = [logit(np.exp(d.log_prob.values[1, 3, at, label[at]].astype(float))) for d in (some, null)]
        assert odds[0].sum() == pytest.approx(odds[1].sum(), abs=1e-3)
        assert np.abs(odds[0] - odds[1]).max() > 0.1


def test_shuffle_contexts__certain_predictions_are_moved_or_refused():
    certain = tk.from_arrays(prob=[[np.eye(4)[[1, 2]]]], label=[1, 2], runs={"seed": [0]})
    nowhere = tk.from_arrays(prob=[[np.eye(4)[[0, 2]]]], label=[1, 2], runs={"seed": [0]})
    exchanged = next(seed for seed in range(20) if permuted_within(np.zeros(2), 1, np.random.default_rng(seed))[0, 0])
    np.testing.assert_allclose(np.exp(tk.shuffle_contexts(certain, exchanged).log_prob), np.exp(certain.log_prob))
    with pytest.raises(ValueError, match="certain of one label and rules out another in every context"):
        tk.shuffle_contexts(nowhere, exchanged)


def test_shuffle_contexts__missing_checkpoints_stay_missing():
    some = texts()
    there = some.step.copy(data=np.arange(4) < np.array([4, 3, 4])[:, None])
    short = some.assign(step=some.step.where(there, -1), log_prob=some.log_prob.where(there))
    null = tk.shuffle_contexts(short, 2)
    tk.validate(null)
    assert null.log_prob.equals(tk.shuffle_contexts(some, 2).log_prob.where(there))
