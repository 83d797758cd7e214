"""Points as the plane of a geodesic sees them, sample by sample: what progress and its distance are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from trajkit.curves.ends import End, end_of
from trajkit.distances.formulas import angle, half_chord
from trajkit.probabilities import normalize
from trajkit.typing import AnyArray, Array, Labels

# Ends that float32 cannot tell apart: then no direction leads from one to the other.
_COINCIDE = 1e-6


class Plane(NamedTuple):
    """Points in the plane of the geodesic of each sample: arrays (point, sample)."""

    length: Array  # of the part in the plane
    angle: Array  # of that part, from the end
    off: Array  # squared length of the part off the plane
    theta: Array  # (sample,) angle from start to end

    def angle_to(self, t: Array) -> Array:
        """Angle in the plane between each point and geodesic(t)."""
        return (1 - t[:, None]) * self.theta - self.angle

    def take(self, chosen: AnyArray) -> Plane:
        """Give some of the points."""
        return Plane(self.length[chosen], self.angle[chosen], self.off[chosen], self.theta)


class Ends(NamedTuple):
    """Start and end of a geodesic other than that from ignorance to truth: log-probabilities (sample, class)."""

    start: Array
    end: Array

    @property
    def theta(self) -> Array:
        """Angle (sample,) from start to end."""
        return angle(half_chord(self.start, self.end))


def ends_of(ds: xr.Dataset, start: End, end: End) -> Ends | None:
    """Find the predictions of both ends; None for the geodesic from ignorance to truth, which has closed forms.

    Raises
    ------
    ValueError
        If an end is unknown or is on another probe, or if both coincide on every sample.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(samples=1, classes=2)
    >>> ends_of(ds, "ignorance", "truth"), ends_of(ds, "truth", "ignorance").theta.round(4)
    (None, array([0.7854]))
    """
    if isinstance(start, str) and isinstance(end, str) and (start, end) == ("ignorance", "truth"):
        return None
    found = Ends(end_of(ds, start, "start"), end_of(ds, end, "end"))
    if found.theta.max() < _COINCIDE:
        raise ValueError("start and end coincide on every sample, so no geodesic leads from one to the other")
    return found


def in_plane(log_prob: AnyArray, label: Labels) -> Plane:
    """Split square roots of probabilities (point, sample, class) by the plane of ignorance and truth."""
    amplitude = np.exp(0.5 * normalize(log_prob))
    classes = amplitude.shape[-1]
    is_label = np.arange(classes) == label[:, None]
    wrong = np.where(is_label, 0.0, amplitude)
    mean_wrong = wrong.sum(-1) / (classes - 1)
    on_label = np.where(is_label, amplitude, 0.0).sum(-1)
    on_uniform = mean_wrong * np.sqrt(classes - 1)
    off_plane = np.where(is_label, 0.0, wrong - mean_wrong[..., None])
    return Plane(
        np.hypot(on_label, on_uniform),
        np.arctan2(on_uniform, on_label),
        np.square(off_plane).sum(-1),
        np.full(len(label), np.arccos(1 / np.sqrt(classes))),
    )


def in_plane_of(log_prob: AnyArray, ends: Ends) -> Plane:
    """Split square roots of probabilities (point, sample, class) by the plane of any two ends.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(spread=0.3)
    >>> ends = Ends(tk.ignorance(ds).values, tk.truth(ds).values)
    >>> one, other = in_plane_of(ds.log_prob.values[0], ends), in_plane(ds.log_prob.values[0], ds.label.values)
    >>> all(np.allclose(*parts) for parts in zip(one, other))
    True
    """
    amplitude = np.exp(0.5 * normalize(log_prob))
    start, end, h = np.exp(0.5 * ends.start), np.exp(0.5 * ends.end), half_chord(ends.start, ends.end)[:, None]
    # Across the end, towards the start: sqrt a - cos theta sqrt b = (sqrt a - sqrt b) + h sqrt b, without cancellation.
    across = (start - end) + h * end
    across /= np.where(length := np.linalg.norm(across, axis=-1, keepdims=True), length, 1.0)
    on_end, on_across = (amplitude * end).sum(-1), (amplitude * across).sum(-1)
    off_plane = amplitude - on_end[..., None] * end - on_across[..., None] * across
    return Plane(np.hypot(on_end, on_across), np.arctan2(on_across, on_end), np.square(off_plane).sum(-1), ends.theta)
