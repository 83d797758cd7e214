"""Length of trajectories, and speed along them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.distances import FISHER_RAO, Metric, as_metric
from trajkit.probabilities import normalize
from trajkit.schema import run_attributes, validated
from trajkit.typing import Array, Labels

_METRICS = ("fisher_rao", "bhattacharyya")


def length(ds: xr.Dataset, metric: str | Metric = "fisher_rao", *, cap: float | None = None) -> xr.DataArray:
    """Length of each run, summed over consecutive checkpoints.

        fisher_rao:     sum_t 2 sqrt((1/N) sum_n angle_n(t, t+1)^2)
        bhattacharyya:  sum_t 2 sqrt(d_B(t, t+1))

    The first tends to the Fisher length divided by sqrt N as checkpoints become dense, the second (used by the
    reference work) to that divided by sqrt 2.

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. Here "fisher_rao" or
        "bhattacharyya".
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

    Returns
    -------
    xarray.DataArray
        (run,), in radians or square roots of nats. A run of one checkpoint has length 0; by bhattacharyya, one whose
        consecutive checkpoints share no class for some sample has length inf.

    Raises
    ------
    ValueError
        If the metric is neither of the two, or takes no cap.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.with_references(tk.simulate(classes=4), n_geodesic=20)
    >>> round(float(tk.length(ds).sel(run="geodesic")), 5)  # 2 arccos(1/2)
    2.0944
    """
    chosen = as_metric(metric, cap, among=_METRICS, what="length")
    ds = validated(ds)
    return arc_length(ds, chosen).max("checkpoint", keep_attrs=True).rename("length")


def speed(ds: xr.Dataset, metric: str | Metric = "fisher_rao", *, cap: float | None = None) -> xr.DataArray:
    """Length per optimizer step before each checkpoint: (arc(t) - arc(t-1)) / (step(t) - step(t-1)).

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. Here "fisher_rao" or
        "bhattacharyya".
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

    Returns
    -------
    xarray.DataArray
        (run, checkpoint), in radians (or square roots of nats) per step; NaN at each run's first checkpoint and where
        missing.

    Raises
    ------
    ValueError
        If the metric is neither of the two, or takes no cap.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.speed(tk.simulate(runs=1, checkpoints=3, classes=4)).values.round(4)  # a third of pi, once for each step
    array([[   nan, 1.0472, 1.0472]])
    """
    chosen = as_metric(metric, cap, among=_METRICS, what="speed")
    ds = validated(ds)
    out = _along_runs(ds, chosen, lambda pieces, step: np.concatenate([[np.nan], pieces / np.diff(step)]))
    return out.rename("speed").assign_attrs(
        long_name=f"{chosen.name} length per step", units=f"{out.attrs['units']} / step"
    )


def arc_length(ds: xr.Dataset, metric: Metric = FISHER_RAO) -> xr.DataArray:
    """Length of each run up to each checkpoint (run, checkpoint); NaN where missing. See `length`."""
    return _along_runs(ds, metric, lambda pieces, step: np.concatenate([[0.0], np.cumsum(pieces)]))


def _along_runs(ds: xr.Dataset, metric: Metric, what: Callable[[Array, Labels], Array]) -> xr.DataArray:
    """Apply `what` to each run's lengths between checkpoints and its steps; NaN where missing."""
    log_prob, out = ds["log_prob"].values, np.full((ds.sizes["run"], ds.sizes["checkpoint"]), np.nan)
    for r, step in enumerate(ds["step"].values):
        at = np.flatnonzero(step >= 0)
        out[r, at] = what(_pieces(log_prob[r, at], metric), step[at])
    coords = {n: ds[n] for n in ("run", "checkpoint", *run_attributes(ds))}
    units = metric.units if metric.scale == "length" else f"{metric.units}^(1/2)"
    return xr.DataArray(
        out,
        coords,
        ("run", "checkpoint"),
        "length",
        metric.attrs | {"long_name": f"{metric.name} length", "scale": "length", "units": units},
    )


def _pieces(log_prob: NDArray[np.float32], metric: Metric) -> Array:
    """Lengths between consecutive checkpoints of one run (checkpoint, sample, class)."""
    p = normalize(log_prob)
    each = metric.per_sample(p[:-1], p[1:])
    return 2 * np.sqrt((np.square(each) if metric.scale == "length" else each).mean(-1))
