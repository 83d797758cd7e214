"""Predictions of torch modules, which leave the module and the random numbers as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trajkit.recording.predictions import Predict
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
    with _untouched(model):
        pieces = [predict(model, batch) for batch in _batches(inputs, batch_size, _first_float(model))]
    return np.concatenate([as_numpy(piece) for piece in pieces])


def synchronize(model: nn.Module) -> None:
    """Wait until the module's device has done what it was given."""
    for device in _cuda_devices(model):
        torch.cuda.synchronize(device)


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Put the module in eval mode without gradients; afterwards its modes, buffers and random numbers are as before."""
    modes = {layer: layer.training for layer in model.modules()}
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    with torch.random.fork_rng(devices=_cuda_devices(model)), torch.no_grad():
        try:
            # Flag by flag, here and below: `model.eval()` runs code of modules that, say, merge weights on it, and
            # `model.train()` would wake layers that are meant to stay in eval mode.
            for layer in modes:
                layer.training = False
            yield
        finally:
            for layer, training in modes.items():
                layer.training = training
            for buffer, before in buffers:
                # Writing to a buffer without need would spoil a backward pass that is under way.
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def _batches(inputs: Any, size: int, like: Tensor) -> Iterator[Any]:
    count = len(next(iter(inputs.values() if isinstance(inputs, Mapping) else inputs))) if _is_several(inputs) else None
    for start in range(0, len(inputs) if count is None else count, size):
        yield _cut(inputs, slice(start, start + size), like)


def _is_several(inputs: Any) -> bool:
    return isinstance(inputs, Mapping | tuple)


def _cut(inputs: Any, piece: slice, like: Tensor) -> Any:
    """Take some of the samples, as tensors on the device of the module and in its precision."""
    if isinstance(inputs, Mapping):
        return {key: _cut(value, piece, like) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_cut(value, piece, like) for value in inputs)
    if not isinstance(inputs, Tensor):
        array = np.asarray(inputs)
        if array.dtype.kind not in "biuf":
            return inputs[piece]  # text, for a `predict` that makes tokens of it
        inputs = torch.from_numpy(array)
    taken = inputs[piece].to(like.device)
    return taken.to(like.dtype) if taken.is_floating_point() else taken


def _first_float(model: nn.Module) -> Tensor:
    tensors = chain(model.parameters(), model.buffers())
    return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.empty(0))


def _cuda_devices(model: nn.Module) -> list[int]:
    tensors = chain(model.parameters(), model.buffers())
    return sorted({tensor.get_device() for tensor in tensors if tensor.is_cuda})
