"""The nearest point on the geodesic from ignorance to truth: its position (progress) and its distance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from trajkit.curves.start import after_start
from trajkit.distances import FISHER_RAO, Metric, as_metric
from trajkit.points import run_blocks
from trajkit.probabilities import normalize
from trajkit.schema import validated
from trajkit.typing import AnyArray, Array, Labels, Mask
from trajkit.workspace import workspace_bytes

# Arrays (point, sample, class) in float64 that are in work at a time.
_ARRAYS = 3
# Halvings of [0, 1]: progress is exact to 2^-41.
_HALVINGS = 40


def progress(ds: xr.Dataset, metric: str | Metric = "fisher_rao", *, cap: float | None = None) -> xr.DataArray:
    """Progress of each point: where on the geodesic from ignorance to truth its nearest point lies.

        progress(p) = argmin over t in [0, 1] of metric(p, geodesic(ignorance, truth, t))

    Within one sample the geodesic lies in a plane. The projection of a point on this plane has length R and angle psi
    from the truth, so its overlap with geodesic(t) is R cos((1 - t) theta_0 - psi), theta_0 = arccos(1 / sqrt C). Both
    objectives are convex in t; the zero of the derivative is bisected for all points at once, to 2^-41. Where the
    minimum is an interval (possible under "fisher_rao"), its midpoint is taken.

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. Here "fisher_rao", the published
        definition, or "bhattacharyya".
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound. Progress does not depend on it: the objective is the distance without a cap, which is convex in t
        and finite between the ends of the geodesic.

    Returns
    -------
    xarray.DataArray
        (run, checkpoint), between 0 and 1; NaN where missing, and before the `start_step` of a run that has one.

    Raises
    ------
    ValueError
        If the metric is neither of the two, or takes no cap.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.with_references(tk.simulate(), n_geodesic=5)
    >>> tk.progress(ds).sel(run="geodesic").values[:5].round(6)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (progress).
    """
    chosen = as_metric(metric, cap, among=_SLOPES, what="progress")
    ds = validated(ds)
    return progress_of(ds, chosen)


def progress_of(ds: xr.Dataset, metric: Metric = FISHER_RAO) -> xr.DataArray:
    """Compute `progress` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> progress_of(ds).identical(tk.progress(ds))
    True
    """
    out = _for_each_point(ds, lambda plane: _progress(plane, metric))
    return _on_runs(ds, out, "progress", {"long_name": "progress", "metric": metric.name, "units": "1"})


def distance_to_geodesic(
    ds: xr.Dataset, metric: str | Metric = "bhattacharyya", *, cap: float | None = None
) -> xr.DataArray:
    """Distance of each point to the nearest point of the geodesic from ignorance to truth.

        metric(p, geodesic(ignorance, truth, t)) at t = progress(p, metric)

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. Here "bhattacharyya" or
        "fisher_rao", for both the progress and the distance.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound. The nearest point is found without it, as by `progress`.

    Returns
    -------
    xarray.DataArray
        (run, checkpoint), in nats (a squared length) or radians (a length); NaN where missing, and before the
        `start_step` of a run that has one.

    Raises
    ------
    ValueError
        If the metric is neither of the two, or takes no cap.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.with_references(tk.simulate(spread=0.3))
    >>> away = tk.distance_to_geodesic(ds)
    >>> bool(away.sel(run="geodesic").max() < 1e-12), bool(away.sel(run="A-0").max() > 1e-3)
    (True, True)
    """
    chosen = as_metric(metric, cap, among=_SLOPES, what="distance_to_geodesic")
    ds = validated(ds)
    return distance_to_geodesic_of(ds, chosen)


def distance_to_geodesic_of(ds: xr.Dataset, metric: Metric) -> xr.DataArray:
    """Compute `distance_to_geodesic` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> distance_to_geodesic_of(ds, Metric("fisher_rao")).identical(tk.distance_to_geodesic(ds, "fisher_rao"))
    True
    """
    out = _for_each_point(ds, lambda plane: _distance(plane, _progress(plane, metric), metric))
    attrs = metric.attrs | {"long_name": f"{metric.name} distance to the geodesic"}
    return _on_runs(ds, out, "distance_to_geodesic", attrs)


class _Plane(NamedTuple):
    """Points as the geodesic's plane sees them, sample by sample: arrays (point, sample)."""

    length: Array  # of the part in the plane
    angle: Array  # of that part, from the truth
    off: Array  # squared length of the part off the plane
    theta_0: float  # angle from ignorance to truth

    def angle_to(self, t: Array) -> Array:
        """Angle in the plane between each point and geodesic(t)."""
        return (1 - t[:, None]) * self.theta_0 - self.angle


def measures_progress(metric: Metric) -> bool:
    """Say whether progress is defined by this metric.

    Examples
    --------
    >>> measures_progress(Metric("fisher_rao")), measures_progress(Metric("jeffreys"))
    (True, False)
    """
    return metric.name in _SLOPES


