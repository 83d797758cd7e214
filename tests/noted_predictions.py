"""What a training on a table predicts at each step, for the tests of integrations; needs no torch."""

import numpy as np
import xarray as xr

import trajkit as tk

# A table of 12 samples, of which every second one is in the probe.
SAMPLES, CLASSES = 12, 3
INPUTS = np.random.default_rng(0).standard_normal((SAMPLES, 4)).astype("f4")
LABEL = np.arange(SAMPLES) % CLASSES
PROBE = tk.Probe(INPUTS[::2], LABEL[::2], classes=CLASSES)

# Log-probabilities on the probe, by step.
Noted = dict[int, np.ndarray]


def assert_recorded(ds: xr.Dataset, noted: Noted, *, epochs: list[float] | None = None) -> None:
    """Demand one run with the noted log-probabilities at the noted steps."""
    assert ds.step.values.tolist() == [list(noted)]
    np.testing.assert_allclose(ds.log_prob[0], list(noted.values()), rtol=1e-5, atol=1e-6)
    if epochs is not None:
        np.testing.assert_allclose(ds.epoch[0], epochs)
    # The trajectory moves at each step, so a callback that is late by one step would fail above.
    assert (np.abs(np.diff(ds.log_prob[0], axis=0)).max((1, 2)) > 1e-4).all()
