"""Laws of the loaded data: stratified, disjoint, normalised."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from trajkit.zoo import DataSettings
from trajkit.zoo.data import load_data, noisy_labels


def test_digits__split_and_probe_are_stratified_and_disjoint():
    data = load_data(DataSettings("digits"))
    assert (len(data.train), len(data.test)) == (1437, 360)
    probe = data.probe
    assert len(set(probe.sample.tolist())) == 200
    for split in ("train", "test"):
        assert np.bincount(probe.label[probe.split == split]).tolist() == [10] * 10
    assert data.train.mean().item() == pytest.approx(0, abs=1e-6)
    assert data.train.std().item() == pytest.approx(1, abs=1e-3)
    pixels, label = load_digits(return_X_y=True)
    np.testing.assert_array_equal(label[probe.sample], probe.label)
    raw = torch.from_numpy(pixels[probe.sample]).float().view(200, 1, 8, 8)
    assert np.corrcoef(raw.flatten(), probe.inputs.flatten())[0, 1] == pytest.approx(1, abs=1e-6)


def test_data__a_subset_is_stratified_and_the_probe_its_beginning():
    data = load_data(DataSettings("digits", train_size=100, test_size=60, probe_train=50, probe_test=60))
    assert torch.bincount(data.train_label).tolist() == [10] * 10
    assert torch.equal(data.probe.inputs[:50], data.train[:50])
    assert torch.equal(data.probe.inputs[50:], data.test)


def test_data__more_samples_than_there_are_is_refused():
    with pytest.raises(ValueError, match="wanted 2000 train samples, but digits has 1437"):
        load_data(DataSettings("digits", train_size=2000))


def test_noisy_labels__share_and_permutation():
    label = torch.arange(10).repeat(500)
    noisy = noisy_labels(label, 0.4, shuffle=False)
    assert (noisy != label).float().mean().item() == pytest.approx(0.36, abs=0.03)
    assert torch.equal(noisy, noisy_labels(label, 0.4, shuffle=False))
    shuffled = noisy_labels(label, 0.0, shuffle=True)
    assert torch.equal(shuffled.bincount(), label.bincount())
    assert (shuffled == label).float().mean().item() == pytest.approx(0.1, abs=0.03)
