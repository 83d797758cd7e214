"""The models that a function leads to: by its closure, its globals, its arguments or the object that it belongs to."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from trajkit.recording.held_state import is_nnx

# Libraries whose functions and objects hold no model of the user.
_LIBRARIES = {
    "torch", "numpy", "scipy", "jax", "jaxlib", "tensorflow", "pandas", "xarray", "matplotlib", "plotly", "logging",
    "threading", "builtins", "pytest", "_pytest", "lightning", "sklearn",
}  # fmt: skip
# More than a user's functions lead to; a bound for objects that refer to everything.
_MOST = 10_000


def hidden_models(call: Any) -> list[Any]:
    """List the models that a function, a method or an object with functions leads to.

    Examples
    --------
    >>> import torch
    >>> module = torch.nn.Linear(2, 2)
    >>> hidden_models(lambda inputs: module(inputs)), hidden_models(partial(module.forward))
    ([Linear(in_features=2, out_features=2, bias=True)], [Linear(in_features=2, out_features=2, bias=True)])
    """
    found, waiting, seen = [], [call], {id(call): call}
    while waiting and len(seen) < _MOST:
        value = waiting.pop()
        if is_network(value):
            found.append(value)
            continue
        for part in _parts(value):
            if id(part) not in seen:
                seen[id(part)] = part
                waiting.append(part)
    return found


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
        if not _is_of_library(value.__module__):
            yield from _function_parts(value)
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, type):
        if not _is_of_library(value.__module__):
            yield from (getattr(part, "__func__", part) for part in vars(value).values())
    elif not isinstance(value, ModuleType):
        yield from _object_parts(value)


def _object_parts(value: Any) -> Iterator[Any]:
    # A method of a class that is written in C, such as `dict.get` of a table of models.
    if (owner := getattr(value, "__self__", None)) is not None:
        yield owner
    if not _is_of_library(type(value).__module__):
        yield from getattr(value, "__dict__", {}).values()
        yield type(value)


def _function_parts(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield from vars(function).values()
    # In a notebook, a model is a global of the lambda that calls it.
    for name in _globals(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]


@lru_cache(maxsize=1000)
def _globals(code: CodeType) -> frozenset[str]:
    """Names of the globals that a function reads, with those of the functions inside it."""
    names = {str(line.argval) for line in dis.get_instructions(code) if line.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    inner = [_globals(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(names.union(*inner))


def _is_of_library(module: str | None) -> bool:
    return str(module).partition(".")[0] in _LIBRARIES
