import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import trajkit as tk
from trajkit.storable import as_text, identities, name_problem, usable_name

PROB = np.full((2, 1, 4, 2), 0.5)
ANY_TEXT = st.text(st.characters(codec=None), max_size=12)


def made(**changes: Any) -> xr.Dataset:
    return tk.from_arrays(**({"prob": PROB, "label": [0, 1, 0, 1], "runs": {"seed": [0, 1]}} | changes))


@given(ANY_TEXT)
def test_usable_name__is_one_that_files_keep(name: str) -> None:
    assert name_problem(usable_name(name)) is None
    assert (name_problem(name) is None) == (usable_name(name) == name)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([3, 2**63 - 1], [3, 2**63 - 1]),
        (np.array([2**64 - 1, 1], np.uint64), [str(2**64 - 1), "1"]),
        ([2**63 + 1, -1], [str(2**63 + 1), "-1"]),
        (pd.Series([2, 1], index=[1, 0]), [2, 1]),
        ([2**53 + 1, 0.5], [str(2**53 + 1), "0.5"]),
        (["a", "ä"], ["a", "ä"]),
    ],
)
def test_identities__keep_every_digit(values: Any, kept: list[Any]) -> None:
    assert identities(values).tolist() == kept
    assert tk.Probe(np.eye(2), [0, 1], sample=values).sample.tolist() == kept


@pytest.mark.parametrize("steps", [[2**53 + 1, 2**53 + 3], np.array([2**53 + 1, 2**63 - 1])])
def test_from_arrays__steps_keep_every_digit(steps: Any) -> None:
    assert made(prob=np.full((1, 2, 4, 2), 0.5), runs={"seed": [0]}, step=[steps]).step.values.tolist() == [list(steps)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prob": PROB + 1j}, "complex numbers: wanted real ones"),
        ({"prob": [PROB[0], None]}, "entries None: wanted numbers"),
        ({"prob": np.ma.masked_less(PROB, 1)}, r"masked array: write `prob.filled\(np.nan\)`"),
        ({"step": [[2.0**60], [1.0]]}, "floats of 2\\^53 or more"),
        ({"step": [[-1], [1]]}, "no value for the recorded checkpoint 0 of run number 0"),
        ({"step": [["1"], ["2"]]}, "wanted numbers"),
        ({"sample": [None, 1, 2, 3]}, "identity of entry 0 is missing"),
        ({"sample": ["a\0", "a", "b", "c"]}, "holds a NUL character"),
        ({"classes": ["a\0", "a"]}, "holds a NUL character"),
        ({"runs": {"x": ["a\0", "a"]}}, "run attribute 'x': the text .* holds a NUL character"),
        ({"runs": {"optim/lr": [1, 2]}}, "rename it, for example to 'optim_lr'"),
        ({"runs": {"x": [[1, 2], [3]]}}, "'x' holds list: wanted text"),
        ({"runs": {"x": np.eye(2)}}, "several dimensions"),
        ({"runs": {"x": [2**53 + 1, 0.5]}}, "lose digits as floats"),
        ({"runs": {"x": pd.Series([1, 2], [1, 0]), "y": pd.Series([1, 2])}}, "Series with different indexes"),
    ],
)
def test_from_arrays__what_would_change_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        made(**changes)


def test_from_arrays__a_table_of_steps_is_read_by_its_rows() -> None:
    assert made(step=pd.DataFrame([[7], [8]])).step.values.tolist() == [[7], [8]]


@pytest.mark.parametrize("table", [dict, lambda columns: pd.DataFrame(columns, dtype=object)])
def test_from_arrays__a_number_that_no_run_has_stays_a_number(table: Callable[[Any], Any]) -> None:
    assert made(runs=table({"x": [np.nan, np.nan]})).x.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        (pd.array([1, None], dtype="Int64"), r"to_numpy\(float"),
        (pd.array([True, False], dtype="boolean"), r"to_numpy\(float"),
        (pd.array(["a", None], dtype="string"), r"to_numpy\(str\)"),
        (pd.Categorical(["a", "b"]), r"to_numpy\(str\)"),
        ([{}, {}], r"astype\(str\)"),
        ([1j, 2], r"\.real"),
        (np.array([1, 2], np.longdouble), r"astype\(float\)"),
    ],
)
@pytest.mark.parametrize("name", ["x", "run_x"])
def test_validate__finds_what_cannot_be_saved_and_gives_the_line(
    values: Any, hint: str, name: str, tmp_path: Path
) -> None:
    ds = made().assign_coords({name: ("run", values)})
    with pytest.raises(tk.SchemaError, match=hint) as caught:
        tk.validate(ds)
    line = str(caught.value).split("`")[1]
    changed = eval(line, {"ds": ds, "np": np})
    fixed = changed if isinstance(changed, xr.Dataset) else ds.assign_coords({name: changed})
    assert tk.load(tk.save(fixed, tmp_path / "runs.nc")).equals(fixed)


@pytest.mark.parametrize(("name", "usable"), [("optim/lr", "optim_lr"), (3, "3"), ("e\u0301", "é")])
def test_validate__names_are_checked_too(name: Any, usable: str) -> None:
    with pytest.raises(tk.SchemaError, match=f"rename it, for example to '{usable}'"):
        tk.validate(made().assign_coords({name: ("run", [1, 2])}))
    with pytest.raises(tk.SchemaError, match=f"rename it, for example to '{usable}'"):
        tk.validate(made().assign({name: ("sample", [1, 2, 3, 4])}))


@pytest.mark.parametrize("values", [None, np.full((4, 2), 0.5 + 1j), [[None, 0.5]] * 4])
def test_recorder__predictions_that_are_no_numbers_are_refused_and_no_divergence(values: Any, tmp_path: Path) -> None:
    with tk.Recorder(tmp_path, tk.Probe(np.eye(4), [0, 1, 0, 1]), "a", output="prob") as record:
        with pytest.raises(ValueError, match="wanted real numbers"):
            record(lambda inputs: values, 0)
        assert record.diverged_at is None


def test_as_text__a_long_text_costs_what_it_holds(tmp_path: Path) -> None:
    texts = ["short"] * 100
    texts[7] = "x" * 60_000
    prob = np.full((100, 1, 2, 2), 0.5)
    tracemalloc.start()
    ds = tk.from_arrays(prob=prob, label=[0, 1], runs={"note": texts}, sample=["y" * 9000, "z"])
    for back in (ds, tk.concat([ds.isel(run=[7]), ds.drop_isel(run=[7])]), tk.points(ds), tk.select(ds, step=0)):
        assert sorted(back.note.values.tolist()) == sorted(texts)
    for suffix in (".nc", ".zarr"):
        assert tk.load(tk.save(ds, tmp_path / f"x{suffix}", progress_bar=False)).identical(ds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # At one width the column alone takes 24 MB.
    assert peak < 1e7
    assert as_text(["a" * 128]).dtype.kind == "U"
    with pytest.raises(tk.SchemaError, match="holds a NUL character"):
        tk.validate(ds.assign_coords(note=("run", [*texts[:-1], "a" * 200 + "\0b"])))
