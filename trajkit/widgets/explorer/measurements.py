"""Quantities of points, distances and embeddings for the Explorer. Each is measured once and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.curves.loss import error_of, loss_of
from trajkit.curves.progress import distance_to_geodesic_of, measures_progress, progress_of
from trajkit.curves.references import points_with_references, with_missing_references
from trajkit.curves.trajectory_distance import trajectory_distance_of
from trajkit.distances import BHATTACHARYYA, Metric, as_metric, metric_names, pairwise
from trajkit.embedding import align, inpca
from trajkit.embedding.embed import embedded, on_runs
from trajkit.schema import is_network, networks_of
from trajkit.widgets.manifold_packing import per_point_quantities, quantity_ranges

QUANTITIES: dict[str, Callable[[xr.Dataset], xr.DataArray]] = {
    "progress": progress_of,
    "loss": loss_of,
    "error": error_of,
}
N_COMPONENTS = 6
# With more points, the matrix of all distances (8 bytes each, and some copies) takes gigabytes.
MOST_POINTS = 8000
LANDMARKS = 2000
# What is kept: bytes of matrices of all points, and number of embeddings of slices.
_MATRICES = 600e6
_EMBEDDINGS = 8
# Properties of an embedding's axes. They no longer hold once the embedding is aligned with another.
OF_AXES = ("eigenvalue", "explained_stress", "explained_distance")

Value = TypeVar("Value")


class Measurements:
    """Measurements of a dataset, each made when it is first asked for.

    The distances of a slice are a part of the distances of all runs, so that a new slice costs only its embedding.

    Parameters
    ----------
    ds
        A trajectory dataset.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    landmarks
        As for `trajkit.explore`. With landmarks, the distances of each slice are measured again.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, spread=0.3)
    >>> measured = Measurements(ds)
    >>> some = ds.step.isel(run=[0, 1]) >= 0
    >>> part = measured.embedding(None, "bhattacharyya", some)
    >>> bool(abs(part.explained_stress - tk.embed(ds.isel(run=[0, 1]), 6).explained_stress).max() < 1e-9)
    True
    """

    def __init__(self, ds: xr.Dataset, *, cap: float | None = None, landmarks: int | None = None) -> None:
        self.dataset, self.cap = ds, cap
        n_points = int((ds["step"] >= 0).sum())
        self.landmarks = LANDMARKS if landmarks is None and n_points > MOST_POINTS else landmarks
        self._kept: dict[tuple[Any, ...], Any] = {}

    def close(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def part(self, split: str | None) -> xr.Dataset:
        """Take all runs on the samples of a split (None: all samples), with progress, loss and error of each point."""
        return self._once(("part", split), lambda: self._measured(split))

    def _measured(self, split: str | None) -> xr.Dataset:
        part = self.dataset if split is None else self.dataset.isel(sample=self.dataset["split"].values == split)
        return part.assign({name: measure(part) for name, measure in QUANTITIES.items()})

    def quantities(self, split: str | None) -> list[str]:
        """Name the quantities of points that have a finite value for some network, and so can give colours."""

        def measure() -> list[str]:
            part = self.part(split)
            ranges = quantity_ranges(per_point_quantities(part, None), is_network(part))
            return [quantity["name"] for quantity in ranges]

        return self._once(("quantities", split), measure)

    def distances(self, split: str | None, metric: str) -> xr.DataArray:
        """Distances (run, run2) between the whole trajectories of the networks."""
        return self._once(
            ("runs", split, metric),
            lambda: trajectory_distance_of(networks_of(self.part(split)), self.metric(metric)),
        )

    def geodesic_metric(self, metric: str) -> str:
        """Choose the metric of distances to the geodesic: `metric` if progress is defined by it."""
        return metric if measures_progress(self.metric(metric)) else BHATTACHARYYA.name

    def distance_to_geodesic(self, split: str | None, metric: str) -> xr.DataArray:
        """Distance of each point to the geodesic by `geodesic_metric`."""
        known = self.geodesic_metric(metric)
        return self._once(("geodesic", split, known), lambda: distance_to_geodesic_of(self.part(split), Metric(known)))

    def embedding(self, split: str | None, metric: str, chosen: xr.DataArray | None = None) -> xr.Dataset:
        """InPCA of all points; or of the references and the `chosen` points (run, checkpoint) of the networks."""
        key = ("embedding", split, metric, None if chosen is None else chosen.values.tobytes())
        return self._once(key, lambda: self._embed(split, metric, chosen))

    def _embed(self, split: str | None, metric: str, chosen: xr.DataArray | None) -> xr.Dataset:
        own, everything = self._outlines(split)
        if chosen is not None:
            own, everything = (_cut(ds, _with_references(chosen, ds)) for ds in (own, everything))
        if self.landmarks is not None:
            part = self.part(split)
            ds = part if chosen is None else _cut(part, _with_references(chosen, part))
            landmarks = fitting(self.landmarks, ds)
            return embedded(ds, N_COMPONENTS, self.metric(metric), landmarks=landmarks)
        # Cutting a slice out of the matrix of all points takes milliseconds, measuring it again takes seconds.
        distance = self._pairwise(split, metric)
        distance = distance if chosen is None else _among(distance, everything)
        return on_runs(inpca(distance, N_COMPONENTS), everything, own)

    def _outlines(self, split: str | None) -> tuple[xr.Dataset, xr.Dataset]:
        """Return the dataset without predictions, and with references too: a slice needs only names and steps."""

        def make() -> tuple[xr.Dataset, xr.Dataset]:
            own = self.part(split).drop_vars("log_prob")
            return own, with_missing_references(own)

        return self._once(("outlines", split), make)

    def metric(self, name: str) -> Metric:
        """Make the metric of this name, with the cap if it takes one."""
        return as_metric(name, self.cap, optional_cap=True)

    def cap_of(self, metric: str) -> float | None:
        """Return the cap, or None if the metric takes none."""
        return self.metric(metric).cap

    def _pairwise(self, split: str | None, metric: str) -> xr.DataArray:
        """Distances between all points and the references."""

        def measure() -> xr.DataArray:
            return pairwise(points_with_references(self.part(split)), metric=self.metric(metric))

        return self._once(("points", split, metric), measure)

    def _once(self, key: tuple[Any, ...], measure: Callable[[], Value]) -> Value:
        """Return what is kept under a key, or measure it; then forget what was not asked for longest."""
        if key in self._kept:
            self._kept[key] = self._kept.pop(key)
        else:
            self._kept[key] = measure()
            self._forget()
        return self._kept[key]

    def _forget(self) -> None:
        matrices = [k for k in self._kept if k[0] == "points"]
        while len(matrices) > 1 and sum(self._kept[k].nbytes for k in matrices) > _MATRICES:
            self._kept.pop(matrices.pop(0))
        # The embedding of all runs stays: every slice is aligned with it.
        embeddings = [k for k in self._kept if k[0] == "embedding" and k[3] is not None]
        for key in embeddings[:-_EMBEDDINGS]:
            self._kept.pop(key)


def fitting(landmarks: int, ds: xr.Dataset) -> int | None:
    """Return the number of landmarks for a dataset; None, so that every point is embedded exactly, if it has few."""
    return landmarks if int((ds["step"] >= 0).sum()) > landmarks + 100 else None


def metrics(cap: float | None) -> list[str]:
    """Name the metrics that are finite between networks and the truth; "jeffreys" is only with a cap."""
    return [n for n in metric_names(symmetric=True) if as_metric(n, cap, optional_cap=True).finite_at_truth]


def aligned(frame: xr.Dataset, own: xr.Dataset, components: tuple[int, ...]) -> xr.Dataset:
    """Align the embedding of a slice with the embedding of all runs, each component with one of the same signature.

    Returns
    -------
    xarray.Dataset
        `frame` in these components, with the coordinates and steps of the slice; attribute `misfit` as of `align`.

    Raises
    ------
    ValueError
        If the slice lacks a component of a signature, or shares fewer than two points with `frame`.
    """
    wanted = list(components)
    partners = partner_components(frame, own, wanted)
    moved = align(frame.sel(component=wanted), own.sel(component=partners))
    step = moved["step"].reindex_like(frame["step"], fill_value=-1)
    shown = frame.sel(component=wanted).drop_vars(OF_AXES)
    return shown.assign(coordinate=moved["coordinate"], step=step).assign_attrs(misfit=moved.attrs["misfit"])


def partner_components(frame: xr.Dataset, own: xr.Dataset, wanted: list[int]) -> list[int]:
    """For each component of one embedding, find the component of the other with the same place among its signature.

    Raises
    ------
    ValueError
        If there are not enough components of that signature.
    """
    partners = []
    for k in wanted:
        sign = int(frame["signature"].sel(component=k))
        of_sign = frame["component"].values[frame["signature"].values == sign].tolist()
        others = own["component"].values[own["signature"].values == sign].tolist()
        place = of_sign.index(k)
        if place >= len(others):
            raise ValueError(
                f"the slice has no components with the signatures of components {tuple(wanted)} of all runs: "
                "choose other axes, or embed all runs"
            )
        partners.append(others[place])
    return partners


def only(embedding: xr.Dataset, chosen: xr.DataArray) -> xr.Dataset:
    """Leave out the checkpoints of networks that are not chosen: their step becomes -1."""
    keep = chosen.reindex(run=embedding["run"], checkpoint=embedding["checkpoint"], fill_value=False)
    return embedding.assign(step=embedding["step"].where(keep | (embedding["kind"] == "reference"), -1))


def _cut(ds: xr.Dataset, chosen: xr.DataArray) -> xr.Dataset:
    """Keep only the chosen points."""
    mask = chosen.transpose("run", "checkpoint")
    mask = mask.isel(run=mask.any("checkpoint").values, checkpoint=mask.any("run").values)
    kept = ds.sel(run=mask["run"].values, checkpoint=mask["checkpoint"].values)
    inside = xr.DataArray(mask.values, dims=("run", "checkpoint"))
    cut = kept.assign(step=kept["step"].where(inside, -1))
    # Only landmarks need the predictions. Whole runs are selected most often, and need no copy of theirs.
    if "log_prob" in kept and not bool((inside | (kept["step"] < 0)).all()):
        cut["log_prob"] = kept["log_prob"].where(inside).transpose(*kept["log_prob"].dims)
    return cut


def _with_references(chosen: xr.DataArray, everything: xr.Dataset) -> xr.DataArray:
    """Choose the points of references too."""
    keep = chosen.reindex(run=everything["run"], checkpoint=everything["checkpoint"], fill_value=False)
    return keep | ((everything["kind"] == "reference") & (everything["step"] >= 0))


def _among(distance: xr.DataArray, ds: xr.Dataset) -> xr.DataArray:
    """Take the rows and columns of a matrix that belong to the points of `ds`."""
    run = ds.indexes["run"].get_indexer(pd.Index(distance["run"].values))
    checkpoint = ds.indexes["checkpoint"].get_indexer(pd.Index(distance["checkpoint"].values))
    recorded = ds["step"].transpose("run", "checkpoint").values >= 0
    at = np.flatnonzero((run >= 0) & (checkpoint >= 0) & recorded[run, checkpoint])
    return distance.isel(point=at, point2=at)
