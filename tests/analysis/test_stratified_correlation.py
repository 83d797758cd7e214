"""Rank correlation within strata."""

import numpy as np
import pytest
from scipy import stats

from trajkit.analysis.stratified_correlation import stratified_correlation


def test_one_stratum__gives_spearmans_correlation():
    x, y = np.random.default_rng(0).standard_normal((2, 30))
    found = stratified_correlation(x, y, np.zeros(30, int), permutations=1999)
    expected = stats.spearmanr(x, y, alternative="less")
    assert found.estimate == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.03)
    assert found.lower < found.estimate < found.upper


def test_strata__are_never_compared():
    x, stratum = np.tile(np.arange(4.0), 3), np.repeat([0, 1, 2], 4)
    fall = stratified_correlation(x, 100.0 * stratum - x, stratum, permutations=99)
    assert fall.estimate == pytest.approx(-1)
    assert fall.p_value == pytest.approx(0.01)
    assert np.isnan(fall.lower)
    rise = stratified_correlation(x, x - 100.0 * stratum, stratum, permutations=99)
    assert rise.estimate == pytest.approx(1)
    assert rise.p_value == 1


def test_p_values__are_uniform_without_an_effect():
    random, stratum = np.random.default_rng(0), np.repeat([0, 1], 6)
    p = [
        stratified_correlation(*random.standard_normal((2, 12)), stratum, permutations=39, seed=s).p_value
        for s in range(200)
    ]
    assert 0.4 < np.mean(p) < 0.6
    assert np.mean(np.array(p) <= 0.1) < 0.16


def test_constant_values__have_no_correlation():
    assert np.isnan(stratified_correlation(np.arange(6.0), np.ones(6), np.zeros(6, int))).all()
