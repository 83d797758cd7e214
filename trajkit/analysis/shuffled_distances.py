"""Distances of runs under many shuffles of their samples, from one table instead of one computation for each draw."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from trajkit.analysis.shuffles import kinds_of_samples, permuted_within
from trajkit.distances import Metric, pairwise
from trajkit.progress_bar import open_bar
from trajkit.typing import Array, Indices, Labels
from trajkit.workspace import workspace_bytes


class ShuffledDistances(NamedTuple):
    """Distances of pairs of runs under shuffles, and what decides how much they vary with the samples."""

    # (draw, pair)
    draws: Array
    # (sample, sample2): mean over the pairs (u, v) of the distance of sample in u and sample2 in v; NaN for two samples
    # that no shuffle exchanges.
    kernel: Array


def table_pays(even: xr.Dataset, draws: int) -> bool:
    """Tell whether the table of `shuffled_distances` costs less than computing so many draws one by one.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(samples=100, classes=10)
    >>> table_pays(ds, 4), table_pays(ds, 999)
    (False, True)
    """
    size = np.bincount(kinds_of_samples(even))
    # One draw compares each sample with one other, the table with all samples of its kind.
    return bool((even["step"].values >= 0).all() and np.square(size).sum() < draws * size.sum())


def shuffled_distances(
    even: xr.Dataset, metric: Metric, pairs: tuple[Indices, Indices], seeds: list[int], progress_bar: bool | None = None
) -> ShuffledDistances:
    """Compute the mean distance of pairs of runs for draws of `shuffle_within_class`.

    A distance is a mean over samples, so a shuffle only chooses which sample of one run meets which sample of the
    other. With d_k(u_s, v_t) the distance of sample s of run u and sample t of run v at checkpoint k,

        table(u_s, v_t) = mean_k d_k(u_s, v_t),  draw(u, v) = (1/N) sum_n table(u_pi(n), v_rho(n))

    where pi and rho permute the samples of u and v. The table has entries for samples of one class and split only.

    Parameters
    ----------
    even
        Runs at equal progress, without missing checkpoints or reference runs.
    metric
        The distance and its cap; it must be symmetric.
    pairs
        Places of the two runs of each pair, the first below the second.
    seeds
        One seed for each draw; the draw is the one that `shuffle_within_class` makes with it.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Examples
    --------
    >>> import trajkit as tk
    >>> even = tk.resample(tk.simulate(runs=3, spread=0.3), 5)
    >>> metric, pairs = Metric("hellinger"), (np.array([0, 1]), np.array([1, 2]))
    >>> draw = tk.trajectory_distance(tk.shuffle_within_class(even, 7), n=5, metric="hellinger")
    >>> bool(np.allclose(shuffled_distances(even, metric, pairs, [7]).draws[0], draw.values[pairs]))
    True
    """
    runs, samples, kind = even.sizes["run"], even.sizes["sample"], kinds_of_samples(even)
    places = np.array([permuted_within(kind, runs, np.random.default_rng(s)).astype(np.int32) for s in seeds])
    draws, kernel = np.zeros((len(seeds), len(pairs[0]))), np.full((samples, samples), np.nan)
    with open_bar(samples, "draws of the null", progress_bar) as bar:
        for at in (np.flatnonzero(kind == k) for k in np.unique(kind)):
            place, total = np.searchsorted(at, places[:, :, at]), np.zeros((len(at), len(at)))
            for first, last in _blocks(runs, len(at)):
                mine = np.flatnonzero((pairs[0] >= first) & (pairs[0] < last))
                u, v = pairs[0][mine], pairs[1][mine]
                of_pairs = _table(even, metric, at, first, last)[u - first, :, v - first]
                total += of_pairs.sum(0)
                flat, start = of_pairs.ravel(), (np.arange(len(mine)) * len(at) ** 2)[:, None]
                for draw in range(len(seeds)):
                    draws[draw, mine] += flat.take(start + place[draw, u] * len(at) + place[draw, v]).sum(1)
                bar.update(len(at) * (last - first) / runs)
            kernel[np.ix_(at, at)] = total / len(pairs[0])
    return ShuffledDistances(draws / samples, kernel)


def ratio_interval_of(kernel: Array, kind: Labels, level: float, seed: int, draws: int = 999) -> tuple[float, float]:
    """Bootstrap mean distance / mean distance under the null over the samples, within class and split.

    Each draw of samples has its own null: the mean over all shuffles of the samples drawn. So the interval includes how
    much the null itself varies with the samples. A sample that is drawn twice is not exchanged with its own copy.

    Parameters
    ----------
    kernel
        (sample, sample2), from `shuffled_distances`.
    kind
        Class and split of each sample, as a number.
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.
    draws
        Number of bootstrap draws.

    Examples
    --------
    >>> kernel = np.where(np.eye(4, dtype=bool), 1.0, 4.0)
    >>> ratio_interval_of(kernel, np.zeros(4, dtype=int), 0.95, seed=0)
    (0.3076923076923077, 0.3076923076923077)
    """
    random = np.random.default_rng(seed)
    observed, null = np.zeros((2, draws))
    for at in (np.flatnonzero(kind == k) for k in np.unique(kind)):
        size, own = len(at), np.diagonal(kernel)[at]
        others = kernel[np.ix_(at, at)] - np.diag(own)
        times = random.multinomial(size, np.full(size, 1 / size), draws).astype(np.float64)
        exchanged, pairs = ((times @ others) * times).sum(1), size**2 - np.square(times).sum(1)
        # With two samples of a kind, or few, a draw can hold one sample only: then the mean of all pairs stands for it.
        other = np.where(pairs > 0, exchanged / np.maximum(pairs, 1), others.sum() / max(1, size * (size - 1)))
        kept = times @ own / size
        observed += size * kept
        null += kept + (size - 1) * other
    if not (null > 0).all():
        return np.nan, np.nan  # all runs are equal
    lower, upper = np.quantile(observed / null, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)


def _blocks(runs: int, samples: int) -> list[tuple[int, int]]:
    """Split the runs so that the table of each block, and what is taken from it, fit the workspace."""
    size = max(1, int(workspace_bytes() / (2 * 8 * samples**2 * runs)))
    return [(first, min(first + size, runs)) for first in range(0, runs, size)]


def _table(even: xr.Dataset, metric: Metric, at: Indices, first: int, last: int) -> Array:
    """Mean over checkpoints of the distance of each sample of some runs to each of these and later runs.

    Shape: (run, sample, run2, sample2).
    """
    log_prob, runs = even["log_prob"].values[first:][:, :, at], even["run"].values[first:]
    size, count = (last - first) * len(at), even.sizes["checkpoint"]
    names = {"run": ("point", np.repeat(runs, len(at))), "sample": [0], "class": even["class"].values}
    total = np.zeros((size, len(runs) * len(at)))
    for k in range(count):
        # Each sample of a run is a point of its own: so the formulas and their precision are those of `pairwise`.
        values = log_prob[:, k].reshape(-1, 1, log_prob.shape[-1])
        coords = names | {"checkpoint": ("point", np.full(len(values), k))}
        later = xr.Dataset({"log_prob": (("point", "sample", "class"), values)}, coords)
        total += pairwise(later.isel(point=slice(size)), later, metric=metric, progress_bar=False).values
    return (total / count).reshape(last - first, len(at), len(runs), len(at))
