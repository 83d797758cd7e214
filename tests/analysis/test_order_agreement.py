"""Agreement on the order of samples, beside its null."""

import numpy as np
import pytest
from scipy import stats

import trajkit as tk
from trajkit.analysis.order_agreement import order_agreement


@pytest.fixture(scope="module")
def ds():
    return tk.simulate(runs=4, samples=30, checkpoints=3, groups=2)


def test_order_agreement__is_the_mean_rank_correlation_of_pairs(ds):
    confidence = np.random.default_rng(0).random((4, 30))
    found = order_agreement(ds, confidence, permutations=9, draws=9)
    pairs = stats.spearmanr(confidence, axis=1).statistic[np.triu_indices(4, k=1)]
    assert float(found.estimate) == pytest.approx(pairs.mean())
    groups = order_agreement(ds, confidence, "architecture", permutations=9, draws=9)
    means = [confidence[ds.architecture.values == name].mean(0) for name in "AB"]
    assert float(groups.estimate) == pytest.approx(stats.spearmanr(*means).statistic)


def test_null__keeps_what_runs_agree_on_because_of_classes(ds):
    by_class = ds.label.values + np.random.default_rng(0).random((4, 30)) / 2
    found = order_agreement(ds, by_class, permutations=39, draws=9)
    assert found.estimate > 0.9
    assert found.null.mean() == pytest.approx(float(found.estimate), abs=0.05)
    shared = order_agreement(ds, np.tile(np.random.default_rng(0).random(30), (4, 1)), permutations=39, draws=9)
    assert float(shared.p_value) == 1 / 40
