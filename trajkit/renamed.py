"""Keywords that had another name in an earlier version."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def renamed(**new_names: str) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Refuse old keywords of a function with a message that names the new ones.

    Examples
    --------
    >>> @renamed(n="draws")
    ... def sample(draws=10): ...
    >>> sample(n=5)
    Traceback (most recent call last):
        ...
    TypeError: sample() has no keyword 'n' any more: write draws=
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            for old in new_names.keys() & kwargs.keys():
                raise TypeError(f"{function.__name__}() has no keyword {old!r} any more: write {new_names[old]}=")
            return function(*args, **kwargs)

        return call

    return decorate
