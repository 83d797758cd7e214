"""Fully connected networks whose layers get narrower."""

from __future__ import annotations

from math import prod

from torch import nn

SIZES = {"paper": {"width": 1024}, "small": {"width": 256}}


def fc(shape: tuple[int, ...], classes: int, *, width: int, depth: int = 4) -> nn.Sequential:
    """Build `depth` hidden layers: `width` units in the first, and half as many in each next one.

    Batch norm without learnt scale and shift, and ReLU, follow each layer.

    Examples
    --------
    >>> network = fc((3, 32, 32), 10, width=1024)
    >>> [layer.out_features for layer in network if isinstance(layer, nn.Linear)]
    [1024, 512, 256, 128, 10]
    """
    layers: list[nn.Module] = [nn.Flatten()]
    features = prod(shape)
    for units in (width // 2**k for k in range(depth)):
        layers += [nn.Linear(features, units), nn.BatchNorm1d(units, affine=False), nn.ReLU()]
        features = units
    return nn.Sequential(*layers, nn.Linear(features, classes))
