"""The linear language model: the next token from the last one alone."""

from __future__ import annotations

from torch import Tensor, nn

SIZES = {"paper": {"width": 0}, "small": {"width": 0}}


class LastToken(nn.Module):
    """The last token of each context."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (sample, position) to (sample,)."""
        return tokens[:, -1]


def bigram(shape: tuple[int, ...], classes: int, *, width: int = 0) -> nn.Sequential:
    """Build a table of logits: a row for the last token of the context, a column for the next one.

    It has no hidden units, so `width` must be 0. Trained to its end it is the bigram model of its text.

    Examples
    --------
    >>> sum(p.numel() for p in bigram((16,), 60).parameters())
    3600
    """
    if width:
        raise ValueError(f"bigram has no hidden units: wanted width 0, got {width}")
    table = nn.Embedding(classes, classes)
    # The default, a standard deviation of 1, would start far from ignorance.
    nn.init.normal_(table.weight, std=0.02)
    return nn.Sequential(LastToken(), table)
