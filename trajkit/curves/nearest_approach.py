"""How near a run comes to a named model on its way."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.curves.ends import End, end_of
from trajkit.curves.start import since_start
from trajkit.distances import Metric, as_metric
from trajkit.distances.distances_to import DistancesTo
from trajkit.points import run_blocks
from trajkit.schema import networks_of, validated
from trajkit.typing import Array, Mask
from trajkit.workspace import workspace_bytes

# Arrays (point, sample, class) in float64 that are in work at a time.
_ARRAYS = 3


def nearest_approach(
    ds: xr.Dataset, reference: End, metric: str | Metric = "bhattacharyya", *, cap: float | None = None
) -> xr.Dataset:
    """Find where each run comes nearest to a reference, and how near.

        distance = min over checkpoints k of metric(p_k, reference)

    A reference that does not depend on the input, such as a unigram model, is no nearer to a run than to one whose
    inputs are shuffled: its nearest approach is no evidence of a stage. `null_test` compares others with their null.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out of the result.
    reference
        "ignorance", "truth", the name of a reference run of one point (`add_references`), or log-probabilities
        (sample, class) on the probe of `ds`.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. "kullback_leibler", which is not
        symmetric, is taken from the run to the reference.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

    Returns
    -------
    xarray.Dataset
        `distance` (run) in the metric's units; `step` and `checkpoint` (run), where it is reached. Of several
        checkpoints at the same distance, the first counts. Checkpoints before the `start_step` of a run do not count.

    Raises
    ------
    ValueError
        If the reference is unknown or on another probe, if the metric is unknown or takes no cap, or if all checkpoints
        of a run are infinitely far and there is no cap.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2, checkpoints=5)
    >>> tk.nearest_approach(ds, tk.geodesic("ignorance", "truth", 0.75, ds=ds)).checkpoint.values
    array([3, 3])
    """
    chosen = as_metric(metric, cap)
    ds = validated(ds)
    to_reference = DistancesTo(end_of(ds, reference, "reference")[None], chosen)
    ds = networks_of(ds)
    away = _distances(ds, since_start(ds), to_reference)
    nearest = away.argmin(1)
    least = np.take_along_axis(away, nearest[:, None], 1)[:, 0]
    if (infinite := np.isinf(least)).any():
        raise ValueError(
            f"runs {ds['run'].values[infinite][:5].tolist()} are at an infinite {chosen.name} distance from the "
            "reference at every checkpoint: one of the two gives probability 0 to a class that the other allows. Pass "
            "cap= to limit each sample's contribution (in nats), or use metric='hellinger'"
        )
    step = np.take_along_axis(ds["step"].values, nearest[:, None], 1)[:, 0]
    said = reference if isinstance(reference, str) else "predictions"
    return xr.Dataset(
        {
            "distance": ("run", least, chosen.attrs | {"long_name": f"{chosen.name} distance at the nearest approach"}),
            "step": ("run", step, {"long_name": "step of the nearest approach"}),
            "checkpoint": (
                "run",
                ds["checkpoint"].values[nearest],
                {"long_name": "checkpoint of the nearest approach"},
            ),
        },
        coords={name: c.variable for name, c in ds.coords.items() if c.dims == ("run",)},
        attrs={"reference": said},
    )


def _distances(ds: xr.Dataset, chosen: Mask, to_reference: DistancesTo) -> Array:
    """Measure from the chosen points (run, checkpoint), a few at a time; others are infinitely far."""
    out, done = np.full(chosen.shape, np.inf), 0
    at_once = max(1, int(workspace_bytes() / (_ARRAYS * 8 * ds.sizes["sample"] * ds.sizes["class"])))
    for block in run_blocks(ds):
        log_prob = block["log_prob"].values
        run, checkpoint = np.nonzero(chosen[done : done + len(log_prob)])
        for first in range(0, len(run), at_once):
            at = run[first : first + at_once], checkpoint[first : first + at_once]
            out[at[0] + done, at[1]] = to_reference(log_prob[at])[:, 0]
        done += len(log_prob)
    return out
