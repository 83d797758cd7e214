"""The architectures of the zoo: one short file each, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from trajkit.zoo.architectures.allcnn import SIZES as ALLCNN
from trajkit.zoo.architectures.allcnn import allcnn
from trajkit.zoo.architectures.bigram import SIZES as BIGRAM
from trajkit.zoo.architectures.bigram import bigram
from trajkit.zoo.architectures.convmixer import SIZES as CONVMIXER
from trajkit.zoo.architectures.convmixer import convmixer
from trajkit.zoo.architectures.fc import SIZES as FC
from trajkit.zoo.architectures.fc import fc
from trajkit.zoo.architectures.linear import SIZES as LINEAR
from trajkit.zoo.architectures.linear import linear
from trajkit.zoo.architectures.mlp import SIZES as MLP
from trajkit.zoo.architectures.mlp import mlp
from trajkit.zoo.architectures.recurrent import SIZES as RECURRENT
from trajkit.zoo.architectures.recurrent import gru, lstm
from trajkit.zoo.architectures.transformer import SIZES as TRANSFORMER
from trajkit.zoo.architectures.transformer import transformer
from trajkit.zoo.architectures.vit import SIZES as VIT
from trajkit.zoo.architectures.vit import vit
from trajkit.zoo.architectures.wide_resnet import SIZES as WIDE_RESNET
from trajkit.zoo.architectures.wide_resnet import SIZES_16 as WIDE_RESNET_16
from trajkit.zoo.architectures.wide_resnet import wide_resnet


@dataclass(frozen=True)
class Architecture:
    """A function that builds networks, its arguments for each size, and whether it needs images or tokens."""

    function: Callable[..., nn.Module]
    sizes: Mapping[str, Mapping[str, int]]
    needs_images: bool = True
    needs_tokens: bool = False

    def width(self, size: str) -> int:
        """Units or channels of the first layer for this size."""
        return self.sizes[size]["width"]

    def build(self, shape: tuple[int, ...], classes: int, *, size: str, width: int | None = None) -> nn.Module:
        """Build a network; its weights come from torch's global random numbers.

        Parameters
        ----------
        shape
            Shape of one input; (channel, height, width) for images, (position,) for tokens.
        classes
            Number of classes.
        size
            "paper" (as published) or "small" (for two cores).
        width
            Units or channels of the first layer, by default those of that size; the other layers are scaled with it.

        Examples
        --------
        >>> network = ARCHITECTURES["fc"].build((1, 8, 8), 10, size="small", width=32)
        >>> sum(p.numel() for p in network.parameters())
        2830
        """
        arguments = dict(self.sizes[size])
        if width is not None:
            arguments["width"] = width
        return self.function(shape, classes, **arguments)


SIZES = ("paper", "small")
ARCHITECTURES: dict[str, Architecture] = {
    "linear": Architecture(linear, LINEAR, needs_images=False),
    "fc": Architecture(fc, FC, needs_images=False),
    "allcnn": Architecture(allcnn, ALLCNN),
    "convmixer": Architecture(convmixer, CONVMIXER),
    "vit": Architecture(vit, VIT),
    "wide_resnet": Architecture(wide_resnet, WIDE_RESNET),
    "wide_resnet_16": Architecture(wide_resnet, WIDE_RESNET_16),
    **{
        name: Architecture(function, sizes, needs_images=False, needs_tokens=True)
        for name, function, sizes in (
            ("bigram", bigram, BIGRAM),
            ("mlp", mlp, MLP),
            ("gru", gru, RECURRENT),
            ("lstm", lstm, RECURRENT),
            ("transformer", transformer, TRANSFORMER),
        )
    },
}
