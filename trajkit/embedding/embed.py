"""Whole datasets embedded in one go."""

from __future__ import annotations

import xarray as xr

from trajkit.curves.references import missing_references, points_with_references, with_missing_references
from trajkit.distances import BHATTACHARYYA, Metric, as_metric, pairwise
from trajkit.embedding.inpca import inpca
from trajkit.embedding.landmarks import landmark_embedding
from trajkit.points import MISSING, points, unstack
from trajkit.renamed import renamed
from trajkit.schema import run_attributes, validate_axes, validate_predictions


@renamed(progress="progress_bar")
def embed(
    ds: xr.Dataset,
    n_components: int = 3,
    *,
    metric: str | Metric = "bhattacharyya",
    references: bool = True,
    landmarks: int | None = None,
    cap: float | None = None,
    seed: int = 0,
    progress_bar: bool | None = None,
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
        cost k M distances instead of M^2 / 2. They are random, one in each of as many equal stretches of all points in
        the order of run and progress; references are among them. Each is weighted by the number of points it stands
        for, a reference by one, so that eigenvalues are estimates of those of all points. Predictions are read
        twice, a few runs at a time (250 MB, or one run or chunk of runs if that is more): `ds` may be lazy or hold
        dask arrays, best cut along `run`. None embeds every point.
    cap
        Of `pairwise`, in nats per sample.
    seed
        Of the choice of landmarks.
    progress_bar
        Whether to show a progress bar; None shows one when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        What `inpca` returns, with `coordinate` on (run, checkpoint, component), `step` and the other per-point
        variables of `ds`. With landmarks also `is_landmark` (run, checkpoint), and two measures (component) from all
        pairs of up to 500 projected points, which no landmark saw, both cumulative as `explained_distance` is:

        `projected_explained_distance` is their explained distance, exactly. Where it falls short of
        `explained_distance` (of the landmarks), take more landmarks.

        `landmark_error` estimates how far their distances in the picture are from those that the embedding of every
        point would show, sum |D_k - D_k of the full embedding| / sum D. The full embedding is not made: the points are
        placed once more by twice the landmarks, and by how much that moves their distances is scaled to what all
        points would, with variances that go as 1/landmarks - 1/points: by 1.4 where landmarks are few. Over draws it is
        right within a factor of two; a single draw that misses points which lie apart, few and far, can be four times
        too sure: another `seed` shows it.

    Raises
    ------
    ValueError
        As `pairwise` and `inpca` do; if there are fewer landmarks than components, none besides the references, or
        fewer than four points that are none.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.embed(tk.simulate(runs=4)).coordinate.sel(run="truth", checkpoint=0).shape
    (3,)
    """
    chosen = as_metric(metric, cap)
    validate_axes(ds)
    if landmarks is None:
        validate_predictions(ds)  # with landmarks, when their run is read
    return embedded(ds, n_components, chosen, references, landmarks, seed, progress_bar)


def embedded(
    ds: xr.Dataset,
    n_components: int = 3,
    metric: Metric = BHATTACHARYYA,
    references: bool = True,
    landmarks: int | None = None,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> xr.Dataset:
    """Compute `embed` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> embedded(ds).identical(tk.embed(ds))
    True
    """
    bare = ds.drop_vars("log_prob")
    everything = with_missing_references(bare) if references else bare
    if landmarks is None:
        stacked = points_with_references(ds) if references else points(ds)
        embedding = inpca(pairwise(stacked, metric=metric, progress_bar=progress_bar), n_components)
    else:
        parts = [ds, *([missing_references(ds)] if everything.sizes["run"] > ds.sizes["run"] else [])]
        names = points(everything)
        embedding = landmark_embedding(parts, names, landmarks, n_components, metric, seed, progress_bar)
    return on_runs(embedding, everything, ds)


def on_runs(embedding: xr.Dataset, everything: xr.Dataset, ds: xr.Dataset) -> xr.Dataset:
    """Put an embedding of the points of `everything` on (run, checkpoint), with what `ds` knows of runs and points.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=3)
    >>> on_runs(tk.inpca(tk.pairwise(ds)), ds, ds).coordinate.dims
    ('run', 'checkpoint', 'component')
    """
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
