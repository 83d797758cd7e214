"""Numbers as they were given: integers keep their digits, and nothing turns into a number on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from trajkit.schema import DIMS, SchemaError
from trajkit.typing import AnyArray, Array, Labels

COARSE = "which have too few digits: convert them to float16 or wider, and before the softmax if there is one"
Convert = Callable[[Any, str], AnyArray]


def as_numpy(values: Any) -> AnyArray:
    """Copy an array or a tensor of any device to memory.

    Raises
    ------
    TypeError
        If it is a tensor of a dtype that numpy has not, bfloat16 excepted.

    Examples
    --------
    >>> as_numpy([1, 2])
    array([1, 2])
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if (name := str(values.dtype).removeprefix("torch.")) == "bfloat16":
            values = values.float()
        elif not hasattr(np, name):
            raise TypeError(f"got numbers of {values.dtype}, {COARSE}")
    return np.asarray(values)


def padded(values: Any, convert: Convert, fill: float, name: str, *, ndim: int) -> AnyArray:
    """Make one array of a list with one array per run, filling short runs at their end.

    Examples
    --------
    >>> padded([[[0.5]], [[0.5], [1.0]]], number, np.nan, "x", ndim=3).shape
    (2, 2, 1)
    """
    if isinstance(values, np.ndarray) and values.dtype != object:
        array = convert(values, name)
    else:
        parts = rows_of(values, convert, name)
        if len(shapes := {p.shape[1:] for p in parts}) > 1:
            raise SchemaError(
                [f"{name!r}: runs differ in shape after the checkpoint: {sorted(shapes)}; all runs share one probe"]
            )
        longest = max((len(p) for p in parts if p.ndim), default=0)
        array = np.stack(
            [
                np.pad(p, [(0, longest - len(p))] + [(0, 0)] * (p.ndim - 1), constant_values=fill) if p.ndim else p
                for p in parts
            ]
        )
    if array.ndim != ndim:
        raise SchemaError([f"{name!r} has shape {array.shape}: wanted {ndim} dimensions {DIMS[:ndim]}"])
    return array


def rows_of(values: Any, convert: Convert, name: str) -> list[AnyArray]:
    """Make one array of each run's values.

    Examples
    --------
    >>> rows_of([[0, 1], [5]], whole, "step")
    [array([0, 1]), array([5])]
    """
    # The rows of a table, not the names of its columns.
    rows = values.to_numpy() if isinstance(values, pd.DataFrame) else values
    try:
        parts = [convert(row, name) for row in rows]
    except TypeError as error:
        raise SchemaError([_wanted_numbers(name, str(error))]) from None
    if not parts:
        raise SchemaError([f"{name!r} is empty: wanted at least one run"])
    return parts


def number(values: Any, name: str) -> Array:
    """Make one float64 array of real numbers; what would change on the way is refused.

    Examples
    --------
    >>> number([1, 2], "x")
    array([1., 2.])
    """
    array = _plain(values, name)
    if array.dtype.kind == "c":
        raise SchemaError(
            [f"{name!r} holds complex numbers: wanted real ones, such as `{name}.real` or `abs({name})`; write which"]
        )
    if is_coarse(array.dtype):
        raise SchemaError([f"{name!r} holds numbers of {array.dtype}, {COARSE}"])
    # Void: bfloat16, which numpy does not know itself.
    if array.dtype.kind not in "fiubV" or array.dtype.names:
        raise SchemaError([_wanted_numbers(name, f"got dtype {array.dtype}")])
    return array.astype(np.float64)


def is_coarse(dtype: np.dtype[Any]) -> bool:
    """Say whether a dtype is one of the floats and integers of 8 bits or fewer that other libraries add to numpy.

    Examples
    --------
    >>> is_coarse(np.dtype("f2")), is_coarse(np.dtype("V1"))
    (False, True)
    """
    return dtype.itemsize == 1 and dtype.kind in "Vf"


def whole(values: Any, name: str) -> Labels:
    """Make one int64 array of whole numbers that never were floats with too few digits; NaN becomes -1.

    Examples
    --------
    >>> whole([2**53 + 1, 3], "step")
    array([9007199254740993,                3])
    """
    array = _plain(values, name)
    if array.dtype.kind == "f":
        if (np.abs(array) >= 2**53).any():
            raise SchemaError([f"{name!r} holds floats of 2^53 or more, which lost digits: wanted integers"])
        array = np.where(np.isnan(array), -1, array)
        if (array != np.round(array)).any():
            raise SchemaError(
                [f"{name!r} holds fractions: wanted the whole number of optimizer updates (epochs go to `epoch=`)"]
            )
    elif array.dtype.kind not in "iu":
        raise SchemaError([_wanted_numbers(name, f"got dtype {array.dtype}")])
    elif array.size and int(array.max()) >= 2**63:
        raise SchemaError([f"{name!r} holds {array.max()}: wanted integers below 2^63"])
    return array.astype(np.int64)


def _plain(values: Any, name: str) -> AnyArray:
    """Make one array; without what numpy would fill in silently: NaN for None, any number below a mask."""
    if np.ma.is_masked(values):
        raise SchemaError(
            [f"{name!r} is a masked array: write `{name}.filled(np.nan)` or leave the masked entries out"]
        )
    try:
        array = as_numpy(values)
        if array.dtype == object:
            entries = array.reshape(-1).tolist()
            if lacking := sum(v is None for v in entries):
                raise SchemaError([f"{name!r} holds {lacking} entries None: wanted numbers, NaN for a missing one"])
            # Integers beyond 64 bits, Decimal, the missing value of pandas.
            whole = all(isinstance(v, int) for v in entries)
            array = np.asarray(values, dtype=np.uint64 if whole else np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, SchemaError):
            raise
        raise SchemaError([_wanted_numbers(name, str(error))]) from None
    return array


def _wanted_numbers(name: str, got: str) -> str:
    return f"{name!r}: wanted numbers, in one array or a list with one array per run ({got})"
