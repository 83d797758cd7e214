"""Trajectory datasets from plain arrays."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.numbers import Convert, number, padded, rows_of, whole
from trajkit.probabilities import Form, form_problem, looks_like_distributions, to_log_prob, wrong_rows
from trajkit.schema import DIMS, RESERVED, SchemaError, stamp, validate_axes
from trajkit.storable import as_text, identities, name_problem, text_problem, usable_name
from trajkit.typing import AnyArray, Array, Mask

# They have a length, but no order of entries, or are one text.
_SINGLE = (str, bytes, Mapping, Set)


def from_arrays(
    *,
    log_prob: ArrayLike | Sequence[ArrayLike] | None = None,
    prob: ArrayLike | Sequence[ArrayLike] | None = None,
    logits: ArrayLike | Sequence[ArrayLike] | None = None,
    label: ArrayLike,
    runs: pd.DataFrame | Mapping[str, Any],
    step: ArrayLike | Sequence[ArrayLike] | None = None,
    epoch: ArrayLike | Sequence[ArrayLike] | None = None,
    classes: Sequence[str] | None = None,
    split: ArrayLike | str | None = None,
    sample: ArrayLike | None = None,
    source: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Make a trajectory dataset from plain arrays.

    Exactly one of `log_prob`, `prob` and `logits` is given; rows are normalised in float64
    (log p_c = z_c - log sum_k exp z_k for logits) and stored as float32 log-probabilities.

    Parameters
    ----------
    log_prob, prob, logits
        Predictions (run, checkpoint, sample, class), where a checkpoint that a run does not have is NaN
        throughout; or a list with one (checkpoint, sample, class) array per run, of any lengths. A logit of -inf rules
        a class out. Logits whose rows are all probability distributions are refused; `logits=values - 1` insists.
    label
        Index of the true class of each sample.
    runs
        One row per run: a DataFrame, or a dict of equally long columns. A column `run` holds the identities;
        otherwise a DataFrame's named index, otherwise "0", "1", ... `kind` defaults to "network".
        Categories become text and nullable integers floats; a missing text is "", a missing number NaN.
    step, epoch
        Optimizer updates and epochs done at each checkpoint: (checkpoint,) for all runs,
        (run, checkpoint), or a list with one array per run. Steps default to 0, 1, 2, ...
    classes
        Names of the classes; "0", "1", ... otherwise.
    split
        "train" or "test" for each sample, or one for all; "test" if None.
    sample
        Identities of the inputs; 0, 1, ... otherwise.
    source
        Where the data come from, in a few words.
    metadata
        Anything that JSON can hold; kept as one JSON string in the attributes.

    Returns
    -------
    xarray.Dataset
        With dimensions (run, checkpoint, sample, class).

    Raises
    ------
    SchemaError
        If predictions are not distributions, shapes disagree, identities repeat, or a column mixes types.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.from_arrays(
    ...     prob=[[[[0.5, 0.5]], [[0.9, 0.1]]], [[[0.5, 0.5]]]], label=[0], runs={"optimizer": ["sgd", "adam"]}
    ... )
    >>> dict(ds.sizes)
    {'run': 2, 'checkpoint': 2, 'sample': 1, 'class': 2}
    >>> ds.step.values
    array([[ 0,  1],
           [ 0, -1]])
    """
    forms: dict[Form, Any] = {"log_prob": log_prob, "prob": prob, "logits": logits}
    given = {k: v for k, v in forms.items() if v is not None}
    if len(given) != 1:
        raise SchemaError([f"wanted exactly one of log_prob, prob and logits, got {sorted(given) or 'none'}"])
    (form, values), *_ = given.items()
    split = "test" if split is None else split
    raw = padded(values, number, np.nan, form, ndim=4)
    if 0 in raw.shape:
        raise SchemaError([f"{form!r} has shape {raw.shape} {DIMS}: wanted at least one of each"])
    names, attributes, problems = run_columns(runs)
    n_run, n_checkpoint, n_sample, n_class = raw.shape
    problems += _length_problems(
        {
            "runs": ((len(names),), n_run, "runs"),
            "label": (np.shape(label), n_sample, "samples"),
            "classes": ((n_class,) if classes is None else np.shape(classes), n_class, "classes"),
            "sample": ((n_sample,) if sample is None else np.shape(sample), n_sample, "samples"),
            "split": ((n_sample,) if isinstance(split, str) else np.shape(split), n_sample, "samples"),
        },
        form,
    )
    class_names = [str(c) for c in (range(n_class) if classes is None else classes)]
    problems += [
        f"{name!r}: {p}"
        for name, texts in (("classes", class_names), ("source", [source]))
        if (p := text_problem(texts))
    ]
    try:
        samples = np.arange(n_sample) if sample is None else identities(sample)
    except ValueError as error:
        problems.append(f"'sample': {error}")
    if np.asarray(label).dtype.kind not in "iu":
        problems.append(f"'label' has dtype {np.asarray(label).dtype}: wanted the integer index of each true class")
    problems += _prediction_problems(raw, form, names)
    if problems:
        raise SchemaError(problems)
    steps = np.arange(n_checkpoint) if step is None else step
    recorded = np.asarray(~np.isnan(raw).all(axis=(2, 3)))
    ds = xr.Dataset(
        {
            "log_prob": (DIMS, to_log_prob(raw, form).astype(np.float32)),
            "step": (DIMS[:2], _per_checkpoint(steps, whole, -1, "step", recorded)),
        },
        coords={
            "run": ("run", names),
            **{name: ("run", column) for name, column in attributes.items()},
            "checkpoint": np.arange(n_checkpoint),
            "sample": samples,
            "label": ("sample", np.array(label, dtype=np.int64)),
            "split": (
                "sample",
                np.full(n_sample, split) if isinstance(split, str) else np.array(split, dtype=str),
            ),
            "class": as_text(class_names),
        },
    )
    if epoch is not None:
        ds["epoch"] = (DIMS[:2], _per_checkpoint(epoch, number, np.nan, "epoch", recorded))
    ds = stamp(ds.assign_attrs(source=source, metadata=json.dumps(dict(metadata or {}))))
    validate_axes(ds)
    return ds


