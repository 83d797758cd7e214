"""The nearest point on a geodesic, usually that from ignorance to truth: its position (progress) and its distance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from trajkit.curves.ends import End
from trajkit.curves.geodesic import great_circle
from trajkit.curves.plane import Ends, Plane, ends_of, in_plane, in_plane_of
from trajkit.curves.start import after_start
from trajkit.distances import FISHER_RAO, Metric, as_metric
from trajkit.distances.formulas import SMALLEST_OVERLAP
from trajkit.points import run_blocks
from trajkit.probabilities import normalize
from trajkit.schema import validated
from trajkit.typing import AnyArray, Array, Mask
from trajkit.workspace import workspace_bytes

# Arrays (point, sample, class) in float64 that are in work at a time.
_ARRAYS = 3
# Halvings of [0, 1]: progress is exact to 2^-41.
_HALVINGS = 40


def progress(
    ds: xr.Dataset,
    metric: str | Metric = "fisher_rao",
    *,
    start: End = "ignorance",
    end: End = "truth",
    cap: float | None = None,
) -> xr.DataArray:
    """Progress of each point: where on the geodesic from ignorance to truth its nearest point lies.

        progress(p) = argmin over t in [0, 1] of metric(p, geodesic(start, end, t))

    Within one sample the geodesic lies in a plane. The projection of a point on this plane has length R and angle psi
    from the end, so its overlap with geodesic(t) is R cos((1 - t) theta - psi), where theta is the angle from start to
    end: arccos(1 / sqrt C) from ignorance to truth. Both objectives are convex in t for any two ends; the zero of the
    derivative is bisected for all points at once, to 2^-41. Where the minimum is an interval (possible under
    "fisher_rao"), its midpoint is taken. A sample for which a point shares no class with either end is equally far from
    the whole geodesic, and does not count.

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. Here "fisher_rao", the published
        definition, or "bhattacharyya".
    start, end
        Ends of the geodesic: "ignorance", "truth", the name of a reference run of one point (`add_references`), or
        log-probabilities (sample, class) on the probe of `ds`.
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
        If the metric is neither of the two, or takes no cap; if an end is unknown or on another probe, or both ends
        coincide on every sample.

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
    return progress_of(ds, chosen, ends_of(ds, start, end))


def progress_of(ds: xr.Dataset, metric: Metric = FISHER_RAO, ends: Ends | None = None) -> xr.DataArray:
    """Compute `progress` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> progress_of(ds).identical(tk.progress(ds))
    True
    """
    out = _for_each_point(ds, ends, lambda plane, log_prob: _progress(plane, metric))
    return _on_runs(ds, out, "progress", {"long_name": "progress", "metric": metric.name, "units": "1"})


