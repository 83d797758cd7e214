"""The public names of trajkit and their groups, as `trajkit/__init__.py` lists them."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import trajkit as tk


def groups() -> dict[str, list[str]]:
    """Read the groups of `tk.__all__`: each comment line of the list heads the names below it."""
    listed = re.search(r"^__all__ = \[.*?\n(.*?)^\]", inspect.getsource(tk), flags=re.MULTILINE | re.DOTALL)
    assert listed is not None
    _, *parts = re.split(r"^    # (.+)\n", listed[1], flags=re.MULTILINE)
    return {title: list(ast.literal_eval(f"[{names}]")) for title, names in zip(parts[::2], parts[1::2], strict=True)}


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Give the full name and the value of all that is public, in modules too; modules themselves are left out."""
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            yield from public(value)
        else:
            yield f"{module.__name__}.{name}", value


NAMES = dict(public(tk))
# `trajkit.zoo` is imported by itself, since it needs torch; its functions keep the same laws.
ZOO = dict(public(import_module("trajkit.zoo"))) if find_spec("torch") else {}
FUNCTIONS = {name: f for name, f in (NAMES | ZOO).items() if inspect.isfunction(f)}


def described(function: Any, parameter: str) -> str:
    """The description of a parameter, alone or with others that share it."""
    text = inspect.getdoc(function) or ""
    entry = re.search(rf"^(?:\w+, )*{parameter}(?:, \w+)*\n((?:    .*\n?)+)", text, flags=re.MULTILINE)
    return " ".join(entry[1].split()) if entry else ""
