"""A long table: one row for each run, step, sample and class, as CSV or Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.from_arrays import from_arrays
from trajkit.importers.checks import listed, refuse_nan, with_epochs
from trajkit.importers.csv_tables import read_csv, refuse_loss, write_csv
from trajkit.progress_bar import iterate_with_bar
from trajkit.renamed import renamed
from trajkit.schema import SchemaError, run_attributes, run_table, validate
from trajkit.storage.atomic import atomic_write
from trajkit.typing import AnyArray, Labels

_KEYS = ("run", "step", "sample", "class")
# The column of predictions, and what `from_arrays` calls it.
_FORMS = {"log_prob": "log_prob", "prob": "prob", "logit": "logits"}
_SUFFIXES = (".csv", ".parquet")
# Columns of a CSV that are text whatever they look like.
_TEXT = ("run", "class", "label")


@renamed(progress="progress_bar")
def read_table(
    table: pd.DataFrame | str | os.PathLike[str], *, source: str = "", progress_bar: bool | None = None
) -> xr.Dataset:
    """Read trajectories from a long table, one row for each run, step, sample and class.

    Rows come in any order: they are put together by run, step, sample and class, and each combination is wanted once.
    Runs, samples and classes keep the order in which they first appear; steps increase.

    Parameters
    ----------
    table
        A DataFrame, or a `.csv` or `.parquet` file (which needs pyarrow, in the extra `parquet`). Columns: `run`,
        `step`, `sample`, `class`; one of `prob`, `log_prob` and `logit`; `label`, a value of `class`; and if known
        `split` ("train" or "test") and `epoch`. Every other column is a run attribute, constant within each run. A CSV
        holds no types: there a column of numerals is one of numbers, "nan" a missing number and nothing an empty
        text.
    source
        Where the data come from, in a few words.
    progress_bar
        Whether to show a progress bar; None shows one when it takes more than a few seconds.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    SchemaError
        If columns are missing, rows repeat or are missing, runs differ in samples or classes, a label, split or
        attribute is not constant, or predictions are no distributions.
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file has another ending, is cut short or damaged.
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
        source = source or f"table {Path(table).name}"
        table = _read(Path(table))
    form = _form(table)
    table = table.assign(run=table["run"].astype(str), **{"class": table["class"].astype(str)})
    samples, classes = table["sample"].unique(), table["class"].unique()
    groups = list(table.groupby("run", sort=False))
    parts = []
    for run, rows in iterate_with_bar(groups, "reading", progress_bar):
        parts.append(_one_run(str(run), rows, form, samples, classes))
    predictions: dict[str, Any] = {_FORMS[form]: [values for values, _ in parts]}
    ds = from_arrays(
        **predictions,
        label=_labels(_constant(table, "label", "sample").loc[samples], classes),
        runs=_attributes(table),
        step=[epochs.index.to_numpy() for _, epochs in parts],
        classes=classes.tolist(),
        split=_constant(table, "split", "sample").loc[samples].to_numpy() if "split" in table else None,
        sample=samples,
        source=source,
    )
    return with_epochs(ds, [epochs.to_numpy() for _, epochs in parts]) if "epoch" in table else ds


