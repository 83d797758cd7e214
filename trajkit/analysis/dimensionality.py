"""How many dimensions the manifold has, beside how many it would have by chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.null_test import Statistic, null_test
from trajkit.analysis.shuffles import Null, valid_draws
from trajkit.distances import Metric, as_metric
from trajkit.embedding.embed import embedded
from trajkit.renamed import renamed
from trajkit.schema import is_network, networks


@renamed(n="null_draws")
def dimensionality(
    ds: xr.Dataset,
    n_components: int = 10,
    *,
    null_draws: int = 19,
    nulls: Mapping[str, xr.Dataset | Null] | None = None,
    share: float = 0.9,
    metric: str | Metric = "bhattacharyya",
    landmarks: int | None = None,
    level: float = 0.95,
    seed: int = 0,
    cap: float | None = None,
) -> xr.Dataset:
    """Explained stress and explained distance by number of components, with intervals, beside their null.

    The null, `shuffle_within_class`, keeps each run's losses and progress: what it explains, a few components explain
    of any runs that learn. Explained stress alone shows little, since the road from ignorance to truth makes most of
    it; explained distance tells more. `nulls` puts more beside it: `tk.shuffle_confusions`, which also keeps which
    sample is learned when; runs of untrained networks, which share architectures and no learning; runs trained on
    shuffled labels, which share how networks learn but not what there is to learn.

    Parameters
    ----------
    ds
        A trajectory dataset.
    n_components
        How many components to look at.
    null_draws
        Draws of the null, and draws of samples for the intervals. All in all 2 + 2 `null_draws` embeddings are made.
    nulls
        More nulls by name: a function from a dataset and a seed to another, of which `null_draws` are taken, or runs of
        another kind on the same probe. Of more runs than `ds` has, `null_draws` sets of as many runs are drawn, else
        all runs are taken at once.
        Fewer runs are explained by fewer components: `attrs["limitations"]` says where they are fewer.
    share
        Of stress or distance, that `needed` components explain.
    metric, landmarks
        Of `embed`.
    level
        Of the intervals (`bootstrap`, over samples).
    seed
        Of all draws.

    Returns
    -------
    xarray.Dataset
        On `measure` ("explained stress", "explained distance") and `component` (counted from 1, cumulative):
        `estimate`, `lower`, `upper`, `null` (draw, ...), and `p_value`, of explaining more than the null; with `nulls`
        also `other_null` (other, draw, ...), NaN beyond the one draw of all runs. On `measure`: `needed`, the least
        number of components that explain `share`, and `null_needed` (draw, ...); -1 where n_components are too few.

    Raises
    ------
    ValueError
        If share is no share, or as `bootstrap`, `null_test` and `embed` do.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, samples=20, checkpoints=5, groups=1, spread=0.3)
    >>> found = tk.dimensionality(ds, 3, null_draws=4)
    >>> dict(found.estimate.sizes), found.needed.values, float(found.p_value[1, 2])
    ({'measure': 2, 'component': 3}, array([1, 1]), 0.2)

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (explained stress of trajectories).
    """
    if not 0 < share < 1:
        raise ValueError(f"share: wanted a number between 0 and 1, got {share}")

    chosen = as_metric(metric, cap)

    def measures(some: xr.Dataset) -> xr.DataArray:
        embedding = embedded(some, n_components, chosen, landmarks=landmarks, seed=seed)
        both = [embedding["explained_stress"], embedding["explained_distance"]]
        names = xr.DataArray(["explained stress", "explained distance"], dims="measure", name="measure")
        out: xr.DataArray = xr.concat(both, dim=names, combine_attrs="drop")
        return out.drop_vars([c for c in out.coords if c not in out.dims])

    others = dict(nulls or {})
    interval = bootstrap(ds, measures, null_draws, level=level, seed=seed)
    test = null_test(ds, measures, null_draws, alternative="greater", seed=seed)
    beside = [_draws(ds, other, measures, null_draws, seed) for other in others.values()]
    found = {"other_null": xr.concat(beside, dim=xr.Variable("other", list(others)))} if others else {}
    return xr.Dataset(
        {
            **found,
            **{name: interval[name] for name in ("estimate", "lower", "upper")},
            "null": test["null"],
            "p_value": test["p_value"],
            "needed": _needed(interval["estimate"], share),
            "null_needed": _needed(test["null"], share),
        },
        attrs={"share": share, "level": level, "draws": null_draws, "null": "shuffle_within_class"}
        | chosen.identity
        | {"limitations": "; ".join(_fewer(ds, others))},
    )


def _draws(ds: xr.Dataset, null: xr.Dataset | Null, measures: Statistic, n: int, seed: int) -> xr.DataArray:
    """Explain draws of a null, or runs of another kind, as many as `ds` has if there are more."""
    seeds = np.random.SeedSequence(seed).generate_state(n).tolist()
    if callable(null):
        draw = valid_draws(null)
        return xr.concat([measures(draw(ds, s)) for s in seeds], dim="draw")
    other, runs = networks(null), int(is_network(ds).sum())
    if not all(np.array_equal(other[name], ds[name]) for name in ("sample", "label", "class")):
        raise ValueError("nulls: wanted runs on the same probe, got other samples, labels or classes")
    if other.sizes["run"] <= runs:
        return measures(other).expand_dims("draw").pad(draw=(0, n - 1))
    picked = [np.random.default_rng(s).choice(other.sizes["run"], runs, replace=False) for s in seeds]
    return xr.concat([measures(other.isel(run=np.sort(at))) for at in picked], dim="draw")


def _fewer(ds: xr.Dataset, others: Mapping[str, xr.Dataset | Null]) -> list[str]:
    runs = int(is_network(ds).sum())
    sizes = {name: int(is_network(other).sum()) for name, other in others.items() if isinstance(other, xr.Dataset)}
    return [f"{name}: {size} runs, fewer than {runs}" for name, size in sizes.items() if size < runs]


def _needed(cumulative: xr.DataArray, share: float) -> xr.DataArray:
    """Give the least number of components that explain a share; explained distance may fall again after it."""
    enough = cumulative >= share
    out = (enough.argmax("component") + 1).where(enough.any("component"), -1)
    return out.astype(np.int64).assign_attrs(long_name=f"components that explain {share:g}")
