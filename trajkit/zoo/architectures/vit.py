"""Vision transformer (Dosovitskiy et al. 2021) for small images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZES = {
    "paper": {"width": 512, "depth": 6, "heads": 8},
    "small": {"width": 64, "depth": 4, "heads": 4},
}


class Attention(nn.Module):
    """Attention between all patches, with several heads that share the width."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (sample, patch, width) to the same shape."""
        samples, patches, width = x.shape
        query, key, value = (
            self.query_key_value(x).view(samples, patches, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        seen = F.scaled_dot_product_attention(query, key, value)
        return self.out(seen.transpose(1, 2).reshape(samples, patches, width))


class Block(nn.Module):
    """Attention, then two linear layers; each takes normalised inputs and is added to them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (sample, patch, width) to the same shape."""
        x = x + self.attention(x)
        return x + self.mlp(x)


class VisionTransformer(nn.Module):
    """Patches with learnt positions; the class is read from one learnt token before them."""

    def __init__(self, shape: tuple[int, ...], classes: int, width: int, depth: int, heads: int, patch: int) -> None:
        super().__init__()
        channels, height, breadth = shape
        self.patches = nn.Conv2d(channels, width, kernel_size=patch, stride=patch)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, 1 + (height // patch) * (breadth // patch), width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (sample, channel, height, width) to logits (sample, class)."""
        patches = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(images), -1, -1), patches], dim=1) + self.position
        return self.head(self.blocks(x)[:, 0])


def vit(
    shape: tuple[int, ...], classes: int, *, width: int, depth: int = 4, heads: int = 4, patch: int | None = None
) -> VisionTransformer:
    """Build a transformer of `depth` blocks on patches of `patch` x `patch` pixels.

    By default `patch` is 4, or 2 for images of less than 16 pixels. The hidden layers of the blocks have `width` units.

    Raises
    ------
    ValueError
        If `heads` does not divide `width`, or `patch` does not divide the sides of the image.

    Examples
    --------
    >>> network = vit((1, 8, 8), 10, width=16, depth=1, heads=2)
    >>> network(torch.zeros(3, 1, 8, 8)).shape, network.position.shape
    (torch.Size([3, 10]), torch.Size([1, 17, 16]))
    """
    patch = patch or (4 if min(shape[1:]) >= 16 else 2)
    if width % heads:
        raise ValueError(f"wanted a width that {heads} heads can share equally, got {width}")
    if shape[1] % patch or shape[2] % patch:
        raise ValueError(f"wanted images that patches of {patch} pixels fill, got {shape[1]} x {shape[2]} pixels")
    return VisionTransformer(shape, classes, width, depth, heads, patch)
