"""Laws of CIFAR and MNIST: the files of torchvision are read without it, and run no code."""

import gzip
import os
import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from recorded_runs import run_script

from trajkit.zoo import DataSettings
from trajkit.zoo.data import load_data
from trajkit.zoo.data.torchvision import CIFAR, MNIST, cifar, mnist


def write_cifar(root, name, random):
    """Write files of the format of CIFAR, of 8 images each; returns all train images and labels."""
    files = CIFAR[name]
    target = root / files.folder
    target.mkdir()
    key = b"labels" if name == "cifar10" else b"fine_labels"
    images, labels = [], []
    for file in (*files.train, *files.test):
        images.append(random.integers(256, size=(8, 3072), dtype=np.uint8))
        labels.append(random.integers(10, size=8).tolist())
        (target / file).write_bytes(pickle.dumps({b"data": images[-1], key: labels[-1]}, protocol=2))
    meta = {"label_names" if name == "cifar10" else "fine_label_names": [f"class {c}" for c in range(10)]}
    (target / ("batches.meta" if name == "cifar10" else "meta")).write_bytes(pickle.dumps(meta, protocol=2))
    return np.concatenate(images[:-1]), np.concatenate(labels[:-1])


@pytest.mark.parametrize("name", CIFAR)
def test_cifar__files_of_torchvision_are_read(name, tmp_path):
    images, labels = write_cifar(tmp_path, name, np.random.default_rng(0))
    source = cifar(str(tmp_path), name=name)
    np.testing.assert_array_equal(source.label["train"], labels)
    np.testing.assert_array_equal(source.read("train", np.array([3]))[0].ravel(), images[3])
    assert source.read("train", np.array([3])).shape == (1, 3, 32, 32)
    assert source.classes[2] == "class 2"
    assert len(set(source.sample["train"]) | set(source.sample["test"])) == len(labels) + 8


def test_cifar__a_pickle_that_runs_something_is_refused(tmp_path):
    write_cifar(tmp_path, "cifar10", np.random.default_rng(0))

    class Deed:
        def __reduce__(self):
            return os.system, ("true",)

    (tmp_path / CIFAR["cifar10"].folder / "test_batch").write_bytes(pickle.dumps({"data": Deed()}))
    with pytest.raises(pickle.UnpicklingError, match="only arrays, numbers and text"):
        cifar(str(tmp_path), name="cifar10")


@pytest.mark.parametrize(("name", "compressed"), [("mnist", True), ("fashion-mnist", False)])
def test_mnist__files_of_torchvision_are_read(name, compressed, tmp_path):
    random = np.random.default_rng(0)
    raw = tmp_path / MNIST[name].folder
    raw.mkdir(parents=True)
    written = {}
    for file in (*MNIST[name].train, *MNIST[name].test):
        shape = (12, 28, 28) if "images" in file else (12,)
        written[file] = random.integers(10, size=shape, dtype=np.uint8)
        content = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + written[file].tobytes()
        path = raw / (f"{file}.gz" if compressed else file)
        path.write_bytes(gzip.compress(content) if compressed else content)
    source = mnist(str(tmp_path), name=name)
    images, labels = (written[file] for file in MNIST[name].train)
    np.testing.assert_array_equal(source.read("train", np.arange(12))[:, 0], images)
    np.testing.assert_array_equal(source.label["train"], labels)


def test_torchvision__downloads_files_that_are_missing(tmp_path, monkeypatch):
    datasets = ModuleType("torchvision.datasets")
    datasets.CIFAR10 = lambda root, download: write_cifar(Path(root), "cifar10", np.random.default_rng(0))
    torchvision = ModuleType("torchvision")
    torchvision.datasets = datasets
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    data = load_data(DataSettings("cifar10", str(tmp_path), train_size=20, probe_train=3, probe_test=3))
    assert data.train.shape == (20, 3, 32, 32)
    assert data.description.startswith("CIFAR10")


def test_torchvision__files_that_are_missing_without_it_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(FileNotFoundError, match="cifar-10-batches-py: unpack CIFAR10 there, or install torchvision"):
        cifar(str(tmp_path), name="cifar10")


def test_zoo__needs_no_torchvision():
    run_script("import sys, trajkit.zoo; assert 'torchvision' not in sys.modules")
