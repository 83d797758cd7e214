"""Softmax regression."""

from __future__ import annotations

from math import prod

from torch import nn

SIZES = {"paper": {"width": 0}, "small": {"width": 0}}


def linear(shape: tuple[int, ...], classes: int, *, width: int = 0) -> nn.Sequential:
    """Build one linear layer from all inputs to the classes; it has no hidden units, so `width` must be 0.

    Examples
    --------
    >>> linear((1, 8, 8), 10)
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=64, out_features=10, bias=True)
    )
    """
    if width:
        raise ValueError(f"linear has no hidden units: wanted width 0, got {width}")
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), classes))
