"""Distances within and between groups of runs, and how much of them run attributes explain."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.compare_configurations import compare_configurations
from trajkit.analysis.compare_runs import compare_runs
from trajkit.analysis.run_groups import names_of
from trajkit.analysis.runs_matrix import runs_matrix
from trajkit.curves.trajectory_distance import trajectory_distance_of
from trajkit.distances import Metric, as_metric
from trajkit.renamed import renamed
from trajkit.schema import is_network, networks

_UNITS = ("configuration", "run")


@renamed(n="permutations")
def compare_groups(
    ds: xr.Dataset | xr.DataArray,
    by: str | list[str],
    *,
    unit: str = "configuration",
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    permutations: int = 999,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    r"""Test whether a setting makes a difference, and compare distances within and between groups.

    Runs that share all settings are replicates of one configuration (see `configuration`). They are no independent
    evidence about a setting, so whole configurations are compared, with equal weight: the distance of two
    configurations is the mean over pairs of their runs with different seeds. The null hypothesis of the test is that
    the setting does nothing, in any context. Its values are permuted within blocks of configurations that share all
    other settings, which gives exact p-values also if configurations differ for other reasons. With d_s the difference
    of two values i and j in block s, one of n_ij blocks,

        T = sum_{i<j} n_ij |mean d|^2 / V_ij,    V_ij = (sum_s |d_s - mean d|^2 + V/4) / (n_ij - 3/4)

    where V is the variance pooled over pairs of values. An interaction with another setting compares the means of d_s
    for the values of that setting. Distances of scale "length" are squared for tests and shares. A seed is tested in
    the same way, with runs permuted within configurations.

    Parameters
    ----------
    ds
        A trajectory dataset, or a matrix (run, run2) as `trajectory_distance` returns it. Reference runs are left out.
    by
        Run attribute, or attributes, that define the groups: settings, or seeds.
    unit
        "configuration", or "run": each run counts by itself. That is right only if all runs are independent; if
        configurations have several seeds, a true null is rejected far too often (see Notes).
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric. Not used
        for a matrix.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    permutations
        Number of permutations. The smallest possible p-value is 1 / (permutations + 1). If there are no more distinct
        ones, all are used.
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        On `attribute`, in the metric's units: `within`, the mean distance of configurations with the same value, and
        `between`, with different values. Without units:

        | variable                         | meaning                                                                  |
        |----------------------------------|--------------------------------------------------------------------------|
        | `ratio`                          | between / within                                                         |
        | `r_squared`, `unique_r_squared`  | share of the sum of squares that the attribute explains by itself, and   |
        |                                  | beyond all others of `by`                                                |
        | `matched_ratio`, with interval   | distance of configurations that differ in this setting alone / distance  |
        | `matched_lower`, `matched_upper` | between seeds of the same configurations; 1: no more than another seed   |
        | `matched_pairs`                  | number of its pairs of configurations                                    |
        | `p_value`                        | of the setting in any context                                            |
        | `main_p_value`                   | of its mean effect over contexts                                         |
        | `interaction_p_value`            | of its largest interaction, which is with the setting `depends_on`       |
        | `least_p_value`                  | smallest `p_value` that the design allows                                |
        | `dispersion_p_value`             | of differences in spread between its groups                              |

        On `group`: `dispersion`, the mean squared distance of its configurations to their centroid. Without dimension:
        `replicates`, the mean distance between seeds of a configuration; `joint_r_squared` and `joint_p_value` of all
        settings together. What the design cannot give is NaN, and `attrs["limitations"]` says why.

        With unit="run": `within`, `between`, `ratio`, `replicates` of runs; `alone`, the mean distance of runs that
        differ in no other of `by`; `r_squared`, `unique_r_squared`, `joint_r_squared`, with p-values from the pseudo-F
        (`p_value`, `unique_p_value`, `joint_p_value`).

    Raises
    ------
    ValueError
        If an attribute is unknown or an outcome; if an attribute of unknown role follows from the seeds (see
        `set_roles`); if all distances are zero; if a matrix is not symmetric or has no scale. With unit="run" also if
        an attribute is missing for some run, or the same or different for all.

    Notes
    -----
    Rejections at a level of 5 % without an effect, in 1000 (for runs 300) simulated data sets with three seeds in each
    of 18 configurations, or of 24 for the last two lines. In the last one, six blocks allow no p-value but 1/32 below
    5 %:

    | situation                                                       | unit="run" | unit="configuration" |
    |-----------------------------------------------------------------|------------|----------------------|
    | configurations do not differ                                    | 4.0 %      | 5.0 %                |
    | half of the variance is between configurations                  | 92 %       | 5.0 %                |
    | 80 % of the variance is between configurations                  | 99 %       | 5.0 %                |
    | seeds 0 to 2 everywhere, with a common effect of one deviation  | 0 %        | 5.0 %                |
    | an interaction of two other settings                            | 0 %        | 5.3 %                |
    | 6 configurations of one value have three times the spread       | 84 %       | 2.8 % (of 3.1 %)     |

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=24, groups=2, spread=0.3)
    >>> width, seed = [2 ** (i // 2 % 6) for i in range(24)], [i // 12 for i in range(24)]
    >>> ds = ds.assign_coords(width=("run", width), seed=("run", seed))
    >>> found = tk.compare_groups(ds, "architecture")
    >>> bool(found.matched_ratio.item() > 2), found.p_value.item(), found.least_p_value.item()
    (True, 0.03125, 0.03125)

    References
    ----------
    McArdle & Anderson, Ecology 82, 2001; a statistic for unequal spread: Hamidi et al., Microbiome 7, 2019; smaller
    p-value of several tests: Westfall & Young, 1993; dispersion: Anderson, Biometrics 62, 2006.
    """
    names = names_of(by)
    if permutations < 1:
        raise ValueError(f"permutations: wanted one permutation or more, got {permutations}")
    if unit not in _UNITS:
        raise ValueError(f"unit: wanted one of {list(_UNITS)}, got {unit!r}")
    if not 0 < level < 1:
        raise ValueError(f"level: wanted a number between 0 and 1, got {level}")
    distance = distances_of_networks(ds, as_metric(metric, cap, symmetric=True))
    if not np.any(distance.values):
        raise ValueError("all distances are zero: there is nothing to explain")
    if unit == "run":
        return compare_runs(distance, names, permutations, seed)
    return compare_configurations(distance, names, permutations, level, seed)


def distances_of_networks(ds: xr.Dataset | xr.DataArray, metric: Metric) -> xr.DataArray:
    """Compute the distances of runs, or check the matrix that is given, and leave out reference runs.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.with_references(tk.simulate(runs=3), 2)
    >>> distances_of_networks(tk.trajectory_distance(ds, n=2), Metric("hellinger")).sizes["run"]
    3
    """
    distance = trajectory_distance_of(networks(ds, least=2), metric) if isinstance(ds, xr.Dataset) else ds
    values, at = runs_matrix(distance), np.flatnonzero(is_network(distance))
    distance = distance.copy(data=values).isel(run=at, run2=at)
    if len(at) < 3:
        raise ValueError(f"wanted distances of three runs of kind 'network' or more, got {len(at)}")
    return distance
