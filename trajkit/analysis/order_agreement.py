"""Whether all runs learn samples in the same order."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.rank_correlation import rank_correlation
from trajkit.analysis.run_groups import groups
from trajkit.analysis.shuffles import kinds_of_samples, permuted_within
from trajkit.typing import Array


def order_agreement(
    ds: xr.Dataset,
    confidence: Array,
    by: str | None = None,
    *,
    permutations: int = 999,
    draws: int = 399,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Mean rank correlation of the confidences over samples, over all pairs of runs or of groups of runs.

    The null permutes the samples of each run within class and split. `learning_order` compares the agreement between
    groups with that within groups; this is one number for all runs.

    Parameters
    ----------
    ds
        A trajectory dataset without reference runs.
    confidence
        (run, sample), from `data_map(ds)`.
    by
        Run attribute that defines the groups. By default each run is its own group.
    permutations
        Number of permutations. The smallest possible p-value is 1 / (permutations + 1).
    draws
        Number of bootstrap draws, over the samples.
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        `estimate`, `lower`, `upper`, `standard_error`; `null` (draw); `p_value` of more agreement than the null.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run or the same for all.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, groups=1)
    >>> found = order_agreement(ds, np.tile(np.arange(50.0), (4, 1)), permutations=19, draws=9)
    >>> round(float(found.estimate), 6), float(found.p_value)
    (1.0, 0.05)
    """
    code = groups(ds, by)[0] if by else np.arange(len(confidence))
    share = (code == np.arange(code.max() + 1)[:, None]) / np.bincount(code)[:, None]
    kind, random = kinds_of_samples(ds), np.random.default_rng(seed)

    def agreement(some: Array) -> float:
        return float(rank_correlation(share @ some)[np.triu_indices(len(share), k=1)].mean())

    def shuffled() -> Array:
        return np.take_along_axis(confidence, permuted_within(kind, len(confidence), random), axis=1)

    null = np.array([agreement(shuffled()) for _ in range(permutations)])
    # One run and one checkpoint, because `bootstrap` copies the dataset for each draw; only `place` is used.
    places = ds.isel(run=[0], checkpoint=[0]).assign(place=("sample", np.arange(len(kind))))
    found = bootstrap(
        places,
        lambda drawn: xr.DataArray(agreement(confidence[:, drawn["place"].values])),
        draws,
        level=level,
        seed=seed,
    )
    p_value = (1 + int((null >= float(found["estimate"])).sum())) / (1 + permutations)
    return found.assign(null=("draw", null), p_value=p_value)
