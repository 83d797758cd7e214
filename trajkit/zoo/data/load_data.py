"""The data of a run: normalised tensors on a device, and the probe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajkit.storage import Probe
from trajkit.typing import Labels
from trajkit.zoo.data.digits import digits
from trajkit.zoo.data.folder import folder
from trajkit.zoo.data.sloppy import decayed, sloppy
from trajkit.zoo.data.source import SPLITS, Source, stratified_order
from trajkit.zoo.data.text import texts
from trajkit.zoo.data.torchvision import READERS

SOURCES: dict[str, Callable[[str], Source]] = {"digits": digits, "sloppy": sloppy, "folder": folder, **READERS}
TEXT = "text"
NAMES = [*SOURCES, TEXT]
# Data that are read from files.
NEED_PATH = {"folder", *READERS}


@dataclass(frozen=True)
class DataSettings:
    """Which data, how many samples of them, and how many in the probe.

    Parameters
    ----------
    name
        One of `NAMES`.
    path
        Folder of the files, for data that are read from files; a text to read in place of the embedded one.
    train_size, test_size
        Number of samples, by default all. They are stratified, drawn with `seed` and the same for all runs.
    probe_train, probe_test
        Number of train and test samples in the probe: the first of those samples, stratified too. Of a text, as many of
        both: contexts at random places.
    seed
        Seed for the random draws.
    description
        Description of the data in the metadata, by default that of the source.
    """

    name: str
    path: str = ""
    train_size: int | None = None
    test_size: int | None = None
    probe_train: int = 100
    probe_test: int = 100
    seed: int = 0
    description: str = ""

    def __post_init__(self) -> None:
        problems = []
        if self.name not in NAMES:
            problems.append(f"name {self.name!r}: wanted one of {NAMES}")
        elif self.name in NEED_PATH and not self.path:
            problems.append(f"{self.name} needs a path: the folder of its files (--data)")
        for size, probe in ((self.train_size, self.probe_train), (self.test_size, self.probe_test)):
            if probe < 1 or (size is not None and size < probe):
                problems.append(
                    f"wanted at least 1 probe sample of each split and at most its size, got {probe} of {size}"
                )
        if self.name == TEXT and self.probe_train != self.probe_test:
            problems.append(
                f"wanted as many probe samples of each split of a text, got {self.probe_train} and {self.probe_test}"
            )
        if problems:
            raise ValueError("; ".join(problems))


@dataclass(frozen=True, eq=False)
class Data:
    """Samples on a device, as float32 or token ids.

    Each channel of float32 has mean 0 and standard deviation 1 over the train samples.
    """

    description: str
    train: Tensor
    train_label: Tensor
    test: Tensor
    test_label: Tensor
    probe: Probe
    is_sloppy: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return tuple(self.train.shape[1:])

    @property
    def has_tokens(self) -> bool:
        """Whether inputs are token ids."""
        return not self.train.is_floating_point()

    def with_decay(self, c: float) -> Data:
        """Scale sloppy inputs so that their eigenvalues fall as exp(-c i); the probe keeps its identity."""
        if not self.is_sloppy:
            return self
        scale = torch.from_numpy(decayed(np.ones(self.shape), c)).float().to(self.train.device)
        probe = self.probe
        return replace(
            self,
            train=self.train * scale,
            test=self.test * scale,
            probe=Probe(
                probe.inputs * scale, probe.label, classes=probe.classes.tolist(), split=probe.split,
                sample=probe.sample, identity=probe.identity,
            ),
        )  # fmt: skip


@cache
def load_data(settings: DataSettings, device: str = "cpu") -> Data:
    """Read the samples; they are cached, so each process reads them once.

    Raises
    ------
    ValueError
        If there are fewer samples than the settings want.

    Examples
    --------
    >>> data = load_data(DataSettings("digits"))
    >>> data.train.shape, len(data.probe)
    (torch.Size([1437, 1, 8, 8]), 200)
    """
    if settings.name == TEXT:
        return _of_text(settings, device)
    source = SOURCES[settings.name](settings.path)
    chosen, raw, label = {}, {}, {}
    for split in SPLITS:
        wanted = getattr(settings, f"{split}_size")
        chosen[split] = _choose(source.label[split], wanted, settings, split)
        raw[split], label[split] = source.read(split, chosen[split]), source.label[split][chosen[split]]
    shift, scale = _normalisation(raw["train"]) if settings.name != "sloppy" else (torch.zeros(1), torch.ones(1))
    tensors = {split: ((torch.from_numpy(raw[split]).float() - shift) / scale).to(device) for split in SPLITS}
    if tensors["train"].dim() == 4:
        tensors = {split: t.contiguous(memory_format=torch.channels_last) for split, t in tensors.items()}
    count = {split: getattr(settings, f"probe_{split}") for split in SPLITS}
    probe = Probe(
        torch.cat([tensors[split][: count[split]] for split in SPLITS]),
        np.concatenate([label[split][: count[split]] for split in SPLITS]),
        classes=source.classes,
        split=np.repeat(SPLITS, list(count.values())),
        sample=np.concatenate([source.sample[split][chosen[split]][: count[split]] for split in SPLITS]),
        # Hash of the bytes that were read: normalised values may differ in their last digit on another machine.
        identity=hashlib.sha256(b"".join(raw[s][: count[s]].tobytes() for s in SPLITS)).hexdigest(),
    )
    labels = {split: torch.from_numpy(label[split]).to(device) for split in SPLITS}
    return Data(
        settings.description or source.description,
        tensors["train"], labels["train"], tensors["test"], labels["test"], probe,
        is_sloppy=settings.name == "sloppy",
    )  # fmt: skip


def _of_text(settings: DataSettings, device: str) -> Data:
    read = texts(settings.path, samples=settings.probe_train + settings.probe_test, seed=settings.seed)
    random = np.random.default_rng(settings.seed)
    held = {}
    for split in SPLITS:
        size, count = getattr(settings, f"{split}_size"), len(read.label[split])
        if size is not None and size > count:
            raise ValueError(f"wanted {size} {split} samples, but the text has {count}: choose fewer")
        chosen = slice(None) if size is None else random.choice(count, size, replace=False)
        held[split] = [torch.from_numpy(part[split][chosen].copy()).to(device) for part in (read.tokens, read.label)]
    (train, train_label), (test, test_label) = held["train"], held["test"]
    return Data(settings.description or read.description, train, train_label, test, test_label, read.probe)


def noisy_labels(label: Tensor, noise: float, *, shuffle: bool) -> Tensor:
    """Replace a share `noise` of the labels by random ones, then permute all if `shuffle`; the same for every run.

    Examples
    --------
    >>> label = torch.arange(10).repeat(100)
    >>> bool((noisy_labels(label, 0.0, shuffle=False) == label).all())
    True
    >>> changed = noisy_labels(label, 0.5, shuffle=False) != label  # A tenth of the random labels equals the old one.
    >>> abs(changed.float().mean().item() - 0.45) < 0.05
    True
    """
    random = torch.Generator().manual_seed(0)
    drawn = torch.randint(int(label.max()) + 1, label.shape, generator=random)
    chosen = torch.rand(label.shape, generator=random) < noise
    order = torch.randperm(len(label), generator=random)
    noisy = torch.where(chosen.to(label.device), drawn.to(label.device), label)
    return noisy[order.to(label.device)] if shuffle else noisy


def _choose(label: Labels, size: int | None, settings: DataSettings, split: str) -> Labels:
    wanted = max(size or 0, getattr(settings, f"probe_{split}"))
    if wanted > len(label):
        raise ValueError(f"wanted {wanted} {split} samples, but {settings.name} has {len(label)}: choose fewer")
    return stratified_order(label, settings.seed)[:size]


def _normalisation(raw: NDArray[np.uint8]) -> list[Tensor]:
    """Mean and standard deviation of each channel."""
    # From counts of each byte value: unlike a sum over pixels, they are the same on every machine.
    byte = np.arange(256)
    share = [np.bincount(raw[:, c].ravel(), minlength=256) / raw[:, c].size for c in range(raw.shape[1])]
    mean = np.array([s @ byte for s in share])
    variance = np.array([s @ (byte - m) ** 2 for s, m in zip(share, mean, strict=True)])
    deviation = np.sqrt(np.where(variance > 0, variance, 1))  # A constant channel becomes 0.
    return [torch.from_numpy(x).float().view(1, -1, 1, 1) for x in (mean, deviation)]
