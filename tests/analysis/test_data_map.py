"""How samples are learned."""

import itertools

import numpy as np
import pytest
from scipy import stats

import trajkit as tk


def test_data_map__agrees_with_loops_over_checkpoints():
    random, label = np.random.default_rng(0), np.arange(12) % 4
    logits = [
        2 * random.standard_normal((n, 12, 4)) + np.linspace(0, 4, n)[:, None, None] * np.eye(4)[label]
        for n in (7, 5, 6, 1)
    ]
    ds = tk.from_arrays(logits=logits, label=label, runs={"seed": range(4)})
    found = tk.data_map(ds)
    for run, name in itertools.product(ds.run.values, ds["sample"].values):
        one = ds.sel(run=run, sample=name)
        p, right, step = [], [], []
        for k in np.flatnonzero(one.step.values >= 0):
            row = np.exp(one.log_prob.values[k])
            p.append(row[int(one.label)])
            right.append(bool(row.argmax() == int(one.label)))
            step.append(int(one.step.values[k]))
        at = found.sel(run=run, sample=name)
        assert float(at.confidence) == pytest.approx(np.mean(p), rel=1e-5)
        assert float(at.variability) == pytest.approx(np.std(p), rel=1e-4)
        assert float(at.correctness) == pytest.approx(np.mean(right))
        assert int(at.forgetting) == sum(a and not b for a, b in itertools.pairwise(right))
        always = [s for k, s in enumerate(step) if all(right[k:])]
        assert float(at.learned) == (always[0] if always else np.inf)
    expected = stats.spearmanr(found.confidence[0], found.confidence[1]).statistic
    assert float(found.agreement[0, 1]) == pytest.approx(expected)


def test_data_map__groups_are_means_of_their_runs_and_references_are_left_out():
    ds = tk.with_references(tk.simulate(runs=5, spread=0.3), n_geodesic=3)
    single, grouped = tk.data_map(ds), tk.data_map(ds, by="architecture")
    assert single.sizes["run"] == 5
    of_b = [run for run in single.run.values if run.startswith("B")]
    np.testing.assert_allclose(grouped.confidence.sel(group="B"), single.confidence.sel(run=of_b).mean("run"))
    np.testing.assert_allclose(grouped.learned.sel(group="B"), single.learned.sel(run=of_b).median("run"))
    np.testing.assert_allclose(np.diag(grouped.agreement), 1)


def test_data_map__a_run_that_knows_nothing_and_a_run_that_knows_all():
    ds = tk.from_arrays(
        prob=np.array([[[[0.25] * 4] * 8] * 3, [np.eye(4)[np.arange(8) % 4]] * 3]),
        label=np.arange(8) % 4,
        runs={"seed": [0, 1]},
    )
    found = tk.data_map(ds)
    assert (found.confidence[0] == 0.25).all()
    assert (found.confidence[1] == 1).all()
    assert (found.learned[1] == 0).all()
    assert (found.forgetting == 0).all()
    assert (found.variability == 0).all()
    assert np.isnan(found.agreement).all()
