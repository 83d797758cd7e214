"""Laws of sloppy inputs: their eigenvalues fall exponentially, their labels stay."""

import numpy as np
import pytest
import torch

from trajkit.zoo import DataSettings
from trajkit.zoo.data import load_data
from trajkit.zoo.data.sloppy import decayed, sloppy


def test_sloppy__eigenvalues_fall_exponentially_and_labels_stay():
    source = sloppy("")
    white = source.read("train", np.arange(5000))
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(decayed(white, 0.1).T)))[::-1]
    slope = np.polyfit(np.arange(100), np.log(eigenvalues[:100]), 1)[0]
    assert slope == pytest.approx(-0.1, abs=0.005)
    assert (decayed(white, 0.5) ** 2).mean() == pytest.approx(1, abs=0.05)
    data = load_data(DataSettings("sloppy"))
    shrunk = data.with_decay(0.3)
    assert shrunk.probe.identity == data.probe.identity
    assert not torch.equal(shrunk.train, data.train)
    torch.testing.assert_close(shrunk.probe.inputs[:100], shrunk.train[:100])