def _length_problems(shapes: Mapping[str, tuple[tuple[int, ...], int, str]], form: str) -> list[str]:
    return [
        f"{name!r} has {f'{got[0]} entries' if len(got) == 1 else f'shape {got}'}, but {form!r} has {wanted} {what}"
        for name, (got, wanted, what) in shapes.items()
        if got != (wanted,)
    ]


def _prediction_problems(raw: Array, form: Form, runs: AnyArray) -> list[str]:
    """Refuse what the log or softmax would turn into a NaN or hide: afterwards every row is a distribution."""
    missing = np.isnan(raw).all(axis=(2, 3))
    wrong = np.argwhere(wrong_rows(raw, form).any(-1) & ~missing)
    if len(wrong) == 0 and form == "logits" and looks_like_distributions(raw):
        return [
            "the rows of 'logits' are probability distributions: pass them as prob=. If it holds logits all the same, "
            "pass logits=values - 1, which has the same softmax"
        ]
    return [f"run {_name(runs, i)}, checkpoint {k}: {form_problem(raw[i, k], form)}" for i, k in wrong[:5]]


def _name(runs: AnyArray, index: int) -> str:
    return repr(str(runs[index])) if index < len(runs) else f"number {index}"


def _per_checkpoint(values: Any, convert: Convert, missing: float, name: str, recorded: Mask) -> AnyArray:
    """Bring (checkpoint,), (run, checkpoint) or a ragged list to (run, checkpoint); `missing` where none is."""
    ragged = isinstance(values, Sequence) and any(np.ndim(v) for v in values)
    array = padded(values, convert, missing, name, ndim=2) if ragged else np.stack(rows_of(values, convert, name))
    if array.shape not in (recorded.shape, recorded.shape[1:]):
        raise SchemaError(
            [f"{name!r} has shape {array.shape}: wanted {recorded.shape} (run, checkpoint) or {recorded.shape[1:]}"]
        )
    array = np.broadcast_to(array, recorded.shape)
    lacks = np.isnan(array) if np.isnan(missing) else array < 0
    if lacking := np.argwhere(lacks & recorded).tolist():
        run, checkpoint = lacking[0]
        raise SchemaError([f"{name!r} has no value for the recorded checkpoint {checkpoint} of run number {run}"])
    return np.where(recorded, array, missing)


def run_columns(
    runs: pd.DataFrame | Mapping[str, Any],
) -> tuple[AnyArray, dict[str, AnyArray], list[str]]:
    """Split the table of runs into identities and attributes, with what is wrong in it."""
    # pandas cannot encode such names, and would say so in its own words.
    named = list(runs) if isinstance(runs, pd.DataFrame | Mapping) else []
    if unreadable := [n for n in named if isinstance(n, str) and n.encode(errors="replace").decode() != n]:
        raise SchemaError([f"run attribute: {name_problem(name)}" for name in unreadable])
    table = _table(runs)
    if repeated := table.columns[table.columns.astype(str).duplicated()].tolist():
        raise SchemaError([f"the columns {repeated} of 'runs' appear more than once: give each its own name"])
    has_index = table.index.name is not None
    runs_given: Any = table.pop("run") if "run" in table else (table.index if has_index else np.arange(len(table)))
    names = [str(i) for i in runs_given]
    problems = [f"run attribute {name!r}: the name is reserved, choose another" for name in table if name in RESERVED]
    problems += [
        f"run attribute: {problem} (`runs.rename(columns={{{name!r}: {usable_name(name)!r}}})`)"
        for name in table
        if (problem := name_problem(str(name)))
    ]
    problems += [f"'run': {problem}" for problem in [text_problem(names)] if problem]
    if "kind" not in table:
        table.insert(0, "kind", "network")
    attributes = {}
    for name, column in table.items():
        try:
            attributes[str(name)] = _attribute(name, column)
        except SchemaError as error:
            problems += error.problems
    return as_text(names), attributes, problems


