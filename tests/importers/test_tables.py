"""Laws of long tables: rows are put together by their keys, and what does not fit is refused."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import trajkit as tk
from trajkit.importers import read_table, write_table


def table(**changes: Any) -> pd.DataFrame:
    """Two runs of two steps on two samples, rows in random order."""
    rows = [
        {"run": run, "step": step, "sample": sample, "class": name, "prob": p, "label": label, "seed": seed}
        for seed, run in enumerate(("a", "b"))
        for step in (0, 10)
        for sample, label in ((7, "dog"), (3, "cat"))
        for name, p in (("cat", 0.25), ("dog", 0.75))
    ]
    return pd.DataFrame(rows).assign(**changes)


def test_read_table__puts_rows_together_by_their_keys() -> None:
    ds = read_table(table())
    other = read_table(table().sample(frac=1, random_state=1))
    assert other["sample"].values.tolist() != ds["sample"].values.tolist()
    in_order = other.sel({"run": ds.run, "sample": ds["sample"], "class": ds["class"]})
    np.testing.assert_array_equal(in_order.log_prob, ds.log_prob)
    true = [d["class"][d.label].values.tolist() for d in (other.sel(sample=ds["sample"]), ds)]
    assert true == [["dog", "cat"]] * 2
    assert ds.sample.values.tolist() == [7, 3]
    assert ds.label.values.tolist() == [1, 0]
    assert ds.step.values.tolist() == [[0, 10]] * 2
    assert ds.seed.values.tolist() == [0, 1]
    np.testing.assert_allclose(np.exp(ds.log_prob[0, 0]), [[0.25, 0.75]] * 2)


def test_read_table__takes_logits_numbered_classes_and_splits() -> None:
    logits = table().drop(columns="prob").assign(logit=np.arange(16.0), split="train")
    number = {"cat": 0, "dog": 1}
    ds = read_table(logits.assign(label=logits.label.map(number), **{"class": logits["class"].map(number)}))
    assert ds.label.values.tolist() == [1, 0]
    assert ds["class"].values.tolist() == ["0", "1"]
    assert set(ds.split.values) == {"train"}
    assert ds.log_prob.shape == (2, 2, 2, 2)
    np.testing.assert_allclose(np.exp(ds.log_prob[..., 1]), np.e / (1 + np.e), rtol=1e-6)


def test_read_table__reads_numbers_with_gaps_and_long_columns(tmp_path: Path) -> None:
    gaps = table(seed=["", *"1" * 15])
    gaps["seed"] = gaps["seed"].where(gaps["run"] == "b", "")
    gaps.assign(note="x").to_csv(tmp_path / "gaps.csv", index=False)
    ds = read_table(tmp_path / "gaps.csv")
    assert ds.seed.values.tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert ds.attrs["source"] == "table gaps.csv"


def test_read_table__keeps_names_of_runs_and_classes_as_they_stand(tmp_path: Path) -> None:
    numbered = table().replace({"cat": "01", "dog": "1", "a": "007", "b": "nan"})
    numbered[numbered.run != "nan"].to_csv(tmp_path / "numbered.csv", index=False)
    ds = read_table(tmp_path / "numbered.csv")
    assert (ds.run.values.tolist(), ds["class"].values.tolist()) == (["007"], ["01", "1"])


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.set_axis([0] * len(rows)),
        lambda rows: rows.set_index("sample", drop=False),
        lambda rows: rows.set_axis(np.random.default_rng(0).permutation(len(rows))),
        lambda rows: rows.astype(
            {"run": pd.CategoricalDtype(["b", "a"]), "class": pd.CategoricalDtype(["dog", "cat"])}
        ),
        lambda rows: rows.astype({"sample": "category", "seed": "Int64", "label": object, "prob": "Float64"}),
    ],
)
def test_read_table__keeps_the_order_of_rows_whatever_the_index_and_the_types(change: Any) -> None:
    ds = read_table(change(table()))
    assert ds.equals(read_table(table()))
    assert (ds.run.values.tolist(), ds["class"].values.tolist()) == (["a", "b"], ["cat", "dog"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (table().drop(columns=["step", "label"]), r"the table: no column 'step'[\s\S]*no column 'label'"),
        (table(logit=0.0), r"exactly one of the columns .* got \['prob', 'logit'\]"),
        (table(prob="high"), r"column 'prob' holds \w+: wanted numbers"),
        (table(step=0.5), "column 'step' holds float64: wanted whole numbers"),
        (table()[:0], "no rows"),
        (table()[1:], "run 'a': 1 of 8 rows are missing, the first for step 0, sample 7, class cat"),
        (pd.concat([table(), table()[5:6]]), "run 'a': 1 of 8 rows are repeated.* step 10, sample 7"),
        (table()[:-2], "run 'b': 2 of 8 rows are missing"),
        (table(label=["cat", "dog"] * 8), "'label' is not constant within the sample 7, 3"),
        (table(label="horse"), "'label' holds horse: wanted values of the column 'class', cat, dog"),
        (table(seed=range(16)), "'seed' is not constant within the run a, b"),
        (table(split=["train", "test"] * 8), "'split' is not constant within the sample"),
        (table(epoch=np.arange(16.0)), "'epoch' is not constant within the step 0, 10"),
        (table(prob=[np.nan, np.nan, *[0.5] * 14]), "run 'a', step 0: NaN for 1 samples"),
        (table(prob=np.nan), "run 'a', step 0: NaN for 2 samples"),
        (table(prob=0.3), "sum to 0.6"),
        (table(sample=[None, *range(15)]), "column 'sample' has gaps"),
        (table(note=[[1, 2]] * 16), r"column 'note' holds list: wanted text.*`table\['note'\]\.astype\(str\)`"),
        (table(sample=[{}] * 16), "column 'sample' holds dict"),
        (table(prob=0.5 + 0.1j), "'prob' holds complex numbers"),
        (table().set_axis([*table().columns[:-1], "run"], axis=1), r"columns \['run'\] appear more than once"),
        (table().rename(columns={"prob": "logit"}), "name the column 'prob'; if these are logits .* subtract 1"),
    ],
)
def test_read_table__says_what_does_not_fit(wrong: pd.DataFrame, message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        read_table(wrong)


def test_read_table__says_what_files_it_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"ends in \.csv or \.parquet, got '\.xlsx'"):
        read_table(tmp_path / "runs.xlsx")
    with pytest.raises(FileNotFoundError, match=r"no file .*runs\.csv"):
        read_table(tmp_path / "runs.csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for act in (read_table, lambda path: write_table(tk.simulate(runs=1), path)):
        with pytest.raises(ImportError, match=re.escape('pip install "trajkit[parquet]"')):
            act(tmp_path / "runs.parquet")


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_write_table__refuses_attributes_named_as_its_columns(name: str, tmp_path: Path) -> None:
    with pytest.raises(tk.SchemaError, match=r"\['prob'\] have the names of columns"):
        write_table(tk.simulate(runs=3).assign_coords(prob=("run", [0.1, 0.2, 0.3])), tmp_path / name)


def test_read_table__of_few_rows_that_ask_for_more_than_memory_holds_says_what_is_missing(tmp_path: Path) -> None:
    rows = np.arange(20_000)
    sparse = pd.DataFrame({"run": "a", "step": rows, "sample": rows, "class": rows, "prob": 1.0, "label": rows})
    sparse.to_csv(tmp_path / "sparse.csv", index=False)
    message = r"sparse\.csv: run 'a': 7999999980000 of 8000000000000 rows are missing, the first for step 0, sample 0, "
    with pytest.raises(tk.SchemaError, match=f"{message}class 1;"):
        read_table(tmp_path / "sparse.csv")
