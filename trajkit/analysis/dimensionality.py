"""How many components explain the manifold, compared with a null."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import xarray as xr

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.null_test import Statistic, null_test
from trajkit.analysis.shuffles import Null, valid_draws
from trajkit.curves.references import bare_points_with_references, missing_references
from trajkit.distances import Metric, as_metric, pairwise
from trajkit.embedding.embed import embedded
from trajkit.embedding.inpca import inpca
from trajkit.renamed import renamed
from trajkit.schema import is_network, networks, validated

_MEASURES = {"measure": ["explained stress", "explained distance"]}


@renamed(n="null_draws")
def dimensionality(
    ds: xr.Dataset,
    n_components: int = 10,
    *,
    null_draws: int = 19,
    draws: int = 99,
    nulls: Mapping[str, xr.Dataset | Null] | None = None,
    share: float = 0.9,
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    landmarks: int | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> xr.Dataset:
    """Explained stress and explained distance by number of components, with intervals, compared with a null.

    The null, `shuffle_within_class`, keeps the losses and the progress of each run. It shows how much a few components
    explain of any runs that learn. Explained stress alone says little, because the path from ignorance to truth
    contributes most of it; explained distance says more. `nulls` adds other comparisons: `tk.shuffle_confusions`,
    which also keeps which sample is learned when; runs of untrained networks, which share architectures but no
    learning; runs trained on shuffled labels, which share how networks learn but not what they can learn.

    Parameters
    ----------
    ds
        A trajectory dataset.
    n_components
        Number of components.
    null_draws
        Number of draws from the null. The smallest possible p-value is 1 / (null_draws + 1). Each draw is embedded.
    draws
        Number of bootstrap draws. Each draw is embedded.
    nulls
        Further nulls by name. Each is a function from a dataset and a seed to a dataset, of which `null_draws` draws
        are made, or a dataset of other runs on the same probe. If it has more runs than `ds`, `null_draws` random
        subsets with as many runs as `ds` are embedded, otherwise all its runs once. Fewer runs need fewer components:
        `attrs["limitations"]` names datasets with fewer runs.
    share
        Share of stress or distance that `needed` components explain.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    landmarks
        Number of points to embed exactly; the other points are projected. By default all points are embedded exactly.
    level
        Confidence level of the intervals, between 0 and 1. They are `bootstrap` intervals over samples.
    seed
        Seed for the random draws.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        On `measure` ("explained stress", "explained distance") and `component` (counted from 1, cumulative):
        `estimate`, `lower`, `upper`, `null` (draw, ...), and `p_value` of explaining more than the null; with `nulls`
        also `other_null` (other, draw, ...), where a null with one draw is NaN at all further draws. On `measure`:
        `needed`, the smallest number of components that explain `share`, and `null_needed` (draw, ...); -1 if
        `n_components` are not enough.

    Raises
    ------
    ValueError
        If `share` is not between 0 and 1, `nulls` holds runs on another probe, or as `bootstrap`, `null_test` and
        `embed` do.

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
    if nulls is not None and not isinstance(nulls, Mapping):
        raise TypeError(f"nulls: wanted a dict of functions or datasets by name, got {type(nulls).__name__}")
    chosen = as_metric(metric, cap)
    ds = validated(ds, values=False)

    def measures(some: xr.Dataset, references: xr.Dataset | None = None) -> xr.DataArray:
        if landmarks is None:
            # What `embed` does, without putting the points back on (run, checkpoint): that took most of the time.
            points = bare_points_with_references(some, references)
            embedding = inpca(pairwise(points, metric=chosen, progress_bar=False), n_components)
        else:
            embedding = embedded(some, n_components, chosen, landmarks=landmarks, seed=seed)
        both = [embedding["explained_stress"], embedding["explained_distance"]]
        values = np.stack([each.values for each in both])
        return xr.DataArray(values, {**_MEASURES, "component": embedding["component"].values}, ("measure", "component"))

    others = dict(nulls or {})
    interval = bootstrap(ds, measures, draws, level=level, seed=seed, progress_bar=progress_bar)
    # Shuffled runs have the same references: to make them for each draw took a fifth of the time.
    of_shuffled = partial(measures, references=missing_references(ds))
    test = null_test(ds, of_shuffled, null_draws, alternative="greater", seed=seed, progress_bar=progress_bar)
    of_others = [_draws(ds, other, measures, null_draws, seed) for other in others.values()]
    found = {"other_null": xr.concat(of_others, dim=xr.Variable("other", list(others)))} if others else {}
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


def _draws(ds: xr.Dataset, null: xr.Dataset | Null, measures: Statistic, null_draws: int, seed: int) -> xr.DataArray:
    """Measure the draws of a null, or subsets of other runs with as many runs as `ds`."""
    seeds = np.random.SeedSequence(seed).generate_state(null_draws).tolist()
    if callable(null):
        draw = valid_draws(null)
        return xr.concat([measures(draw(ds, s)) for s in seeds], dim="draw")
    other, runs = networks(null), int(is_network(ds).sum())
    if not all(np.array_equal(other[name], ds[name]) for name in ("sample", "label", "class")):
        raise ValueError("nulls: wanted runs on the same probe, got other samples, labels or classes")
    if other.sizes["run"] <= runs:
        return measures(other).expand_dims("draw").pad(draw=(0, null_draws - 1))
    picked = [np.random.default_rng(s).choice(other.sizes["run"], runs, replace=False) for s in seeds]
    return xr.concat([measures(other.isel(run=np.sort(at))) for at in picked], dim="draw")


def _fewer(ds: xr.Dataset, others: Mapping[str, xr.Dataset | Null]) -> list[str]:
    runs = int(is_network(ds).sum())
    sizes = {name: int(is_network(other).sum()) for name, other in others.items() if isinstance(other, xr.Dataset)}
    return [f"{name}: {size} runs, fewer than {runs}" for name, size in sizes.items() if size < runs]


def _needed(cumulative: xr.DataArray, share: float) -> xr.DataArray:
    """Count the components until their share is reached, or -1."""
    # The first component that reaches it: explained distance can decrease again with more components.
    enough = cumulative >= share
    needed = (enough.argmax("component") + 1).where(enough.any("component"), -1)
    return needed.astype(np.int64).assign_attrs(long_name=f"components that explain {share:g}")
