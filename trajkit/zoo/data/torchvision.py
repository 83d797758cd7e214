"""CIFAR and MNIST, read from the files that torchvision downloads; reading them does not need torchvision."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trajkit.storage.atomic import user_path
from trajkit.zoo.data.source import SPLITS, Source, from_memory


class Files(NamedTuple):
    """Torchvision's name of a data set, its folder, and its files for train and test."""

    dataset: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]


CIFAR = {
    "cifar10": Files("CIFAR10", "cifar-10-batches-py", tuple(f"data_batch_{i}" for i in range(1, 6)), ("test_batch",)),
    "cifar100": Files("CIFAR100", "cifar-100-python", ("train",), ("test",)),
}
MNIST = {
    name: Files(
        dataset,
        f"{dataset}/raw",
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    )
    for name, dataset in (("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"))
}


def cifar(path: str, *, name: str) -> Source:
    """Read CIFAR-10 or CIFAR-100 from `path`; torchvision downloads it if it is missing."""
    files = CIFAR[name]
    folder = _folder(path, files)
    key = "labels" if name == "cifar10" else "fine_labels"
    meta = _unpickle(folder / ("batches.meta" if name == "cifar10" else "meta"))
    images, label = {}, {}
    for split in SPLITS:
        pieces = [_unpickle(folder / file) for file in getattr(files, split)]
        images[split] = np.concatenate([piece["data"] for piece in pieces]).reshape(-1, 3, 32, 32)
        label[split] = np.concatenate([piece[key] for piece in pieces]).astype(np.int64)
    classes = [c.decode() if isinstance(c, bytes) else c for c in meta[key.replace("labels", "label_names")]]
    return from_memory(f"{files.dataset} (Krizhevsky 2009)", classes, images, label)


def mnist(path: str, *, name: str) -> Source:
    """Read MNIST or Fashion-MNIST from `path`; torchvision downloads it if it is missing."""
    files = MNIST[name]
    folder = _folder(path, files)
    images = {split: _idx(folder / getattr(files, split)[0])[:, None] for split in SPLITS}
    label = {split: _idx(folder / getattr(files, split)[1]).astype(np.int64) for split in SPLITS}
    return from_memory(files.dataset, [str(c) for c in range(10)], images, label)


READERS: dict[str, Callable[[str], Source]] = {
    **{name: partial(cifar, name=name) for name in CIFAR},
    **{name: partial(mnist, name=name) for name in MNIST},
}


def _folder(path: str, files: Files) -> Path:
    """Find the folder of the files; download them if it does not exist."""
    folder = user_path(path) / files.folder
    if not folder.is_dir():
        try:
            import torchvision.datasets
        except ModuleNotFoundError as error:
            raise FileNotFoundError(
                f"there is no {folder}: unpack {files.dataset} there, or install torchvision, which downloads it"
            ) from error
        getattr(torchvision.datasets, files.dataset)(path, download=True)
    return folder


def _idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX array of bytes: two zeros, 8 for bytes, the number of dimensions, their lengths, the values."""
    content = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes())
    if content[:3] != b"\0\0\x08":
        raise OSError(f"{path} is not an IDX file of bytes: it begins with {content[:4].hex()}. Download it again")
    shape = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of arrays, numbers and text. A pickle can name any function; only those needed here are called."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if module == "numpy" and name in ("ndarray", "dtype"):
            # The files of 2009 pass further arguments to dtype, about which numpy warns; uint8 needs none of them.
            return np.ndarray if name == "ndarray" else lambda kind, *_: np.dtype(kind)
        if (module, name) == ("_codecs", "encode"):
            import _codecs

            return _codecs.encode
        raise pickle.UnpicklingError(f"wanted only arrays, numbers and text, got {module}.{name}")


def _unpickle(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        held = _ArraysOnly(file, encoding="bytes").load()
    return {key.decode() if isinstance(key, bytes) else key: value for key, value in held.items()}
