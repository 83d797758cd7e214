"""Files: put in place whole or not at all, and tables as CSV without loss of what a CSV can hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd


@contextmanager
def whole(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a new folder beside `path` to write in; what lies there under the name of `path` takes its place at the end.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` was not asked for.
    FileNotFoundError
        If its folder does not exist.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name, or pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        yield Path(folder, path.name)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(Path(folder, path.name), path)


def write_csv(table: pd.DataFrame, path: Path, *, append: bool = False) -> None:
    """Write a table so that `read_csv` gives it back; spelt out, a missing number is told from an empty text."""
    table.to_csv(path, mode="a" if append else "w", header=not append, index=False, na_rep="nan")


def read_csv(path: Path, *, text: Collection[str]) -> pd.DataFrame:
    """Read a CSV, the columns `text` as they stand; "nan" is a missing number and nothing an empty text."""
    # In one piece (`low_memory`), or a column could be numbers in one part and text in another.
    table: pd.DataFrame = pd.read_csv(
        path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=["nan"], low_memory=False
    )
    return table.assign(**{str(name): _with_gaps(table[name]) for name in table if name not in text})


def _with_gaps(column: pd.Series) -> pd.Series:
    """Make numbers of a column of numerals in which some entries are empty."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    filled = column[column != ""]
    numbers = pd.to_numeric(filled, errors="coerce")
    return numbers.reindex(column.index) if len(filled) and numbers.notna().all() else column
