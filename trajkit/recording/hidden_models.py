"""The models that a function leads to: by its closure, its globals, its arguments or the object that it belongs to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from trajkit.recording.function_parts import function_parts, is_of_library
from trajkit.recording.held_state import is_nnx

# More than a user's functions lead to; a bound for objects that refer to everything.
_MOST = 10_000


def hidden_models(call: Any) -> list[Any]:
    """List the models that a function, a method or an object with functions leads to.

    An object of the user that is called, or whose method is, belongs to the model if it leads to one: it may keep
    averages of the weights, for example.

    Examples
    --------
    >>> import torch
    >>> module = torch.nn.Linear(2, 2)
    >>> hidden_models(lambda inputs: module(inputs)), hidden_models(partial(module.forward))
    ([Linear(in_features=2, out_features=2, bias=True)], [Linear(in_features=2, out_features=2, bias=True)])
    """
    met = list(_walk(call))
    wrappers = [value for value in met if _may_be_wrapper(value) and any(map(is_network, _walk(value)))]
    return [value for value in met if is_network(value)] + wrappers


def _walk(start: Any) -> Iterator[Any]:
    """Yield all that an object leads to; what is inside of a network is left to those who hold it."""
    waiting, seen = [start], {id(start): start}
    while waiting and len(seen) < _MOST:
        value = waiting.pop()
        yield value
        if is_network(value):
            continue
        for part in _parts(value):
            if id(part) not in seen:
                seen[id(part)] = part
                waiting.append(part)


def _may_be_wrapper(value: Any) -> bool:
    kind = type(value)
    known = isinstance(value, FunctionType | MethodType | ModuleType | partial | type) or is_network(value)
    return not known and not is_of_library(kind.__module__) and callable(value)


def is_network(value: Any) -> bool:
    """Say whether an object is a model of torch, Keras, TensorFlow or Flax NNX, or one like them."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.nn.Module):
        return True
    kind = type(value)
    if kind.__module__.partition(".")[0] in ("builtins", "numpy") or isinstance(value, type):
        return False
    modes = hasattr(kind, "train") and hasattr(kind, "eval")
    return is_nnx(value) or modes or (hasattr(kind, "variables") and hasattr(kind, "trainable_variables"))


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, FunctionType):
        yield from function_parts(value)
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, type):
        if not is_of_library(value.__module__):
            yield from (getattr(part, "__func__", part) for part in vars(value).values())
    elif not isinstance(value, ModuleType):
        yield from _object_parts(value)


def _object_parts(value: Any) -> Iterator[Any]:
    # A method of a class that is written in C, such as `dict.get` of a table of models.
    if (owner := getattr(value, "__self__", None)) is not None:
        yield owner
    if not is_of_library(type(value).__module__):
        yield from getattr(value, "__dict__", {}).values()
        yield type(value)
