"""The settings of one run: everything that distinguishes it from other runs on the same data."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import MISSING, dataclass, fields
from functools import partial

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
    "seed": (0, True),
    "epochs": (1, True),
    "batch_size": (1, True),
    "weight_decay": (0, True),
    "corner_steps": (0, True),
    "label_noise": (0, True),
    "decay": (0, True),
}
# A run's name begins with these; other settings follow if they differ from their default.
_NAMED = ("architecture", "width", "optimizer", "learning_rate", "seed")


@dataclass(frozen=True)
class Settings:
    """Everything that distinguishes one training run from another on the same data.

    Parameters
    ----------
    architecture, size, width
        A name in `ARCHITECTURES`, its size ("paper" or "small"), and the units or channels of its first layer, by
        default those of that size.
    optimizer, learning_rate, schedule
        "sgd", "nesterov" (momentum 0.9) or "adam"; the learning rate is "constant", or falls to 0 as a "cosine".
    epochs, batch_size, weight_decay
        Passes over the data, samples in an update, and the optimizer's L2 penalty.
    augmentation
        "none", or "simple": images are shifted by up to an eighth of their side and mirrored, at random.
    init
        Initial weights: "default" (those of torch), "kaiming", "normal" (standard deviation 1/sqrt(inputs of the
        unit)), or a corner: default weights, then `corner_steps` updates on uniformly random labels ("corner-random")
        or on 200 or 2000 of the samples ("corner-200", "corner-2000"). Training begins after them.
    seed
        Seed for the initial weights, the order of samples, the augmentation and the task of the corner.
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
    >>> Settings("fc", "adam", 0.001, width=512, init="corner-200", corner_steps=100).run
    'fc-512-adam-0.001-0-init=corner-200-corner_steps=100'
    """

    architecture: str
    optimizer: str
    learning_rate: float
    seed: int = 0
    epochs: int = 40
    batch_size: int = 64
    weight_decay: float = 0.0
    schedule: str = "cosine"
    augmentation: str = "none"
    init: str = "default"
    corner_steps: int = 0
    label_noise: float = 0.0
    shuffle_labels: bool = False
    decay: float = 0.0
    size: str = "small"
    width: int | None = None

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
        if isinstance(self.label_noise, int | float) and self.label_noise > 1:
            problems.append(f"label_noise {self.label_noise!r}: wanted a share of at most 1")
        if (self.init in CORNERS) != (self.corner_steps > 0):
            problems.append(
                f"init {self.init!r} with corner_steps {self.corner_steps}: a corner needs steps, other inits take none"
            )
        if self.width is not None and (not isinstance(self.width, int) or self.width < 0):
            problems.append(f"width {self.width!r}: wanted a whole number")
        if problems:
            raise ValueError("; ".join(problems))
        if self.width is None:
            object.__setattr__(self, "width", ARCHITECTURES[self.architecture].width(self.size))

    @property
    def run(self) -> str:
        """Identity of the run, which contains each setting that differs from its default."""
        name = "-".join(_text(getattr(self, part)) for part in _NAMED)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in _NAMED and field.default is not MISSING and value != field.default:
                name += f"-{field.name}={_text(value)}"
        return name


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
