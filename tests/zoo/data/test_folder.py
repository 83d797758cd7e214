"""Laws of folders of images: pixels are read as they were written."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trajkit.zoo import DataSettings
from trajkit.zoo.data import load_data
from trajkit.zoo.data.folder import folder


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
