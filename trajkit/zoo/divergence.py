"""Losses that are not finite any more, without waiting for the device at each update."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

import torch
from torch import Tensor


class Diverged(ArithmeticError):
    """The loss of a training is not finite any more; update `step` used it."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class Losses:
    """The losses of one or several networks, which stay on their device: to read one is to wait for the device.

    They are read after every `per_epoch` updates and at the steps `check_at`.
    """

    def __init__(self, per_epoch: int, check_at: Container[int]) -> None:
        self._per_epoch, self._check_at = per_epoch, check_at
        self._unread: list[Tensor] = []
        self._diverged: list[Diverged | None] = []

    def after(self, step: int, losses: Tensor, *, is_last: bool) -> list[Diverged | None]:
        """Keep the losses (network,) that update `step` used; say of which networks it is known that they diverged."""
        self._unread.append(losses.detach())
        self._diverged = self._diverged or [None] * len(losses)
        if len(self._unread) == self._per_epoch or is_last or step in self._check_at:
            first = step + 1 - len(self._unread)
            read = zip(*torch.stack(self._unread).tolist(), strict=True)
            self._diverged = [old or _divergence(new, first) for old, new in zip(self._diverged, read, strict=True)]
            self._unread = []
        return self._diverged


def _divergence(losses: Sequence[float], first: int) -> Diverged | None:
    """Find the first loss that is not finite; the first of the losses was used by update `first`."""
    for step, loss in enumerate(losses, start=first):
        if not math.isfinite(loss):
            return Diverged(f"the loss became {loss} after step {step - 1}", step)
    return None


def nan_unless_finite(loss: Tensor) -> Tensor:
    """Gradient with which the backward pass of a loss begins: 1, or NaN if the loss is not finite.

    The gradient of an infinite loss may be finite, and the network would go on as if nothing had happened. Its weights
    become NaN instead, and so does each prediction, without a look at the loss that would wait for the device.
    """
    return (loss - loss).detach() + 1
