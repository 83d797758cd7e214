"""Random changes of images that do not change their class."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(images: Tensor, augmentation: str, random: torch.Generator) -> Tensor:
    """Change each image of a batch (sample, channel, height, width) at random.

    "simple" pads with zeros, crops and flips: it shifts an image by up to an eighth of its side in each direction, and
    mirrors it left to right with probability 1/2. "none" returns the batch.

    Examples
    --------
    >>> images = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> bool((augment(images, "none", torch.Generator()) == images).all())
    True
    >>> augment(images, "simple", torch.Generator().manual_seed(0)).shape
    torch.Size([1, 1, 4, 4])
    """
    if augmentation == "none":
        return images
    samples, _, height, width = images.shape
    down, right = (_shift(side, samples, random) for side in (height, width))
    flipped = torch.randint(2, (samples, 1), generator=random).bool()
    columns = torch.arange(width).expand(samples, -1)
    columns = torch.where(flipped, columns.flip(1), columns) + right
    rows = torch.arange(height) + down
    margin = (width // 8,) * 2 + (height // 8,) * 2
    sample = torch.arange(samples)[:, None, None]
    # Channels last is the memory format of the networks; indexing this way gives it without another copy.
    taken = F.pad(images, margin).permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]]
    return taken.permute(0, 3, 1, 2)


def _shift(side: int, samples: int, random: torch.Generator) -> Tensor:
    return torch.randint(2 * (side // 8) + 1, (samples, 1), generator=random)
