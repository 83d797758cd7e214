"""The state of a model of any library: what it holds before it is asked, to be put back afterwards."""

from __future__ import annotations

import random
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, MutableMapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from trajkit.recording.function_parts import function_parts
from trajkit.typing import AnyArray

_DICTS = (dict, OrderedDict, defaultdict, Counter)
_NO_STATE = (
    bool, int, float, complex, str, bytes, type, np.generic, np.dtype, BuiltinFunctionType, ModuleType,
)  # fmt: skip
# Libraries whose objects are no state of a model: a trainer, a configuration, an immutable array, a logger.
_FOREIGN = {
    "torch", "lightning", "pytorch_lightning", "lightning_fabric", "transformers", "keras", "tensorflow", "jax",
    "jaxlib", "pandas", "xarray", "logging", "threading", "_thread", "weakref", "matplotlib", "plotly", "builtins",
}  # fmt: skip
# How deep objects are followed inside a model, and inside a torch module, which registers its parts.
_DEEPEST, _DEEPEST_IN_MODULE = 12, 2
# Longer lists are put back, but what they hold is not: they are data, not state.
_LONGEST = 10_000
# Attributes of other libraries that make a prediction random or change the model, and their value for evaluation.
_NNX_MODES = {"deterministic": True, "use_running_average": True}
_MODES = {"training": False, "_training": False}
_ABSENT = object()


