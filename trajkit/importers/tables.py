"""Trajectories in a long table, one row for each run, step, sample and class, as CSV or Parquet."""

from __future__ import annotations

import math
import os
from collections.abc import Hashable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.from_arrays import from_arrays
from trajkit.importers.checks import Hints, as_log_prob, listed, naming, refuse_nan, with_epochs
from trajkit.importers.csv_tables import MOST_COLUMNS, read_csv, refuse_loss, write_csv
from trajkit.numbers import number
from trajkit.probabilities import Form
from trajkit.progress_bar import iterate_with_bar
from trajkit.renamed import renamed
from trajkit.schema import SchemaError, run_attributes, run_table, validated
from trajkit.storage.atomic import atomic_write, user_path
from trajkit.storage.reading import check_claim, reading, size_of
from trajkit.typing import AnyArray, Labels

_KEYS = ("run", "step", "sample", "class")
# Column of the predictions: their form.
_FORMS: dict[str, Form] = {"log_prob": "log_prob", "prob": "prob", "logit": "logits"}
_HINTS = Hints(
    prob="name the column 'prob'; if these are logits all the same, subtract 1 from all, which has the same softmax",
    logits="name the column 'logit' if it holds raw network outputs",
)
_SUFFIXES = (".csv", ".parquet")
# Columns of a CSV that are always text.
_TEXT = ("run", "class", "label")


@renamed(progress="progress_bar")
def read_table(
    table: pd.DataFrame | str | os.PathLike[str], *, source: str = "", progress_bar: bool | None = None
) -> xr.Dataset:
    """Read trajectories from a long table, one row for each run, step, sample and class.

    Rows may have any order, and each combination of run, step, sample and class must appear once. Runs, samples and
    classes keep the order in which they first appear; steps are sorted.

    Parameters
    ----------
    table
        A DataFrame, or a `.csv` or `.parquet` file (Parquet needs pyarrow, in the extra `parquet`). Columns: `run`,
        `step`, `sample`, `class`; one of `prob`, `log_prob` and `logit`; `label`, a value of `class`; and if known
        `split` ("train" or "test") and `epoch`. Every other column is a run attribute, constant within each run. A CSV
        holds no types: a column of numerals becomes numbers, "nan" a missing number and an empty field an empty text.
    source
        Origin of the data, in a few words.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset (run, checkpoint, sample, class).

    Raises
    ------
    SchemaError
        If columns are missing, rows repeat or are missing, runs differ in samples or classes, a label, split or
        attribute is not constant, or predictions are not distributions.
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file has another suffix, is cut short or damaged.
    ImportError
        If a `.parquet` file is given and pyarrow is not installed.

    Examples
    --------
    >>> import pandas as pd, trajkit as tk
    >>> table = pd.DataFrame({"run": "a", "step": 0, "sample": [3, 3, 8, 8], "class": ["cat", "dog"] * 2,
    ...                       "prob": [0.9, 0.1, 0.4, 0.6], "label": ["cat", "cat", "dog", "dog"], "optimizer": "sgd"})
    >>> ds = tk.importers.read_table(table)
    >>> ds.optimizer.values, ds.label.values
    (array(['sgd'], dtype='<U3'), array([0, 1]))
    """
    if isinstance(table, str | os.PathLike):
        path = user_path(table)
        table, where, source = _read(path), str(path), source or f"table {path.name}"
    else:
        where = "the table"
    with naming(where):
        return _trajectories(table, source, progress_bar)


@renamed(progress="progress_bar")
def write_table(
    ds: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False, progress_bar: bool | None = None
) -> Path:
    """Write trajectories as a long table; `read_table` gives them back to the precision of float32.

    The table holds log-probabilities, steps, epochs, labels, splits and run attributes. Other variables, the metadata
    and gaps between checkpoints are left out. It has one row for each run, step, sample and class: for more than about
    10^7 rows use `tk.save`.

    Parameters
    ----------
    ds
        A trajectory dataset.
    path
        A file name that ends in `.csv` or `.parquet` (Parquet needs pyarrow, in the extra `parquet`). Its folder must
        exist.
    overwrite
        Whether to replace an existing file.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset, or a CSV would not give an attribute or sample back, such as the text "01".
    FileExistsError
        If `path` exists and `overwrite` is False.
    ValueError
        If `path` has another suffix.
    ImportError
        If `path` ends in `.parquet` and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tk.importers.write_table(ds, f"{folder}/runs.csv")
    ...     again = tk.importers.read_table(path)
    >>> bool(abs(again.log_prob - ds.log_prob).max() < 1e-6)
    True
    """
    path = user_path(path)
    suffix = _suffix(path)
    ds = validated(ds)
    if taken := sorted({*_FORMS, "epoch"} & set(run_attributes(ds))):
        raise SchemaError([f"the run attributes {taken} have the names of columns of the table: rename them"])
    pieces = (_rows(ds.isel(run=[i])) for i in iterate_with_bar(range(ds.sizes["run"]), "writing", progress_bar))
    with atomic_write(path, overwrite=overwrite) as part:
        if suffix == ".csv":
            for columns in _attributes_and_samples(ds):
                refuse_loss(columns, part.parent, text=_TEXT)
            for i, rows in enumerate(pieces):
                write_csv(rows, part, append=i > 0)
        else:
            _write_parquet(pieces, part)
    return path


