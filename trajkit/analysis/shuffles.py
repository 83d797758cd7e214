"""Null models: permuted samples, permuted contexts of texts, or permuted wrong classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from trajkit.probabilities import normalize
from trajkit.schema import is_network, validated
from trajkit.typing import AnyArray, Array, Indices, Labels


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


def shuffle_contexts(ds: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """Permute the contexts of each run within split: a null model for texts, whose labels are many and often rare.

    Contexts with the same next token are permuted among each other, as by `shuffle_within_class`. A context whose label
    no other of its split has would stay. Such contexts are permuted with what they add to the run's mean prediction m,
    and what is added to a label goes to a label: with k the other context, and a and b the labels of n and k,

        odds p'(a | n) = odds m(a) odds p(b | k) / odds m(b),  p'(c | n) ~ m(c) p(c' | k) / m(c') for c other than a

    where c' = c, but a for c = b. So a model that ignores its context is its own null. Each run has one permutation,
    the same at all its checkpoints. Reference runs are not permuted. Losses and progress do not change without such
    labels; with them they change a little.

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

    Raises
    ------
    ValueError
        If a run is certain of a label and gives another one probability 0 in every context.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(spread=0.3)
    >>> unigram = ds.assign(log_prob=ds.log_prob.isel(sample=[0] * 50).assign_coords(sample=ds.sample, label=ds.label))
    >>> null, same = tk.shuffle_contexts(ds), tk.shuffle_contexts(unigram)
    >>> bool((null.log_prob == ds.log_prob).all()), bool((same.log_prob == unigram.log_prob).all())
    (False, True)
    """
    ds = validated(ds)
    return _contexts(ds, seed)


def _contexts(ds: xr.Dataset, seed: int) -> xr.Dataset:
    random = np.random.default_rng(seed)
    log_prob, runs = ds["log_prob"].values.copy(), np.flatnonzero(is_network(ds))
    kind, label, train = kinds_of_samples(ds), ds["label"].values, ds["split"].values == "train"
    alone = np.isin(kind, np.flatnonzero(np.bincount(kind) == 1))
    # Those that are alone are of one kind in each split; no other kind has these numbers.
    together = np.where(alone, -1 - train, kind)
    for r, places in zip(runs, permuted_within(together, len(runs), random), strict=True):
        own = log_prob[r].copy()
        log_prob[r] = np.take(own, places, axis=1)
        for split in (True, False):
            at = np.flatnonzero(alone & (train == split) & (places != np.arange(len(places))))
            if len(at):
                # log 0 = -inf is meant: a class that is ruled out everywhere.
                with np.errstate(divide="ignore"):
                    mean = np.log(np.exp(normalize(own[:, train == split])).mean(1, keepdims=True))
                log_prob[r][:, at] = _added_to(mean, own[:, places[at]], label[at], label[places[at]])
    return ds.assign(log_prob=ds["log_prob"].copy(data=log_prob))


def _added_to(mean: Array, other: AnyArray, label: Labels, other_label: Labels) -> Array:
    """Give contexts (checkpoint, sample, class) what other contexts add to the mean prediction, label to label."""
    other, sample = normalize(other), np.arange(len(label))
    at_label = _log_odds(mean[:, 0, other_label])
    with np.errstate(invalid="ignore"):
        added = np.where(np.isneginf(mean), 0.0, other - mean)
        # Where all contexts are sure of a label, or rule it out, none adds to it.
        to_label = np.where(np.isinf(at_label), 0.0, _log_odds(other[:, sample, other_label]) - at_label)
        odds = _log_odds(mean[:, 0, label]) + to_label
    # Missing checkpoints are NaN and stay so.
    if (np.isnan(odds) & ~np.isnan(mean[:, 0, label])).any():
        raise ValueError(
            "a run is certain of one label and rules out another in every context, so that nothing can be moved "
            "between them: `shuffle_contexts` wants predictions without exact zeros"
        )
    added[:, sample, other_label] = added[:, sample, label]
    rest = mean + added
    rest[:, sample, label] = -np.inf
    # Nothing but the label is left only where it is certain.
    rest = np.where(np.isneginf(rest).all(-1, keepdims=True), 0.0, rest)
    with np.errstate(invalid="ignore"):
        out = normalize(rest) - np.logaddexp(0, odds)[..., None]
        out[:, sample, label] = -np.logaddexp(0, -odds)
    return out


def _log_odds(log_prob: Array) -> Array:
    """Compute log p - log(1 - p): -inf and inf for p = 0 and 1."""
    with np.errstate(divide="ignore"):
        return log_prob - np.log(-np.expm1(log_prob))


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
_DRAWS: dict[Null, Null] = {
    shuffle_within_class: _within_class,
    shuffle_confusions: _confusions,
    shuffle_contexts: _contexts,
}


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
