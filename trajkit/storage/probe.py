"""The inputs on which the predictions of all models are recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from warnings import warn

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.numbers import as_numpy
from trajkit.schema import RESERVED, VARIABLES, SchemaError, validate_axes
from trajkit.storable import as_text, identities, kind_of, name_problem, text_problem
from trajkit.storage.probe_inputs import feed, sample_counts
from trajkit.storage.probe_labels import are_input_tokens, read_labels
from trajkit.typing import AnyArray, Labels, Mask


class Probe:
    """The fixed inputs, in a fixed order, on which all runs are recorded, with their labels.

    Two probes are equal if their labels, classes, split, sample identities and `identity` are equal, in the same order.

    Parameters
    ----------
    inputs
        Inputs of the models, with samples along the first dimension: an array, a tensor (also sparse or nested), a
        table, a list with one entry per sample, or a dict or tuple of several of these. None, or an object of another
        kind, if `predict=` of the recorder knows what to do; then `identity` is needed.
    label
        Index of the true class of each sample (sample,). If a model predicts at several positions of an input, such as
        a language model: labels (input, position), -100 where a position has none; lists may differ in length. Each
        position with a label is a sample. At position t stands the class that the model predicts there: for a causal
        language model the next token, `label=input_ids[:, 1:]`.
    classes
        Names of the classes, or their number; by default as many as `label` needs.
    split
        "train" or "test" for each input, or one of them for all.
    sample
        Identities of the inputs, by default 0, 1, ... Where an input has several labels, the samples are called
        "input:position".
    coords
        Further coordinates along `sample`, one value for each input: where it comes from, such as the `document` and
        `position` of a context. Datasets that are recorded have them.
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

    Two texts of a language model, which is asked for the next token at each position; the second text is shorter:

    >>> texts = [[5, 2, 7, 1], [5, 3, 1]]
    >>> tk.Probe({"input_ids": texts}, label=[ids[1:] for ids in texts], classes=10).sample
    array(['0:0', '0:1', '0:2', '1:0', '1:1'], dtype='<U3')
    """

    def __init__(
        self,
        inputs: Any,
        label: ArrayLike,
        *,
        classes: Sequence[str] | int | None = None,
        split: ArrayLike | str = "test",
        sample: ArrayLike | None = None,
        coords: Mapping[str, ArrayLike] | None = None,
        identity: str | None = None,
    ) -> None:
        labels = read_labels(label)
        if classes is None:
            classes = max(int(labels.label.max()) + 1, 2)
        names: Any = range(classes) if isinstance(classes, int | np.integer) else classes
        try:
            samples = np.arange(labels.inputs) if sample is None else identities(sample)
        except ValueError as error:
            raise SchemaError([f"'sample': {error}"]) from None
        names = [str(name) for name in names]
        if problem := text_problem(names):
            raise SchemaError([f"'classes': {problem}"])
        splits = np.full(labels.inputs, split) if isinstance(split, str) else np.asarray(split, dtype=str)
        problems = [p for name, values in (coords or {}).items() if (p := _coordinate_problem(name, values))]
        further = {name: as_numpy(values) for name, values in (coords or {}).items()}
        problems += [
            f"{name!r} has {np.size(column)} entries, but 'label' has {labels.inputs}"
            for name, column in {"sample": samples, "split": splits, **further}.items()
            if column.shape != (labels.inputs,)
        ]
        problems += _count_problems(inputs, labels.inputs)
        if problems:
            raise SchemaError(problems)
        if are_input_tokens(labels, inputs):
            warn(_FORGOTTEN_SHIFT, RuntimeWarning, stacklevel=2)
        self.inputs = inputs
        self.label: Labels = labels.label
        # Which positions (input, position) are samples; None if each input is one.
        self.scored: Mask | None = labels.scored
        self.sample: AnyArray = labels.names(samples)
        self.split: AnyArray = labels.per_sample(splits)
        self.classes: AnyArray = as_text(names)
        # As text of numpy, whatever array text came in.
        self._coords = {
            name: labels.per_sample(as_text(values.tolist()) if values.dtype.kind in "OTU" else values)
            for name, values in further.items()
        }
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
        feed(self.inputs, digest)
        return digest.hexdigest()

    def coordinates(self) -> dict[str, xr.Variable]:
        """Coordinates of a trajectory dataset that was recorded on this probe."""
        return {
            "sample": xr.Variable("sample", self.sample),
            "label": xr.Variable("sample", self.label),
            "split": xr.Variable("sample", self.split),
            "class": xr.Variable("class", self.classes),
            **{name: xr.Variable("sample", values) for name, values in self._coords.items()},
        }

    def describe(self) -> str:
        """Describe the probe as JSON, without the inputs; equal probes have equal descriptions."""
        arrays = {name: variable.values.tolist() for name, variable in self.coordinates().items()}
        # Apart, so that a probe without them has the description that it always had.
        further = {name: arrays.pop(name) for name in self._coords}
        held = {"inputs": self.identity, **arrays} | ({"coords": further} if further else {})
        return json.dumps(held, ensure_ascii=False)

    @classmethod
    def from_description(cls, text: str) -> Probe:
        """Make a probe, without inputs, from a description that `describe` returned."""
        held = json.loads(text)
        kinds = {"inputs": str, "label": list, "class": list, "split": list, "sample": list}
        if wrong := [name for name, kind in kinds.items() if not isinstance(held[name], kind)]:
            raise ValueError(f"{', '.join(wrong)}: wanted a list for each, and a text for 'inputs'")
        if {type(name) for name in held["sample"]} not in ({int}, {str}):
            raise ValueError("'sample' holds other values than integers or texts")
        return cls(
            None, held["label"], classes=held["class"], split=held["split"], sample=held["sample"],
            coords=_held_coords(held), identity=held["inputs"],
        )  # fmt: skip

    def differences(self, other: Probe) -> list[str]:
        """List the differences between this probe and `other`."""
        here, there = self.coordinates(), other.coordinates()
        problems = []
        for name in dict.fromkeys([*here, *there]):
            if name not in here or name not in there:
                problems.append(f"{name!r} (only one of the two has it)")
                continue
            mine, theirs = here[name], there[name]
            if kind_of(mine.dtype) == kind_of(theirs.dtype) and np.array_equal(mine.values, theirs.values):
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


_FORGOTTEN_SHIFT = (
    "the labels are the tokens of the inputs at the same positions. A causal language model predicts the next token: "
    "pass label=input_ids[:, 1:] to the probe, and to the recorder predict=lambda model, inputs: "
    "model(**inputs).logits[:, :-1]"
)


def _coordinate_problem(name: Any, given: Any) -> str | None:
    """Say why values cannot be a coordinate along `sample` beside those that every probe has, or None."""
    if problem := name_problem(name):
        return problem
    if name in RESERVED or name in VARIABLES:
        return f"{name!r}: the name is reserved, choose another"
    values = as_numpy(given)
    entries = np.asarray(given, dtype=object).ravel().tolist() if values.dtype.kind in "OTU" else []
    # Asked of what was given: numpy cuts a NUL off the end of a text.
    if problem := text_problem(entries):
        return f"{name!r}: {problem}"
    if values.dtype.kind in "ifb" or (entries and all(isinstance(v, str) for v in entries)):
        return None
    return f"{name!r} has dtype {values.dtype}: wanted text, integers, floats or booleans, one kind for all"


def _held_coords(held: Mapping[str, Any]) -> dict[str, list[Any]]:
    further = held.get("coords", {})
    if not isinstance(further, dict) or not all(isinstance(values, list) for values in further.values()):
        raise ValueError("coords: wanted a list for each")
    return further


def _count_problems(inputs: Any, wanted: int) -> list[str]:
    if inputs is None:
        return []
    try:
        counts = sample_counts(inputs)
    except ValueError as error:
        return [f"'inputs' hold {error}"]
    if counts <= {wanted}:
        return []
    return [f"'inputs' hold {' and '.join(map(str, sorted(counts)))} samples, but 'label' has {wanted} entries"]
