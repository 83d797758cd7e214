"""Wide residual networks (Zagoruyko & Komodakis 2016)."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

SIZES = {"paper": {"width": 8, "depth": 10}, "small": {"width": 4, "depth": 10}}
SIZES_16 = {"paper": {"width": 64, "depth": 16}, "small": {"width": 4, "depth": 16}}


class Block(nn.Module):
    """Two 3x3 convolutions, each after batch norm and ReLU, added to the input or to its 1x1 convolution."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        conv = partial(nn.Conv2d, kernel_size=3, padding=1, bias=False)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(channels, affine=False),
            nn.ReLU(),
            conv(channels, out, stride=stride),
            nn.BatchNorm2d(out, affine=False),
            nn.ReLU(),
            conv(out, out),
        )
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, out, kernel_size=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (sample, channel, height, width) to `out` channels, with each side divided by the stride."""
        return self.layers(x) + self.shortcut(x)


def wide_resnet(
    shape: tuple[int, ...], classes: int, *, width: int, depth: int = 10, widening: int = 4
) -> nn.Sequential:
    """Build a network of `depth` layers: one of `width` channels, then three stages of residual blocks.

    The stages have `widening` times 1, 2 and 4 `width` channels; the second and the third halve the image. Batch norm
    has no learnt scale and shift.

    Raises
    ------
    ValueError
        If `depth` is not 10, 16, 22, ...: three stages of equally many blocks have two layers for each block.

    Examples
    --------
    >>> network = wide_resnet((3, 32, 32), 10, width=8)
    >>> [layer.layers[-1].out_channels for layer in network if isinstance(layer, Block)]
    [32, 64, 128]
    """
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(f"depth: wanted 10, 16, 22, ..., got {depth}")
    channels = width
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, kernel_size=3, padding=1, bias=False)]
    for stage in range(3):
        out = width * widening * 2**stage
        for block in range((depth - 4) // 6):
            layers.append(Block(channels, out, stride=2 if stage and not block else 1))
            channels = out
    end = [nn.BatchNorm2d(channels, affine=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *end, nn.Linear(channels, classes))
