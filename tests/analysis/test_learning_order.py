"""Whether groups of runs learn samples in the same order."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import trajkit as tk


def with_ease(shared: float, of_group: float, own: float, seed: int = 0) -> xr.Dataset:
    """Runs in two groups of four that learn samples as easily as all, their group, or they alone find them."""
    random, label = np.random.default_rng(seed), np.arange(80) % 4
    group = np.repeat([0, 1], 4)
    ease = shared * random.random(80) + of_group * random.random((2, 80))[group] + own * random.random((8, 80))
    logits = 8 * np.linspace(0, 1, 6)[:, None, None] * ease[:, None, :, None] * np.eye(4)[label]
    return tk.from_arrays(logits=logits, label=label, runs={"architecture": list("aaaabbbb"), "seed": [0, 1, 2, 3] * 2})


def test_learning_order__is_spearmans_correlation_of_confidences():
    ds = with_ease(1, 0.5, 0.5)
    found = tk.learning_order(ds, "architecture", null_draws=2)
    confidence = tk.data_map(ds).confidence
    expected = stats.spearmanr(confidence, axis=1).statistic
    np.testing.assert_allclose(found.agreement, expected, atol=1e-12)
    alike = ds.architecture.values[:, None] == ds.architecture.values
    upper = np.triu(np.ones((8, 8), dtype=bool), 1)
    within, between = expected[alike & upper].mean(), expected[~alike & upper].mean()
    np.testing.assert_allclose(found.estimate, [within, between, between / within])
    np.testing.assert_allclose(found.of_groups[0, 1], between)
    assert (found.lower < found.estimate).all()
    assert (found.estimate < found.upper).all()


def test_learning_order__the_share_of_the_ceiling_is_one_if_groups_do_not_matter():
    alike = tk.learning_order(with_ease(1, 0, 0.5), "architecture", null_draws=19)
    share = alike.sel(quantity="share of ceiling")
    assert share.lower < 1 < share.upper
    assert (alike.p_value.sel(quantity=["within", "between"]) == 0.05).all()
    apart = tk.learning_order(with_ease(1, 1, 0.3), "architecture", null_draws=19)
    assert apart.upper.sel(quantity="share of ceiling") < 0.9
    none = tk.learning_order(with_ease(0, 0, 1), "architecture", null_draws=19)
    assert (none.p_value.sel(quantity=["within", "between"]) > 0.05).all()


@pytest.mark.parametrize("measure", ["correctness", "learned"])
def test_learning_order__of_other_measures_and_over_samples(measure):
    random = np.random.default_rng(1)
    label = np.arange(60) % 3
    right = random.random((6, 1, 60)) * 0.5 + random.random(60) < np.linspace(0, 1.2, 7)[:, None]
    prob = np.where(right[..., None], np.eye(3)[label] * 0.7 + 0.1, np.eye(3)[(label + 1) % 3] * 0.7 + 0.1)
    ds = tk.from_arrays(prob=prob, label=label, runs={"architecture": list("aabbcc"), "seed": [0, 1] * 3})
    found = tk.learning_order(
        ds, "architecture", measure=measure, over="sample", interval="percentile", draws=50, null_draws=9
    )
    assert (found.lower < found.upper).all()
    assert float(found.estimate[1]) > 0.3