def _suffix(path: Path) -> str:
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"{path}: wanted a file name that ends in .csv or .parquet, got {path.suffix or 'no suffix'!r}"
        )
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise ImportError(f'{path}: Parquet needs pyarrow: pip install "trajkit[parquet]", or use CSV') from None
    return path.suffix


def _read(path: Path) -> pd.DataFrame:
    suffix = _suffix(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: wanted a table, .csv or .parquet")
    return read_csv(path, text=_TEXT) if suffix == ".csv" else _read_parquet(path)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import parquet

    with reading(path, "a whole .parquet file") as file:
        try:
            about = parquet.ParquetFile(file).metadata
            # A column that repeats one value takes a few bytes, however many rows it has.
            remedy = "read it with pandas and pass the table"
            check_claim(8 * about.num_rows * about.num_columns, size_of(file), remedy)
            check_claim(
                sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups)), size_of(file), remedy
            )
            return pd.read_parquet(file)
        # Some errors of pyarrow are of this kind alone.
        except pa.ArrowException as error:
            raise ValueError(str(error)) from error


def _trajectories(table: pd.DataFrame, source: str, progress_bar: bool | None) -> xr.Dataset:
    form = _form(table)
    table = table.assign(run=table["run"].astype(str), **{"class": table["class"].astype(str)})
    # `unique` keeps the order of appearance; numpy's would sort.
    samples, classes = table["sample"].unique(), table["class"].unique()
    groups = list(table.groupby("run", sort=False))
    parts = []
    for run, rows in iterate_with_bar(groups, "reading", progress_bar):
        parts.append(_one_run(str(run), rows, form, samples, classes))
    ds = from_arrays(
        log_prob=[values for values, _ in parts],
        label=_labels(_constant(table, "label", "sample").loc[samples], classes),
        runs=_attributes(table),
        step=[epochs.index.to_numpy() for _, epochs in parts],
        classes=classes.tolist(),
        split=_constant(table, "split", "sample").loc[samples].to_numpy() if "split" in table else None,
        sample=samples,
        source=source,
    )
    return with_epochs(ds, [epochs.to_numpy() for _, epochs in parts]) if "epoch" in table else ds


def _form(table: pd.DataFrame) -> str:
    """Check the columns, and find the one with the predictions."""
    if repeated := table.columns[table.columns.duplicated()].tolist():
        raise SchemaError([f"the columns {repeated} appear more than once: give each its own name"])
    problems = [f"no column {name!r}" for name in (*_KEYS, "label") if name not in table]
    forms = [name for name in _FORMS if name in table]
    if len(forms) != 1:
        problems.append(f"wanted exactly one of the columns {list(_FORMS)}, got {forms or 'none'}")
    elif not pd.api.types.is_numeric_dtype(table[forms[0]]):
        problems.append(f"column {forms[0]!r} holds {table[forms[0]].dtype}: wanted numbers")
    if "step" in table and not pd.api.types.is_integer_dtype(table["step"]):
        problems.append(f"column 'step' holds {table['step'].dtype}: wanted whole numbers of optimizer updates")
    if "epoch" in table and not pd.api.types.is_numeric_dtype(table["epoch"]):
        problems.append(f"column 'epoch' holds {table['epoch'].dtype}: wanted numbers")
    if len(table.columns) > MOST_COLUMNS:
        problems.append(
            f"{len(table.columns)} columns: wanted at most {MOST_COLUMNS}, with one row for each prediction"
        )
    if not len(table):
        problems.append("no rows")
    problems += [problem for name in table if (problem := _column_problem(name, table[name]))]
    problems += [f"column {name!r} has gaps" for name in _KEYS if name in table and table[name].isna().any()]
    if problems:
        raise SchemaError(problems)
    return forms[0]


def _column_problem(name: Hashable, column: pd.Series) -> str | None:
    """Say that values cannot be compared, such as lists, or None."""
    try:
        pd.factorize(column)
    # The errors of pandas and pyarrow for lists, dicts and arrays.
    except (TypeError, NotImplementedError):
        kind = type(column.iloc[0]).__name__
        return (
            f"column {name!r} holds {kind}: wanted text, numbers or booleans; leave the column out, make it several "
            f"columns, or text (`table[{name!r}].astype(str)`)"
        )
    return None


