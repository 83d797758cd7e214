"""Embedding of a whole dataset: references, distances and InPCA."""

from __future__ import annotations

import xarray as xr

from trajkit.curves.references import missing_references, points_with_references, with_missing_references
from trajkit.distances import BHATTACHARYYA, Metric, as_metric, pairwise
from trajkit.embedding.inpca import inpca
from trajkit.embedding.landmarks import landmark_embedding
from trajkit.points import MISSING, points, unstack
from trajkit.renamed import renamed
from trajkit.schema import run_attributes, validated
from trajkit.storable import kind_of


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
        Number of components.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them.
    references
        Embed ignorance, truth and 50 points of the geodesic between them along with the runs, unless `ds` has
        references already.
    landmarks
        Number of points to embed exactly; the other points are projected. By default all points are embedded exactly.
        k landmarks of M points need k M distances instead of M^2 / 2. All references are landmarks; the others are
        random, one from each of equally long parts of all points in the order of run and progress. The weight of a
        landmark is the number of points that it represents, so that eigenvalues estimate those of all points.
        Predictions are read twice, a few runs at a time: `ds` may be lazy or hold dask arrays, with chunks along `run`.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    seed
        Seed for the random draws.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        The result of `inpca`, with `coordinate` on (run, checkpoint, component), `step` and the other per-point
        variables of `ds`. With landmarks also `is_landmark` (run, checkpoint), and two measures (component) over all
        pairs of up to 500 projected points, both cumulative like `explained_distance`:

        `projected_explained_distance` is their explained distance. If it is smaller than `explained_distance`, which is
        that of the landmarks, take more landmarks.

        `landmark_error` estimates the error of their distances in the picture, relative to an embedding of every point:
        sum |D_k - D_k of the full embedding| / sum D. The full embedding is not computed: the points are projected
        again onto twice the landmarks, and the change of their distances is scaled up, because variances go as
        1/landmarks - 1/points. Averaged over seeds the estimate is right within a factor of two. With a single seed it
        can be four times too small, if no landmark is in a small group of distant points; try another `seed`.

    Raises
    ------
    ValueError
        As `pairwise` and `inpca` do; if there are fewer landmarks than components, no landmark besides the references,
        or fewer than four other points.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.embed(tk.simulate(runs=4)).coordinate.sel(run="truth", checkpoint=0).shape
    (3,)
    """
    chosen = as_metric(metric, cap)
    # With landmarks, each block of runs is checked when it is read.
    ds = validated(ds, values=landmarks is None)
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
    fill = {n: MISSING[kind_of(v.dtype)] for n, v in own.data_vars.items()}
    per_point = own.reindex(run=embedding["run"], checkpoint=embedding["checkpoint"], fill_value=fill)
    out: xr.Dataset = embedding.assign_coords(attributes).assign(per_point.data_vars)
    return out.assign(step=everything["step"])
