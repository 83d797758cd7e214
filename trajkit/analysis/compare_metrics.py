"""One statistic under several distances, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from trajkit.analysis.null_test import null_test
from trajkit.analysis.run_groups import groups, own_copies
from trajkit.curves.resample import resampled
from trajkit.curves.trajectory_distance import matched_distance
from trajkit.distances import Metric, as_metric
from trajkit.embedding.embed import embedded
from trajkit.renamed import renamed
from trajkit.schema import networks

_METRICS = ("bhattacharyya", "hellinger", "fisher_rao", "jeffreys")
# Values of progress at which runs are compared, as in `null_test`.
_PROGRESS = 20


@renamed(n="null_draws")
def compare_metrics(
    ds: xr.Dataset,
    statistic: Callable[[xr.Dataset, str], xr.DataArray] | None = None,
    *,
    metrics: Sequence[str] = _METRICS,
    by: str | None = None,
    n_components: int = 3,
    null_draws: int = 4,
    cap: float | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Give the same statistic under several metrics side by side, each beside its null.

    A claim about the geometry of training should not hang on one distance. Without a statistic, these are compared:

    | quantity             | what                                                                              |
    |----------------------|-----------------------------------------------------------------------------------|
    | "explained stress"   | of `embed` in `n_components`, of the networks' points alone                       |
    | "explained distance" | of the same                                                                       |
    | "distance"           | mean distance of two networks at equal progress, over 20 values of it             |
    | "between / within"   | the same of pairs that differ in `by`, over that of pairs alike in it (with `by`) |

    References are left out: truth rules out classes that networks allow, an infinite distance in jeffreys.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out.
    statistic
        From a trajectory dataset and the name of a metric to a DataArray, of the same dimensions under all metrics.
    metrics
        Names of symmetric metrics.
    by
        A run attribute, for "between / within".
    n_components
        For "explained stress" and "explained distance".
    null_draws
        Draws of the null `shuffle_within_class`, the same for all metrics.
    cap
        In nats per sample, for metrics that are not bounded, where no statistic is given.
    seed
        Of the draws.

    Returns
    -------
    xarray.Dataset
        `observed` (metric, ...), `null` (metric, draw, ...) and `ratio` (metric, ...), observed over the mean of the
        null, with the statistic's dimensions: `quantity`, without one. The coordinate `scale` (metric) is "length" or
        "squared length": ratios of squared lengths are squares.

    Raises
    ------
    ValueError
        If a metric is unknown or not symmetric, or none is given; or as `null_test`, `embed` and `pairwise` do.

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

    found = [null_test(ds, _under(statistic or of_one, name), null_draws, seed=seed) for name in names]
    kept = ["observed", "null", "ratio"]
    out: xr.Dataset = xr.concat([f[kept] for f in found], dim=xr.Variable("metric", names), combine_attrs="drop")
    scale = ("metric", [chosen[name].scale for name in names])
    return out.assign_coords(scale=scale).assign_attrs(
        null="shuffle_within_class", draws=null_draws, seed=seed, by=by or ""
    )


def _under(statistic: Callable[[xr.Dataset, str], xr.DataArray], metric: str) -> Callable[[xr.Dataset], xr.DataArray]:
    return lambda ds: statistic(ds, metric)


def _quantities(ds: xr.Dataset, metric: Metric, by: str | None, n_components: int) -> xr.DataArray:
    embedding = embedded(ds, n_components, metric, references=False)
    distance = matched_distance(resampled(ds, _PROGRESS), metric)
    pair = np.triu(~own_copies(ds), k=1)
    values = {
        "explained stress": float(embedding["explained_stress"][-1]),
        "explained distance": float(embedding["explained_distance"][-1]),
        "distance": float(distance[pair].mean()),
    }
    if by is not None:
        code = groups(ds, by)[0]
        alike = code[:, None] == code
        if not (alike & pair).any():
            raise ValueError(f"{by!r} differs for every run: there are no distances within groups")
        values["between / within"] = float(distance[~alike & pair].mean() / distance[alike & pair].mean())
    return xr.DataArray(list(values.values()), {"quantity": list(values)}, ("quantity",))
