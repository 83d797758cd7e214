"""Keywords that had another name in an earlier version."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Full name of a function -> {old keyword: new keyword}; the tests hold the changelog against it.
RENAMED: dict[str, dict[str, str]] = {}


def renamed(**new_names: str) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Refuse old keywords of a function with an error that names the new ones.

    An old keyword is an error and not a warning: `n` and `progress` have another meaning now, so that an old script
    could give wrong results and no message.

    Parameters
    ----------
    **new_names
        For each old keyword the new one.

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
        RENAMED[f"{function.__module__}.{function.__qualname__}"] = new_names

        @wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            for old in new_names.keys() & kwargs.keys():
                raise TypeError(f"{function.__name__}() has no keyword {old!r} any more: write {new_names[old]}=")
            return function(*args, **kwargs)

        return call

    return decorate
