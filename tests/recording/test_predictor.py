"""Laws of predictions: what is recorded is what the model predicts, and mistakes in its form are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
from sklearn.linear_model import LogisticRegression
from trainings import LABELS, LOGITS, probe

import trajkit as tk


@pytest.mark.parametrize("output", ["logits", "log_prob", "prob"])
def test_predictor__takes_logits_log_probabilities_and_probabilities(output: str) -> None:
    exact = scipy.special.log_softmax(LOGITS, axis=-1)
    given = {"logits": LOGITS + 7, "log_prob": exact, "prob": np.exp(exact)}[output]
    ds = tk.record([(0, None)], probe(), predict=lambda model, inputs: given, output=output)
    np.testing.assert_allclose(ds.log_prob[0, 0], exact, atol=1e-6)


def test_predictor__keeps_probabilities_of_exactly_zero() -> None:
    certain = np.eye(3)[LABELS.numpy()]
    ds = tk.record([(0, lambda inputs: certain)], probe(), output="prob")
    np.testing.assert_array_equal(np.exp(ds.log_prob[0, 0]), certain)
    masked = np.where(certain, LOGITS, -np.inf)
    np.testing.assert_array_equal(tk.record([(0, lambda inputs: masked)], probe()).log_prob, ds.log_prob)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (scipy.special.softmax(LOGITS, axis=-1), 'pass output="prob"'),
        (LOGITS[:-1], r"shape \(39, 3\), but the probe has 40 samples and 3 classes"),
        (LOGITS[:, 0], r"shape \(40,\).* wanted \(40, 3\)"),
        (np.repeat(LOGITS, 2, 1), r"pass classes=6, or their names, to tk\.Probe"),
    ],
    ids=["probabilities called logits", "too few samples", "one output", "more classes"],
)
def test_predictor__wrong_predictions_are_refused_and_nothing_is_written(
    tmp_path: Path, values: Any, message: str
) -> None:
    with tk.Recorder(tmp_path, probe(), "r") as record:
        record(lambda inputs: LOGITS, 0)
        for _ in range(2):
            with pytest.raises(ValueError, match=message):
                record(lambda inputs: values, 1)
        record(lambda inputs: LOGITS, 1)
    assert tk.load(tmp_path).step.values.tolist() == [[0, 1]]


# From log-probabilities to the numbers that a library gives; bfloat16 has no name in numpy.
ROUNDINGS: dict[str, Any] = {
    "float64": lambda values: values,
    "float32": lambda values: values.astype(np.float32),
    "float16": lambda values: values.astype(np.float16),
    "bfloat16": lambda values: torch.from_numpy(values).bfloat16(),
    "bfloat16 saved as float32": lambda values: torch.from_numpy(values).bfloat16().float().numpy(),
    "float16 tensor": lambda values: torch.from_numpy(values).half(),
}


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("classes", [2, 3, 1000])
def test_predictor__takes_distributions_of_any_precision_only_for_what_they_are(rounding: str, classes: int) -> None:
    exact = scipy.special.softmax(np.random.default_rng(classes).standard_normal((40, classes)) * 3, axis=-1)
    given = ROUNDINGS[rounding](exact)
    wide = probe(classes=classes, label=LABELS % 2)
    with pytest.raises(ValueError, match=r'are probability distributions: pass output="prob"\. If they are logits'):
        tk.record([(0, lambda inputs: given)], wide)
    taken = tk.record([(0, lambda inputs: given)], wide, output="prob")
    np.testing.assert_allclose(np.exp(taken.log_prob[0, 0]), exact, atol=5e-3)
    insisted = tk.record([(0, lambda inputs: given)], wide, output="logits")
    np.testing.assert_allclose(np.exp(insisted.log_prob[0, 0]), scipy.special.softmax(exact, axis=-1), atol=2e-3)


def test_predictor__a_hint_leads_to_no_second_softmax() -> None:
    sigmoids = scipy.special.expit(LOGITS)
    with pytest.raises(ValueError, match="divide each row by its sum") as refused:
        tk.record([(0, lambda inputs: sigmoids)], probe(), output="prob")
    assert "logits" not in str(refused.value)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"output": "log_prob"}, 'pass output="logits"'),
        ({"output": "prob"}, 'pass output="logits"'),
        ({"output": "softmax"}, r"output: wanted one of \['logits', 'log_prob', 'prob'\], got 'softmax'"),
        ({"batch_size": 0}, "batch_size: wanted at least 1, got 0"),
    ],
)
def test_predictor__wrong_options_and_names_of_outputs_are_refused(option: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.record([(0, lambda inputs: LOGITS)], probe(), **option)


def test_predictor__a_model_that_cannot_be_called_needs_predict() -> None:
    with pytest.raises(TypeError, match=r"LogisticRegression cannot be called on the inputs: pass predict="):
        tk.record([(0, LogisticRegression())], probe())
