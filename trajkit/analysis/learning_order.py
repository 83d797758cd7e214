"""Whether groups of runs learn samples in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.data_map import data_map
from trajkit.analysis.run_groups import groups
from trajkit.renamed import renamed
from trajkit.schema import networks, run_attributes
from trajkit.typing import Array, Indices, Mask

_MEASURES = ("confidence", "correctness", "learned")
_QUANTITIES = ("within", "between", "share of ceiling")


@renamed(n="null_draws")
def learning_order(
    ds: xr.Dataset,
    by: str,
    *,
    measure: str = "confidence",
    over: str = "run",
    interval: str = "jackknife",
    draws: int = 199,
    null_draws: int = 19,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Measure how far groups of runs agree on the order in which they learn samples.

    Two runs agree by Spearman's correlation over samples, of their `measure` in `data_map`. No two groups can be
    expected to agree more than runs of one group do among themselves: that is the ceiling. The null permutes each run's
    samples within class and split: it keeps what runs agree on because some classes are harder, or training samples.

        share of ceiling = between / within

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out.
    by
        The run attribute that makes groups, such as the architecture.
    measure
        "confidence", "correctness" or "learned". With "learned", samples that are never learned come last, together.
    over, interval, draws, level
        Of `bootstrap`: over "run" within groups, over "seed" or another run attribute, or over "sample". With
        "jackknife" nothing is drawn.
    null_draws
        Draws of the null.
    seed
        Of all draws.

    Returns
    -------
    xarray.Dataset
        `agreement` (run, run2); on `quantity` ("within", the mean over pairs alike in the attribute, "between", over
        pairs that differ in it, and "share of ceiling"): `estimate`, `lower`, `upper`, `standard_error`, `null` (draw,
        quantity) and `p_value`, of agreeing more than the null, both NaN for the share; `of_groups` (group, group2),
        mean agreement of their runs, NaN of a group of one with itself.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run, the same for all or different for all; if a run has all
        samples alike; if the measure is unknown, or as `bootstrap` does: with fewer than three runs in every group take
        over="sample".

    Examples
    --------
    >>> import trajkit as tk
    >>> label, random = np.arange(40) % 4, np.random.default_rng(0)
    >>> ease = random.random(40) + 0.5 * random.random((6, 1, 40))
    >>> logits = 8 * np.linspace(0, 1, 6)[:, None, None] * ease[..., None] * np.eye(4)[label]
    >>> ds = tk.from_arrays(logits=logits, label=label, runs={"architecture": list("aaabbb"), "seed": [0, 1, 2] * 2})
    >>> found = tk.learning_order(ds, "architecture")
    >>> found.estimate.values.round(2), float(found.p_value[1])
    (array([0.79, 0.77, 0.98]), 0.05)

    References
    ----------
    Hacohen, Choshen & Weinshall, ICML 2020 (networks learn samples in similar orders).
    """
    if measure not in _MEASURES:
        raise ValueError(f"measure: wanted one of {list(_MEASURES)}, got {measure!r}")
    if null_draws < 1:
        raise ValueError(f"null_draws: wanted one draw of the null or more, got {null_draws}")
    ds = networks(ds, least=2)
    code, values = groups(ds, by)
    if len(values) == len(code):
        raise ValueError(f"{by!r} differs for every run: nothing says how far two runs can agree")
    scores = data_map(ds)[measure].transpose("run", "sample").values
    agreement = xr.DataArray(
        _correlation(scores, ds["run"].values),
        {**{name: ds[name] for name in ("run", *run_attributes(ds))}, "run2": ds["run"].values},
        ("run", "run2"),
        attrs={"long_name": "rank correlation of samples", "units": "1"},
    )
    own = by if over == "run" else None
    how: dict[str, Any] = {"over": over, "by": own, "interval": interval, "level": level, "seed": seed}
    if over == "sample":
        probe = ds.assign(scores=(("run", "sample"), scores))
        found = bootstrap(probe, lambda d: _of_probe(d, code), draws, then=_with_share, **how)
    else:
        found = bootstrap(agreement, lambda d: _alike_and_not(d, groups(d, by)[0]), draws, then=_with_share, **how)
    null = _null(ds, scores, code, null_draws, seed)
    p_value = (1 + (null >= found["estimate"]).sum("draw")) / (1 + null_draws)
    names = values.to_numpy()
    pairs = [[_mean(agreement.values, (code == a)[:, None] & (code == b)) for b in set(code)] for a in set(code)]
    return (
        found.assign(
            agreement=agreement,
            null=null,
            p_value=p_value.where(null.notnull().all("draw")).assign_attrs(units="1"),
            of_groups=(("group", "group2"), pairs, agreement.attrs),
        )
        .assign_coords(group=names, group2=names)
        .assign_attrs(by=by, measure=measure, null="shuffle_within_class")
    )


def _correlation(scores: Array, runs: NDArray[np.str_]) -> Array:
    """Spearman's correlation of every run (run, sample) with every other."""
    from scipy.stats import rankdata

    rank = rankdata(scores, axis=1)
    rank -= rank.mean(1, keepdims=True)
    size = np.linalg.norm(rank, axis=1)
    if not size.all():
        raise ValueError(f"runs {runs[size == 0][:5].tolist()} know all samples alike: there is no order to agree on")
    return rank @ rank.T / np.outer(size, size)


def _mean(values: Array, pairs: Mask) -> float:
    """Mean over pairs of different runs; NaN if there are none."""
    some = pairs & ~np.eye(len(values), dtype=bool)
    return float(values[some].mean()) if some.any() else np.nan


def _of_probe(ds: xr.Dataset, code: Indices) -> xr.DataArray:
    """Agreement within groups and between them, on the samples of `ds`."""
    values, alike = _correlation(ds["scores"].values, ds["run"].values), code[:, None] == code
    return xr.DataArray(
        [_mean(values, alike), _mean(values, ~alike)], {"quantity": list(_QUANTITIES[:2])}, ("quantity",)
    )


def _alike_and_not(agreement: xr.DataArray, code: Indices) -> xr.DataArray:
    """Agreement of the pairs of one group, and of two, for `bootstrap` to average."""
    alike = xr.DataArray(code[:, None] == code, dims=("run", "run2"))
    return xr.concat(
        [agreement.where(alike), agreement.where(~alike)], dim=xr.Variable("quantity", list(_QUANTITIES[:2]))
    )


def _with_share(mean: xr.DataArray) -> xr.DataArray:
    within, between = mean.sel(quantity="within", drop=True), mean.sel(quantity="between", drop=True)
    share = (between / within.where(within != 0)).expand_dims(quantity=[_QUANTITIES[2]])
    return xr.concat([mean, share], dim="quantity")


def _null(ds: xr.Dataset, scores: Array, code: Indices, n: int, seed: int) -> xr.DataArray:
    """Agreement after each run's samples are permuted within class and split."""
    random = np.random.default_rng(seed)
    group = ds["label"].values * 2 + (ds["split"].values == "train")
    by_group = np.argsort(group, kind="stable")
    draws = []
    for _ in range(n):
        mixed = np.empty_like(scores)
        for r in range(len(scores)):
            # Sorting by group with ties broken at random permutes within each group.
            mixed[r, by_group] = scores[r, np.lexsort((random.random(len(group)), group))]
        draws.append(_of_probe(ds.assign(scores=(("run", "sample"), mixed)), code))
    # A ratio of two agreements by chance means nothing.
    return xr.concat(draws, dim="draw").reindex(quantity=list(_QUANTITIES))
