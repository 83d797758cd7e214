"""The settings of one run: everything that distinguishes it from other runs on the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import MISSING, dataclass, fields, replace
from functools import partial
from typing import NamedTuple

import torch

from trajkit.zoo.architectures import ARCHITECTURES, SIZES

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "adam": torch.optim.Adam,
}
AUGMENTATIONS = ("none", "simple")
SCHEDULES = ("constant", "cosine")
# A corner is where a first task leads before the training begins: random labels (None), or this many of the samples.
CORNERS: dict[str, int | None] = {"corner-random": None, "corner-200": 200, "corner-2000": 2000}
INITS = ("default", "kaiming", "normal", *CORNERS)

_KNOWN: dict[str, Collection[str]] = {
    "architecture": ARCHITECTURES,
    "optimizer": OPTIMIZERS,
    "size": SIZES,
    "augmentation": AUGMENTATIONS,
    "schedule": SCHEDULES,
    "init": INITS,
}
# The least value, and whether that value itself is allowed.
_LEAST = {
    "learning_rate": (0, False),
    "width_factor": (0, False),
    "seed": (0, True),
    "epochs": (1, True),
    "batch_size": (1, True),
    "weight_decay": (0, True),
    "label_smoothing": (0, True),
    "dropout": (0, True),
    "corner_steps": (0, True),
    "label_noise": (0, True),
    "decay": (0, True),
}
# A run's name begins with these; other settings follow if they differ from their default.
_NAMED = ("architecture", "width", "optimizer", "learning_rate", "seed")
# What a name leaves out: the factors follow from the width and the learning rate, which are in it.
_UNNAMED = ("width_factor", "learning_rate_factor")
# Shares, which cannot be more than 1.
_SHARES = ("label_noise", "label_smoothing", "dropout")


class Seeds(NamedTuple):
    """Seeds of a run: for the initial weights, and for the order of samples with everything else that is drawn."""

    init: int
    order: int


@dataclass(frozen=True)
class Settings:
    """Everything that distinguishes one training run from another on the same data.

    Parameters
    ----------
    architecture, size, width_factor
        A name in `ARCHITECTURES`, its size ("paper" or "small"), and the factor by which the units or channels of its
        first layer differ from those of that size. The property `width` is their number.
    optimizer, learning_rate, schedule
        "sgd", "nesterov" (momentum 0.9) or "adam"; the learning rate is "constant", or falls to 0 as a "cosine".
    learning_rate_factor
        The learning rate relative to the tuned one of this architecture, optimizer and width, if that is known.
    epochs, batch_size
        Passes over the data, and samples in an update.
    weight_decay, label_smoothing, dropout
        The optimizer's L2 penalty; the share of each label that is spread over all classes; and the probability with
        which an input of the last layer is left out during training.
    augmentation
        "none", or "simple": images are shifted by up to an eighth of their side and mirrored, at random.
    init
        Initial weights: "default" (those of torch), "kaiming", "normal" (standard deviation 1/sqrt(inputs of the
        unit)), or a corner: default weights, then `corner_steps` updates on uniformly random labels ("corner-random")
        or on 200 or 2000 of the samples ("corner-200", "corner-2000"). Training begins after them.
    seed
        Number of the run among those that share all other settings.
    init_seed, order_seed
        Seeds for the initial weights; and for the order of samples, the augmentation, dropout and the task of the
        corner. By default they follow from all settings and `seed`, so that no two configurations share them. The
        property `seeds` holds both.
    label_noise
        Share of the training labels that are replaced by uniformly random ones, the same for all seeds.
    shuffle_labels
        Whether to permute the training labels, so that a network can only memorise the samples.
    decay
        For the data "sloppy" only: the eigenvalues of the inputs' covariance fall as exp(-decay i).

    Raises
    ------
    ValueError
        If a name is unknown or a number is out of range; the message lists all problems.

    Examples
    --------
    >>> Settings("fc", "adam", 0.001, seed=3).run
    'fc-256-adam-0.001-3'
    >>> corner = Settings("fc", "adam", 0.001, width_factor=2, init="corner-200", corner_steps=100)
    >>> corner.run, corner.width
    ('fc-512-adam-0.001-0-init=corner-200-corner_steps=100', 512)
    >>> Settings("fc", "adam", 0.001).seeds
    Seeds(init=1602180788, order=285221109)
    """

    architecture: str
    optimizer: str
    learning_rate: float
    seed: int = 0
    epochs: int = 40
    batch_size: int = 64
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    dropout: float = 0.0
    schedule: str = "cosine"
    augmentation: str = "none"
    init: str = "default"
    corner_steps: int = 0
    label_noise: float = 0.0
    shuffle_labels: bool = False
    decay: float = 0.0
    size: str = "small"
    width_factor: float = 1.0
    learning_rate_factor: float | None = None
    init_seed: int | None = None
    order_seed: int | None = None

    def __post_init__(self) -> None:
        problems = [
            f"{name} {getattr(self, name)!r}: wanted one of {list(known)}"
            for name, known in _KNOWN.items()
            if getattr(self, name) not in known
        ]
        for name, (least, allowed) in _LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not (value > least or (allowed and value == least)):
                problems.append(f"{name} {value!r}: wanted {'at least' if allowed else 'more than'} {least}")
        for name in _SHARES:
            value = getattr(self, name)
            if isinstance(value, int | float) and value > 1:
                problems.append(f"{name} {value!r}: wanted a share of at most 1")
        if (self.init in CORNERS) != (self.corner_steps > 0):
            problems.append(
                f"init {self.init!r} with corner_steps {self.corner_steps}: a corner needs steps, other inits take none"
            )
        for name in ("init_seed", "order_seed"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and 0 <= value < 2**63):
                problems.append(f"{name} {value!r}: wanted a whole number from 0 to 2**63 - 1")
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def width(self) -> int:
        """Units or channels of the first layer."""
        return round(self.width_factor * ARCHITECTURES[self.architecture].width(self.size))

    @property
    def seeds(self) -> Seeds:
        """The seeds of this run."""
        # Drawn afresh for every configuration: runs that share their initial weights are not independent.
        drawn = (_drawn(f"{purpose} {replace(self, init_seed=None, order_seed=None).run}") for purpose in Seeds._fields)
        given = (self.init_seed, self.order_seed)
        return Seeds(*(new if seed is None else seed for seed, new in zip(given, drawn, strict=True)))

    @property
    def run(self) -> str:
        """Identity of the run, which contains each setting that differs from its default."""
        name = "-".join(_text(getattr(self, part)) for part in _NAMED)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _NAMED + _UNNAMED or field.default is MISSING:
                continue
            if value != field.default:
                name += f"-{field.name}={_text(value)}"
        return name


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _drawn(text: str) -> int:
    """Draw a number of 31 bits that is the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