def distance_to_geodesic(
    ds: xr.Dataset,
    metric: str | Metric = "bhattacharyya",
    *,
    start: End = "ignorance",
    end: End = "truth",
    cap: float | None = None,
) -> xr.DataArray:
    """Distance of each point to the nearest point of the geodesic from ignorance to truth.

        metric(p, geodesic(start, end, t)) at t = progress(p, metric)

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. Here "bhattacharyya" or
        "fisher_rao", for both the progress and the distance.
    start, end
        As for `progress`.
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
        If the metric is neither of the two, or takes no cap; if an end is unknown or on another probe, or both ends
        coincide on every sample; if a distance is infinite and there is no cap.

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
    return distance_to_geodesic_of(ds, chosen, ends_of(ds, start, end))


def distance_to_geodesic_of(ds: xr.Dataset, metric: Metric, ends: Ends | None = None) -> xr.DataArray:
    """Compute `distance_to_geodesic` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> distance_to_geodesic_of(ds, Metric("fisher_rao")).identical(tk.distance_to_geodesic(ds, "fisher_rao"))
    True
    """

    def distance(plane: Plane, log_prob: AnyArray) -> Array:
        return _distance(plane, _progress(plane, metric), metric, log_prob, ends)

    out = _for_each_point(ds, ends, distance)
    if len(infinite := np.argwhere(np.isinf(out))):
        run, checkpoint = infinite[0]
        raise ValueError(
            f"{len(infinite)} points have an infinite {metric.name} distance to the geodesic; the first: run "
            f"{str(ds['run'].values[run])!r}, checkpoint {ds['checkpoint'].values[checkpoint]}. On some sample it "
            "shares no class with either end. Pass cap= to limit each sample's contribution (in nats), or use "
            "metric='fisher_rao'"
        )
    attrs = metric.attrs | {"long_name": f"{metric.name} distance to the geodesic"}
    return _on_runs(ds, out, "distance_to_geodesic", attrs)


def measures_progress(metric: Metric) -> bool:
    """Say whether progress is defined by this metric.

    Examples
    --------
    >>> measures_progress(Metric("fisher_rao")), measures_progress(Metric("jeffreys"))
    (True, False)
    """
    return metric.name in _SLOPES


def _for_each_point(ds: xr.Dataset, ends: Ends | None, what: Callable[[Plane, AnyArray], Array]) -> Array:
    """Apply `what` to every point of the trajectories, a block of runs at a time; NaN elsewhere."""
    out, done = np.full((ds.sizes["run"], ds.sizes["checkpoint"]), np.nan), 0
    chosen = after_start(ds)
    for block in run_blocks(ds):
        runs = slice(done, done + block.sizes["run"])
        out[runs], done = _for_each_chosen(block, chosen[runs], ends, what), runs.stop
    return out


def _for_each_chosen(
    ds: xr.Dataset, chosen: Mask, ends: Ends | None, what: Callable[[Plane, AnyArray], Array]
) -> Array:
    run, checkpoint = np.nonzero(chosen)
    log_prob, label = ds["log_prob"].values, ds["label"].values
    at_once = max(1, int(workspace_bytes() / (_ARRAYS * 8 * ds.sizes["sample"] * ds.sizes["class"])))
    out = np.full(chosen.shape, np.nan)
    for start in range(0, len(run), at_once):
        at = run[start : start + at_once], checkpoint[start : start + at_once]
        some = log_prob[at]
        out[at] = what(in_plane(some, label) if ends is None else in_plane_of(some, ends), some)
    return out


def _on_runs(ds: xr.Dataset, values: Array, name: str, attrs: dict[str, Any]) -> xr.DataArray:
    # A shallow copy shares its coordinates with `ds`, and xarray merges what is shared without comparing or warning.
    like = ds["step"].copy(deep=False, data=values).rename(name)
    like.attrs = attrs
    return like


def _fisher_rao_slope(x: Array, plane: Plane) -> Array:
    """Return d arccos(R cos x) / dx = R sin x / sqrt(off + (R sin x)^2); 0 on the point itself, where it jumps."""
    along = plane.length * np.sin(x)
    away = np.sqrt(plane.off + along * along)
    return np.divide(along, away, out=np.zeros_like(x), where=away > 0)


def _bhattacharyya_slope(x: Array, plane: Plane) -> Array:
    """Return d -log(R cos x) / dx = tan x, +-1.6e16 where an end shares no class; 0 where nothing lies in the plane."""
    return np.where(plane.length > 0, np.tan(np.clip(x, -np.pi / 2, np.pi / 2)), 0.0)


_SLOPES: dict[str, Callable[[Array, Plane], Array]] = {
    "fisher_rao": _fisher_rao_slope,
    "bhattacharyya": _bhattacharyya_slope,
}


def _progress(plane: Plane, metric: Metric) -> Array:
    """Midpoint of the minimisers t of each point."""
    # The angle changes by theta along a sample's geodesic. Divided by the largest, equal ones count exactly 1.
    rate = plane.theta / plane.theta.max()

    def descent(plane: Plane, t: Array) -> Array:
        """Return -d objective / dt, up to a positive factor: positive while the minimum lies ahead."""
        return (rate * _SLOPES[metric.name](plane.angle_to(t), plane)).sum(-1)

    first = _boundary(lambda t: descent(plane, t) > 0, len(plane.length))
    # Where the objective is level from `first` on, the minimiser is an interval: find its other end.
    level = descent(plane, np.minimum(first + 2.0 ** (2 - _HALVINGS), 1.0)) == 0
    if not level.any():
        return first
    flat = plane.take(level)
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


def _distance(plane: Plane, t: Array, metric: Metric, log_prob: AnyArray, ends: Ends | None) -> Array:
    """Distance (point,) to geodesic(t): from the overlap BC and from h = 1 - BC = (1 - BC^2) / (1 + BC)."""
    x = plane.angle_to(t)
    overlap, away = plane.length * np.cos(x), plane.off + np.square(plane.length * np.sin(x))
    assert metric.of_overlap is not None, "both metrics of `progress` are made of overlaps"
    each = np.minimum(metric.of_overlap(away / (1 + overlap), overlap), metric.most)
    # Nothing is that far from the geodesic between ignorance and truth; elsewhere logarithms tell 1e-300 from 0.
    far = (overlap < SMALLEST_OVERLAP).any(-1)
    if ends is not None and far.any():
        each[far] = metric.per_sample(normalize(log_prob[far]), great_circle(*ends, t[far]))
    return each.mean(-1)
