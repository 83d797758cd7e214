"""What a function refers to: its closure, its defaults and the globals that it reads."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

# Libraries whose functions and objects hold no model of the user.
_LIBRARIES = {
    "torch", "numpy", "scipy", "jax", "jaxlib", "tensorflow", "pandas", "xarray", "matplotlib", "plotly", "logging",
    "threading", "builtins", "pytest", "_pytest", "lightning", "sklearn",
}  # fmt: skip


def function_parts(function: FunctionType) -> Iterator[Any]:
    """Yield what a function refers to; of a function of a library, nothing.

    Examples
    --------
    >>> weight = [2]
    >>> list(function_parts(lambda x, bias=1: x * weight + bias))
    [1, [2]]
    """
    if is_of_library(function.__module__):
        return
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


def is_of_library(module: str | None) -> bool:
    """Say whether a module belongs to a library whose functions and objects hold no model of the user.

    Examples
    --------
    >>> is_of_library("torch.nn.functional"), is_of_library("__main__")
    (True, False)
    """
    return str(module).partition(".")[0] in _LIBRARIES
