"""Whether groups of runs learn samples in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.data_map import data_map_of
from trajkit.analysis.rank_correlation import rank_correlation
from trajkit.analysis.run_groups import groups
from trajkit.analysis.shuffles import kinds_of_samples, permuted_within
from trajkit.analysis.within_between import BETWEEN, WITHIN, with_ratio, within_between
from trajkit.limitations import with_reasons
from trajkit.renamed import renamed
from trajkit.schema import networks, run_attributes
from trajkit.typing import AnyArray, Array, Indices, Mask

_MEASURES = ("confidence", "correctness", "learned")
_SHARE = "share of ceiling"


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
    """Measure how much groups of runs agree on the order in which they learn samples.

    The agreement of two runs is Spearman's correlation, over samples, of their `measure` in `data_map`. The ceiling is
    the agreement of runs of one group: two groups cannot be expected to agree more. The null permutes the samples of
    each run within class and split. It keeps the agreement that comes from easy and hard classes, and from training
    samples.

        share of ceiling = between / within

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    by
        Run attribute that defines the groups.
    measure
        "confidence", "correctness" or "learned". For "learned", samples that are never learned share the last rank.
    over
        What `bootstrap` draws: "run" (within groups), "seed", another run attribute, or "sample".
    interval
        Kind of interval: "percentile", "bca" or "jackknife" (`bootstrap`).
    draws
        Number of bootstrap draws. The jackknife needs none.
    null_draws
        Number of draws from the null. The smallest possible p-value is 1 / (null_draws + 1).
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        `agreement` (run, run2); on `quantity`: `estimate`, `lower`, `upper`, `standard_error`, `null` (draw, quantity)
        and `p_value` of more agreement than the null; `of_groups` (group, group2), the mean agreement of their runs,
        NaN on the diagonal for a group of one run. Quantities are "within", the mean over pairs of one group,
        "between", over pairs of two groups, and "share of ceiling", which has no null and no p-value. All are without
        units.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run, the same for all or different for all; if all samples have
        the same `measure` in some run; if `measure` is unknown; or as `bootstrap` does: if no group has three runs, use
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
        raise ValueError(f"null_draws: wanted one draw or more, got {null_draws}")
    ds = networks(ds, least=2)
    code, values = groups(ds, by)
    if len(values) == len(code):
        raise ValueError(f"{by!r} differs for every run: no two runs give the agreement within a group")
    scores = data_map_of(ds)[measure].transpose("run", "sample").values
    agreement = xr.DataArray(
        _correlation(scores, ds["run"].values),
        {**{name: ds[name] for name in ("run", *run_attributes(ds))}, "run2": ds["run"].values},
        ("run", "run2"),
        attrs={"long_name": "rank correlation of samples", "units": "1"},
    )
    if over == "sample":
        data: xr.Dataset | xr.DataArray = ds.assign(scores=(("run", "sample"), scores))
    else:
        data = agreement

    def statistic(some: Any) -> xr.DataArray:
        if over == "sample":
            return _on_samples(some["scores"].values, some["run"].values, code)
        return within_between(some, groups(some, by)[0])

    found = bootstrap(
        data,
        statistic,
        draws,
        over=over,
        by=by if over == "run" else None,
        interval=interval,
        then=lambda mean: with_ratio(mean, _SHARE),
        level=level,
        seed=seed,
    )
    null = _null(ds, scores, code, null_draws, seed)
    p_value = (1 + (null >= found["estimate"]).sum("draw")) / (1 + null_draws)
    names = values.to_numpy()
    member = [code == group for group in range(len(names))]
    of_groups = [[_mean(agreement.values, a[:, None] & b) for b in member] for a in member]
    found = (
        found.assign(
            agreement=agreement,
            null=null,
            p_value=p_value.where(null.notnull().all("draw")).assign_attrs(units="1"),
            of_groups=(("group", "group2"), of_groups, agreement.attrs),
        )
        .assign_coords(group=names, group2=names)
        .assign_attrs(by=by, measure=measure, null="shuffle_within_class")
    )
    reasons = {
        "estimate": "the mean agreement within groups is 0, or no group has two runs",
        "null": f"the {_SHARE} has none",
        "p_value": f"the {_SHARE} has none",
        "of_groups": "a group has one run",
    }
    return with_reasons(found, reasons)


def _correlation(scores: Array, runs: AnyArray) -> Array:
    """Correlate the ranks of the scores (run, sample), and refuse runs without an order of samples."""
    agreement = rank_correlation(scores)
    if (constant := np.isnan(np.diag(agreement))).any():
        raise ValueError(f"all samples have the same score in runs {runs[constant][:5].tolist()}: they have no order")
    return agreement


def _mean(values: Array, pairs: Mask) -> float:
    """Mean over pairs of different runs; NaN if there are none."""
    some = pairs & ~np.eye(len(values), dtype=bool)
    return float(values[some].mean()) if some.any() else np.nan


def _on_samples(scores: Array, runs: AnyArray, code: Indices) -> xr.DataArray:
    """Mean agreement within groups and between them, from the scores (run, sample) of a set of samples."""
    values, same = _correlation(scores, runs), code[:, None] == code
    return xr.DataArray([_mean(values, same), _mean(values, ~same)], {"quantity": [WITHIN, BETWEEN]}, ("quantity",))


def _null(ds: xr.Dataset, scores: Array, code: Indices, draws: int, seed: int) -> xr.DataArray:
    """Mean agreement after the samples of each run are permuted within class and split."""
    random, kind = np.random.default_rng(seed), kinds_of_samples(ds)
    places = (permuted_within(kind, len(scores), random) for _ in range(draws))
    each = [_on_samples(np.take_along_axis(scores, at, axis=1), ds["run"].values, code) for at in places]
    # The null has no share of the ceiling: a ratio of two agreements that are both close to 0 means nothing.
    return xr.concat(each, dim="draw").reindex(quantity=[WITHIN, BETWEEN, _SHARE])
