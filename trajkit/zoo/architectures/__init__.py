"""The architectures of the zoo: one short file each, and the table of those that are trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from trajkit.zoo.architectures.cnn import cnn
from trajkit.zoo.architectures.mlp import mlp


@dataclass(frozen=True)
class Architecture:
    """A function that builds networks, the width of their first layer (units or channels) and their hidden layers."""

    function: Callable[..., nn.Module]
    width: int
    depth: int

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """Build a network for images of `shape` (channels, height, width), with weights from torch's random numbers.

        Examples
        --------
        >>> network = ARCHITECTURES["mlp-narrow"].build(shape=(1, 8, 8), classes=10)
        >>> sum(p.numel() for p in network.parameters())
        2410
        """
        return self.function(shape, classes, width=self.width, depth=self.depth)


ARCHITECTURES: dict[str, Architecture] = {
    "linear": Architecture(mlp, width=0, depth=0),
    "mlp-narrow": Architecture(mlp, width=32, depth=1),
    "mlp-wide": Architecture(mlp, width=256, depth=1),
    "mlp-deep": Architecture(mlp, width=64, depth=4),
    "cnn-narrow": Architecture(cnn, width=8, depth=2),
    "cnn-wide": Architecture(cnn, width=32, depth=2),
}
