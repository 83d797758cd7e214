"""Null models: permuted samples, or permuted wrong classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from trajkit.schema import is_network, validated
from trajkit.typing import Indices, Labels


def shuffle_within_class(ds: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """Permute the samples of each run within class and split: a null model of what runs have in common.

    Each run has one permutation, the same at all its checkpoints. Loss, error, progress and the distances to ignorance,
    truth and geodesic do not change: they are means over samples of quantities that depend on the label alone. Only
    which sample is learned when changes. Reference runs are not permuted.

    Parameters
    ----------
    ds
        A trajectory dataset.
    seed
        Seed for the random draws.

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
    ds = validated(ds)
    return _within_class(ds, seed)


def _within_class(ds: xr.Dataset, seed: int) -> xr.Dataset:
    random = np.random.default_rng(seed)
    log_prob, runs = ds["log_prob"].values.copy(), np.flatnonzero(is_network(ds))
    for r, places in zip(runs, permuted_within(kinds_of_samples(ds), len(runs), random), strict=True):
        log_prob[r] = np.take(log_prob[r], places, axis=1)
    return ds.assign(log_prob=ds["log_prob"].copy(data=log_prob))


def shuffle_confusions(ds: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """Permute the wrong classes of each sample of each run: a null model of which classes runs confuse.

    Each run and sample has one permutation, the same at all checkpoints. The probability of the label does not change,
    and neither do loss, error, progress, which sample is learned when, and the distances to ignorance, truth and
    geodesic, which treat all wrong classes equally. Only which class a sample is confused with changes. Runs stay as
    smooth as they are. If `shuffle_within_class` is applied too, a run is a path with its own progress in a random
    direction. With two classes there is nothing to permute. Reference runs are not permuted.

    Parameters
    ----------
    ds
        A trajectory dataset.
    seed
        Seed for the random draws.

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
    ds = validated(ds)
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
# The same without validation, for datasets that are known to be valid: validating each draw took most of the time.
_DRAWS: dict[Null, Null] = {shuffle_within_class: _within_class, shuffle_confusions: _confusions}


def valid_draws(null: Null) -> Null:
    """Make a null that takes and returns valid datasets: ours need no validation, others are validated after a draw.

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
        return validated(null(ds, seed))

    return checked


def kinds_of_samples(ds: xr.Dataset) -> Labels:
    """Give each sample a number for its class and split.

    Examples
    --------
    >>> import trajkit as tk
    >>> kinds_of_samples(tk.simulate(samples=8, classes=2))
    array([1, 1, 3, 1, 2, 0, 2, 2])
    """
    return ds["label"].values * 2 + (ds["split"].values == "train")


def permuted_within(kind: Labels, n: int, random: np.random.Generator) -> Indices:
    """Make n random permutations (n, sample) of samples within kinds.

    Examples
    --------
    >>> permuted_within(np.array([0, 1, 0, 1, 2]), 2, np.random.default_rng(0))
    array([[2, 3, 0, 1, 4],
           [2, 3, 0, 1, 4]])
    """
    out = np.empty((n, len(kind)), dtype=np.intp)
    # Sorting by kind, with ties broken at random, permutes within each kind.
    out[:, np.argsort(kind, kind="stable")] = np.argsort(kind + random.random(out.shape), axis=1)
    return out
