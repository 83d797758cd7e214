"""The promise of recording: a model is asked in its mode for evaluation, and is afterwards what it was before."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from trajkit.recording.held_state import HeldState
from trajkit.recording.hidden_models import hidden_models


@contextmanager
def untouched(model: Any, predict: Any) -> Iterator[set[str]]:
    """Switch `model` and all models that it or `predict` leads to into evaluation; afterwards put everything back.

    Yields the types of the state that cannot be put back. What stays is what training would do as well: modules that
    were not initialised are, and have drawn their random numbers.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Dropout())
    >>> with untouched(lambda inputs: model(inputs), None):
    ...     model.training, model[0].train()(torch.ones(3, 2)).requires_grad
    (False, False)
    >>> model.training, model[0].running_mean.tolist()
    (True, [0.0, 0.0])
    """
    state = HeldState()
    for part in (*hidden_models(model), *hidden_models(predict)):
        state.hold(part)
    while isinstance(model, partial):
        model = model.func
    # What a function writes to is its own affair, unlike the state of an object whose method is called.
    if not isinstance(model, FunctionType):
        state.hold(model)
    numbers, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  (the global numbers of the user)
    try:
        with _torch_untouched(state):
            for thing, name, mode in state.modes:
                vars(thing)[name] = mode
            yield state.lost
    finally:
        state.put_back()
        random.setstate(numbers)
        np.random.set_state(legacy)  # noqa: NPY002


def _torch_untouched(state: HeldState) -> Any:
    # Nobody has a torch module without having imported torch, so this does not import it.
    if sys.modules.get("torch") is None:
        return nullcontext()
    from trajkit.recording.torch_modules import torch_untouched

    return torch_untouched(state)
