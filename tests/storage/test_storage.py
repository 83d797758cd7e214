"""What goes in comes out of every format: the same kind of variable, values, order and attributes, or it is refused."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import Draw

import trajkit as tk
from trajkit.storable import kind_of, usable_name

RUNS, STEPS, SAMPLES, CLASSES = 2, 2, 3, 2
SIZES = {"run": RUNS, "checkpoint": STEPS, "sample": SAMPLES, "class": CLASSES, "layer": 2}
ANY_TEXT = st.text(st.characters(codec=None), max_size=6)
PLAIN_TEXT = st.text("ab 01é\n,\"'", max_size=4)
ODD_NAMES = st.one_of(
    st.sampled_from(["optim/lr", "a b", "a\u00a0b", "e\u0301", "-lr", "x" * 300, "file", "units", "coordinates"]),
    PLAIN_TEXT,
    ANY_TEXT,
)
# Most names are good, so that values are judged.
NAMES = st.one_of(st.sampled_from(["lr", "seed", "note", "a b"]), ODD_NAMES.map(usable_name), ODD_NAMES)
LONG = st.sampled_from(["y" * 200, "z" * 3000])
TEXTS = st.one_of(PLAIN_TEXT, ANY_TEXT, LONG, st.sampled_from(["1", "01", "nan", "None", "True", "1e5", ""]))
SCALARS = st.one_of(
    st.integers(-(2**70), 2**70), st.integers(-3, 3), st.floats(), st.booleans(), st.none(), TEXTS, st.just(1j)
)
# The attributes that xarray decodes, those of netCDF and HDF5, and any other.
KEYS = st.one_of(
    st.sampled_from(["units", "scale_factor", "add_offset", "_FillValue", "missing_value", "coordinates", "dtype"]),
    st.sampled_from(["calendar", "grid_mapping", "_Encoding", "_Unsigned", "CLASS", "_ARRAY_DIMENSIONS", "role"]),
    NAMES,
)
MARKS = st.one_of(
    SCALARS,
    st.sampled_from(["days since 2000-01-01", "seconds", "bool", "timedelta64[ns]", "label", np.float32(0.1), b"x"]),
    st.lists(st.integers(-3, 3), max_size=3),
    st.lists(TEXTS, max_size=3),
    st.dictionaries(PLAIN_TEXT, st.integers(-3, 3), max_size=2),
    hnp.arrays(st.sampled_from(["f4", "i8", "f8"]), st.sampled_from([(), (1,), (2,), (2, 2)])),
)
ATTRIBUTES = st.dictionaries(KEYS, MARKS, max_size=2)
DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(),
    hnp.complex_number_dtypes(),
    hnp.unicode_string_dtypes(max_len=4),
    hnp.byte_string_dtypes(max_len=4),
    hnp.datetime64_dtypes(),
    hnp.timedelta64_dtypes(),
)
DIMS = [(), ("run",), ("run", "checkpoint"), ("checkpoint",), ("sample",), ("class",), ("run", "sample"), ("layer",)]


def columns(n: int) -> st.SearchStrategy[Any]:
    one_kind = st.one_of(
        *(st.lists(kind, min_size=n, max_size=n) for kind in (TEXTS, st.integers(-3, 3), st.floats(), SCALARS))
    )
    return st.one_of(
        one_kind,
        DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, n)),
        st.lists(st.integers(-9, 9), min_size=n, max_size=n).map(lambda values: pd.array(values, dtype="Int64")),
        one_kind.map(lambda values: pd.Series(values, index=range(n)[::-1], dtype=object)),
        st.permutations(["b", "a", "c"]).map(lambda values: pd.Categorical(values[:n])),
    )


@st.composite
def asked(draw: Draw) -> dict[str, Any]:
    """Arguments of `from_arrays`: most of them plain, so that the odd one is what is judged."""
    plain = {
        "prob": np.random.default_rng(0).dirichlet(np.ones(CLASSES), (RUNS, STEPS, SAMPLES)),
        "label": [0, 1, 1],
        "runs": {"kind": ["network"] * RUNS, **draw(st.dictionaries(NAMES, columns(RUNS), max_size=2))},
    }
    odd: dict[str, st.SearchStrategy[Any]] = {
        "classes": columns(CLASSES),
        "sample": columns(SAMPLES),
        "split": st.lists(st.sampled_from(["train", "test"]), min_size=SAMPLES, max_size=SAMPLES),
        "epoch": st.lists(st.floats(0, 9), min_size=STEPS, max_size=STEPS),
        "step": st.lists(st.integers(0, 2**65), min_size=STEPS, max_size=STEPS).map(sorted),
        "source": ANY_TEXT,
    }
    chosen = draw(st.lists(st.sampled_from(sorted(odd)), max_size=2, unique=True))
    return plain | {name: draw(odd[name]) for name in chosen}


@st.composite
def changes(draw: Draw) -> list[tuple[str, str, Any, dict[str, Any]]]:
    """Variables that users assign: where, name, variable, attributes."""
    found = []
    for _ in range(draw(st.integers(0, 2))):
        dims = draw(st.sampled_from(DIMS))
        shape = tuple(SIZES[d] for d in dims)
        values = draw(DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, shape)))  # noqa: B023
        if len(dims) == 1 and draw(st.booleans()):
            values = draw(columns(shape[0]))
        found.append(
            (draw(st.sampled_from(["assign", "assign_coords"])), draw(NAMES), (dims, values), draw(ATTRIBUTES))
        )
    return found


def made(arguments: dict[str, Any], changed: list[tuple[str, str, Any, dict[str, Any]]], marks: dict[str, Any]) -> Any:
    """Make a dataset, or None if it is refused."""
    try:
        ds = tk.from_arrays(**arguments)
    except tk.SchemaError:
        return None
    for how, name, (dims, values), attributes in changed:
        try:
            held = xr.Variable(dims, np.asarray(values) if isinstance(values, list) else values, attributes)
            ds = getattr(ds, how)({name: held})
        # What xarray and pandas cannot hold at all.
        except (ValueError, TypeError, NotImplementedError, OverflowError, FutureWarning):
            return None
    ds = ds.assign_attrs(marks)
    try:
        tk.validate(ds)
    except tk.SchemaError:
        return None
    return ds


def recorded_again(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    tk.importers.write_arrays(ds, folder / "arrays")
    return tk.importers.read_arrays(folder / "arrays")


def table(suffix: str) -> Callable[[xr.Dataset, Path], xr.Dataset]:
    return lambda ds, folder: tk.importers.read_table(tk.importers.write_table(ds, folder / f"t{suffix}"))


def saved(suffix: str, **options: Any) -> Callable[[xr.Dataset, Path], xr.Dataset]:
    return lambda ds, folder: tk.load(tk.save(ds, folder / f"x{suffix}"), **options).load()


WAYS: dict[str, Callable[[xr.Dataset, Path], xr.Dataset]] = {
    ".nc": saved(".nc"),
    ".zarr": saved(".zarr"),
    "lazy .nc": saved(".nc", chunks={"run": 1}),
    "lazy .zarr": saved(".zarr", chunks={}),
    "concat": lambda ds, folder: tk.concat([ds.isel(run=[k]) for k in range(RUNS)]),
    "select": lambda ds, folder: tk.select(ds, step=(0, None)),
}
# These hold run attributes, the probe, steps and epochs only.
TABLES = {".csv": table(".csv"), ".parquet": table(".parquet"), "arrays": recorded_again}


def same(a: Any, b: Any) -> bool:
    """Compare attributes: lists and arrays are one kind, and NaN equals NaN."""
    if isinstance(a, dict):
        return a == b
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype == object or b.dtype == object:
        return bool(a.tolist() == b.tolist())
    kinds = {"u": "i"}
    alike = kinds.get(a.dtype.kind, a.dtype.kind) == kinds.get(b.dtype.kind, b.dtype.kind) or 0 in (a.size, b.size)
    return alike and a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def assert_same(back: xr.Dataset, ds: xr.Dataset) -> None:
    assert set(back.variables) == set(ds.variables)
    assert set(back.coords) == set(ds.coords)
    for name, wanted in ds.variables.items():
        got = back.variables[name]
        assert (got.dims, kind_of(got.dtype)) == (wanted.dims, kind_of(wanted.dtype)), name
        assert got.equals(wanted), name
        assert got.attrs.keys() == wanted.attrs.keys()
        assert all(same(got.attrs[key], wanted.attrs[key]) for key in wanted.attrs), name
    assert back.attrs.keys() == ds.attrs.keys()
    assert all(same(back.attrs[key], ds.attrs[key]) for key in ds.attrs)


# More: HYPOTHESIS_EXAMPLES=1000 pytest tests/storage/test_storage.py
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "8"))


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(asked(), changes(), ATTRIBUTES)
def test_files__give_back_whatever_is_not_refused_when_it_goes_in(
    way: str, arguments: dict[str, Any], changed: Any, marks: dict[str, Any]
) -> None:
    if (ds := made(arguments, changed, marks)) is not None:
        before = ds.copy(deep=True)
        with tempfile.TemporaryDirectory() as folder:
            assert_same(WAYS[way](ds, Path(folder)), ds)
        assert ds.identical(before)
        assert all(ds[name].attrs.keys() == before[name].attrs.keys() for name in ds.variables)


@pytest.mark.parametrize("way", TABLES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(asked())
def test_tables__give_back_runs_and_probe_or_refuse(way: str, arguments: dict[str, Any]) -> None:
    if (ds := made(arguments, [], {})) is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            back = TABLES[way](ds, Path(folder))
        except tk.SchemaError:
            return
    assert set(back.coords) == set(ds.coords)
    for name in set(ds.variables) - {"log_prob"}:
        got, wanted = back.variables[name], ds.variables[name]
        assert (got.dims, kind_of(got.dtype)) == (wanted.dims, kind_of(wanted.dtype)), name
        assert got.equals(wanted), name
    np.testing.assert_allclose(back.log_prob, ds.log_prob, atol=1e-6)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(NAMES, SCALARS, max_size=2), columns(CLASSES), columns(SAMPLES))
def test_recorder__gives_back_what_it_does_not_refuse(attributes: dict[str, Any], classes: Any, sample: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            probe = tk.Probe(np.eye(3), [0, 1, 1], classes=classes, sample=sample)
            record = tk.Recorder(Path(folder, "runs"), probe, {"run": "a", **attributes})
        except tk.SchemaError:
            return
        with record:
            record(lambda inputs: inputs[:, :2], 0)
        ds = tk.load(Path(folder, "runs"))
    for name, value in attributes.items():
        kept = ds[name].item()
        missing = {"U": "", "f": np.nan}.get(kind_of(ds[name].dtype))
        wanted = missing if value is None else value
        assert same(kept, wanted), name
        assert type(kept) is type(wanted), name
    assert ds["class"].values.tolist() == [str(c) for c in classes]
    assert [str(s) for s in ds["sample"].values.tolist()] == [str(s) for s in probe.sample.tolist()]
