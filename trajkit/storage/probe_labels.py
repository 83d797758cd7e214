"""The labels of a probe: one for each input, or several at the positions of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from trajkit.numbers import as_numpy
from trajkit.schema import SchemaError
from trajkit.storable import as_text
from trajkit.typing import AnyArray, Labels, Mask

# Where a position of an input has no label; the number that torch and transformers take for this.
NO_LABEL = -100


class ProbeLabels(NamedTuple):
    """Labels of the samples, and where they stand if an input has several.

    `label` (sample,) holds class indices. `scored` (input, position) says which positions are samples; it is None if
    each input is one sample.
    """

    label: Labels
    scored: Mask | None

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return len(self.label if self.scored is None else self.scored)

    def per_sample(self, values: AnyArray) -> AnyArray:
        """Repeat values (input,) for each of the samples of an input."""
        return values if self.scored is None else np.repeat(values, self.scored.sum(1))

    def names(self, inputs: AnyArray) -> AnyArray:
        """Return identities of the samples from those of the inputs: "input:position" if an input has several.

        Examples
        --------
        >>> read_labels([[3, 1], [-100, 2]]).names(np.arange(2)).tolist()
        ['0:0', '0:1', '1:1']
        """
        if self.scored is None:
            return inputs
        positions = np.nonzero(self.scored)[1]
        pairs = zip(self.per_sample(inputs).tolist(), positions.tolist(), strict=True)
        return as_text([f"{name}:{position}" for name, position in pairs])


def read_labels(label: ArrayLike) -> ProbeLabels:
    """Read labels (sample,), or (input, position) as an array or as one list per input.

    Raises
    ------
    SchemaError
        If they are no whole numbers, or none is left.

    Examples
    --------
    >>> read_labels([0, 1]).scored is None, read_labels([[3, 1], [2]]).label.tolist()
    (True, [3, 1, 2])
    """
    values = rectangle(label)
    if values is None or values.ndim not in (1, 2) or values.dtype.kind not in "iu":
        got = "uneven lists" if values is None else f"{values.dtype} {values.shape}"
        raise SchemaError([f"'label' is {got}: {_WANTED}"])
    scored = None if values.ndim == 1 else values != NO_LABEL
    chosen = values if scored is None else values[scored]
    if not len(chosen):
        raise SchemaError([f"'label' is {values.dtype} {values.shape} and holds no label: {_WANTED}"])
    return ProbeLabels(chosen.astype(np.int64), scored)


_WANTED = (
    f"wanted whole numbers (sample,), one or more, or (input, position) with {NO_LABEL} where a position has no label"
)


def rectangle(values: Any) -> AnyArray | None:
    """Return an array; lists of whole numbers of different lengths are filled with `NO_LABEL`. None for others.

    Examples
    --------
    >>> rectangle([[1, 2, 3], [4]])
    array([[   1,    2,    3],
           [   4, -100, -100]])
    """
    try:
        return as_numpy(values)
    except (TypeError, ValueError, RuntimeError):  # lists of different lengths, lists of tensors, nested tensors
        rows = [as_numpy(row) for row in (values.unbind() if hasattr(values, "unbind") else values)]
    if any(row.ndim != 1 or (row.size and row.dtype.kind not in "iu") for row in rows):
        return None
    filled = np.full((len(rows), max(row.size for row in rows)), NO_LABEL)
    for row, held in zip(filled, rows, strict=True):
        row[: held.size] = held
    return filled


def are_input_tokens(labels: ProbeLabels, inputs: Any) -> bool:
    """Say whether all labels are the tokens of the inputs at the same positions: the shift by one was forgotten.

    Examples
    --------
    >>> tokens = [[5, 6, 7], [8, 9]]
    >>> are_input_tokens(read_labels(tokens), {"input_ids": tokens})
    True
    """
    if labels.scored is None:
        return False
    # Masked language models keep a few tokens, but not all; predicting the token that is seen needs no model.
    tokens = inputs.get("input_ids") if isinstance(inputs, Mapping) else inputs
    if not isinstance(tokens, list) and not hasattr(tokens, "shape"):
        return False
    held = rectangle(tokens)
    if held is None or held.shape != labels.scored.shape:
        return False
    return bool((held[labels.scored] == labels.label).all())
