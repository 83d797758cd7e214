"""One training run, from its settings to its trajectory: read it from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trajkit.zoo.architectures import ARCHITECTURES

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "adam": torch.optim.Adam,
}


class Diverged(ArithmeticError):
    """A training whose loss or predictions are no longer finite."""


@dataclass(frozen=True)
class Settings:
    """All that distinguishes one training run from another on the same data.

    Raises
    ------
    ValueError
        If there is no such architecture or optimizer, or epochs or batch size are below 1.

    Examples
    --------
    >>> Settings("mlp-wide", "adam", 0.001, seed=0).run
    'mlp-wide-adam-0.001-0'
    """

    architecture: str
    optimizer: str
    learning_rate: float
    seed: int
    epochs: int = 40
    batch_size: int = 64
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture {self.architecture!r}: wanted one of {list(ARCHITECTURES)}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r}: wanted one of {list(OPTIMIZERS)}")
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError(f"wanted epochs and batch_size of at least 1, got {self.epochs} and {self.batch_size}")

    @property
    def run(self) -> str:
        """The run's identity; what differs from its default is a part of it."""
        name = f"{self.architecture}-{self.optimizer}-{self.learning_rate:g}-{self.seed}"
        if self.batch_size != Settings.batch_size:
            name += f"-batch_size-{self.batch_size}"
        if self.weight_decay != Settings.weight_decay:
            name += f"-weight_decay-{self.weight_decay:g}"
        return name


def train(model: nn.Module, images: Tensor, labels: Tensor, settings: Settings) -> Iterator[tuple[int, nn.Module]]:
    """Train `model` to predict `labels`, yielding (step, model) before training and after every optimizer update.

    The order of the samples, and whatever else is random, comes from torch's global random numbers: seed them first.

    Raises
    ------
    Diverged
        If the loss of a batch is not finite.

    Examples
    --------
    >>> settings = Settings("linear", "sgd", 0.1, seed=0, epochs=2, batch_size=4)
    >>> model = ARCHITECTURES["linear"].build((1, 8, 8), 10)
    >>> [step for step, _ in train(model, torch.ones(7, 1, 8, 8), torch.arange(7), settings)]
    [0, 1, 2, 3, 4]
    """
    optimizer = OPTIMIZERS[settings.optimizer](
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    model.train()
    step = 0
    yield step, model
    for _ in range(settings.epochs):
        for batch in torch.split(torch.randperm(len(images)), settings.batch_size):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            if not loss.isfinite():
                raise Diverged(f"the loss became {loss.item()} at step {step}")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            optimizer.step()
            step += 1
            yield step, model


def log_spaced(last: int, n: int, offset: float = 8) -> list[int]:
    """Choose up to `n` steps at which to record, from 0 to `last`, evenly spaced in log(step + offset).

    Networks change most within the first hundreds of steps, but little within the first few: spaced evenly in
    log(step), a third of all checkpoints would lie below step 10. Steps that round to the same integer count once.

    Examples
    --------
    >>> log_spaced(920, 10)
    [0, 6, 15, 31, 58, 104, 182, 315, 539, 920]
    >>> log_spaced(3, 10)
    [0, 1, 2, 3]
    """
    steps = np.geomspace(offset, last + offset, n) - offset
    return sorted(set(np.rint(steps).astype(int).tolist()))


def record(stream: Iterable[tuple[int, nn.Module]], probe: Tensor, at: Collection[int]) -> NDArray[np.float32]:
    """Run a training to its end, evaluating the model on `probe` at the steps `at`.

    Training goes on as if nobody had looked: the model is evaluated in eval mode without gradients, then the mode
    of each of its layers and torch's random numbers are put back.

    Returns
    -------
    numpy.ndarray
        Log-probabilities (checkpoint, sample, class), in the order of training.

    Raises
    ------
    Diverged
        If a prediction is not finite.
    ValueError
        If training ends before all steps of `at` were seen.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    >>> record([(0, model), (1, model), (2, model)], torch.ones(5, 2, 2), at=[0, 2]).shape
    (2, 5, 3)
    """
    recorded: dict[int, NDArray[np.float32]] = {}
    for step, model in stream:
        if step in at:
            recorded[step] = _log_prob(model, probe, step)
    if missed := sorted(set(at) - set(recorded)):
        raise ValueError(f"the training never came to steps {missed}, which were to be recorded")
    return np.stack(list(recorded.values()))


def _log_prob(model: nn.Module, probe: Tensor, step: int) -> NDArray[np.float32]:
    # Layer by layer: `model.train()` would also wake layers that are meant to stay in eval mode.
    modes, random = {layer: layer.training for layer in model.modules()}, torch.get_rng_state()
    model.eval()
    with torch.no_grad():
        logits = model(probe)
    for layer, training in modes.items():
        layer.training = training
    torch.set_rng_state(random)
    if not logits.isfinite().all():
        raise Diverged(f"predictions are not finite at step {step}")
    # float64, so that a probability near 1 keeps its small distance from it.
    log_prob: NDArray[np.float32] = logits.double().log_softmax(-1).float().numpy()
    return log_prob
