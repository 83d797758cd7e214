"""Plain convolutional networks."""

from __future__ import annotations

from torch import nn


def cnn(shape: tuple[int, int, int], classes: int, *, width: int, depth: int) -> nn.Sequential:
    """Build a convolutional network: `depth` times 3x3 convolution, ReLU and 2x2 pooling, then one linear layer.

    The first convolution has `width` channels, each further one twice as many as the one before; heights and widths of
    images are halved each time.

    Examples
    --------
    >>> cnn((1, 8, 8), 10, width=8, depth=2)
    Sequential(
      (0): Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
      (1): ReLU()
      (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
      (3): Conv2d(8, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
      (4): ReLU()
      (5): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
      (6): Flatten(start_dim=1, end_dim=-1)
      (7): Linear(in_features=64, out_features=10, bias=True)
    )
    """
    layers: list[nn.Module] = []
    channels, height, breadth = shape
    for out in [width * 2**k for k in range(depth)]:
        layers += [nn.Conv2d(channels, out, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels, height, breadth = out, height // 2, breadth // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * breadth, classes))
