"""Predictions of torch modules, and what holds their state and torch's random numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from trajkit.recording.held_state import HeldState
from trajkit.recording.torch_state import is_lazy


def synchronize(model: nn.Module) -> None:
    """Wait until the module's CUDA devices have finished the work that they were given."""
    for device in _cuda_devices(model):
        torch.cuda.synchronize(device)


@contextmanager
def torch_untouched(state: HeldState) -> Iterator[None]:
    """Put the held modules in eval mode without gradients; afterwards restore their modes and random numbers.

    A module that is called, and that nobody found before, is held when it is called.
    """
    modes = [(module, module.training) for module in state.modules]
    late: list[tuple[nn.Module, bool]] = []
    known = {id(module) for module in state.modules}
    devices = sorted({device for module in state.modules for device in _cuda_devices(module)})
    random, thread = _random_state(devices), threading.get_ident()

    def before_call(module: nn.Module, arguments: Any) -> None:
        # Another thread may train meanwhile. Replicas of `DataParallel` are copies of what is held.
        if id(module) in known or threading.get_ident() != thread or getattr(module, "_is_replica", False):
            return
        already = len(state.modules)
        state.hold(module)
        for layer in state.modules[already:]:
            if id(layer) not in known:
                late.append((layer, layer.training))
                known.add(id(layer))
                layer.training = False
        known.add(id(module))

    def after_call(module: nn.Module, arguments: Any, values: Any) -> None:
        # Where initialisation drew random numbers, training would have drawn them too: they stay drawn.
        nonlocal random
        if waiting and threading.get_ident() == thread and (done := [m for m in waiting if not is_lazy(m)]):
            random = _random_state(devices)
            for initialised in done:
                waiting.remove(initialised)

    waiting = [lazy for lazy in state.lazy if isinstance(lazy, nn.Module)]
    # torch compiles a module once more, and warns, when it meets such a hook.
    compiled = any(type(module).__name__ == "OptimizedModule" for module in state.modules)
    hooks = [] if compiled else [nn.modules.module.register_module_forward_pre_hook(before_call)]
    if waiting:
        hooks.append(nn.modules.module.register_module_forward_hook(after_call))
    with torch.no_grad():
        try:
            # Flags are set one by one, here and below. `model.eval()` would run code of modules that, for example,
            # merge weights in eval mode, and `model.train()` would wake layers that are meant to stay in eval mode.
            for layer, _ in modes:
                layer.training = False
            yield
        finally:
            for hook in hooks:
                hook.remove()
            for layer, training in modes:
                layer.training = training
            for layer, training in late:
                # A function that switches the mode itself, to and fro, has restored it already.
                layer.training = layer.training or training
            _restore_random(random)


def _random_state(devices: list[int]) -> tuple[Tensor, dict[int, Tensor]]:
    return torch.get_rng_state(), {device: torch.cuda.get_rng_state(device) for device in devices}


def _restore_random(state: tuple[Tensor, dict[int, Tensor]]) -> None:
    torch.set_rng_state(state[0])
    for device, numbers in state[1].items():
        torch.cuda.set_rng_state(numbers, device)


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    return chain(model.parameters(), model.buffers())


def _cuda_devices(model: nn.Module) -> list[int]:
    return sorted({tensor.get_device() for tensor in _tensors(model) if tensor.is_cuda})
