"""Dropout whose random numbers belong to the run."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Leave out each input with probability `probability` during training, and scale the others up.

    `torch.nn.Dropout` draws from the random numbers that a whole process shares: a training would depend on what else
    draws from them.

    Examples
    --------
    >>> layer = Dropout(0.5, seed=0)
    >>> sorted(set(layer(torch.ones(100)).tolist())), set(layer.eval()(torch.ones(100)).tolist())
    ([0.0, 2.0], {1.0})
    """

    def __init__(self, probability: float, seed: int) -> None:
        super().__init__()
        self.probability = probability
        self.seed = seed
        self._random: torch.Generator | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the inputs, some of them replaced by 0 during training."""
        if not self.training:
            return inputs
        if self._random is None:  # Now the device is known.
            self._random = torch.Generator(inputs.device).manual_seed(self.seed)
        kept = torch.rand(inputs.shape, generator=self._random, device=inputs.device) >= self.probability
        return inputs * kept / (1 - self.probability)


def drop_before_last_layer(model: nn.Module, probability: float, seed: int) -> None:
    """Put dropout before the last linear or convolutional layer of a network.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    >>> drop_before_last_layer(model, 0.1, seed=0)
    >>> [type(layer).__name__ for layer in model[1]]
    ['Dropout', 'Linear']
    """
    name, last = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, nn.Sequential(Dropout(probability, seed), last))
