"""Names and values that every file format gives back as they were; others are refused with the line to write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.typing import AnyArray

# netCDF: how a name begins, no control characters, no space at its end. zarr: neither kind of slash.
_NAME = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff](?:[^/\\\x00-\x1f\x7f]*[^/\\\x00-\x1f\x7f ])?")
_LONGEST_NAME = 200
_HALF = re.compile("[\ud800-\udfff]")
# Characters of a text in an array of numpy, which gives each entry the width of the longest.
_WIDEST = 128


def name_problem(name: Hashable) -> str | None:
    """Say why a variable of this name would not come back from a file, or None.

    Examples
    --------
    >>> name_problem("learning_rate")
    >>> name_problem("optim/lr")
    "the name 'optim/lr' cannot be kept in a file (it holds '/'): rename it, for example to 'optim_lr'"
    """
    if not isinstance(name, str):
        return f"the name {name!r} is no text: rename it, for example to {usable_name(name)!r}"
    if usable_name(name) == name:
        return None
    found = [char for char in "/\\" if char in name]
    why = f"it holds {found[0]!r}" if found else "it is too long, empty, or has characters that file formats refuse"
    return f"the name {name!r} cannot be kept in a file ({why}): rename it, for example to {usable_name(name)!r}"


def usable_name(name: Hashable) -> str:
    """Change what file formats do not take in a name; a good name stays as it is.

    Examples
    --------
    >>> usable_name("optim/lr"), usable_name("-log p")
    ('optim_lr', '_-log p')
    """
    # netCDF stores names in this normal form of Unicode.
    text = unicodedata.normalize("NFC", str(name).encode(errors="replace").decode())
    text = re.sub(r"[/\\\x00-\x1f\x7f]", "_", text).rstrip(" ")
    while len(text.encode()) > _LONGEST_NAME:
        text = text[:-1].rstrip(" ")
    return text if _NAME.fullmatch(text) else f"_{text}"


def text_problem(values: Iterable[Any]) -> str | None:
    """Say which text would not come back from a file, or None. Asked before numpy cuts a NUL off the end of a text.

    Examples
    --------
    >>> text_problem(["cat", "dog"])
    """
    for value in values:
        if isinstance(value, str) and (shown := _bad_character(value)):
            return _text_message(value, shown)
    return None


def array_text_problem(values: AnyArray) -> str | None:
    """Do what `text_problem` does for an array of text, without a loop over its entries.

    Examples
    --------
    >>> array_text_problem(np.array(["cat", "dog"]))
    """
    if not values.dtype.itemsize or not values.size:
        return None
    codes = np.ascontiguousarray(values, values.dtype.newbyteorder("=")).view(np.uint32).reshape(values.size, -1)
    # A text ends in NULs that fill its width; one before another character is part of it.
    suspects = ((codes[:, :-1] == 0) & (codes[:, 1:] != 0)).any(1) | ((codes >= 0xD800) & (codes <= 0xDFFF)).any(1)
    return text_problem(values.reshape(-1)[suspects].tolist())


def as_text(texts: Any) -> AnyArray:
    """Make an array of text. A long text makes it an array of objects, which costs what the texts hold.

    numpy gives each entry the width of the longest: one text of 60 kB among 10,000 short ones would take 2.4 GB.

    Examples
    --------
    >>> as_text(["cat", "dog"]).dtype, as_text(["cat", "x" * 60000]).dtype
    (dtype('<U3'), dtype('O'))
    """
    held = np.asarray(texts, dtype=object)
    widest = max(map(len, held.reshape(-1).tolist()), default=0)
    return held.astype(str) if widest <= _WIDEST else held


def is_wide(dtype: Any) -> bool:
    """Say whether text of this dtype belongs into an array of objects.

    Examples
    --------
    >>> is_wide(np.dtype("U3")), is_wide(np.dtype("U60000"))
    (False, True)
    """
    return dtype.kind == "U" and dtype.itemsize > _WIDEST * np.dtype("U1").itemsize


def variable_problems(ds: xr.Dataset, told: Collection[Hashable] = ()) -> Iterator[str]:
    """Say which variables a file cannot hold, by their names, their text and, except of those in `told`, their dtypes.

    Examples
    --------
    >>> list(variable_problems(xr.Dataset({"z": ("run", [1j, 0])})))
    ["'z' has dtype complex128, which files cannot hold: write it as in `ds['z'].real`"]
    """
    yield from _attribute_problems("the dataset", ds.attrs)
    for name in dict.fromkeys([*ds.variables, *ds.dims]):
        if problem := name_problem(name):
            yield f"{problem} (`ds = ds.rename({{{name!r}: {usable_name(name)!r}}})`)"
    for name, variable in ds.variables.items():
        yield from _attribute_problems(f"{name!r}", variable.attrs)
        if name not in told and (why := _lost(variable)):
            yield f"{name!r} {why}: {conversion(name, variable)}"
        if getattr(variable.dtype, "kind", "") == "U" and (problem := array_text_problem(variable.values)):
            yield f"{name!r}: {problem}"
        if is_text(variable) and (problem := text_problem(variable.values.reshape(-1))):
            yield f"{name!r}: {problem}"


def _lost(variable: xr.Variable) -> str | None:
    """Say what files, or a missing checkpoint, would do to the values of a variable, or None."""
    dtype = variable.dtype
    if not is_storable(dtype) and not is_text(variable):
        return f"has dtype {dtype}, which files cannot hold"
    if dtype.kind == "M":
        dates = variable.values
        if ((dates.astype("M8[ns]").astype(dtype) != dates) & ~np.isnat(dates)).any():
            return "holds dates outside the years 1678 to 2261, which files cannot hold"
    if dtype.kind == "u" and {"run", "checkpoint"} <= set(variable.dims):
        return f"has dtype {dtype}, which has no value for a missing checkpoint"
    return None


def _attribute_problems(where: str, attributes: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in attributes.items():
        if not isinstance(name, str):
            yield f"the attribute {name!r} of {where} has a name that is no text: write {str(name)!r}"
        elif not _is_plain(value):
            got = f"dtype {value.dtype}" if hasattr(value, "dtype") else type(value).__name__
            yield (
                f"the attribute {name!r} of {where} holds {got}: wanted text, numbers, or lists and dicts of them; "
                "write it as text, such as `str(value)`"
            )


def _is_plain(value: Any) -> bool:
    """Say whether JSON gives this value back."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(held) for key, held in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind == "U" or (value.dtype.kind in "biuf" and value.dtype.itemsize <= 8)
    return value is None or isinstance(value, str | bool | int | float)


