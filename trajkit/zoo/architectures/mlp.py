"""Fully connected networks."""

from __future__ import annotations

from math import prod

from torch import nn


def mlp(shape: tuple[int, int, int], classes: int, *, width: int, depth: int) -> nn.Sequential:
    """Build a fully connected network: `depth` hidden layers of `width` units with ReLU; depth 0 is softmax regression.

    Examples
    --------
    >>> mlp((1, 8, 8), 10, width=32, depth=1)
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=64, out_features=32, bias=True)
      (2): ReLU()
      (3): Linear(in_features=32, out_features=10, bias=True)
    )
    """
    layers: list[nn.Module] = [nn.Flatten()]
    features = prod(shape)
    for _ in range(depth):
        layers += [nn.Linear(features, width), nn.ReLU()]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, classes))
