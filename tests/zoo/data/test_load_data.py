"""Laws of the loaded data: stratified, disjoint, normalised; folders and sloppy inputs are what they say."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from trajkit.zoo import DataSettings
from trajkit.zoo.data import load_data, noisy_labels, stratified_order
from trajkit.zoo.data.folder import folder
from trajkit.zoo.data.sloppy import decayed, sloppy


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


def test_stratified_order__deals_classes_out_in_turn():
    label = np.repeat([0, 1, 2], [50, 30, 5])
    order = stratified_order(label, seed=0)
    assert sorted(order) == list(range(85))
    assert np.bincount(label[order[:15]]).tolist() == [5, 5, 5]
    assert np.bincount(label[order[:45]]).tolist() == [20, 20, 5]
    assert not np.array_equal(order, stratified_order(label, seed=1))


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


def test_folder__images_are_read_as_they_were_written(images):
    source = folder(str(images))
    assert source.classes == ["cat", "dog"]
    assert source.sample["train"][13] == "train/dog/0001.png"
    with Image.open(images / "train" / "dog" / "0001.png") as image:
        np.testing.assert_array_equal(source.read("train", np.array([13]))[0].transpose(1, 2, 0), np.asarray(image))
    data = load_data(DataSettings("folder", str(images), train_size=10, probe_train=4, probe_test=4))
    assert data.train.shape == (10, 3, 16, 16)
    np.testing.assert_allclose(data.train.mean((0, 2, 3)), 0, atol=1e-5)
    assert data.probe.classes.tolist() == ["cat", "dog"]


def test_folder__what_cannot_be_read_is_named(images, tmp_path):
    with pytest.raises(OSError, match=r"no images in .*train: wanted"):
        folder(str(tmp_path))
    copy = Path(shutil.copytree(images, tmp_path / "copy"))
    Image.new("RGB", (8, 8)).save(copy / "train" / "cat" / "0003.png")
    with pytest.raises(OSError, match=r"images of one size, got .*0003\.png"):
        load_data(DataSettings("folder", str(copy), probe_train=4, probe_test=4))
    (copy / "test" / "cat").rename(copy / "test" / "cow")
    with pytest.raises(OSError, match=r"classes that train lacks: \['cow'\]"):
        folder(str(copy))
