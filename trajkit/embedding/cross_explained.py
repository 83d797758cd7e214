"""How much of the distances within one set of points the embedding of another set explains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trajkit.embedding.inpca import double_centered
from trajkit.typing import Array


class Frame(NamedTuple):
    """What places new points in an embedding: arrays over the embedded points and the components."""

    weight: Array
    mean: Array
    basis: Array  # (point, component)
    signature: Array


def frame_of(squared: Array, weight: Array, n_components: int) -> Frame:
    """Embed points by `inpca`, from their squared distances, with weights that sum to 1.

    Components whose eigenvalue is rounding noise place nothing: they are left out, and the frame has fewer.

    Examples
    --------
    >>> points = np.arange(4.0)[:, None]
    >>> frame = frame_of(np.square(points - points.T), np.full(4, 0.25), 1)
    >>> abs(placed(np.square(np.array([[0.5]]) - points.T), frame)).round(6)
    array([[1.]])
    """
    mean, root = squared @ weight, np.sqrt(weight)
    matrix = double_centered(squared, mean, weight)
    eigenvalue, vector = np.linalg.eigh(matrix * (root[:, None] * root))
    largest = np.argsort(-np.abs(eigenvalue))[:n_components]
    noise = len(weight) * np.finfo(float).eps * np.abs(eigenvalue).max()
    kept = largest[np.abs(eigenvalue[largest]) > noise]
    eigenvalue, vector = eigenvalue[kept], vector[:, kept]
    return Frame(weight, mean, root[:, None] * vector / np.sqrt(np.abs(eigenvalue)), np.sign(eigenvalue))


def placed(to_frame: Array, frame: Frame) -> Array:
    """Coordinates (point, component) of new points, from their squared distances to the embedded ones; see `project`.

    Examples
    --------
    >>> points = np.arange(3.0)[:, None]
    >>> abs(placed(np.array([[4.0, 1.0, 0.0]]), frame_of(np.square(points - points.T), np.full(3, 1 / 3), 1))).round(6)
    array([[1.]])
    """
    weight, mean = frame.weight, frame.mean
    centered = -0.5 * (to_frame - (to_frame @ weight)[:, None] - mean + weight @ mean)
    return centered @ (frame.basis * frame.signature)


def unexplained(squared: Array, to_frame: Array, frame: Frame) -> Array:
    """Absolute errors |D_k - D| (point, point) of new points that are placed in an embedding.

    Examples
    --------
    >>> points = np.arange(4.0)[:, None]
    >>> squared = np.square(points - points.T)
    >>> bool(unexplained(squared[2:, 2:], squared[2:, :2], frame_of(squared[:2, :2], np.full(2, 0.5), 1)).max() < 1e-9)
    True
    """
    x = placed(to_frame, frame)
    inner = (x * frame.signature) @ x.T
    own = np.diagonal(inner)
    return np.abs(own[:, None] + own - 2 * inner - squared)