class HeldState:
    """Everything that a prediction may change in a model.

    Attributes and entries of lists and dicts are put back as the objects that they were; tensors, arrays, variables
    and random generators get back their values as well. What is not initialised yet (lazy modules of torch, models of
    Keras before their first call) is left out, so that it stays initialised.

    Attributes
    ----------
    modules : list
        The torch modules that were met.
    modes : list of (object, name, value)
        Attributes of other libraries to set for evaluation.
    lazy : list
        What is not initialised yet.
    lost : set of str
        Types of the state that cannot be put back.
    """

    def __init__(self) -> None:
        self.modules: list[Any] = []
        self.modes: list[tuple[Any, str, bool]] = []
        self.lazy: list[Any] = []
        self.lost: set[str] = set()
        # The objects are kept, so that no other object gets the id of one of them.
        self._seen: dict[int, Any] = {}
        self._undo: list[Callable[[], None]] = []
        self._empty: list[MutableMapping[Any, Any]] = []

    def hold(self, value: Any, depth: int = 0) -> None:
        """Hold an object and all that it leads to."""
        if value is None or isinstance(value, _NO_STATE) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        torch = sys.modules.get("torch")
        if isinstance(value, MethodType):
            self.hold(value.__self__, depth)
        elif isinstance(value, FunctionType):
            self._hold_function(value)
        elif torch is not None and isinstance(value, torch.nn.Module):
            self._hold_module(value)
        elif torch is not None and isinstance(value, torch.Tensor):
            self._hold_tensor(value, depth)
        elif torch is not None and isinstance(value, torch.Generator):
            self._hold_random(value.get_state, value.set_state)
        elif not self._hold_container(value, depth) and not self._hold_numbers(value):
            self._hold_object(value, depth)

    def put_back(self) -> None:
        """Put everything back, containers before what they held."""
        for undo in self._undo:
            undo()
        for held in self._empty:
            if held:
                held.clear()

    def _hold_module(self, module: Any) -> None:
        from trajkit.recording.torch_state import is_lazy

        if is_lazy(module):
            self.lazy.append(module)
            self.modules += module.modules()
            return
        self.modules.append(module)
        # The mode is apart: a scripted module keeps it elsewhere.
        self._hold_mapping(vars(module), _DEEPEST - _DEEPEST_IN_MODULE, without=("training",))
        for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
            self.hold(tensor)
        # Scripted modules keep their parts outside of their attributes.
        self._hold_all(list(module.children()), 0)
        self._hold_variables(module)

    def _hold_tensor(self, tensor: Any, depth: int) -> None:
        from trajkit.recording.torch_state import hold_tensor

        self._undo.append(hold_tensor(tensor))
        self._hold_mapping(vars(tensor), depth)

    def _hold_container(self, value: Any, depth: int) -> bool:
        kind = type(value)
        if kind in _DICTS:
            self._hold_mapping(value, depth)
        elif kind in (list, deque):
            self._hold_all(self._hold_items(value), depth)
        elif kind in (set, bytearray):
            held = value.copy()
            self._undo.append(lambda: _refill_set(value, held))
        elif isinstance(value, tuple | frozenset):
            self._hold_all(value, depth)
        else:
            return False
        return True

    def _hold_function(self, function: FunctionType) -> None:
        """Hold the lists and dicts that a function of the model, such as a hook, writes to; their values are data."""
        for part in function_parts(function):
            if type(part) in _DICTS:
                self._hold_entries(part)
            elif type(part) in (list, deque):
                self._hold_items(part)

    def _hold_numbers(self, value: Any) -> bool:
        """Hold arrays, random generators and variables of other libraries."""
        if isinstance(value, np.ndarray):
            # A file that is mapped into memory is data.
            if not isinstance(value, np.memmap):
                before = value.copy()
                self._undo.append(lambda: _fill(value, before))
        elif isinstance(value, np.random.Generator):
            bits: Any = value.bit_generator
            self._hold_random(lambda: bits.state, lambda state: setattr(bits, "state", state))
        elif isinstance(value, np.random.RandomState):
            self._hold_random(value.get_state, value.set_state)
        elif isinstance(value, random.Random):
            self._hold_random(value.getstate, value.setstate)
        elif callable(getattr(value, "assign", None)) and callable(getattr(value, "numpy", None)):
            self._hold_variable(value)
        else:
            return False
        return True

    def _hold_object(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind.__module__.partition(".")[0] in _FOREIGN:
            # jax has arrays that a prediction can write to; all others are immutable.
            if kind.__module__.startswith("jax") and "Ref" in kind.__name__:
                self.lost.add(kind.__name__)
            # What a generator gave out cannot be given back.
            if kind.__module__ == "builtins" and isinstance(value, Iterator):
                self.lost.add(kind.__name__)
            # Deeper inside stand the optimizer and the metrics, which no prediction changes.
            if depth:
                return
        elif getattr(value, "built", True) is False:
            self.lazy.append(value)
        elif depth < _DEEPEST and not (depth and hasattr(value, "__getitem__") and hasattr(value, "__len__")):
            # Inside a model, what has a length and items is a data set.
            attributes = getattr(value, "__dict__", {})
            modes = _NNX_MODES if is_nnx(value) else _MODES
            self.modes += [(value, name, mode) for name, mode in modes.items() if attributes.get(name) is (not mode)]
            if isinstance(attributes, dict):
                self._hold_mapping(attributes, depth + 1)
            for name in _slots(kind):
                self._hold_slot(value, name, depth + 1)
        self._hold_variables(value)

    def _hold_variables(self, value: Any) -> None:
        """Hold the variables of a model of TensorFlow or Keras, or one like it."""
        variables = getattr(value, "variables", None) if hasattr(type(value), "variables") else None
        if not isinstance(variables, list | tuple):
            return
        for variable in variables:
            if callable(getattr(variable, "assign", None)) and callable(getattr(variable, "numpy", None)):
                self.hold(variable)
            elif not (isinstance(variable, np.ndarray) or hasattr(variable, "__dict__") or any(_slots(type(variable)))):
                self.lost.add(type(variable).__name__)

    def _hold_variable(self, variable: Any) -> None:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(getattr(variable, "_value", None), torch.Tensor):
            # Keras on torch, whose `numpy()` warns. Its attributes hold all that it is.
            self._hold_mapping(vars(variable), _DEEPEST)
            return
        before = np.asarray(variable.numpy()).copy()

        def put_back() -> None:
            if not _same(np.asarray(variable.numpy()), before):
                variable.assign(before)

        self._undo.append(put_back)

    def _hold_random(self, get: Callable[[], Any], put: Callable[[Any], Any]) -> None:
        before = get()
        self._undo.append(lambda: put(before))

    def _hold_slot(self, value: Any, name: str, depth: int) -> None:
        before = getattr(value, name, _ABSENT)

        def put_back() -> None:
            if getattr(value, name, _ABSENT) is not before and before is not _ABSENT:
                # The class may refuse assignment, for example outside of its own methods.
                object.__setattr__(value, name, before)

        self._undo.append(put_back)
        self.hold(None if before is _ABSENT else before, depth)

    def _hold_mapping(self, held: MutableMapping[Any, Any], depth: int, without: tuple[str, ...] = ()) -> None:
        self._hold_all(self._hold_entries(held, without), depth)

    def _hold_entries(self, held: MutableMapping[Any, Any], without: tuple[str, ...] = ()) -> list[Any]:
        """Hold which entries a dict has; return their values."""
        if not held:
            # A torch module has sixteen dicts for hooks, nearly always empty: a closure for each would take the time.
            self._empty.append(held)
            return []
        before = {key: value for key, value in held.items() if key not in without}

        def put_back() -> None:
            for key in [key for key in held if key not in before and key not in without]:
                del held[key]
            for key, value in before.items():
                if held.get(key, _ABSENT) is not value:
                    held[key] = value
            if not without and list(held) != list(before):
                held.clear()
                held.update(before)

        self._undo.append(put_back)
        return list(before.values())

    def _hold_items(self, held: Any) -> list[Any]:
        """Hold which items a list has; return them."""
        before = list(held)
        self._undo.append(lambda: _refill(held, before))
        return before

    def _hold_all(self, values: Any, depth: int) -> None:
        if len(values) <= _LONGEST:
            for value in values:
                self.hold(value, depth)


def is_nnx(value: Any) -> bool:
    """Say whether an object is a module of Flax NNX, or a part of one."""
    return any(kind.__module__.startswith("flax.nnx") for kind in type(value).__mro__)


def _slots(kind: type) -> Iterator[str]:
    for parent in kind.__mro__:
        names = parent.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__"):
                yield f"_{parent.__name__.lstrip('_')}{name}" if name.startswith("__") and name[-2:] != "__" else name


def _refill(held: Any, before: list[Any]) -> None:
    if len(held) != len(before) or any(a is not b for a, b in zip(held, before, strict=True)):
        held.clear()
        held.extend(before)


def _refill_set(held: Any, before: Any) -> None:
    if held != before:
        held.clear()
        held.extend(before) if isinstance(held, bytearray) else held.update(before)


def _fill(array: AnyArray, before: AnyArray) -> None:
    if array.shape != before.shape:
        array.resize(before.shape, refcheck=False)
    if not _same(array, before):
        array[...] = before


def _same(a: AnyArray, b: AnyArray) -> bool:
    # By bytes: NaN equals itself, and 0.0 differs from -0.0.
    return a.shape == b.shape and a.tobytes() == b.tobytes()
