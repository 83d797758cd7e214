"""Networks of convolutions only, after Springenberg et al., "Striving for simplicity" (2015), with fewer layers."""

from __future__ import annotations

from torch import nn

SIZES = {"paper": {"width": 96}, "small": {"width": 32}}


def allcnn(shape: tuple[int, ...], classes: int, *, width: int) -> nn.Sequential:
    """Build four 3x3 convolutions, then a 1x1 convolution to the classes, averaged over the image.

    Two convolutions have `width` channels, the next two 3/2 `width`; the second of each pair halves height and width.

    Examples
    --------
    >>> network = allcnn((3, 32, 32), 10, width=96)
    >>> [layer.out_channels for layer in network if isinstance(layer, nn.Conv2d)]
    [96, 96, 144, 144, 10]
    """
    wide = 3 * width // 2
    layers: list[nn.Module] = []
    channels = shape[0]
    for out, stride in [(width, 1), (width, 2), (wide, 1), (wide, 2)]:
        layers += [nn.Conv2d(channels, out, kernel_size=3, stride=stride, padding=1), nn.ReLU(), nn.BatchNorm2d(out)]
        channels = out
    return nn.Sequential(*layers, nn.Conv2d(channels, classes, kernel_size=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
