"""Transformers (Vaswani et al. 2017) as language models."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trajkit.zoo.architectures.vit import Block

SIZES = {
    "paper": {"width": 128, "depth": 4, "heads": 4},
    "small": {"width": 64, "depth": 2, "heads": 4},
}


class Transformer(nn.Module):
    """Tokens with learnt positions; the classes are read from the last one.

    Attention has no mask: the context is all that is known, and one token is predicted from it.
    """

    def __init__(self, length: int, classes: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, width)
        self.position = nn.Parameter(0.02 * torch.randn(1, length, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (sample, position) to logits (sample, class)."""
        x = self.embedding(tokens) + self.position
        return self.head(self.blocks(x)[:, -1])


def transformer(shape: tuple[int, ...], classes: int, *, width: int, depth: int = 2, heads: int = 4) -> Transformer:
    """Build a transformer of `depth` blocks on the tokens of a context.

    Raises
    ------
    ValueError
        If `heads` does not divide `width`.

    Examples
    --------
    >>> network = transformer((16,), 60, width=8, depth=1, heads=2)
    >>> network(torch.zeros(3, 16, dtype=torch.long)).shape
    torch.Size([3, 60])
    """
    if width % heads:
        raise ValueError(f"wanted a width that {heads} heads can share equally, got {width}")
    (length,) = shape
    return Transformer(length, classes, width, depth, heads)
