"""Predictions of torch modules, without effects on the module or on torch's random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trajkit.recording.typing import Predict
from trajkit.storage.probe import as_numpy
from trajkit.typing import AnyArray


def predict_in_batches(model: nn.Module, inputs: Any, predict: Predict, batch_size: int) -> AnyArray:
    """Return what `predict` gives for `inputs`, on the device of the module.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Dropout())
    >>> values = predict_in_batches(model, np.ones((5, 2)), lambda model, batch: model(batch), batch_size=2)
    >>> values.shape, model.training
    ((5, 3), True)
    """
    like = next((tensor for tensor in _tensors(model) if tensor.is_floating_point()), torch.empty(0))
    several = isinstance(inputs, Mapping | tuple)
    first = next(iter(inputs.values() if isinstance(inputs, Mapping) else inputs)) if several else inputs
    starts = range(0, len(first), batch_size)
    with _untouched(model):
        pieces = [predict(model, _cut(inputs, slice(start, start + batch_size), like)) for start in starts]
    return np.concatenate([as_numpy(piece) for piece in pieces])


def synchronize(model: nn.Module) -> None:
    """Wait until the module's CUDA devices have finished the work that they were given."""
    for device in _cuda_devices(model):
        torch.cuda.synchronize(device)


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Put the module in eval mode without gradients; afterwards restore its modes, buffers and random numbers."""
    modes = {layer: layer.training for layer in model.modules()}
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    with torch.random.fork_rng(devices=_cuda_devices(model)), torch.no_grad():
        try:
            # Flags are set one by one, here and below. `model.eval()` would run code of modules that, for example,
            # merge weights in eval mode, and `model.train()` would wake layers that are meant to stay in eval mode.
            for layer in modes:
                layer.training = False
            yield
        finally:
            for layer, training in modes.items():
                layer.training = training
            for buffer, before in buffers:
                # A write to an unchanged buffer would break a backward pass that is under way.
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def _cut(inputs: Any, piece: slice, like: Tensor) -> Any:
    """Take some of the samples, as tensors on the device of the module and in its precision."""
    if isinstance(inputs, Mapping):
        return {key: _cut(value, piece, like) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_cut(value, piece, like) for value in inputs)
    if not isinstance(inputs, Tensor):
        array = np.asarray(inputs)
        if array.dtype.kind not in "biuf":
            return inputs[piece]  # text, which `predict` turns into tokens
        inputs = torch.from_numpy(array)
    taken = inputs[piece].to(like.device)
    return taken.to(like.dtype) if taken.is_floating_point() else taken


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    return chain(model.parameters(), model.buffers())


def _cuda_devices(model: nn.Module) -> list[int]:
    return sorted({tensor.get_device() for tensor in _tensors(model) if tensor.is_cuda})
