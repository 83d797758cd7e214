"""Laws of what models give: one row per sample, or an error that says what to write."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import trajkit as tk

TEXTS = [[5, 2, 7, 1], [5, 3, 1]]
NEXT = [ids[1:] for ids in TEXTS]
GIVEN = np.random.default_rng(0).standard_normal((2, 3, 8))


def recorded(values: Any, label: Any, **options: Any) -> np.ndarray:
    probe = tk.Probe(TEXTS, label, classes=8)
    return tk.record([(0, lambda inputs: values)], probe, **options).log_prob.values[0, 0]


def test_outputs__of_several_positions_are_taken_where_labels_are() -> None:
    rows = GIVEN.reshape(6, 8)[:5]
    wanted = rows - np.log(np.exp(rows).sum(1, keepdims=True))
    for values in (GIVEN, GIVEN.tolist(), rows, SimpleNamespace(logits=GIVEN)):
        np.testing.assert_allclose(recorded(values, NEXT), wanted, atol=1e-6)
    some = recorded(GIVEN, [[-100, -100, 1], [-100, 1, -100]])
    np.testing.assert_allclose(some, wanted[[2, 4]], atol=1e-6)


def test_outputs__of_several_positions_may_end_with_the_last_label() -> None:
    label = [[-100, 7, -100], [3, -100, -100]]
    np.testing.assert_array_equal(recorded(GIVEN[:, :2], label), recorded(GIVEN, label))


@pytest.mark.parametrize(
    ("values", "label", "message"),
    [
        (
            GIVEN,
            [1, 1],
            r"shape \(2, 3, 8\).* give tk.Probe labels \(input, position\), -100 where a position has none",
        ),
        (np.zeros((2, 4, 8)), NEXT, r"shape \(2, 4, 8\) .* for inputs whose labels have shape \(2, 3\)"),
        (np.zeros((2, 1, 8)), NEXT, "wanted a prediction for each label"),
        (np.zeros((3, 3, 8)), NEXT, "wanted a prediction for each label"),
        (GIVEN[:, :, :5], NEXT, r"shape \(5, 5\), but the probe has 5 samples and 8 classes"),
        (GIVEN[:, 0, 0], [1, 1], "a model with one output per sample needs predict="),
        (None, [1, 1], "the model gives None: wanted real numbers"),
        ({"logits": GIVEN, "loss": 1}, [1, 1], r"the model gives dict with \['logits', 'loss'\]: wanted real numbers"),
        ((GIVEN, 1.0), [1, 1], "the model gives tuple .*predict="),
        ([[1.0] * 8, [2.0]], [1, 1], "the model gives list .*predict="),
        (GIVEN[:, 0] * 1j, [1, 1], "values of dtype complex128"),
        (0.5, [1, 1], "the model gives float"),
    ],
)
def test_outputs__that_are_not_a_row_per_sample_are_refused(values: Any, label: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recorded(values, label)


def test_outputs__with_logits_are_not_called_otherwise() -> None:
    with pytest.raises(ValueError, match=r"gives SimpleNamespace with `\.logits`, which are no 'prob'"):
        recorded(SimpleNamespace(logits=GIVEN), NEXT, output="prob")
