"""Laws of recording in memory: it gives what a recorder keeps."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from trainings import network, probe, train

import trajkit as tk


def test_record__gives_what_a_recorder_keeps(tmp_path: Path) -> None:
    at = tk.RecordAt.log_spaced(5, 12)
    run = {"architecture": "CNN", "seed": 0}
    ds = tk.record(train(network()), probe(), at=at, run=run)
    with tk.Recorder(tmp_path, probe(), run, at=at) as record:
        for step, model in train(network()):
            record(model, step)
    kept = tk.load(tmp_path).load()
    xr.testing.assert_identical(kept.drop_attrs(), ds.drop_attrs())
    np.testing.assert_array_equal(kept.log_prob.values.view(np.uint32), ds.log_prob.values.view(np.uint32))


def test_record__refuses_a_training_without_checkpoints() -> None:
    with pytest.raises(ValueError, match="nothing was recorded"):
        tk.record(train(network()), probe(), at=[1000])


def test_record__a_real_training_that_diverges_ends() -> None:
    with pytest.warns(RuntimeWarning, match="run 'run' diverged") as caught:
        ds = tk.record(train(network(), steps=300, learning_rate=1e6), probe())
    tk.validate(ds)
    assert len(caught) == 1
    assert ds.diverged_at.item() > ds.step.max()
