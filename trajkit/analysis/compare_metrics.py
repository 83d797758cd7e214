"""One statistic with several metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import xarray as xr

from trajkit.analysis.null_test import PROGRESS_POINTS, null_test
from trajkit.analysis.run_groups import different_pairs, groups
from trajkit.curves.resample import resampled
from trajkit.curves.trajectory_distance import matched_distance
from trajkit.distances import Metric, as_metric
from trajkit.embedding.embed import embedded
from trajkit.renamed import renamed
from trajkit.schema import networks

_METRICS = ("bhattacharyya", "hellinger", "fisher_rao", "jeffreys")


@renamed(n="null_draws")
def compare_metrics(
    ds: xr.Dataset,
    statistic: Callable[[xr.Dataset, str], xr.DataArray] | None = None,
    *,
    metrics: Sequence[str] = _METRICS,
    cap: float | None = None,
    by: str | None = None,
    n_components: int = 3,
    null_draws: int = 4,
    seed: int = 0,
) -> xr.Dataset:
    """Compute the same statistic with several metrics, each compared with its null.

    A result about the geometry of training should not depend on one distance. Without a statistic, these are compared:

    | quantity             | what                                                                                   |
    |----------------------|----------------------------------------------------------------------------------------|
    | "explained stress"   | of `embed` in `n_components`, for the points of the networks alone                     |
    | "explained distance" | of the same embedding                                                                  |
    | "distance"           | mean distance of two networks at equal progress, over 20 values of progress            |
    | "between / within"   | mean distance of pairs with different values of `by` / that of pairs with equal values |

    Reference runs are left out: truth gives probability 0 to classes that networks allow, an infinite distance in
    jeffreys.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    statistic
        A function from a trajectory dataset and the name of a metric to a DataArray, which has the same dimensions for
        all metrics.
    metrics
        Names of symmetric metrics.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound, and only without a statistic.
    by
        Run attribute that defines the groups of "between / within".
    n_components
        Number of components.
    null_draws
        Number of draws from the null. The null is `shuffle_within_class`, with the same draws for all metrics.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        `observed` (metric, ...), `null` (metric, draw, ...) and `ratio` (metric, ...) = observed / mean null, with the
        dimensions and units of the statistic; without a statistic, on `quantity`. The coordinate `scale` (metric) is
        "length" or "squared length": ratios of squared lengths are squares of ratios of lengths.

    Raises
    ------
    ValueError
        If a metric is unknown, not symmetric or named twice, or none is named; or as `null_test`, `embed` and
        `pairwise` do.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, samples=20, checkpoints=5, spread=0.4)
    >>> found = tk.compare_metrics(ds, metrics=["bhattacharyya", "fisher_rao"], by="architecture", null_draws=2)
    >>> found.observed.dims, bool((found.observed.sel(quantity="between / within") > 1.5).all())
    (('metric', 'quantity'), True)
    """
    names = list(metrics)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"metrics: wanted one or more, each once, got {names}")
    chosen = {name: as_metric(name, cap, symmetric=True, optional_cap=True) for name in names}
    ds = networks(ds, least=2)

    def of_one(some: xr.Dataset, metric: str) -> xr.DataArray:
        return _quantities(some, chosen[metric], by, n_components)

    def test(name: str) -> xr.Dataset:
        found = null_test(ds, lambda some: (statistic or of_one)(some, name), null_draws, seed=seed)
        return found[["observed", "null", "ratio"]]

    found = xr.concat(map(test, names), dim=xr.Variable("metric", names), combine_attrs="drop")
    found = found.assign_coords(scale=("metric", [chosen[name].scale for name in names]))
    return found.assign_attrs(null="shuffle_within_class", draws=null_draws, seed=seed, by=by or "")


def _quantities(ds: xr.Dataset, metric: Metric, by: str | None, n_components: int) -> xr.DataArray:
    embedding = embedded(ds, n_components, metric, references=False)
    even = resampled(ds, PROGRESS_POINTS, extend="shared")
    distance = matched_distance(even, metric)
    pair = different_pairs(even)
    values = {
        "explained stress": float(embedding["explained_stress"][-1]),
        "explained distance": float(embedding["explained_distance"][-1]),
        "distance": float(distance[pair].mean()),
    }
    if by is not None:
        code = groups(even, by)[0]
        same = code[:, None] == code
        if not (same & pair).any():
            raise ValueError(f"{by!r} differs for every run: there are no distances within groups")
        values["between / within"] = float(distance[~same & pair].mean() / distance[same & pair].mean())
    return xr.DataArray(list(values.values()), {"quantity": list(values)}, ("quantity",))
