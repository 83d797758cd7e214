"""Laws of datasets made from plain arrays."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import within
from strategies import (
    log_softmax,
)

import trajkit as tk
from trajkit.schema import VARIABLES

HALF = np.full((2, 3, 4, 2), 0.5)


def made(**changes: Any) -> xr.Dataset:
    """Two runs of three checkpoints, four samples and two classes, with some arguments changed."""
    arguments: dict[str, Any] = {"prob": HALF, "label": [0, 1, 1, 0], "runs": {"seed": [0, 1]}}
    return tk.from_arrays(**(arguments | changes))


@given(st.integers(2, 5), st.integers(1, 4), st.sampled_from([0.1, 10, 1e4]), st.integers(0, 2**32 - 1))
def test_from_arrays__logits_probabilities_and_log_probabilities_make_the_same(
    classes: int, samples: int, scale: float, seed: int
) -> None:
    logits = np.clip(scale * np.random.default_rng(seed).standard_normal((2, 3, samples, classes)), -1e4, 1e4)
    log_prob = log_softmax(logits)
    common: dict[str, Any] = {"label": np.zeros(samples, dtype=int), "runs": {"seed": [0, 1]}}
    from_logits = tk.from_arrays(logits=logits, **common)
    from_log_prob = tk.from_arrays(log_prob=log_prob, **common)
    gap = np.abs(from_logits.log_prob - log_prob) / np.maximum(-log_prob, 1e-8)
    within("log_prob stored against float64, relative", float(gap.max()), 1e-6)
    np.testing.assert_allclose(from_logits.log_prob, from_log_prob.log_prob, rtol=2e-7, atol=1e-15)
    if scale < 1e3:  # beyond, probabilities have lost what logarithms keep
        from_prob = tk.from_arrays(prob=np.exp(log_prob), **common)
        np.testing.assert_allclose(from_logits.log_prob, from_prob.log_prob, rtol=2e-7, atol=1e-15)


@pytest.mark.parametrize("size", [1.0, 1e4])
@pytest.mark.parametrize("gap", [10.0, 40.0, 80.0])
def test_from_arrays__the_loss_of_a_certain_prediction_keeps_its_digits(size: float, gap: float) -> None:
    # exp(-80) is lost beside 1 and beside a logit of 1e4, but not in the logarithm.
    ds = made(logits=np.broadcast_to([size, size - gap], (2, 3, 4, 2)), prob=None, label=[0] * 4)
    np.testing.assert_allclose(tk.loss(ds), np.log1p(np.exp(-gap)), rtol=1e-6)
    assert (ds.log_prob <= 0).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_from_arrays__takes_no_distributions_for_logits_unless_told(dtype: Any) -> None:
    values = np.exp(log_softmax(3 * np.random.default_rng(0).standard_normal((2, 3, 4, 2)))).astype(dtype)
    values[1, 2] = np.nan  # a checkpoint that is missing hides nothing
    with pytest.raises(tk.SchemaError, match=r"probability distributions: pass them as prob=.*logits=values - 1"):
        made(logits=values, prob=None)
    np.testing.assert_allclose(np.exp(made(prob=values).log_prob), values, atol=1e-3)
    shifted = made(logits=values - 1, prob=None)
    np.testing.assert_allclose(shifted.log_prob, log_softmax(values.astype(float)), atol=2e-3)


def test_from_arrays__takes_probabilities_rounded_to_bfloat16() -> None:
    exact = np.float32(np.exp(log_softmax(np.random.default_rng(0).standard_normal((2, 3, 4, 2)))))
    rounded = (exact.view(np.uint32) + 0x8000 & 0xFFFF0000).astype(np.uint32).view(np.float32)
    np.testing.assert_allclose(np.exp(made(prob=rounded).log_prob), exact, atol=4e-3)


def test_from_arrays__a_logit_of_minus_infinity_rules_a_class_out() -> None:
    logits = np.zeros((2, 3, 4, 2))
    logits[..., 1] = -np.inf
    np.testing.assert_array_equal(made(logits=logits, prob=None).log_prob, logits)


def test_from_arrays__stores_float32_whose_rows_sum_to_one() -> None:
    ds = made(logits=np.random.default_rng(0).standard_normal((2, 3, 4, 2)), prob=None)
    assert ds.log_prob.dtype == np.float32
    assert ds.log_prob.dims == ("run", "checkpoint", "sample", "class")
    np.testing.assert_allclose(np.exp(ds.log_prob).sum("class"), 1, rtol=1e-6)


def test_from_arrays__rounded_probabilities_are_normalised() -> None:
    ds = made(prob=np.array([0.3334, 0.6666], dtype=np.float16) * np.ones((2, 3, 4, 1)))
    np.testing.assert_allclose(np.exp(ds.log_prob).sum("class"), 1, rtol=1e-6)


def test_from_arrays__zero_probabilities_become_minus_infinity() -> None:
    ds = made(prob=np.broadcast_to([1.0, 0.0], (2, 3, 4, 2)))
    assert (ds.log_prob[..., 0] == 0).all()
    assert np.isneginf(ds.log_prob[..., 1]).all()
    assert made(log_prob=ds.log_prob.values, prob=None).log_prob.equals(ds.log_prob)


def test_from_arrays__runs_of_any_lengths_end_in_missing_checkpoints() -> None:
    ds = made(prob=[HALF[0, :1], HALF[0]], step=[[5], [0, 7, 9]])
    assert ds.step.values.tolist() == [[5, -1, -1], [0, 7, 9]]
    assert ds.log_prob.isnull().all(("sample", "class")).values.tolist() == [[False, True, True], [False] * 3]
    gap = np.array(HALF)
    gap[0, 1] = np.nan
    assert made(prob=gap).step.values.tolist() == [[0, -1, 2], [0, 1, 2]]


@pytest.mark.parametrize(
    "step",
    [
        [0, 10, 20],
        (0, 10, 20),
        np.array([0, 10, 20]),
        [[0, 10, 20], [0, 10, 20]],
        [np.array([0, 10, 20]), np.array([0, 10, 20])],
        np.array([[0.0, 10, 20], [0, 10, 20]]),
    ],
)
def test_from_arrays__steps_come_in_any_shape(step: Any) -> None:
    ds = made(step=step, epoch=np.array([0, 0.5, 1.0]))
    assert ds.step.dtype == np.int64
    assert ds.step.values.tolist() == [[0, 10, 20]] * 2
    assert ds.epoch.values.tolist() == [[0, 0.5, 1]] * 2


def test_from_arrays__a_missing_checkpoint_may_have_any_step_and_epoch() -> None:
    ds = made(prob=[HALF[0, :2], HALF[0]], step=np.array([[0, 1, np.nan], [0, 1, 2]]), epoch=[[0, 1], [0, 1, 2]])
    assert ds.step.values.tolist() == [[0, 1, -1], [0, 1, 2]]
    np.testing.assert_equal(ds.epoch.values, [[0, 1, np.nan], [0, 1, 2]])


def test_from_arrays__run_identities_come_from_a_column_or_a_named_index() -> None:
    assert made().run.values.tolist() == ["0", "1"]
    assert made(runs={"run": ["a", "b"], "seed": [0, 1]}).run.values.tolist() == ["a", "b"]
    table = pd.DataFrame({"seed": [0, 1]}, index=["a", "b"])
    assert made(runs=table).run.values.tolist() == ["0", "1"]
    assert made(runs=table.rename_axis("run")).run.values.tolist() == ["a", "b"]
    assert made(runs=[{"seed": 0}, {"seed": 1}]).seed.values.tolist() == [0, 1]


def test_from_arrays__run_table_gives_the_table_back() -> None:
    table = pd.DataFrame(
        {"run": ["x", "y"], "optimizer": ["sgd", "adam"], "learning_rate": [0.1, 0.01], "seed": [0, 1]}
    )
    back = tk.run_table(made(runs=table))
    assert back.index.name == "run"
    assert back.index.tolist() == ["x", "y"]
    assert back.drop(columns=["kind", "checkpoints"]).reset_index().to_dict("list") == table.to_dict("list")
    assert back.checkpoints.tolist() == [3, 3]
    assert back.kind.tolist() == ["network", "network"]


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (["sgd", "adam"], "U", ["sgd", "adam"]),
        (["sgd", None], "U", ["sgd", ""]),
        ([None, None], "U", ["", ""]),
        (pd.Categorical(["sgd", "adam"]), "U", ["sgd", "adam"]),
        (pd.array(["sgd", pd.NA], dtype="string"), "U", ["sgd", ""]),
        ([1, 2], "i", [1, 2]),
        (np.array([1, 2], dtype=np.uint8), "i", [1, 2]),
        (pd.Categorical([3, 5]), "i", [3, 5]),
        (pd.array([1, 2], dtype="Int64"), "i", [1, 2]),
        (pd.array([1, None], dtype="Int64"), "f", [1, np.nan]),
        (pd.array([None, None], dtype="Int64"), "f", [np.nan, np.nan]),
        ([np.nan, np.nan], "f", [np.nan, np.nan]),
        ([0.5, 1], "f", [0.5, 1]),
        ([0.5, None], "f", [0.5, np.nan]),
        ([True, False], "b", [True, False]),
        (pd.array([True, None], dtype="boolean"), "f", [1, np.nan]),
    ],
)
def test_from_arrays__columns_become_text_integers_floats_or_booleans(column: Any, kind: str, values: Any) -> None:
    got = made(runs=pd.DataFrame({"thing": column})).thing.values
    assert got.dtype.kind == kind
    np.testing.assert_equal(got, np.array(values))


def test_from_arrays__keeps_source_and_metadata_as_json() -> None:
    ds = made(source="a test", metadata={"none": None, "nested": {"flag": True, "values": [1, 2]}})
    assert ds.attrs["source"] == "a test"
    assert json.loads(ds.attrs["metadata"]) == {"none": None, "nested": {"flag": True, "values": [1, 2]}}
    assert ds.attrs["schema_version"] == 1
    assert {"trajkit_version", "created"} <= ds.attrs.keys()
    assert ds.log_prob.attrs == {"long_name": VARIABLES["log_prob"].meaning, "units": "nat"}
    assert ds.label.attrs["long_name"] == "index of the true class"


def test_from_arrays__edits_no_argument() -> None:
    prob, label, runs = HALF.copy(), np.array([0, 1, 1, 0]), pd.DataFrame({"run": ["a", "b"], "seed": [0, 1]})
    step, metadata = [[0, 1, 2], [0, 1, 2]], {"a": 1}
    before = prob.copy(), label.copy(), runs.copy()
    ds = tk.from_arrays(prob=prob, label=label, runs=runs, step=step, metadata=metadata)
    ds.log_prob[:] = 0
    ds.label[:] = 0
    assert (prob == before[0]).all()
    assert (label == before[1]).all()
    assert runs.equals(before[2])
    assert step == [[0, 1, 2], [0, 1, 2]]
    assert metadata == {"a": 1}


def broken_row(value: list[float]) -> NDArray[np.float64]:
    out = HALF.copy()
    out[1, 2, 3] = value
    return out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prob": None}, "wanted exactly one of log_prob, prob and logits, got none"),
        ({"logits": HALF}, r"exactly one of .*, got \['logits', 'prob'\]"),
        (
            {"prob": broken_row([0.5, 0.4])},
            r"run '1', checkpoint 2: the probabilities of sample 3 sum to 0.9; wanted .*divide each row",
        ),
        ({"prob": broken_row([1.2, -0.2])}, "run '1', checkpoint 2: negative probabilities, the lowest -0.2: pass raw"),
        (
            {"prob": broken_row([np.nan, 0.5])},
            "run '1', checkpoint 2: NaN in sample 3 of a recorded checkpoint",
        ),
        (
            {"prob": None, "log_prob": np.log(broken_row([2.0, 2.0]))},
            "run '1', checkpoint 2: positive log-probability 0.6931",
        ),
        ({"prob": None, "log_prob": np.log(broken_row([np.nan, 0.5]))}, "run '1', checkpoint 2: NaN in sample 3 of a"),
        ({"prob": None, "logits": broken_row([np.nan, 0.5])}, "run '1', checkpoint 2: a logit that is NaN or \\+inf"),
        ({"prob": None, "logits": broken_row([np.inf, 0.5])}, "a logit that is NaN or \\+inf"),
        ({"prob": HALF * 3}, "not a trajectory dataset, 5 problems"),
        (
            {"prob": HALF[0]},
            r"'prob' has shape \(3, 4, 2\): wanted 4 dimensions \('run', 'checkpoint', 'sample', 'class'\)",
        ),
        ({"prob": HALF[:0], "runs": {"seed": []}}, r"'prob' has shape \(0, 3, 4, 2\) .*: wanted at least one of each"),
        ({"prob": []}, "'prob' is empty"),
        ({"prob": 0.5}, "'prob': wanted numbers"),
        ({"prob": "abc"}, "'prob': wanted numbers"),
        (
            {"prob": [HALF[0], HALF[0, :, :3]]},
            "'prob': runs differ in shape after the checkpoint: .* all runs share one probe",
        ),
        ({"prob": np.ones((2, 3, 4, 1))}, "one class only: a distribution over a single class is always certain"),
        ({"label": [0, 1, 1]}, "'label' has 3 entries, but 'prob' has 4 samples"),
        ({"label": [[0], [1], [1], [0]]}, r"'label' has shape \(4, 1\), but 'prob' has 4 samples"),
        ({"label": [0.0, 1, 1, 0]}, "'label' has dtype float64: wanted the integer index of each true class"),
        ({"label": [0, 1, 2, -1]}, r"'label' holds \[-1, 2\]: wanted class indices from 0 to 1"),
        ({"runs": {"seed": [0]}}, "'runs' has 1 entries, but 'prob' has 2 runs"),
        (
            {"runs": {"seed": [0, 1], "width": [8]}},
            r"the columns of 'runs' differ in length: \{'seed': 2, 'width': 1\}",
        ),
        ({"runs": {"seed": [0, 1], "optimizer": "sgd"}}, r"the columns \['optimizer'\] of 'runs' are single values"),
        (
            {"runs": pd.DataFrame([[1, 2], [3, 4]], columns=["seed", "seed"])},
            r"columns \['seed'\] of 'runs' appear more than once",
        ),
        (
            {"runs": {"run": ["a", "a"]}},
            "'run' is not unique: 'a' appear more than once; give each run its own identity",
        ),
        (
            {"runs": {"seed": [0, "one"]}},
            "run attribute 'seed' holds int, str: wanted text, integers, floats or booleans",
        ),
        ({"runs": {"seed": [True, 2]}}, "run attribute 'seed' holds bool, int"),
        ({"runs": {"when": pd.to_datetime(["2024", "2025"])}}, "run attribute 'when' holds Timestamp"),
        ({"runs": {"step": [0, 1]}}, "run attribute 'step': the name is reserved"),
        ({"runs": {"kind": ["network", "human"]}}, r"'kind' holds \['human'\]: wanted 'network' or 'reference'"),
        ({"split": "valid"}, r"'split' holds \['valid'\]: wanted 'train' or 'test'"),
        ({"split": ["train", "test"]}, "'split' has 2 entries, but 'prob' has 4 samples"),
        ({"classes": ["cat"]}, "'classes' has 1 entries, but 'prob' has 2 classes"),
        ({"classes": ["cat", "cat"]}, "'class' is not unique: 'cat'"),
        ({"classes": "ab"}, r"'classes' has shape \(\)"),
        ({"sample": [1, 2, 3]}, "'sample' has 3 entries"),
        ({"sample": [1, 2, 3, 3]}, "'sample' is not unique: 3"),
        ({"step": [0, 1]}, r"'step' has shape \(2,\): wanted \(2, 3\) \(run, checkpoint\) or \(3,\)"),
        ({"step": [0, 0.5, 1]}, r"'step' holds fractions: .*epochs go to `epoch=`"),
        ({"step": [0, 1, np.nan]}, "'step' (has no value|holds fractions)"),
        ({"step": [0, 2, 1]}, r"run '0': 'step' does not increase from one checkpoint to the next: \[0, 2, 1\]"),
        ({"step": [0, 1, 1]}, "does not increase"),
        ({"step": [[0, 1, 2], [0, 1]]}, "'step' has no value for the recorded checkpoint 2 of run number 1"),
        ({"step": ["a", "b", "c"]}, "'step': wanted numbers"),
        ({"epoch": [0.0, 1]}, r"'epoch' has shape \(2,\)"),
        (
            {"prob": np.concatenate([HALF[:1], np.full((1, 3, 4, 2), np.nan)])},
            "run '1' has no recorded checkpoint .*: drop the run",
        ),
    ],
)
def test_from_arrays__bad_input_is_told_clearly(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        made(**changes)


def test_from_arrays__several_problems_come_in_one_message() -> None:
    with pytest.raises(tk.SchemaError) as error:
        made(label=[0, 1], runs={"seed": [0, "a"], "step": [1, 2]}, classes=["only"], prob=broken_row([0.5, 0.4]))
    assert len(error.value.problems) == 5
    message = str(error.value)
    assert message.startswith("not a trajectory dataset, 5 problems:\n- ")
    for part in (
        "'seed' holds int, str",
        "'step': the name is reserved",
        "'label' has 2",
        "'classes' has 1",
        "sum to 0.9",
    ):
        assert part in message
    assert isinstance(error.value, ValueError)


def six_runs(**columns: object) -> xr.Dataset:
    return tk.from_arrays(prob=np.full((6, 1, 2, 2), 0.5), label=[0, 1], runs=columns)


def test_from_arrays__integers_that_would_lose_digits_as_floats_are_refused_by_name() -> None:
    seeds = [2**60 + i for i in range(6)]
    exact = six_runs(seed=seeds)
    assert tk.select(exact, seed=2**60 + 1).sizes["run"] == 1
    with pytest.raises(tk.SchemaError, match=r"'seed' holds integers beyond 2\^53"):
        tk.with_references(exact)
    with pytest.raises(tk.SchemaError, match=r"'seed' holds integers beyond 2\^53"):
        six_runs(seed=[*seeds[:5], None])
    with pytest.raises(tk.SchemaError, match="beyond 64 bits"):
        six_runs(seed=[2**70] * 6)


@pytest.mark.parametrize("name", ["loss", "weight", "checkpoints", "progress", "where", "signature"])
def test_from_arrays__attributes_with_names_that_results_use_are_refused(name: str) -> None:
    with pytest.raises(tk.SchemaError, match=f"'{name}': the name is reserved"):
        six_runs(**{name: range(6)})
    with pytest.raises(tk.SchemaError, match=f"'{name}': the name is reserved"):
        tk.validate(six_runs(seed=range(6)).assign_coords({name: ("run", range(6))}))


def test_from_arrays__a_short_epoch_list_is_refused() -> None:
    prob = np.full((4, 2, 2), 0.5)
    with pytest.raises(tk.SchemaError, match="epoch"):
        tk.from_arrays(prob=[prob[:3], prob[:3]], label=[0, 1], runs={"s": [0, 1]}, epoch=[[0, 1, 2], [0]])
