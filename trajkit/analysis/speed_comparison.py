"""Which groups of runs reach a given progress first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from trajkit.analysis.run_groups import groups
from trajkit.curves.progress import progress_of
from trajkit.limitations import with_reasons
from trajkit.schema import networks
from trajkit.typing import Array, Labels


def speed_comparison(
    ds: xr.Dataset, by: str, *, at: Sequence[float] = (0.25, 0.5, 0.75), level: float = 0.95
) -> xr.Dataset:
    """Compare how many optimizer steps groups of runs take to reach a given progress.

    Progress is replaced by its running maximum, which is monotone, and interpolated between checkpoints.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    by
        Run attribute that defines the groups.
    at
        Values of progress.
    level
        Confidence level of the intervals, between 0 and 1. The intervals of the medians come from order statistics.
        They are valid for any distribution, but a group of five runs has no interval of 95 %.

    Returns
    -------
    xarray.Dataset
        `steps` (run, progress), inf if a run ends before it reaches the progress. On `group` (values of the attribute)
        and `progress`: `median`, `lower` and `upper` in steps, with NaN bounds for groups that are too small, and
        `reached`, the share of runs that reach the progress. `runs` (group). `p_value` (progress) that all groups take
        the same number of steps (Kruskal & Wallis), NaN if all runs take the same. If the attribute is a number also
        `trend` (progress), its Spearman correlation with steps, and `trend_p_value`. `attrs["limitations"]` gives the
        reason of each NaN.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run or the same for all; if a value of `at` is not in (0, 1], or
        `level` not between 0 and 1.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=12, groups=2)
    >>> found = tk.speed_comparison(ds, "architecture", at=[0.5])
    >>> found["median"].values.round(3)
    array([[9.5],
           [9.5]])

    References
    ----------
    Kruskal & Wallis, J. Am. Stat. Assoc. 47, 1952; interval of a median: Conover, Practical Nonparametric Statistics.
    """
    from scipy import stats

    wanted = np.asarray(list(at), dtype=np.float64)
    if not wanted.size or not ((wanted > 0) & (wanted <= 1)).all():
        raise ValueError(f"at: wanted values of progress above 0 and up to 1, got {list(at)}")
    if not 0 < level < 1:
        raise ValueError(f"level: wanted a number between 0 and 1, got {level}")
    ds = networks(ds, least=2)
    code, values = groups(ds, by)
    steps = _steps_to(progress_of(ds).values, ds["step"].values, wanted)
    members = [steps[code == g] for g in range(len(values))]
    middle = np.array([_median(m, level) for m in members])
    unequal = np.ptp(stats.rankdata(steps, axis=0), axis=0) > 0
    p_value = [float(stats.kruskal(*(m[:, k] for m in members)).pvalue) if u else np.nan for k, u in enumerate(unequal)]
    unit = {"units": "steps"}
    out = {
        "steps": (("run", "progress"), steps, {"long_name": "optimizer steps to reach the progress", **unit}),
        "median": (("group", "progress"), middle[:, 0], {"long_name": "median number of steps", **unit}),
        "lower": (("group", "progress"), middle[:, 1], {"long_name": "lower bound of the median", **unit}),
        "upper": (("group", "progress"), middle[:, 2], {"long_name": "upper bound of the median", **unit}),
        "reached": (("group", "progress"), [np.isfinite(m).mean(0) for m in members], {"units": "1"}),
        "runs": ("group", [len(m) for m in members], {"long_name": "number of runs"}),
        "p_value": ("progress", p_value, {"long_name": "p-value of equal numbers of steps", "units": "1"}),
    }
    if ds[by].dtype.kind in "fi":
        nothing = (np.nan, np.nan)
        tests = [stats.spearmanr(ds[by], s) if u else nothing for s, u in zip(steps.T, unequal, strict=True)]
        trend = np.array([[float(t[0]), float(t[1])] for t in tests])
        out["trend"] = ("progress", trend[:, 0], {"long_name": f"rank correlation of {by} and steps", "units": "1"})
        out["trend_p_value"] = ("progress", trend[:, 1], {"units": "1"})
    coords = {"run": ds["run"].values, by: ("run", ds[by].values), "group": values.to_numpy(), "progress": wanted}
    few, same = "a group has too few runs for an interval at this level", "all runs take equally many steps"
    reasons = {"lower": few, "upper": few, "p_value": same, "trend": same, "trend_p_value": same}
    return with_reasons(xr.Dataset(out, coords, {"by": by, "level": level}), reasons)


def _steps_to(reached: Array, step: Labels, wanted: Array) -> Array:
    """Find the steps (run, wanted) at which the running maximum of progress reaches values; inf if it does not."""
    out = np.full((len(reached), len(wanted)), np.inf)
    for r in range(len(reached)):
        there = np.isfinite(reached[r])
        own, at = np.maximum.accumulate(reached[r, there]), step[r, there].astype(np.float64)
        after = np.searchsorted(own, wanted)
        inside = after < len(own)
        after, before = after[inside], np.maximum(after[inside] - 1, 0)
        gap = own[after] - own[before]
        share = np.divide(wanted[inside] - own[before], gap, out=np.ones_like(gap), where=gap > 0)
        out[r, inside] = at[before] + share * (at[after] - at[before])
    return out


def _median(values: Array, level: float) -> tuple[Array, Array, Array]:
    """Median over the first axis, and the order statistics that bound it; NaN bounds if there are too few values."""
    from scipy.stats import binom

    n = len(values)
    ordered, middle = np.sort(values, axis=0), np.median(values, axis=0)
    # The k-th smallest value is above the median if fewer than k values are below the median. k is the largest number
    # for which this has a probability below (1 - level) / 2.
    k = int(binom.ppf((1 - level) / 2, n, 0.5))
    if k < 1:
        return middle, np.full_like(middle, np.nan), np.full_like(middle, np.nan)
    return middle, ordered[k - 1], ordered[n - k]
