"""What a model gives, as an array of one row per sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trajkit.numbers import COARSE, as_numpy, is_coarse
from trajkit.typing import AnyArray, Mask


def as_array(values: Any, form: str | None) -> AnyArray:
    """Return predictions of any library as an array; of an output of transformers, its `logits`.

    Raises
    ------
    ValueError
        If no array of real numbers can be made of them, or `form` is not that of `logits`.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> as_array(SimpleNamespace(logits=[[0, 1]]), None)
    array([[0, 1]])
    """
    if (logits := getattr(values, "logits", None)) is not None:
        if form not in (None, "logits"):
            raise ValueError(
                f"the model gives {type(values).__name__} with `.logits`, which are no {form!r}: leave out output="
            )
        values = logits
    try:
        array = as_numpy(values)
    except (TypeError, ValueError, RuntimeError) as error:  # uneven lists, tuples of results, sparse or nested tensors
        raise ValueError(f"the model gives {_described(values)} ({error}): {_WANTED}") from error
    # Without a complex part, and without None, which numpy would turn into NaN: the run would count as diverged.
    if not array.ndim or array.dtype.kind in "cUSMm" or (array.dtype == object and any(v is None for v in array.flat)):
        got = f"values of dtype {array.dtype}" if array.ndim and array.dtype != object else _described(values)
        raise ValueError(f"the model gives {got}: {_WANTED}")
    if is_coarse(array.dtype):
        raise ValueError(f"the model gives numbers of {array.dtype}, {COARSE}")
    return array


_WANTED = (
    "wanted real numbers (sample, class). Return them from the model or from predict=, such as predict=lambda model, "
    "inputs: model(inputs)[0] (complex ones as `.real` or `abs`)"
)


def _described(values: Any) -> str:
    if values is None:
        return "None"
    name = type(values).__name__
    return f"{name} with {list(map(str, values))}" if isinstance(values, Mapping) else name


def rows_of_samples(values: AnyArray, scored: Mask) -> AnyArray:
    """Return the rows of predictions (input, position, class) at the positions that are samples.

    Raises
    ------
    ValueError
        If inputs or positions are not those of `scored` (input, position). Positions without labels at the end may be
        left out, as in a batch that is filled up to its own longest text.

    Examples
    --------
    >>> rows_of_samples(np.arange(4).reshape(1, 2, 2), np.array([[False, True, False]]))
    array([[2, 3]])
    """
    width = values.shape[1]
    labelled = np.flatnonzero(scored.any(0))
    longest = labelled[-1] + 1 if len(labelled) else 0
    if len(values) != len(scored) or width not in (longest, scored.shape[1]):
        raise ValueError(
            f"the model gives predictions of shape {values.shape} (input, position, class) for inputs whose labels "
            f"have shape {scored.shape} (input, position): wanted a prediction for each label. For next tokens: "
            "label=input_ids[:, 1:] and predict=lambda model, inputs: model(**inputs).logits[:, :-1]"
        )
    return values[scored[:, :width]]


def shape_problem(shape: tuple[int, ...], wanted: tuple[int, int]) -> str:
    """Say why predictions do not fit a probe with `wanted` (samples, classes), and what to do.

    Examples
    --------
    >>> shape_problem((4,), (4, 2)).partition("wanted ")[2]
    '(4, 2) (a model with one output per sample needs predict=)'
    """
    samples, classes = wanted
    got = f"the model gives predictions of shape {shape}, but the probe has {samples} samples and {classes} classes"
    if len(shape) == 2 and shape[0] == samples and shape[1] > classes:
        hint = (
            f". By default a probe has as many classes as its labels need: pass classes={shape[1]}, or their names, to "
            "tk.Probe"
        )
    elif len(shape) == 3 and shape[0] == samples:
        hint = (
            ". For a model that predicts at several positions of each input, give tk.Probe labels (input, position), "
            "-100 where a position has none; or choose one position of each input in predict="
        )
    else:
        hint = " (a model with one output per sample needs predict=)" if len(shape) < 2 or shape[-1] == 1 else ""
    return f"{got}: wanted {wanted}{hint}"
