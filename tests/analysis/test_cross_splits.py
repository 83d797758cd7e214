"""Halves of configurations, shares and what each run adds to them, and the jackknife."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from strategies import as_distance

import trajkit as tk
from trajkit.analysis.cross_splits import Distances, jackknife, share, shares, splits_of

N = 4


def distances(runs: int) -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((runs * N, 5))
    return np.square(x[:, None] - x).sum(-1)


def points_of(runs: np.ndarray) -> np.ndarray:
    return (runs[:, None] * N + np.arange(N)).ravel()


def plain_share(d: np.ndarray, embedded: np.ndarray, explained: np.ndarray) -> float:
    """Embed, project and compare with public functions."""
    a, b = points_of(embedded), points_of(explained)
    new = tk.project(tk.inpca(as_distance(d[np.ix_(a, a)]), 2), as_distance(d[np.ix_(b, a)]))
    return float(tk.explained_distance(new, as_distance(d[np.ix_(b, b)]))[-1])


def test_shares__change_by_twice_what_half_a_weight_changes_in_inpca_and_project() -> None:
    """All other runs twice give a run half of their weight."""
    d, a, b = distances(7), np.array([1, 4, 6]), np.array([0, 2, 5])
    got = shares(a, b, 2, Distances(d, d, d), 7)
    assert got[0] == share(a, b, 2, Distances(d, d, d), np.ones(7))
    assert_allclose(got[0], plain_share(d, a, b))
    for r in range(7):
        of_a, of_b = (np.repeat(some, np.where(some == r, 1, 2)) for some in (a, b))
        assert_allclose(got[1 + r] - got[0], 2 * (plain_share(d, of_a, of_b) - got[0]), atol=1e-9)


def test_share__weights_count_as_repeated_runs() -> None:
    d = distances(6)
    run = np.array([0, 0, 1, 2, 3, 3, 4, 5])
    twice = d[np.ix_(points_of(run), points_of(run))]
    weight = np.array([2.0, 1, 1, 2, 1, 1])
    weighted = share(np.arange(3), np.arange(3, 6), 2, Distances(d, d, d), weight)
    repeated = share(np.arange(4), np.arange(4, 8), 2, Distances(twice, twice, twice), np.ones(8))
    assert weighted == pytest.approx(repeated)


@pytest.mark.parametrize(("other", "explained", "size"), [(9, 7, 3), (2, 7, 2), (9, 40, 8), (1, 2, 1)])
def test_splits__hold_out_half_and_embed_as_many_of_both_groups(other: int, explained: int, size: int) -> None:
    configuration = np.repeat(np.arange(other + explained), 2)
    of_other, of_explained = np.arange(other), np.arange(other, other + explained)
    for split in splits_of(configuration, of_other, of_explained, 20, np.random.default_rng(0)):
        held_out, own, beside = (configuration[part] for part in split)
        assert len(own) == len(beside) == size
        assert len(held_out) == min(8, explained - explained // 2)
        assert not set(held_out) & set(own)
        assert set(beside) <= set(of_other)
        assert {*held_out, *own} <= set(of_explained)
    assert splits_of(configuration, of_other, of_explained[:1], 5, np.random.default_rng(0)) == []


@pytest.mark.parametrize(("other", "explained"), [(12, 12), (9, 7), (2, 12), (30, 20), (6, 13)])
def test_splits__embed_and_hold_out_each_configuration_equally_often(other: int, explained: int) -> None:
    every = np.arange(other + explained)
    of_other, of_explained = every[:other], every[other:]
    splits = splits_of(every, of_other, of_explained, 12, np.random.default_rng(0))
    for part, some in (("held_out", of_explained), ("own", of_explained), ("other", of_other)):
        count = np.bincount(np.concatenate([getattr(s, part) for s in splits]), minlength=len(every))[some]
        assert np.ptp(count) <= 2
    assert np.ptp(np.bincount(np.concatenate([s.own for s in splits]))[of_explained]) <= 1


def test_jackknife__of_a_difference_of_means_is_the_welch_interval() -> None:
    random = np.random.default_rng(0)
    x, y = random.standard_normal(6), 3 * random.standard_normal(9)
    without = [np.delete(x, i).mean() - y.mean() for i in range(6)]
    without += [x.mean() - np.delete(y, i).mean() for i in range(9)]
    got = jackknife(np.array([x.mean() - y.mean(), *without]), [np.arange(6), np.arange(6, 15)], 0.9)
    exact = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.9)
    assert_allclose([got.lower, got.upper], [exact.low, exact.high])


def test_jackknife__has_a_least_standard_error() -> None:
    values, strata = np.array([1.0, 1.1, 0.9, 1.0]), [np.arange(3)]
    free, bounded, other = (jackknife(values, strata, 0.9, least) for least in (0.0, 10.0, np.nan))
    assert bounded.standard_error == 10
    width = (free.upper - free.estimate) / free.standard_error
    assert_allclose(bounded.upper - bounded.estimate, 10 * width)
    assert_allclose(other, free)