def is_storable(dtype: Any, kinds: str = "UifubM") -> bool:
    """Say whether every format holds this dtype.

    netCDF has no half, extended or complex floats, xarray no sure sign of durations, zarr makes characters of bytes.

    Examples
    --------
    >>> is_storable(np.dtype("f4")), is_storable(np.dtype("f2")), is_storable(pd.Int64Dtype())
    (True, False, False)
    """
    # Extension types of pandas have a `kind` too.
    return isinstance(dtype, np.dtype) and dtype.kind in kinds and (dtype.kind != "f" or dtype.itemsize in (4, 8))


def kind_of(dtype: Any) -> str:
    """Give the kind of a variable of a valid dataset, as numpy names it: objects are text there.

    Examples
    --------
    >>> kind_of(np.dtype("U3")), kind_of(np.dtype(object)), kind_of(np.dtype("f4"))
    ('U', 'U', 'f')
    """
    kind: str = dtype.kind
    return "U" if kind == "O" else kind


def conversion(name: Hashable, variable: xr.Variable) -> str:
    """Give the line that turns a variable into one that files can hold.

    Examples
    --------
    >>> conversion("lr", xr.Variable("run", np.array([1, 2], "f2")))
    "write it as in `ds['lr'].astype(np.float32)`"
    """
    if isinstance(variable.dtype, np.dtype):
        if variable.dtype.kind == "c":
            return f"write it as in `ds[{name!r}].real`"
        if variable.dtype.kind == "m":
            return f"write it in seconds, as in `ds[{name!r}] / np.timedelta64(1, 's')`"
        if variable.dtype == object:
            return f"write it as in `ds[{name!r}].fillna('').astype(str)`"
        fits = variable.dtype.kind == "u" and (variable.values < 2**63).all()
        kind = (
            "int"
            if fits
            else {"f": "np.float32" if variable.dtype.itemsize < 4 else "float"}.get(variable.dtype.kind, "str")
        )
        return f"write it as in `ds[{name!r}].astype({kind})`"
    held = f"ds[{name!r}].to_series()"
    number = pd.api.types.is_numeric_dtype(variable.dtype)
    values = f"{held}.to_numpy(float, na_value=np.nan)" if number else f'{held}.astype(object).fillna("").to_numpy(str)'
    return f'write it as in `ds.assign_coords({{{name!r}: ("{variable.dims[0]}", {values})}})`'


def identities(values: Any) -> AnyArray:
    """Turn identities into int64, or into text if they are no integers or too large for 64 bits with a sign.

    Raises
    ------
    ValueError
        If an identity is missing, or is text that files do not hold.

    Examples
    --------
    >>> identities([3, 4]), identities([2**64 - 1, 1])
    (array([3, 4]), array(['18446744073709551615', '1'], dtype='<U20'))
    """
    # Entry by entry: numpy makes floats of integers on both sides of 2^63, and pandas of those beside None.
    entries = values.tolist() if isinstance(values, np.ndarray) and values.dtype.kind in "iuU" else list(values)
    if missing := [i for i, v in enumerate(entries) if np.ndim(v) == 0 and pd.isna(v)]:
        raise ValueError(f"the identity of entry {missing[0]} is missing: give each its own integer or text")
    if all(isinstance(v, int | np.integer) and not isinstance(v, bool | np.timedelta64) for v in entries):
        if all(-(2**63) <= v < 2**63 for v in entries):
            return np.asarray(entries, dtype=np.int64)
        return np.asarray([str(int(v)) for v in entries])
    texts = [v.decode() if isinstance(v, bytes) else str(v) for v in entries]
    if problem := text_problem(texts):
        raise ValueError(problem)
    return as_text(texts)


def _bad_character(text: str) -> str:
    if "\0" in text:
        return "a NUL character"
    return "half of a surrogate pair" if not text.isascii() and _HALF.search(text) else ""


def _text_message(value: str, shown: str) -> str:
    brief = repr(value if len(value) <= 40 else value[:40] + "...")
    line = r'text.replace("\0", " ")' if "NUL" in shown else 'text.encode(errors="replace").decode()'
    return f"the text {brief} holds {shown}, where files cut it or fail: write it without, as in `{line}`"


def is_text(variable: xr.Variable) -> bool:
    """Say whether an array of objects holds text alone, which files can hold.

    Examples
    --------
    >>> is_text(xr.Variable("run", np.array(["a", "b"], dtype=object)))
    True
    """
    return variable.dtype == object and pd.api.types.infer_dtype(variable.values.reshape(-1), skipna=False) == "string"
