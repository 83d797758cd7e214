"""Null models: samples exchanged within their classes or confusions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from trajkit.schema import is_network, validate
from trajkit.typing import Indices, Labels


def shuffle_within_class(ds: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """Permute each run's samples among those of the same class and split: a null model for what runs have in common.

    One permutation per run, the same at all its checkpoints. Its loss and error, its progress and its distances to
    ignorance, truth and geodesic stay as they are (all are means over samples of quantities that depend on the label
    alone); only which sample is learned when is scrambled. Reference runs, alike for all samples of a class, are left.

    Parameters
    ----------
    ds
        A trajectory dataset.
    seed
        Of the permutations.

    Returns
    -------
    xarray.Dataset
        `ds` with permuted `log_prob`.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(spread=0.3)
    >>> null = tk.shuffle_within_class(ds)
    >>> bool(abs(tk.loss(null) - tk.loss(ds)).max() < 1e-6), bool((null.log_prob == ds.log_prob).all())
    (True, False)
    """
    validate(ds)
    return _within_class(ds, seed)


def _within_class(ds: xr.Dataset, seed: int) -> xr.Dataset:
    random = np.random.default_rng(seed)
    log_prob, runs = ds["log_prob"].values.copy(), np.flatnonzero(is_network(ds))
    for r, places in zip(runs, permuted_within(kinds_of_samples(ds), len(runs), random), strict=True):
        log_prob[r] = np.take(log_prob[r], places, axis=1)
    return ds.assign(log_prob=ds["log_prob"].copy(data=log_prob))


def shuffle_confusions(ds: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """Permute the wrong classes of each sample of each run: a null model for what runs confuse in common.

    One permutation for each run and sample, the same at all checkpoints. Probabilities of the labels stay as they are,
    and with them loss and error, which sample is learned when, progress, and distances to ignorance, truth and
    geodesic, in which wrong classes count alike; only which classes a sample is taken for is scrambled. Each run stays
    as smooth as it is. After `shuffle_within_class` too, a run is a path of its own progress in a random direction.
    With two classes there is nothing to permute. Reference runs are left.

    Parameters
    ----------
    ds
        A trajectory dataset.
    seed
        Of the permutations.

    Returns
    -------
    xarray.Dataset
        `ds` with permuted `log_prob`.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(spread=0.3)
    >>> null = tk.shuffle_confusions(ds)
    >>> bool(abs(tk.progress(null) - tk.progress(ds)).max() < 1e-6), bool((null.log_prob == ds.log_prob).all())
    (True, False)
    """
    validate(ds)
    return _confusions(ds, seed)


def _confusions(ds: xr.Dataset, seed: int) -> xr.Dataset:
    random = np.random.default_rng(seed)
    label, log_prob = ds["label"].values, ds["log_prob"].values.copy()
    samples, classes = len(label), ds.sizes["class"]
    wrong = np.argsort(np.arange(classes) == label[:, None], axis=1, kind="stable")[:, :-1]
    for r in np.flatnonzero(is_network(ds)):
        order = np.broadcast_to(np.arange(classes), (samples, classes)).copy()
        np.put_along_axis(order, wrong, random.permuted(wrong, axis=1), axis=1)
        log_prob[r] = np.take_along_axis(log_prob[r], order[None], axis=2)
    return ds.assign(log_prob=ds["log_prob"].copy(data=log_prob))


Null = Callable[[xr.Dataset, int], xr.Dataset]
# What draws from a dataset that is known to be valid, and gives another.
_DRAWS: dict[Null, Null] = {shuffle_within_class: _within_class, shuffle_confusions: _confusions}


def valid_draws(null: Null) -> Null:
    """Give a null that draws valid datasets: one of ours without its check, another with a check of what it draws.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds, mine = tk.simulate(runs=2), lambda ds, seed: ds.isel(run=[1, 0])
    >>> valid_draws(mine)(ds, 0).run.values.tolist()
    ['B-0', 'A-0']
    """
    if null in _DRAWS:
        return _DRAWS[null]

    def checked(ds: xr.Dataset, seed: int) -> xr.Dataset:
        drawn = null(ds, seed)
        validate(drawn)
        return drawn

    return checked


def kinds_of_samples(ds: xr.Dataset) -> Labels:
    """Give samples of one class and split the same number.

    Examples
    --------
    >>> import trajkit as tk
    >>> kinds_of_samples(tk.simulate(samples=8, classes=2))
    array([1, 1, 3, 1, 2, 0, 2, 2])
    """
    return ds["label"].values * 2 + (ds["split"].values == "train")


def permuted_within(kind: Labels, n: int, random: np.random.Generator) -> Indices:
    """Give the places (n, sample) of n random permutations that leave each sample among those of its kind.

    Examples
    --------
    >>> permuted_within(np.array([0, 1, 0, 1, 2]), 2, np.random.default_rng(0))
    array([[2, 3, 0, 1, 4],
           [2, 3, 0, 1, 4]])
    """
    out = np.empty((n, len(kind)), dtype=np.intp)
    # Sorting by kind with ties broken at random permutes within each kind.
    out[:, np.argsort(kind, kind="stable")] = np.argsort(kind + random.random(out.shape), axis=1)
    return out
