"""Laws of the probe: two probes are equal only if every sample is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded_runs import SAMPLES, fill, probe
from trainings import IMAGES, LABELS
from trainings import probe as images

import trajkit as tk

REORDER = np.roll(np.arange(SAMPLES), 1)


OTHER_PROBES: dict[str, dict[str, Any]] = {
    r"'label' \(the same values in another order\)": {"label": probe().label[REORDER]},
    r"'label' \(other values\)": {"label": np.zeros(SAMPLES, dtype=int)},
    r"'class' \(other values\)": {"classes": ["ant", "bee", "cow", "dog"]},
    r"'class' \(the same values in another order\)": {"classes": ["dog", "bee", "cat", "ant"]},
    r"'class' \(4 and 5 entries\)": {"classes": ["ant", "bee", "cat", "dog", "elk"]},
    r"'split' \(the same values in another order\)": {"split": probe().split[::-1]},
    r"'sample' \(the same values in another order\)": {"sample": probe().sample[REORDER]},
    r"'sample' \(other values\)": {"sample": None},
    r"runs on another probe: the inputs \(identities \w+ and \w+\) differ": {"inputs": probe().inputs[REORDER]},
    r"the inputs \(identities": {"inputs": probe().inputs.astype(np.float32)},
}


@pytest.mark.parametrize(("message", "change"), OTHER_PROBES.items(), ids=str)
def test_recorder__another_probe_is_refused(tmp_path: Path, message: str, change: dict[str, Any]) -> None:
    fill(tmp_path, 0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for run in ("0", "new"):
        with pytest.raises(tk.SchemaError, match=rf"holds runs on another probe: .*{message.split(': ')[-1]}"):
            tk.Recorder(tmp_path, probe(**change), run=run, resume=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": ["train", "test"]}, "'split' has 2 entries, but 'label' has 40"),
        ({"label": LABELS[:-1], "split": "test"}, "'inputs' hold 40 samples, but 'label' has 39 entries"),
        ({"classes": 2}, r"'label' holds \[2\]: wanted class indices from 0 to 1"),
        ({"split": "valid"}, r"'split' holds \['valid'\]"),
        ({"sample": [0] * 40}, "'sample' is not unique"),
        ({"label": LABELS.float()}, "'label' is float32"),
        ({"classes": ["a", "b", "a"]}, "'class' is not unique"),
    ],
)
def test_probe__wrong_inputs_labels_or_names_are_refused(change: Any, message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        images(**change)


def test_probe__its_identity_is_that_of_the_values() -> None:
    same = [IMAGES.clone(), IMAGES.numpy(), IMAGES.numpy().astype(">f4"), np.asfortranarray(IMAGES.numpy())]
    assert {images(inputs=inputs).identity for inputs in same} == {images().identity}
    changed = IMAGES.clone()
    changed[39, 0, 5, 5] += 1e-6
    others = [changed, IMAGES.flip(0), IMAGES.reshape(40, 36), IMAGES.double(), {"x": IMAGES}, {"y": IMAGES}, (IMAGES,)]
    assert len({images(inputs=inputs).identity for inputs in [IMAGES, *others]}) == 1 + len(others)
    texts = [["ab", "c"] * 20, ["a", "bc"] * 20, ["ab", 3] * 20, np.array(["ab", "c"] * 20, dtype=object)]
    assert len({images(inputs=inputs).identity for inputs in texts}) == 3
    with pytest.raises(TypeError, match=r"the probe's inputs hold generator, .* pass identity="):
        _ = images(inputs=(n for n in range(40))).identity
    assert images(inputs=(n for n in range(40)), identity="mine").identity == "mine"


def test_coordinates__further_ones_are_part_of_the_probe() -> None:
    further = {"document": ["a", "a", "b"], "position": [3, 9, 4], "difficulty": [0.5, 1.0, 2.0]}
    probe = tk.Probe(np.eye(3), [0, 1, 1], coords=further)
    again = tk.Probe.from_description(probe.describe())
    assert probe.differences(again) == again.differences(probe) == []
    for name, values in further.items():
        assert again.coordinates()[name].values.tolist() == values
    assert probe.differences(tk.Probe(np.eye(3), [0, 1, 1])) == [
        f"{name!r} (only one of the two has it)" for name in further
    ]
    moved = tk.Probe(np.eye(3), [0, 1, 1], coords=further | {"position": [3, 9, 5]})
    assert probe.differences(moved) == ["'position' (other values)"]
    # A probe without any is described as before.
    assert set(json.loads(tk.Probe(np.eye(3), [0, 1, 1]).describe())) == {"inputs", "sample", "label", "split", "class"}


def test_coordinates__of_an_input_stand_at_each_of_its_labels() -> None:
    probe = tk.Probe([[5, 2, 7], [5, 3]], [[2, 7], [3]], classes=9, coords={"document": ["a", "b"]})
    assert probe.coordinates()["document"].values.tolist() == ["a", "a", "b"]


def test_coordinates__that_files_cannot_keep_are_refused() -> None:
    wrong = {
        "label": [0, 1, 1],
        "point": [0, 1, 2],
        "a/b": [0, 1, 2],
        "short": [0, 1],
        "mixed": ["a", 1, None],
        "complex": [1j, 0, 0],
        "cut": ["a\0", "b", "c"],
    }
    with pytest.raises(tk.SchemaError) as caught:
        tk.Probe(np.eye(3), [0, 1, 1], coords=wrong)
    said = "\n".join(caught.value.problems)
    for part in ("'label': the name is reserved", "'point': the name is reserved", "'a/b' cannot be kept in a file"):
        assert part in said
    assert "'short' has 2 entries, but 'label' has 3" in said
    assert "'complex' has dtype complex128: wanted text, integers, floats or booleans" in said
    assert "'mixed'" in said
    assert "'cut': " in said
    held = json.loads(tk.Probe(np.eye(3), [0, 1, 1]).describe())
    for damaged in ([1], {"document": "abc"}):
        with pytest.raises(ValueError, match="coords: wanted a list for each"):
            tk.Probe.from_description(json.dumps(held | {"coords": damaged}))
