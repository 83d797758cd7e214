"""Laws of the probe: two probes are equal only if every sample is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded_runs import SAMPLES, fill, probe

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
