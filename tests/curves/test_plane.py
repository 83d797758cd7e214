"""Laws of points in the plane of a geodesic."""

from typing import Any

import numpy as np
from hypothesis import given
from numpy.typing import NDArray
from strategies import log_probs, log_softmax

from trajkit.curves.plane import Ends, in_plane, in_plane_of


@given(log_probs(3))
def test_in_plane_of__splits_the_length_of_each_amplitude(log_prob: NDArray[Any]) -> None:
    start, end, point = log_softmax(log_prob)
    plane = in_plane_of(point[None], Ends(start, end))
    np.testing.assert_allclose(np.square(plane.length) + plane.off, 1, atol=1e-12)
    for t, at in ((0.0, start), (1.0, end)):
        overlap = plane.length * np.cos(plane.angle_to(np.array([t])))
        np.testing.assert_allclose(overlap[0], np.exp(0.5 * (point + at)).sum(-1), atol=1e-7)


@given(log_probs(2))
def test_in_plane__of_ignorance_and_truth_agrees_with_that_of_any_ends(log_prob: NDArray[Any]) -> None:
    label = log_prob[0].argmax(-1)
    classes = log_prob.shape[-1]
    truth = np.where(np.arange(classes) == label[:, None], 0.0, -np.inf)
    other = in_plane_of(log_prob, Ends(np.full_like(truth, -np.log(classes)), truth))
    for one, same in zip(in_plane(log_prob, label), other, strict=True):
        np.testing.assert_allclose(one, same, atol=1e-7)
