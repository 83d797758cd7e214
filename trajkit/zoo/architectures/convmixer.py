"""ConvMixer: patches are mixed over space and over channels in turn (Trockman & Kolter 2022)."""

from __future__ import annotations

from torch import Tensor, nn

SIZES = {
    "paper": {"width": 256, "depth": 8, "kernel": 5, "patch": 2},
    "small": {"width": 64, "depth": 4, "kernel": 5, "patch": 4},
}


class Residual(nn.Sequential):
    """Layers whose output is added to their input."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x + layers(x)."""
        return x + super().forward(x)  # type: ignore[no-untyped-call]  # torch leaves it without types


def convmixer(
    shape: tuple[int, ...], classes: int, *, width: int, depth: int = 4, kernel: int = 5, patch: int = 2
) -> nn.Sequential:
    """Build `depth` blocks of `width` channels on patches of `patch` x `patch` pixels.

    A block convolves each channel by itself over `kernel` x `kernel` patches, then all channels with a 1x1 convolution.
    Small images get smaller patches: at least four on each side.

    Examples
    --------
    >>> sum(p.numel() for p in convmixer((1, 8, 8), 10, width=4, depth=1, kernel=3).parameters())
    154
    """
    patch = min(patch, max(min(shape[1:]) // 4, 1))
    layers: list[nn.Module] = [*_activated(nn.Conv2d(shape[0], width, kernel_size=patch, stride=patch))]
    for _ in range(depth):
        over_space = nn.Conv2d(width, width, kernel_size=kernel, groups=width, padding="same")
        layers += [Residual(*_activated(over_space)), *_activated(nn.Conv2d(width, width, kernel_size=1))]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def _activated(convolution: nn.Conv2d) -> tuple[nn.Module, ...]:
    return convolution, nn.GELU(), nn.BatchNorm2d(convolution.out_channels)
