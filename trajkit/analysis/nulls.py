"""Null models: what would be seen if runs had nothing in common."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.schema import validate


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
    random = np.random.default_rng(seed)
    group = ds["label"].values * 2 + (ds["split"].values == "train")
    by_group = np.argsort(group, kind="stable")
    log_prob = ds["log_prob"].values.copy()
    for r in np.flatnonzero(ds["kind"].values == "network"):
        # Sorting by group with ties broken at random permutes within each group.
        shuffled = np.lexsort((random.random(len(group)), group))
        log_prob[r][:, by_group] = log_prob[r][:, shuffled]
    return ds.assign(log_prob=ds["log_prob"].copy(data=log_prob))