@renamed(progress="progress_bar")
def write_table(
    ds: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False, progress_bar: bool | None = None
) -> Path:
    """Write trajectories as a long table, from which `read_table` makes them again to float32.

    Written are log-probabilities, steps, epochs, labels, splits and run attributes. Other variables, the metadata and
    gaps between checkpoints are not. The table has a row for each class of each sample: for more than some 10^7
    numbers use `tk.save`.

    Parameters
    ----------
    ds
        The trajectory dataset; it is checked first.
    path
        Ends in `.csv` or `.parquet` (which needs pyarrow, in the extra `parquet`). Its folder must exist.
    overwrite
        Replace a file that exists.
    progress_bar
        Whether to show a progress bar; None shows one when it takes more than a few seconds.

    Returns
    -------
    pathlib.Path
        Where the file is.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset, or a CSV would not give an attribute or sample back, such as the text "01".
    FileExistsError
        If `path` exists and `overwrite` was not asked for.
    ValueError
        If `path` has another ending.
    ImportError
        If it ends in `.parquet` and pyarrow is not installed.

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
    path = Path(path)
    suffix = _suffix(path)
    validate(ds)
    if taken := sorted({*_FORMS, "epoch"} & set(run_attributes(ds))):
        raise SchemaError([f"the run attributes {taken} have names of columns of the table: rename them"])
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
            f"{path}: wanted a file name that ends in .csv or .parquet, got {path.suffix or 'no ending'!r}"
        )
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise ImportError(
                f'{path}: Parquet needs pyarrow: pip install "trajkit[parquet]"; CSV needs nothing'
            ) from None
    return path.suffix


def _read(path: Path) -> pd.DataFrame:
    suffix = _suffix(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        return pd.read_parquet(path) if suffix == ".parquet" else read_csv(path, text=_TEXT)
    # Whatever pandas and pyarrow say of broken files is one of these.
    except (ValueError, OSError) as error:
        raise ValueError(
            f"cannot read {path} ({path.stat().st_size} bytes): wanted a whole {suffix} file, got one that is cut "
            f"short, damaged or of another kind ({error}). Write it again"
        ) from error


def _form(table: pd.DataFrame) -> str:
    problems = [f"no column {name!r}" for name in (*_KEYS, "label") if name not in table]
    forms = [name for name in _FORMS if name in table]
    if len(forms) != 1:
        problems.append(f"wanted exactly one of the columns {list(_FORMS)}, got {forms or 'none'}")
    elif not pd.api.types.is_numeric_dtype(table[forms[0]]):
        problems.append(f"column {forms[0]!r} holds {table[forms[0]].dtype}: wanted numbers")
    if "step" in table and not pd.api.types.is_integer_dtype(table["step"]):
        problems.append(f"column 'step' holds {table['step'].dtype}: wanted whole numbers of optimizer updates")
    if not len(table):
        problems.append("no rows")
    problems += [f"column {name!r} has gaps" for name in _KEYS if name in table and table[name].isna().any()]
    if problems:
        raise SchemaError([f"the table: {problem}" for problem in problems])
    return forms[0]


def _one_run(
    run: str, rows: pd.DataFrame, form: str, samples: AnyArray, classes: AnyArray
) -> tuple[AnyArray, pd.Series]:
    """Put the rows of a run into (checkpoint, sample, class), with the epoch of each step."""
    steps = np.sort(rows["step"].unique())
    wanted = (steps, samples, classes)
    at = [pd.Index(axis).get_indexer(rows[key]) for axis, key in zip(wanted, _KEYS[1:], strict=True)]
    shape = tuple(map(len, wanted))
    cell = np.ravel_multi_index(at, shape)
    _each_once(run, cell, wanted)
    values = np.empty(cell.size)
    values[cell] = rows[form].to_numpy(dtype=np.float64)
    values = values.reshape(shape)
    for step, checkpoint in zip(steps, values, strict=True):
        refuse_nan(checkpoint, where=f"run {run!r}, step {step}")
    epochs = _constant(rows, "epoch", "step").loc[steps] if "epoch" in rows else pd.Series(np.nan, index=steps)
    return values, epochs


def _each_once(run: str, cell: AnyArray, wanted: tuple[AnyArray, ...]) -> None:
    count = np.bincount(cell, minlength=int(np.prod([len(axis) for axis in wanted])))
    problems = []
    for word, wrong in (("missing", count == 0), ("there more than once", count > 1)):
        if wrong.any():
            first = np.unravel_index(np.flatnonzero(wrong)[0], [len(axis) for axis in wanted])
            step, sample, name = (axis[i] for axis, i in zip(wanted, first, strict=True))
            problems.append(
                f"run {run!r}: {int(wrong.sum())} of {count.size} rows are {word}, the first for step {step}, sample "
                f"{sample}, class {name}; wanted one row for each, and the same samples and classes in all runs"
            )
    if problems:
        raise SchemaError(problems)


def _constant(table: pd.DataFrame, column: str, by: str) -> pd.Series:
    """Give the one value that `column` has for each value of `by`."""
    pairs = table[[by, column]].drop_duplicates()
    if changing := listed(pairs.loc[pairs[by].duplicated(), by].unique()):
        raise SchemaError(
            [f"the table: {column!r} is not constant within the {by} {changing}; wanted one value for each"]
        )
    return pairs.set_index(by)[column]


def _labels(label: pd.Series, classes: AnyArray) -> Labels:
    index = pd.Index(classes).get_indexer(pd.Index(label.astype(str)))
    if unknown := listed(label[index < 0].unique()):
        raise SchemaError(
            [f"the table: 'label' holds {unknown}: wanted values of the column 'class', {listed(classes)}"]
        )
    return index


def _attributes(table: pd.DataFrame) -> pd.DataFrame:
    others = [c for c in table if c not in (*_KEYS, *_FORMS, "label", "split", "epoch")]
    runs = pd.Index(table["run"].unique(), name="run")
    return pd.DataFrame({str(name): _constant(table, str(name), "run").loc[runs] for name in others}, index=runs)


def _rows(run: xr.Dataset) -> pd.DataFrame:
    """Lay out the recorded checkpoints of one run."""
    run = run.isel(checkpoint=np.flatnonzero(run["step"].values[0] >= 0))
    _, n_step, n_sample, n_class = run["log_prob"].shape

    def repeat(values: AnyArray, before: int, after: int) -> AnyArray:
        return np.tile(np.repeat(values, after), before)

    names = run["class"].values
    columns = {"run": run["run"].item(), "step": repeat(run["step"].values[0], 1, n_sample * n_class)}
    if "epoch" in run:
        columns["epoch"] = repeat(run["epoch"].values[0], 1, n_sample * n_class)
    columns |= {name: repeat(run[name].values, n_step, n_class) for name in ("sample", "split")}
    columns["label"] = repeat(names[run["label"].values], n_step, n_class)
    columns["class"] = repeat(names, n_step * n_sample, 1)
    columns["log_prob"] = run["log_prob"].values.ravel()
    return pd.DataFrame(columns | {name: run[name].item() for name in run_attributes(run)})


def _attributes_and_samples(ds: xr.Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    runs = run_table(ds)[run_attributes(ds)].reset_index()
    return runs, pd.DataFrame({"sample": ds["sample"].values, "label": ds["class"].values[ds["label"].values]})


def _write_parquet(pieces: Iterator[pd.DataFrame], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    first = pa.Table.from_pandas(next(pieces), preserve_index=False)
    with parquet.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for rows in pieces:
            writer.write_table(pa.Table.from_pandas(rows, schema=first.schema, preserve_index=False))