def _for_each_point(ds: xr.Dataset, what: Callable[[_Plane], Array]) -> Array:
    """Apply `what` to every point of the trajectories, a block of runs at a time; NaN elsewhere."""
    out, done = np.full((ds.sizes["run"], ds.sizes["checkpoint"]), np.nan), 0
    chosen = after_start(ds)
    for block in run_blocks(ds):
        runs = slice(done, done + block.sizes["run"])
        out[runs], done = _for_each_chosen(block, chosen[runs], what), runs.stop
    return out


def _for_each_chosen(ds: xr.Dataset, chosen: Mask, what: Callable[[_Plane], Array]) -> Array:
    run, checkpoint = np.nonzero(chosen)
    log_prob, label = ds["log_prob"].values, ds["label"].values
    at_once = max(1, int(workspace_bytes() / (_ARRAYS * 8 * ds.sizes["sample"] * ds.sizes["class"])))
    out = np.full(chosen.shape, np.nan)
    for start in range(0, len(run), at_once):
        at = run[start : start + at_once], checkpoint[start : start + at_once]
        out[at] = what(_in_plane(log_prob[at], label))
    return out


def _on_runs(ds: xr.Dataset, values: Array, name: str, attrs: dict[str, Any]) -> xr.DataArray:
    # A shallow copy shares its coordinates with `ds`, and xarray merges what is shared without comparing or warning.
    like = ds["step"].copy(deep=False, data=values).rename(name)
    like.attrs = attrs
    return like


def _in_plane(log_prob: AnyArray, label: Labels) -> _Plane:
    """Split square roots of probabilities (point, sample, class) into their parts in the plane and off it."""
    amplitude = np.exp(0.5 * normalize(log_prob))
    classes = amplitude.shape[-1]
    is_label = np.arange(classes) == label[:, None]
    wrong = np.where(is_label, 0.0, amplitude)
    mean_wrong = wrong.sum(-1) / (classes - 1)
    on_label = np.where(is_label, amplitude, 0.0).sum(-1)
    on_uniform = mean_wrong * np.sqrt(classes - 1)
    off_plane = np.where(is_label, 0.0, wrong - mean_wrong[..., None])
    return _Plane(
        np.hypot(on_label, on_uniform),
        np.arctan2(on_uniform, on_label),
        np.square(off_plane).sum(-1),
        float(np.arccos(1 / np.sqrt(classes))),
    )


def _fisher_rao_slope(x: Array, plane: _Plane) -> Array:
    """Return d arccos(R cos x) / dx = R sin x / sqrt(off + (R sin x)^2); 0 on the point itself, where it jumps."""
    along = plane.length * np.sin(x)
    away = np.sqrt(plane.off + along * along)
    return np.divide(along, away, out=np.zeros_like(x), where=away > 0)


def _bhattacharyya_slope(x: Array, plane: _Plane) -> Array:
    """Return d -log(R cos x) / dx = tan x."""
    return np.tan(x)


_SLOPES: dict[str, Callable[[Array, _Plane], Array]] = {
    "fisher_rao": _fisher_rao_slope,
    "bhattacharyya": _bhattacharyya_slope,
}


def _progress(plane: _Plane, metric: Metric) -> Array:
    """Midpoint of the minimisers t of each point."""

    def descent(plane: _Plane, t: Array) -> Array:
        """Return -d objective / dt, up to a positive factor: positive while the minimum lies ahead."""
        return _SLOPES[metric.name](plane.angle_to(t), plane).sum(-1)

    first = _boundary(lambda t: descent(plane, t) > 0, len(plane.length))
    # Where the objective is level from `first` on, the minimiser is an interval: find its other end.
    level = descent(plane, np.minimum(first + 2.0 ** (2 - _HALVINGS), 1.0)) == 0
    if not level.any():
        return first
    flat = plane._replace(length=plane.length[level], angle=plane.angle[level], off=plane.off[level])
    last = first.copy()
    last[level] = _boundary(lambda t: descent(flat, t) >= 0, int(level.sum()))
    return 0.5 * (first + last)


def _boundary(ahead: Callable[[Array], Mask], n: int) -> Array:
    """Bisect for where `ahead` turns false on [0, 1]: exactly 0 or 1 where it is false or true throughout."""
    low, high = np.zeros(n), np.ones(n)
    at_start, at_end = ahead(low), ahead(high)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        further = ahead(middle)
        low, high = np.where(further, middle, low), np.where(further, high, middle)
    return np.where(at_end, 1.0, np.where(at_start, 0.5 * (low + high), 0.0))


def _distance(plane: _Plane, t: Array, metric: Metric) -> Array:
    """Distance (point,) to geodesic(t): from the overlap BC and from h = 1 - BC = (1 - BC^2) / (1 + BC)."""
    x = plane.angle_to(t)
    overlap, away = plane.length * np.cos(x), plane.off + np.square(plane.length * np.sin(x))
    assert metric.of_overlap is not None, "both metrics of `progress` are made of overlaps"
    return np.minimum(metric.of_overlap(away / (1 + overlap), overlap), metric.most).mean(-1)