def _one_run(
    run: str, rows: pd.DataFrame, form: str, samples: AnyArray, classes: AnyArray
) -> tuple[AnyArray, pd.Series]:
    """Bring the rows of a run to (checkpoint, sample, class), with the epoch of each step."""
    steps = np.sort(rows["step"].unique())
    wanted = (steps, samples, classes)
    at = np.stack([pd.Index(axis).get_indexer(rows[key]) for axis, key in zip(wanted, _KEYS[1:], strict=True)])
    order = np.lexsort(at[::-1])
    _each_once(run, at[:, order], wanted)
    values = number(rows[form].to_numpy(), form)[order].reshape([len(axis) for axis in wanted])
    for step, checkpoint in zip(steps, values, strict=True):
        refuse_nan(checkpoint, where=f"run {run!r}, step {step}")
    epochs = _constant(rows, "epoch", "step").loc[steps] if "epoch" in rows else pd.Series(np.nan, index=steps)
    return as_log_prob(values, _FORMS[form], _HINTS, where=f"run {run!r}"), epochs


def _each_once(run: str, at: AnyArray, wanted: tuple[AnyArray, ...]) -> None:
    """Refuse rows (step, sample, class; row), sorted, that repeat or lack a combination.

    Works on the rows that are there: a table of few rows may ask for more combinations than memory holds.
    """
    size = math.prod(len(axis) for axis in wanted)
    new = np.append(True, (np.diff(at) != 0).any(axis=0))
    here = at[:, new]
    # The rows that would be there if none were missing, in the same order, and one more.
    places = np.arange(here.shape[1] + 1)
    full: list[AnyArray] = []
    for axis in wanted[::-1]:
        places, place = np.divmod(places, len(axis))
        full.insert(0, place)
    gaps = (here != np.stack(full)[:, :-1]).any(axis=0)
    first_gap = int(np.append(gaps, True).argmax())
    problems = []
    for word, count, first in (
        ("missing", size - here.shape[1], np.stack(full)[:, first_gap]),
        ("repeated", int((~new).sum()), at[:, ~new][:, :1].ravel()),
    ):
        if count:
            step, sample, name = (axis[i] for axis, i in zip(wanted, first, strict=True))
            problems.append(
                f"run {run!r}: {count} of {size} rows are {word}, the first for step {step}, sample {sample}, class "
                f"{name}; wanted one row for each, and the same samples and classes in all runs"
            )
    if problems:
        raise SchemaError(problems)


def _constant(table: pd.DataFrame, column: Hashable, by: str) -> pd.Series:
    """Return the value of `column` for each value of `by`; it must have only one."""
    pairs = table[[by, column]].drop_duplicates()
    if changing := listed(pairs.loc[pairs[by].duplicated(), by].unique()):
        raise SchemaError([f"{column!r} is not constant within the {by} {changing}; wanted one value for each"])
    return pairs.set_index(by)[column]


def _labels(label: pd.Series, classes: AnyArray) -> Labels:
    index = pd.Index(classes).get_indexer(pd.Index(label.astype(str)))
    if unknown := listed(label[index < 0].unique()):
        raise SchemaError([f"'label' holds {unknown}: wanted values of the column 'class', {listed(classes)}"])
    return index


def _attributes(table: pd.DataFrame) -> pd.DataFrame:
    others = [c for c in table if c not in (*_KEYS, *_FORMS, "label", "split", "epoch")]
    runs = pd.Index(table["run"].unique(), name="run")
    return pd.DataFrame({name: _constant(table, name, "run").loc[runs] for name in others}, index=runs)


def _rows(run: xr.Dataset) -> pd.DataFrame:
    """Turn the recorded checkpoints of one run into rows of the table."""
    values = ["log_prob", "step", *(["epoch"] if "epoch" in run else [])]
    recorded = run[values].isel(checkpoint=np.flatnonzero(run["step"].values[0] >= 0))
    named = recorded.assign_coords(label=("sample", run["class"].values[run["label"].values]))
    columns = ["run", *values[1:], "sample", "split", "label", "class", "log_prob", *run_attributes(run)]
    return named.to_dataframe().reset_index()[columns]


def _attributes_and_samples(ds: xr.Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    runs = run_table(ds)[run_attributes(ds)].reset_index()
    return runs, pd.DataFrame({"sample": ds["sample"].values, "label": ds["class"].values[ds["label"].values]})


def _write_parquet(pieces: Iterator[pd.DataFrame], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    # Run by run: the whole table takes several times the memory of the dataset.
    first = pa.Table.from_pandas(next(pieces), preserve_index=False)
    with parquet.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for rows in pieces:
            writer.write_table(pa.Table.from_pandas(rows, schema=first.schema, preserve_index=False))
