"""Random changes of images that do not change their class."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Crops(NamedTuple):
    """What each image keeps of its padded self: `rows` (sample, height) and `columns` (sample, width), in order."""

    rows: Tensor
    columns: Tensor


def draw_crops(
    samples: int, shape: tuple[int, ...], augmentation: str, random: torch.Generator, device: torch.device
) -> Crops | None:
    """Draw the changes of a number of images of one shape (channel, height, width); None stands for no change.

    "simple" pads with zeros, crops and flips: it shifts an image by up to an eighth of its side in each direction, and
    mirrors it left to right with probability 1/2. "none" changes nothing.

    Examples
    --------
    >>> drawn = draw_crops(100, (1, 4, 4), "simple", torch.Generator().manual_seed(0), torch.device("cpu"))
    >>> drawn.rows.shape, drawn.columns[:2].tolist()
    (torch.Size([100, 4]), [[3, 2, 1, 0], [0, 1, 2, 3]])
    """
    if augmentation == "none":
        return None
    _, height, width = shape
    # Drawn on the CPU, so that all devices get the same changes, and moved in one piece.
    down, right, flipped = torch.stack(
        [torch.randint(most + 1, (samples,), generator=random) for most in (2 * (height // 8), 2 * (width // 8), 1)]
    ).to(device)[..., None]
    columns = torch.arange(width, device=device).expand(samples, -1)
    columns = torch.where(flipped.bool(), columns.flip(1), columns) + right
    return Crops(torch.arange(height, device=device) + down, columns)


def augment(images: Tensor, crops: Crops | None) -> Tensor:
    """Change each image of a batch (sample, channel, height, width) as drawn.

    Examples
    --------
    >>> images = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> augment(images, Crops(torch.arange(4)[None], torch.arange(3, -1, -1)[None]))[0, 0, 0]
    tensor([3., 2., 1., 0.])
    """
    if crops is None:
        return images
    height, width = images.shape[2:]
    margin = (width // 8,) * 2 + (height // 8,) * 2
    sample = torch.arange(len(images), device=images.device)[:, None, None]
    # Channels last is the memory format of the networks; indexing this way gives it without another copy.
    padded = F.pad(images, margin).permute(0, 2, 3, 1)
    return padded[sample, crops.rows[:, :, None], crops.columns[:, None, :]].permute(0, 3, 1, 2)
