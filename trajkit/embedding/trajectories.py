"""Whole datasets embedded in one go."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.curves import progress
from trajkit.curves import references as reference_runs
from trajkit.distances import pairwise
from trajkit.embedding.decomposition import inpca
from trajkit.embedding.projection import project
from trajkit.embedding.quality import explained_distance
from trajkit.points import MISSING, concat, points, unstack
from trajkit.schema import run_attributes, validate

# Projected points on which the error of a landmark embedding is measured.
_CHECKED = 500


def embed(
    ds: xr.Dataset,
    n_components: int = 3,
    *,
    metric: str = "bhattacharyya",
    references: bool = True,
    landmarks: int | None = None,
    cap: float | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Embed every point of a trajectory dataset: references, pairwise distances and InPCA in one go.

    Parameters
    ----------
    ds
        A trajectory dataset.
    n_components
        How many components.
    metric
        Of `pairwise`.
    references
        Embed ignorance, truth and 50 points of the geodesic between them along with the runs, unless `ds` has
        references already.
    landmarks
        Embed so many points exactly and `project` all others from their distances to these: k landmarks of M points
        cost k M distances instead of M^2 / 2. They are random, spread evenly over each run's progress, and over runs
        in proportion to their checkpoints; references are among them. None embeds every point.
    cap
        Of `pairwise`, in nats per sample.
    seed
        Of the choice of landmarks.

    Returns
    -------
    xarray.Dataset
        What `inpca` returns, with `coordinate` on (run, checkpoint, component), `step` and the other per-point
        variables of `ds`. With landmarks also `is_landmark` (run, checkpoint), and `projected_explained_distance`
        (component): the explained distance between up to 500 projected points, which no landmark saw. Where it falls
        short of `explained_distance` (of the landmarks), take more landmarks.

    Raises
    ------
    ValueError
        As `pairwise` and `inpca` do; if there are fewer landmarks than components, or no more points than landmarks.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.embed(tk.simulate(runs=4)).coordinate.sel(run="truth", checkpoint=0).shape
    (3,)
    """
    validate(ds)
    everything = _with_missing_references(ds) if references else ds
    stacked = points(everything)
    if landmarks is None:
        embedding = inpca(pairwise(stacked, metric=metric, cap=cap), n_components)
    else:
        chosen = _landmarks(everything, stacked, landmarks, n_components, seed)
        embedding = _with_projected(stacked, chosen, n_components, metric, cap, seed)
    embedding = unstack(embedding)
    # The same at every point of all one-point runs, a run attribute could be taken for one of each point.
    attributes = {n: everything[n] for n in run_attributes(everything)}
    own = ds.reset_coords(drop=True).drop_vars(
        [n for n, v in ds.data_vars.items() if not set(v.dims) <= {"run", "checkpoint"}]
    )
    fill = {n: MISSING[v.dtype.kind] for n, v in own.data_vars.items()}
    per_point = own.reindex(run=embedding["run"], checkpoint=embedding["checkpoint"], fill_value=fill)
    out: xr.Dataset = embedding.assign_coords(attributes).assign(per_point.data_vars)
    return out.assign(step=everything["step"])


def _with_missing_references(ds: xr.Dataset) -> xr.Dataset:
    """Add those of ignorance, truth and geodesic that `ds` lacks, to what an embedding needs of it."""
    added = reference_runs(ds)
    added = added.isel(run=~np.isin(added["run"].values, ds["run"].values))
    kept = ("log_prob", "step", "kind", "label", "split", *ds.dims, *run_attributes(ds))
    bare = ds.drop_vars([n for n in ds.variables if n not in kept])
    return (
        concat([bare, added.drop_vars([n for n in added.variables if n not in kept])]) if added.sizes["run"] else bare
    )


def _landmarks(ds: xr.Dataset, stacked: xr.Dataset, k: int, n_components: int, seed: int) -> NDArray[np.bool_]:
    """Choose points at even distances, from a random start, in the order of run and progress."""
    is_reference = stacked["kind"].values == "reference"
    free = np.flatnonzero(~is_reference)
    wanted = k - int(is_reference.sum())
    if not (n_components <= k and 0 < wanted < len(free) - 1):
        raise ValueError(
            f"landmarks: wanted more than the {is_reference.sum()} reference points and at most "
            f"{len(is_reference) - 2} of {len(is_reference)} points, at least n_components = {n_components}; got {k}"
        )
    at = points(xr.Dataset({"step": ds["step"], "progress": progress(ds)}))["progress"].values
    run = np.unique(stacked["run"].values, return_inverse=True)[1]
    order = free[np.lexsort((at[free], run[free]))]
    place = np.floor((np.arange(wanted) + np.random.default_rng(seed).random()) * len(free) / wanted).astype(int)
    chosen: NDArray[np.bool_] = is_reference.copy()
    chosen[order[place]] = True
    return chosen


def _with_projected(
    stacked: xr.Dataset, chosen: NDArray[np.bool_], n_components: int, metric: str, cap: float | None, seed: int
) -> xr.Dataset:
    """Embed the chosen points and project the others; measure the projection on some of them."""
    old, new = stacked.isel(point=chosen), stacked.isel(point=~chosen)
    exact = inpca(pairwise(old, metric=metric, cap=cap), n_components)
    placed = project(exact, pairwise(new, old, metric=metric, cap=cap))
    some = np.random.default_rng(seed).permutation(new.sizes["point"])[:_CHECKED]
    seen = placed.isel(point=some).assign(signature=exact["signature"])
    between = pairwise(new.isel(point=some), metric=metric, cap=cap)
    per_point = {
        "coordinate": np.empty((len(chosen), n_components)),
        "mean_distance": np.full(len(chosen), np.nan),
        "weight": np.zeros(len(chosen)),
    }
    per_point["coordinate"][chosen], per_point["coordinate"][~chosen] = exact["coordinate"], placed["coordinate"]
    per_point["mean_distance"][chosen], per_point["weight"][chosen] = exact["mean_distance"], exact["weight"]
    return xr.Dataset(
        {
            **{name: (exact[name].dims, values, exact[name].attrs) for name, values in per_point.items()},
            **{name: exact[name] for name in exact.data_vars if exact[name].dims == ("component",)},
            "is_landmark": ("point", chosen),
            "projected_explained_distance": explained_distance(seen, between),
        },
        coords={**{n: c for n, c in stacked.coords.items() if c.dims == ("point",)}, "component": exact["component"]},
        attrs=exact.attrs,
    )
