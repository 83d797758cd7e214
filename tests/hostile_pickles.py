"""Pickles that try to run code, for the tests of the importers."""

import os
import pickle
import subprocess
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from hostile_calls import Call, command, object_array

TENSOR = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 3)).astype("f4"))


def saved(value: Any, *, old: bool = False) -> bytes:
    stream = BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=not old)
    return stream.getvalue()


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def attribute_chain(mark: Path) -> bytes:
    """getattr(getattr(numpy.ndarray, "__class__"), ...): no name of its own but builtins.getattr, by hand."""
    reach = b"c__builtin__\ngetattr\n(cbuiltins\n__dict__\n" + text("eval") + b"tR"
    return b"\x80\x02" + reach + b"(" + text(f"open({str(mark)!r}, 'w')") + b"tR."


def dotted_name(mark: Path) -> bytes:
    """Protocol 4 walks dotted names: numpy's own import of os leads to os.system."""
    return b"\x80\x04" + text("numpy.lib._utils_impl") + text("os.system") + b"\x93" + text(command(mark)) + b"\x85R."


def expression(mark: Path) -> str:
    return f"open({str(mark)!r}, 'w').close()"


def in_zip(mark: Path) -> bytes:
    return saved({"data": [{"yh": TENSOR, "e": Call(os.system, command(mark))}]})


def load_from_bytes(mark: Path) -> bytes:
    """An allowed name whose own reading, in torch, runs what is nested in its argument."""
    inner = saved(Call(os.system, command(mark)), old=True)
    return pickle.dumps(Call(torch.storage._load_from_bytes, inner))  # type: ignore[no-untyped-call]


def evil_file(mark: Path, write: Callable[[Any], bytes] = pickle.dumps) -> str:
    path = mark.with_suffix(".evil")
    path.write_bytes(write(Call(os.system, command(mark))))
    return str(path)


def tampered_class(mark: Path) -> bytes:
    """Set an attribute of what stands for numpy.ndarray, so that the next state given to one runs a command."""
    system, ndarray, argument = b"cposix\nsystem\n", b"cnumpy\nndarray\n", text(command(mark))
    return b"\x80\x02" + ndarray + b"(N}" + text("__setstate__") + system + b"stb" + ndarray + argument + b"b."


ATTACKS: dict[str, Callable[[Path], bytes]] = {
    **{f"os.system, protocol {p}": lambda m, p=p: pickle.dumps(Call(os.system, command(m)), p) for p in range(6)},  # type: ignore[misc]
    "eval": lambda m: pickle.dumps(Call(eval, expression(m))),
    "exec": lambda m: pickle.dumps(Call(exec, expression(m))),
    "subprocess": lambda m: pickle.dumps(Call(subprocess.check_call, ["touch", str(m)])),
    "mkdir": lambda m: pickle.dumps(Call(os.mkdir, str(m))),
    "in a list": lambda m: pickle.dumps([{"yh": np.ones(3), "f": [Call(os.system, command(m))]}]),
    "as a key": lambda m: pickle.dumps({Call(os.getcwd): 1, "x": Call(eval, expression(m))}),
    "in an argument": lambda m: pickle.dumps(Call(SimpleNamespace, Call(os.system, command(m)))),
    "in an object array": lambda m: pickle.dumps(object_array(Call(os.system, command(m)))),
    "in a table": lambda m: pickle.dumps(pd.DataFrame({"yh": object_array(Call(os.system, command(m)))})),
    "by torch.save": in_zip,
    "by torch.save before 1.6": lambda m: saved([TENSOR, Call(os.system, command(m))], old=True),
    "in _load_from_bytes": load_from_bytes,
    "getattr": attribute_chain,
    "a dotted name": dotted_name,
    "numpy's own exec": lambda m: pickle.dumps(Call(np.testing.runstring, expression(m), {})),
    "numpy's own unpickling": lambda m: pickle.dumps(Call(np.load, evil_file(m), None, True)),
    "pandas' own unpickling": lambda m: pickle.dumps(Call(pd.read_pickle, evil_file(m))),
    "torch's own unpickling": lambda m: pickle.dumps(
        Call(partial(torch.load, weights_only=False), evil_file(m, saved))
    ),
    "a tampered class": tampered_class,
    "opcode INST": lambda m: b"(" + text(command(m)) + b"iposix\nsystem\n.",
    "opcode OBJ": lambda m: b"\x80\x02(cposix\nsystem\n" + text(command(m)) + b"o.",
    "a persistent name": lambda m: b"\x80\x02cposix\nsystem\n" + text(command(m)) + b"\x85RQ.",
}
# These do nothing to plain pickle either, but must not slip through.
HARMLESS = {"getattr", "a tampered class", "opcode OBJ", "a persistent name", "in an argument"}
