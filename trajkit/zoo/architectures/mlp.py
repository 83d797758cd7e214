"""A language model with one hidden layer, after Bengio et al., "A neural probabilistic language model" (2003)."""

from __future__ import annotations

from torch import nn

SIZES = {"paper": {"width": 64}, "small": {"width": 32}}


def mlp(shape: tuple[int, ...], classes: int, *, width: int) -> nn.Sequential:
    """Build an embedding of `width` numbers for each token of the context, 4 `width` hidden units, and the classes.

    Examples
    --------
    >>> sum(p.numel() for p in mlp((16,), 60, width=8).parameters())
    6588
    """
    (length,) = shape
    return nn.Sequential(
        nn.Embedding(classes, width), nn.Flatten(), nn.Linear(length * width, 4 * width), nn.ReLU(),
        nn.Linear(4 * width, classes),
    )  # fmt: skip
