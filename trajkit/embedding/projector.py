"""New points placed in an embedding one at a time, such as those of a running training."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.curves.references import points_with_references
from trajkit.distances import Metric, pairwise
from trajkit.distances.distances_to import DistancesTo
from trajkit.embedding.as_embedding import ON_RUNS, as_embedding
from trajkit.embedding.project import check_above_rounding
from trajkit.embedding.squared_distances import squared_lengths
from trajkit.points import points
from trajkit.schema import validated
from trajkit.typing import AnyArray, Array, Indices, Mask

# Embedded points that are placed again as a test, and the largest error that counts as the same dataset.
_TRIED = 200
_TOO_FAR = 0.2


class Projector:
    """`project` prepared once, for new points that come one at a time, such as those of a training.

    With the weights w of the embedded points (1/m each, or those of landmarks), their squared distances D and
    coordinates y about the weighted mean y0, a new point at squared distances d is put at

        b_j = -1/2 (d_j - sum_i w_i d_i - sum_i w_i D_ij + sum_ik w_i w_k D_ik)
        x = y0 + signature * argmin_z sum_j w_j (b_j - sum_k y_jk z_k)^2

    With all embedded points this is `project`. With fewer, spread evenly over the runs, `error` measures what is lost.

    Parameters
    ----------
    embedding
        An embedding from `embed`.
    ds
        The dataset that was embedded.
    landmarks
        Number of embedded points to which distances are measured, references included; None for all.

    Attributes
    ----------
    error : float
        Median distance between the coordinates of up to 200 embedded points and those that they get as new points, in
        units of the embedding's spread.

    Raises
    ------
    ValueError
        If the embedding is not of this dataset, there are fewer landmarks than components, or a component's eigenvalue
        is rounding noise.

    Examples
    --------
    >>> import numpy as np, trajkit as tk
    >>> ds = tk.simulate(runs=6)
    >>> embedding = tk.embed(ds)
    >>> place = Projector(embedding, ds)
    >>> x = place(ds.log_prob.values[2, 5:7])
    >>> np.allclose(x, embedding.coordinate.values[2, 5:7])
    True
    """

    def __init__(self, embedding: xr.Dataset, ds: xr.Dataset, landmarks: int | None = None) -> None:
        ds, embedding = validated(ds), as_embedding(embedding, "weight", "mean_distance", "step", on=ON_RUNS)
        stacked = points_with_references(ds)
        embedded = points(embedding)
        embedded = embedded.isel(point=embedded["weight"].values > 0)
        at = _matched(embedded, stacked)
        log_prob = stacked["log_prob"].transpose("point", "sample", "class").values
        chosen = _spread(len(at), landmarks, embedded["kind"].values == "reference")
        if len(chosen) <= (n := embedded.sizes["component"]):
            raise ValueError(f"landmarks: wanted more than the embedding has components ({n}), got {landmarks}")
        some = embedded.isel(point=chosen)
        weight = some["weight"].values / some["weight"].values.sum()
        if "metric" not in embedding.attrs:
            raise ValueError(
                "the embedding has lost its attrs, of which 'metric' is needed: pass what tk.embed returned"
            )
        self._metric = Metric(embedding.attrs["metric"], embedding.attrs.get("cap"))
        self._distances = DistancesTo(log_prob[at[chosen]], self._metric)
        self._weight, self._mean = weight, some["mean_distance"].values
        if len(chosen) < len(at):
            between = pairwise(stacked.isel(point=at[chosen]), metric=self._metric, progress_bar=False)
            self._mean = squared_lengths(between) @ weight
        coordinate = some["coordinate"].transpose("point", "component").values
        self._center = weight @ coordinate
        centered = coordinate - self._center
        check_above_rounding(weight @ np.square(centered), len(weight), embedding["component"].values)
        root = np.sqrt(weight)
        inverse = np.linalg.pinv(root[:, None] * centered).T * root[:, None]
        self._solve: Array = inverse * embedding["signature"].values
        self.error = self._tried(log_prob, at, embedded)

    def __call__(self, log_prob: AnyArray) -> Array:
        """Place predictions (point, sample, class): coordinates (point, component).

        Raises
        ------
        ValueError
            If a distance is infinite.
        """
        d = self._distances(log_prob)
        if not np.isfinite(d).all():
            raise ValueError(
                f"a new point has an infinite {self._metric.name} distance to an embedded one: embed with cap= "
                "to limit each sample's contribution (in nats), or with metric='hellinger'"
            )
        if self._metric.scale == "length":
            d = np.square(d)
        centered = -0.5 * (d - (d @ self._weight)[:, None] - self._mean + self._weight @ self._mean)
        return centered @ self._solve + self._center

    def clear(self) -> None:
        """Release the predictions."""
        self._distances.clear()

    def _tried(self, log_prob: AnyArray, at: Indices, embedded: xr.Dataset) -> float:
        """Place some embedded points as if they were new, and return their error."""
        x = embedded["coordinate"].transpose("point", "component").values
        some = np.random.default_rng(0).permutation(len(at))[:_TRIED]
        apart = np.linalg.norm(self(log_prob[at[some]]) - x[some], axis=1)
        error = float(np.median(apart) / np.sqrt(np.square(x - x.mean(0)).sum(1).mean()))
        if not error < _TOO_FAR:
            raise ValueError(
                f"points of ds do not lie where the embedding has them (off by {error:.2g} of its spread): wanted "
                "the dataset that was embedded, on the same samples, or more landmarks or components"
            )
        return error


def _matched(embedded: xr.Dataset, stacked: xr.Dataset) -> Indices:
    """Place in the dataset of each point of the embedding."""
    place = {k: i for i, k in enumerate(zip(stacked["run"].values, stacked["checkpoint"].values, strict=True))}
    names = list(zip(embedded["run"].values, embedded["checkpoint"].values, strict=True))
    if lacking := [n for n in names if n not in place]:
        run, checkpoint = lacking[0]
        raise ValueError(
            f"{len(lacking)} points of the embedding are not in ds, run {str(run)!r} at checkpoint {checkpoint} for one"
            ": wanted the dataset that was embedded"
        )
    return np.array([place[n] for n in names])


def _spread(length: int, landmarks: int | None, is_reference: Mask) -> Indices:
    """Choose points evenly in their order, which is that of runs, and the references."""
    if landmarks is None or landmarks >= length:
        return np.arange(length)
    even = np.unique(np.linspace(0, length - 1, landmarks).astype(np.intp))
    return np.union1d(even, np.flatnonzero(is_reference))
