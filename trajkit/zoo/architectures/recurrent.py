"""Recurrent language models: GRU (Cho et al. 2014) and LSTM (Hochreiter & Schmidhuber 1997)."""

from __future__ import annotations

from torch import Tensor, nn

SIZES = {"paper": {"width": 128}, "small": {"width": 64}}


class Recurrent(nn.Module):
    """A layer that reads the context token by token; the classes are read from its last output."""

    def __init__(self, layer: type[nn.GRU] | type[nn.LSTM], classes: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, width)
        self.layer = layer(width, width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (sample, position) to logits (sample, class)."""
        out, _ = self.layer(self.embedding(tokens))
        return self.head(out[:, -1])


def gru(shape: tuple[int, ...], classes: int, *, width: int) -> Recurrent:
    """Build a GRU of `width` units on embeddings of `width` numbers.

    Examples
    --------
    >>> sum(p.numel() for p in gru((16,), 60, width=8).parameters())
    1452
    """
    return Recurrent(nn.GRU, classes, width)


def lstm(shape: tuple[int, ...], classes: int, *, width: int) -> Recurrent:
    """Build an LSTM of `width` units on embeddings of `width` numbers.

    Examples
    --------
    >>> sum(p.numel() for p in lstm((16,), 60, width=8).parameters())
    1596
    """
    return Recurrent(nn.LSTM, classes, width)
