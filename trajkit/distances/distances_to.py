"""Distances to fixed points, of new points that come one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from trajkit.distances.formulas import SMALLEST_OVERLAP
from trajkit.distances.metric import Metric, as_metric
from trajkit.probabilities import normalize
from trajkit.typing import AnyArray, Array

# Bytes of differences computed at a time: so many stay in the processor's cache.
_CACHE = 2e6


class DistancesTo:
    """Distances to fixed points, prepared once for new points that come one at a time.

    The distances are those of `pairwise(new, fixed)`, to rounding. `pairwise` prepares the fixed points at each call
    and uses all cores, which for one new point is most of the work. This class uses one core, so that it can run beside
    a training.

    Parameters
    ----------
    log_prob
        Predictions (point, sample, class) at the fixed points.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

    Raises
    ------
    ValueError
        If the metric is unknown or takes no cap.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.points(tk.simulate(runs=2, checkpoints=3))
    >>> distances = DistancesTo(ds.log_prob.values, "bhattacharyya")
    >>> bool(abs(distances(ds.log_prob.values[:2]) - tk.pairwise(ds).values[:2]).max() < 1e-12)
    True
    """

    def __init__(self, log_prob: AnyArray, metric: str | Metric, cap: float | None = None) -> None:
        self._metric = as_metric(metric, cap)
        self._log_prob = log_prob
        # Exponentials are most of the work.
        self._amplitude = np.exp(0.5 * normalize(log_prob)) if self._metric.of_overlap else np.zeros(0)
        points, _, classes = log_prob.shape
        self._at_once = max(1, int(_CACHE / (8 * points * classes)))

    def __len__(self) -> int:
        """Count the fixed points."""
        return len(self._log_prob)

    def __call__(self, log_prob: AnyArray) -> Array:
        """Measure from new points (point, sample, class): distances (point, fixed point)."""
        return np.stack([self._from(p) for p in normalize(log_prob)])

    def clear(self) -> None:
        """Release the predictions."""
        self._log_prob, self._amplitude = self._log_prob[:0], self._amplitude[:0]

    def _from(self, p: Array) -> Array:
        total = np.zeros(len(self))
        for start in range(0, len(p), self._at_once):
            some = slice(start, start + self._at_once)
            each = (
                self._of_overlap(p[some], some, self._metric.of_overlap)
                if self._metric.of_overlap
                else (self._of_logs(p[some], (slice(None), some)))
            )
            total += np.minimum(each, self._metric.most).sum(-1)
        return total / len(p)

    def _of_logs(self, p: Array, where: Any) -> Array:
        return self._metric.per_sample(p, normalize(self._log_prob[where]))

    def _of_overlap(self, p: Array, some: slice, formula: Callable[[Array, Array], Array]) -> Array:
        fixed, amplitude = self._amplitude[:, some], np.exp(0.5 * p)
        difference = fixed - amplitude
        h: Array = 0.5 * np.einsum("psc,psc->ps", difference, difference)
        bc = np.einsum("psc,sc->ps", fixed, amplitude)
        out = np.asarray(formula(h, bc))
        place, sample = np.nonzero(bc < SMALLEST_OVERLAP)
        if place.size:
            out[place, sample] = self._of_logs(p[sample], (place, some.start + sample))
        return out
