"""CSV tables that give back what was written, or refuse to be written."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from trajkit.importers.checks import listed
from trajkit.schema import SchemaError
from trajkit.storage.reading import reading

# Each run attribute takes a few milliseconds.
MOST_COLUMNS = 1_000
# Bytes.
_LONGEST_HEAD = 2**20


def write_csv(table: pd.DataFrame, path: Path, *, append: bool = False) -> None:
    """Write a table so that `read_csv` gives it back."""
    # The default, an empty field for a missing number, would be read as an empty text.
    table.to_csv(path, mode="a" if append else "w", header=not append, index=False, na_rep="nan")


def refuse_loss(table: pd.DataFrame, folder: Path, *, text: Collection[str]) -> None:
    """Refuse columns that a CSV does not give back: it holds no types, so the text "01" is read as the number 1.

    Raises
    ------
    SchemaError
        If there is such a column.
    """
    # By a trial: the rules by which pandas guesses types are too many to repeat here.
    trial = folder / "trial.csv"
    write_csv(table, trial)
    back = read_csv(trial, text=text)
    trial.unlink()
    # As objects: `equals` then counts NaN as equal to NaN, and 1 as different from 1.0 and "1".
    lost = [str(name) for name in table if not back[name].astype(object).equals(table[name].astype(object))]
    if lost:
        raise SchemaError(
            [
                f"{name!r} would come back from a CSV as {back[name].head(3).tolist()} instead of "
                f"{table[name].head(3).tolist()}, because a CSV holds no types: change these values, or use Parquet"
                for name in lost
            ]
        )


def read_csv(path: Path, *, text: Collection[str]) -> pd.DataFrame:
    """Read a CSV. Columns in `text` stay text; elsewhere "nan" is a missing number and an empty field an empty text."""
    with reading(path, "a whole .csv file, text in UTF-8") as file:
        # A line without end is no table, and pandas would look for its end in the whole file.
        head = file.readline(_LONGEST_HEAD)
        if len(head) == _LONGEST_HEAD or b"\0" in head:
            raise ValueError(f"no line with the names of the columns in the first {_LONGEST_HEAD} bytes")
        # Before pandas, which takes minutes for a hundred thousand.
        if (count := head.count(b",") + 1) > MOST_COLUMNS:
            raise ValueError(f"{count} columns: wanted at most {MOST_COLUMNS}, with one row for each prediction")
        file.seek(0)
        names = pd.read_csv(file, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
        # pandas would rename them.
        if repeated := listed(names[names.duplicated() & (names != "")].unique()):
            raise ValueError(f"more than one column is named {repeated}")
        file.seek(0)
        missing = {str(name): ["nan"] for name in pd.read_csv(file, nrows=0) if name not in text}
        file.seek(0)
        # Without low_memory=False, pandas reads in pieces: a column may hold numbers in one and text in another.
        table: pd.DataFrame = pd.read_csv(
            file, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=missing, low_memory=False
        )
        # pandas takes fields that have no name for an index.
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError(f"its rows have more fields than the {len(names)} names in the first line")
    return pd.DataFrame({name: column if name in text else _with_gaps(column) for name, column in table.items()})


def _with_gaps(column: pd.Series) -> pd.Series:
    """Make numbers of a column of numerals in which some fields are empty."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    filled = column[column != ""]
    try:
        numbers = pd.to_numeric(filled, errors="coerce")
    # Digits without end: an identity, no number.
    except (ValueError, OverflowError):
        return column
    return numbers.reindex(column.index) if len(filled) and numbers.notna().all() else column
