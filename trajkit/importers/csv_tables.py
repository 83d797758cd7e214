"""Tables as CSV, without loss of what a CSV can hold."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from trajkit.schema import SchemaError


def write_csv(table: pd.DataFrame, path: Path, *, append: bool = False) -> None:
    """Write a table so that `read_csv` gives it back; spelt out, a missing number is told from an empty text."""
    table.to_csv(path, mode="a" if append else "w", header=not append, index=False, na_rep="nan")


def refuse_loss(table: pd.DataFrame, folder: Path, *, text: Collection[str]) -> None:
    """Refuse what a CSV does not give back: it holds no types, so that a text "01" comes back as the number 1.

    Raises
    ------
    SchemaError
        If there is such a column.
    """
    trial = folder / "trial.csv"
    write_csv(table, trial)
    back = read_csv(trial, text=text)
    trial.unlink()
    # `equals` holds missing numbers equal, and tells 1 from 1.0 and "1".
    lost = [str(name) for name in table if not back[name].astype(object).equals(table[name].astype(object))]
    if lost:
        raise SchemaError(
            [
                f"{name!r} would come back from a CSV as {back[name].head(3).tolist()} instead of "
                f"{table[name].head(3).tolist()}: a CSV holds no types; name the values otherwise, or use Parquet"
                for name in lost
            ]
        )


def read_csv(path: Path, *, text: Collection[str]) -> pd.DataFrame:
    """Read a CSV, the columns `text` as they stand; "nan" is a missing number and nothing an empty text."""
    missing = {str(name): ["nan"] for name in pd.read_csv(path, nrows=0) if name not in text}
    # In one piece (`low_memory`), or a column could be numbers in one part and text in another.
    table: pd.DataFrame = pd.read_csv(
        path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=missing, low_memory=False
    )
    return table.assign(**{str(name): _with_gaps(table[name]) for name in table if name not in text})


def _with_gaps(column: pd.Series) -> pd.Series:
    """Make numbers of a column of numerals in which some entries are empty."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    filled = column[column != ""]
    numbers = pd.to_numeric(filled, errors="coerce")
    return numbers.reindex(column.index) if len(filled) and numbers.notna().all() else column