def _table(runs: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """Make a table of a dict of columns, in the order in which each column has its entries."""
    if isinstance(runs, pd.DataFrame):
        return runs.copy(deep=False)
    if not isinstance(runs, Mapping):
        return pd.DataFrame(runs)
    if single := [
        name
        for name, c in runs.items()
        if not hasattr(c, "__len__") or isinstance(c, _SINGLE) or getattr(c, "ndim", 1) == 0
    ]:
        raise SchemaError([f"the columns {single} of 'runs' are single values: wanted one entry for each run"])
    if deep := [name for name, c in runs.items() if getattr(c, "ndim", 1) > 1]:
        raise SchemaError([f"the columns {deep} of 'runs' have several dimensions: wanted one entry for each run"])
    if len({len(c) for c in runs.values()}) > 1:
        raise SchemaError([f"the columns of 'runs' differ in length: { {k: len(c) for k, c in runs.items()} }"])
    indexes = [c.index for c in runs.values() if isinstance(c, pd.Series)]
    # pandas would bring the columns to one order by their indexes, which is not that of the predictions.
    if any(not index.equals(indexes[0]) for index in indexes):
        raise SchemaError(["the columns of 'runs' are Series with different indexes: write `.to_numpy()` after each"])
    index = indexes[0] if indexes else pd.RangeIndex(len(next(iter(runs.values()), ())))
    return pd.DataFrame({k: _column(c, index) for k, c in runs.items()}, index=index)


def _column(values: Any, index: pd.Index) -> pd.Series:
    if isinstance(values, pd.Series):
        return values
    # pandas refuses some dates of numpy in its own words.
    if hasattr(values, "dtype") and values.dtype.kind not in "Mm":
        is_extension = isinstance(values, pd.api.extensions.ExtensionArray)
        return pd.Series(values if is_extension else np.asarray(values), index)
    # Entry by entry and as objects: numpy and pandas would make integers beside None or a float floats.
    column = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        column[row] = value
    return pd.Series(column, index, dtype=object)


def _attribute(name: Hashable, column: pd.Series) -> AnyArray:
    """Turn a table's column into text, integers, floats or booleans that netCDF can hold."""
    values = column.astype(object)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    missing = values.isna().to_numpy()
    # A column of numbers stays one, though all of them are missing.
    is_number = pd.api.types.is_numeric_dtype(column) or any(isinstance(v, float) for v in values)
    if kind == "string" or (kind == "empty" and not is_number):
        texts = values.where(~missing, "").tolist()
        if problem := text_problem(texts):
            raise SchemaError([f"run attribute {name!r}: {problem}"])
        return as_text(texts)
    if kind not in ("integer", "floating", "mixed-integer-float", "boolean", "empty"):
        types = sorted({type(v).__name__ for v in values[~missing]})
        raise SchemaError(
            [
                f"run attribute {name!r} holds {', '.join(types)}: wanted text, integers, floats or booleans, "
                "one kind to a column"
            ]
        )
    if kind == "boolean" and not missing.any():
        return values.to_numpy().astype(bool)
    if kind == "integer" and not missing.any():
        if any(not -(2**63) <= v < 2**63 for v in values):
            raise SchemaError([f"run attribute {name!r} holds integers beyond 64 bits: make it text"])
        return values.to_numpy().astype(np.int64)
    if any(isinstance(v, int | np.integer) and int(float(v)) != v for v in values[~missing]):
        raise SchemaError([_too_long(name)])
    return values.where(~missing, np.nan).to_numpy().astype(np.float64)


def _too_long(name: Hashable) -> str:
    return (
        f"run attribute {name!r} holds integers beyond 2^53, which lose digits as floats; a missing value or a float "
        "makes them floats: make it text"
    )


def lost_as_float(name: Hashable, values: AnyArray) -> str | None:
    """Say what integers would lose by becoming floats, or None."""
    return _too_long(name) if values.dtype.kind == "i" and (values.astype(float).astype(int) != values).any() else None
