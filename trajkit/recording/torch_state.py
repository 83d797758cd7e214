"""Tensors of torch as state: whether they are initialised, and how they are copied and put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def is_lazy(module: nn.Module) -> bool:
    """Say whether a module, or a model of Keras with all its layers, waits for its first call to be initialised."""
    if any(not getattr(layer, "built", True) for layer in module.modules()):
        return True
    # The dicts are read, because `parameters` of a scripted module makes new objects.
    held = [*vars(module).get("_parameters", {}).values(), *vars(module).get("_buffers", {}).values()]
    return any(nn.parameter.is_lazy(tensor) for tensor in held)


def hold_tensor(tensor: Tensor) -> Callable[[], None]:
    """Copy a tensor; the function that is returned puts its memory, shape and values back."""
    # `alias` keeps the memory and the shape, also if a module resizes the tensor or gives it other data.
    alias = tensor.data
    before = _copied(alias)
    leaf = tensor.is_leaf
    gradient = tensor.grad if leaf else None
    is_trained = tensor.requires_grad

    def put_back() -> None:
        if _place(tensor) != _place(alias):
            tensor.data = alias
        # A write to an unchanged tensor would break a backward pass that is under way.
        if not _same(alias, before):
            alias.copy_(before)
        if leaf and tensor.grad is not gradient:
            tensor.grad = gradient
        if leaf and tensor.requires_grad != is_trained:
            tensor.requires_grad_(is_trained)

    return put_back


def _copied(tensor: Tensor) -> Tensor:
    try:
        return tensor.clone()
    except torch.OutOfMemoryError:
        return tensor.cpu()


def _place(tensor: Tensor) -> tuple[Any, ...]:
    if tensor.layout != torch.strided:
        return (tensor.shape, tensor.dtype, tensor.device)
    return (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device)


def _same(now: Tensor, before: Tensor) -> bool:
    if before.is_meta:  # without values
        return True
    now = now.to(before.device)
    if now.layout != torch.strided:
        now, before = now.to_dense(), before.to_dense()
    if torch.equal(now, before):
        return True
    return now.is_floating_point() and bool(((now == before) | (now.isnan() & before.isnan())).all())
