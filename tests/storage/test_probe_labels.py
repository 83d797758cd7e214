"""Laws of labels: one for each input, or several at the positions of each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trajkit as tk

TEXTS = [[5, 2, 7, 1], [5, 3, 1]]
NEXT = [ids[1:] for ids in TEXTS]
ARRAY = np.array([[2, 7, 1], [3, 1, -100]])


@pytest.mark.parametrize("label", [NEXT, ARRAY, [np.array(ids) for ids in NEXT]], ids=["lists", "array", "arrays"])
def test_probe__with_labels_at_positions_has_a_sample_for_each(label: Any) -> None:
    probe = tk.Probe(TEXTS, label, classes=8, split=["train", "test"], sample=["a", "b"])
    assert probe.label.tolist() == [2, 7, 1, 3, 1]
    assert probe.sample.tolist() == ["a:0", "a:1", "a:2", "b:0", "b:1"]
    assert probe.split.tolist() == ["train"] * 3 + ["test"] * 2
    assert len(probe) == 5


def test_probe__with_one_label_for_each_input_has_the_inputs_as_samples() -> None:
    probe = tk.Probe(TEXTS, [1, 0])
    assert (probe.sample.tolist(), probe.label.tolist(), probe.scored) == ([0, 1], [1, 0], None)


def test_store__knows_a_probe_with_labels_at_positions_again(tmp_path: Path) -> None:
    given = np.random.default_rng(0).standard_normal((5, 8))
    for run in ("a", "b"):
        with tk.Recorder(tmp_path, tk.Probe(TEXTS, NEXT, classes=8), run=run) as record:
            record(lambda inputs: given, 0)
    with pytest.raises(tk.SchemaError, match="another probe"):
        tk.Recorder(tmp_path, tk.Probe(TEXTS, [ids[:1] for ids in NEXT], classes=8), run="c")
    assert tk.load(tmp_path).sample.values.tolist() == ["0:0", "0:1", "0:2", "1:0", "1:1"]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ([[1.0, 2.0], [1.0]], "'label' is uneven lists: wanted whole numbers"),
        (["ab", "c"], "'label' is <U2"),
        (np.zeros((2, 2, 2), dtype=int), r"'label' is int64 \(2, 2, 2\)"),
        ([[-100], [-100, -100]], "holds no label"),
        ([], "'label' is float64"),
        ([[1, 2], [3], [4]], "'inputs' hold 2 samples, but 'label' has 3 entries"),
        ([[-1, 2], [3]], r"'label' holds \[-1\]: wanted class indices"),
    ],
)
def test_probe__refuses_labels_that_are_none(label: Any, message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        tk.Probe(TEXTS, label)


@pytest.mark.parametrize("inputs", [TEXTS, {"input_ids": TEXTS}, {"input_ids": np.array([[5, 2, 7, 1], [5, 3, 1, 0]])}])
def test_probe__warns_of_labels_that_are_the_tokens_of_the_inputs(inputs: Any) -> None:
    with pytest.warns(RuntimeWarning, match=r"predicts the next token: pass label=input_ids\[:, 1:\]"):
        tk.Probe(inputs, [[5, 2, 7, 1], [5, 3, 1, -100]])
    masked = [[-100, 2, -100, -100], [5, -100, 1]]
    tk.Probe({"input_ids": [[5, 9, 7, 1], [9, 3, 1]]}, masked)  # as for a masked language model
