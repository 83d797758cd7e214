"""The inputs on which the predictions of all models are recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.numbers import as_numpy
from trajkit.schema import SchemaError, validate_axes
from trajkit.storable import identities, text_problem
from trajkit.typing import AnyArray, Labels


class Probe:
    """The fixed inputs, in a fixed order, on which all runs are recorded, with their labels.

    Two probes are equal if their labels, classes, split, sample identities and `identity` are equal, in the same order.

    Parameters
    ----------
    inputs
        Inputs of the models, with samples along the first dimension: an array, a tensor, a table, a list with one
        entry per sample, or a dict or tuple of several of these.
    label
        Index of the true class of each sample (sample,).
    classes
        Names of the classes, or their number; by default as many as `label` needs.
    split
        "train" or "test" for each sample, or one of them for all.
    sample
        Identities of the inputs, by default 0, 1, ...
    identity
        Text that changes if the inputs change. By default a SHA-256 of their values, dtypes and shapes, the same for
        an array and an equal tensor.

    Raises
    ------
    SchemaError
        If lengths disagree, a label is outside the classes, a sample appears twice or a split is unknown.
    TypeError
        If `inputs` hold values that cannot be hashed and `identity` is not given.

    Examples
    --------
    >>> import numpy as np, trajkit as tk
    >>> probe = tk.Probe(np.eye(3), label=[0, 1, 1], classes=["cat", "dog"], split=["train", "test", "test"])
    >>> len(probe), probe.identity[:8]
    (3, '11cd2259')
    """

    def __init__(
        self,
        inputs: Any,
        label: ArrayLike,
        *,
        classes: Sequence[str] | int | None = None,
        split: ArrayLike | str = "test",
        sample: ArrayLike | None = None,
        identity: str | None = None,
    ) -> None:
        label = np.asarray(label)
        if label.ndim != 1 or label.dtype.kind not in "iu" or not len(label):
            raise SchemaError([f"'label' is {label.dtype} {label.shape}: wanted whole numbers (sample,), one or more"])
        if classes is None:
            classes = max(int(label.max()) + 1, 2)
        names: Any = range(classes) if isinstance(classes, int | np.integer) else classes
        try:
            samples = np.arange(len(label)) if sample is None else identities(sample)
        except ValueError as error:
            raise SchemaError([f"'sample': {error}"]) from None
        names = [str(name) for name in names]
        if problem := text_problem(names):
            raise SchemaError([f"'classes': {problem}"])
        columns: dict[str, AnyArray] = {
            "sample": samples,
            "split": np.full(len(label), split) if isinstance(split, str) else np.asarray(split, dtype=str),
        }
        problems = [
            f"{name!r} has {len(column)} entries, but 'label' has {len(label)}"
            for name, column in columns.items()
            if column.shape != label.shape
        ]
        if inputs is not None and (length := _length(inputs)) not in (None, len(label)):
            problems.append(f"'inputs' hold {length} samples, but 'label' has {len(label)} entries")
        if problems:
            raise SchemaError(problems)
        self.inputs = inputs
        self.label: Labels = label.astype(np.int64)
        self.sample: AnyArray = columns["sample"]
        self.split: AnyArray = columns["split"]
        self.classes: AnyArray = np.asarray(names)
        self._identity = identity
        self._check()

    def __len__(self) -> int:
        return len(self.label)

    def __repr__(self) -> str:
        return f"Probe({len(self)} samples, {len(self.classes)} classes)"

    @cached_property
    def identity(self) -> str:
        """Text that changes if the inputs change."""
        if self._identity is not None:
            return self._identity
        digest = hashlib.sha256()
        _feed(self.inputs, digest)
        return digest.hexdigest()

    def coordinates(self) -> dict[str, xr.Variable]:
        """Coordinates of a trajectory dataset that was recorded on this probe."""
        return {
            "sample": xr.Variable("sample", self.sample),
            "label": xr.Variable("sample", self.label),
            "split": xr.Variable("sample", self.split),
            "class": xr.Variable("class", self.classes),
        }

    def describe(self) -> str:
        """Describe the probe as JSON, without the inputs; equal probes have equal descriptions."""
        arrays = {name: variable.values.tolist() for name, variable in self.coordinates().items()}
        return json.dumps({"inputs": self.identity, **arrays}, ensure_ascii=False)

    @classmethod
    def from_description(cls, text: str) -> Probe:
        """Make a probe, without inputs, from a description that `describe` returned."""
        held = json.loads(text)
        kinds = {"inputs": str, "label": list, "class": list, "split": list, "sample": list}
        if wrong := [name for name, kind in kinds.items() if not isinstance(held[name], kind)]:
            raise ValueError(f"{', '.join(wrong)}: wanted a list for each, and a text for 'inputs'")
        return cls(
            None, held["label"], classes=held["class"], split=held["split"], sample=held["sample"],
            identity=held["inputs"],
        )  # fmt: skip

    def differences(self, other: Probe) -> list[str]:
        """List the differences between this probe and `other`."""
        here, there = self.coordinates(), other.coordinates()
        problems = []
        for name, mine in here.items():
            theirs = there[name]
            if mine.dtype.kind == theirs.dtype.kind and np.array_equal(mine.values, theirs.values):
                continue
            same = mine.shape == theirs.shape and sorted(map(str, mine.values)) == sorted(map(str, theirs.values))
            sizes = f"{mine.size} and {theirs.size} entries" if mine.size != theirs.size else "other values"
            problems.append(f"{name!r} ({'the same values in another order' if same else sizes})")
        if self.identity != other.identity:
            problems.append(f"the inputs (identities {self.identity[:12]} and {other.identity[:12]})")
        return problems

    def _check(self) -> None:
        """Let the schema judge what it says of a probe."""
        validate_axes(xr.Dataset(coords=self.coordinates()), only=("sample", "label", "split", "class"))


def _length(inputs: Any) -> int | None:
    """Count the samples; None if the inputs have no length."""
    if isinstance(inputs, Mapping | tuple):
        return _length(next(iter(inputs.values() if isinstance(inputs, Mapping) else inputs), None))
    return len(inputs) if hasattr(inputs, "__len__") else None


def _feed(value: Any, digest: Any) -> None:
    """Update a hash with the dtypes, shapes and values of nested inputs."""
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            digest.update(f"{key}:".encode())
            _feed(value[key], digest)
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}]".encode())
        for item in value:
            _feed(item, digest)
    elif value is None or isinstance(value, str | bytes | int | float | bool):
        digest.update(f"{type(value).__name__}{value!r};".encode())
    elif hasattr(value, "__array__"):
        array = as_numpy(value)
        if array.dtype == object:
            _feed(array.tolist(), digest)
            return
        # Little-endian, so that the hash is the same on every machine.
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
        digest.update(f"{little.dtype.str}{little.shape}".encode())
        digest.update(little.tobytes())
    else:
        raise TypeError(
            f"the probe's inputs hold {type(value).__name__}, whose values cannot be hashed: wanted arrays, tensors, "
            "text or numbers. Or pass identity=, a text that changes if the inputs change"
        )
