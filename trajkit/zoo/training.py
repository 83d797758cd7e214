"""One training run, from its settings to its last update: read `train_network` from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trajkit.zoo.architectures import ARCHITECTURES
from trajkit.zoo.augment import Crops, augment, draw_crops
from trajkit.zoo.data import stratified_order
from trajkit.zoo.divergence import Losses, nan_unless_finite
from trajkit.zoo.dropout import drop_before_last_layer
from trajkit.zoo.settings import CORNERS, OPTIMIZERS, Settings

# Whether a device computes in bfloat16. CPUs could; on most of them it is slower than float32.
BFLOAT16: dict[str, Callable[[], bool]] = {"cpu": lambda: False, "cuda": torch.cuda.is_bf16_supported}


class Task(NamedTuple):
    """Inputs and labels to learn, the number of updates, and the samples in each."""

    inputs: Tensor
    labels: Tensor
    steps: int
    batch_size: int


class Batch(NamedTuple):
    """Indices of the samples of a batch, and the changes of their images."""

    samples: Tensor
    crops: Crops | None


def train_network(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    settings: Settings,
    *,
    check_at: Container[int] = (),
    compile: bool = False,
) -> Iterator[tuple[int, nn.Module]]:
    """Train `model` to predict `labels`; yield (step, model) before training and after every optimizer update.

    The order of samples and their augmentation come from a generator of their own on the CPU, seeded by the settings:
    they are the same on every device, and code that looks at the model between two updates may draw random numbers
    without changing the training.

    Whether the losses are finite is read from the device once per epoch, at the end and at the steps `check_at`. Until
    then, a network whose loss was not finite predicts NaN. With `compile`, `torch.compile` makes the forward and the
    backward pass.

    Raises
    ------
    Diverged
        If the loss of a batch is not finite.

    Examples
    --------
    >>> settings = Settings("linear", "sgd", 0.1, epochs=2, batch_size=3)
    >>> [step for step, _ in train_network(network(settings, (4,), 7), torch.eye(7, 4), torch.arange(7), settings)]
    [0, 1, 2, 3, 4]
    """
    random = torch.Generator().manual_seed(settings.seeds.order)
    forward = compiled(model) if compile else model
    losses = Losses(updates_per_epoch(settings, len(inputs)), check_at)
    step = 0
    model.train()
    yield step, model
    for task in tasks(inputs, labels, settings, random):
        optimizer = optimizer_of(model.parameters(), settings)
        order = batches(task.inputs, task.batch_size, settings.augmentation, random)
        for done, batch in enumerate(islice(order, task.steps)):
            optimizer.param_groups[0]["lr"] = learning_rate(settings, done / task.steps)
            images = augment(task.inputs[batch.samples], batch.crops)
            with precision(images.device):
                loss = F.cross_entropy(
                    forward(images), task.labels[batch.samples], label_smoothing=settings.label_smoothing
                )
            optimizer.zero_grad()
            loss.backward(gradient=nan_unless_finite(loss))  # type: ignore[no-untyped-call]  # torch leaves it so
            optimizer.step()
            step += 1
            [diverged] = losses.after(step, loss.view(1), is_last=done + 1 == task.steps)
            if diverged:
                raise diverged
            yield step, model


def optimizer_of(parameters: Iterable[Tensor], settings: Settings) -> torch.optim.Optimizer:
    """Make the optimizer of a run."""
    # Fused: one kernel updates all parameters. Each of `OPTIMIZERS` has it since torch 2.4, on CPUs as on GPUs.
    return OPTIMIZERS[settings.optimizer](
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )


def compiled(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Compile the forward and the backward pass of a network; the network itself stays as it is."""
    # "reduce-overhead" adds CUDA graphs: small networks wait for the launches of their kernels.
    made: Callable[[Tensor], Tensor] = torch.compile(model, mode="reduce-overhead")
    return made


def tasks(inputs: Tensor, labels: Tensor, settings: Settings, random: torch.Generator) -> Iterator[Task]:
    """Yield the tasks of a run: the labels that lead into its corner, if it starts from one, then the data."""
    if settings.init in CORNERS:
        few = CORNERS[settings.init]
        if few is None:
            wrong = torch.randint(int(labels.max()) + 1, labels.shape, generator=random).to(labels.device)
            yield Task(inputs, wrong, settings.corner_steps, settings.batch_size)
        else:
            chosen = torch.from_numpy(stratified_order(labels.cpu().numpy(), settings.seeds.order)[:few]).to(
                labels.device
            )
            batch_size = min(settings.batch_size, few)
            yield Task(inputs[chosen], labels[chosen], settings.corner_steps, batch_size)
    yield Task(inputs, labels, settings.epochs * updates_per_epoch(settings, len(labels)), settings.batch_size)


def updates_per_epoch(settings: Settings, samples: int) -> int:
    """Count the updates of one pass over the data; samples that do not fill a batch are left for the next pass."""
    return samples // settings.batch_size


def steps(settings: Settings, samples: int) -> int:
    """Count all updates of a run, including those into its corner."""
    return settings.corner_steps + settings.epochs * updates_per_epoch(settings, samples)


def batches(inputs: Tensor, size: int, augmentation: str, random: torch.Generator) -> Iterator[Batch]:
    """Yield batches of the inputs without end, in another order in each epoch.

    `random` is a generator on the CPU: the same seed gives the same order and the same changes on every device.
    """
    samples, *shape = inputs.shape
    while True:
        # An epoch is drawn and moved at once: indices that are moved with each batch would wait for the device.
        order = torch.randperm(samples, generator=random).to(inputs.device)
        crops = draw_crops(samples, tuple(shape), augmentation, random, inputs.device)
        # Whole batches only: batch norm cannot take a batch of one.
        for start in range(0, samples - size + 1, size):
            part = slice(start, start + size)
            yield Batch(order[part], crops and Crops(crops.rows[part], crops.columns[part]))


def learning_rate(settings: Settings, progress: float) -> float:
    """Learning rate after a share `progress` of the updates: constant, or a cosine that falls to 0."""
    if settings.schedule == "constant":
        return settings.learning_rate
    return settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def precision(device: torch.device) -> torch.autocast:
    """Mixed precision for training and evaluation: bfloat16 on GPUs that support it, float32 elsewhere."""
    # bfloat16 has the range of float32, so the loss needs no scaling as with float16. For the predictions that are
    # recorded it is precise enough: they pass to float64 before their log-softmax, and in four networks on digits, at
    # five checkpoints each, d_B between the predictions in bfloat16 and in float32 was 2e-9 to 9e-6 (on a CPU).
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=BFLOAT16[device.type]())


def network(settings: Settings, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Build the network of a run with its initial weights; the state of torch's global random numbers is restored.

    Examples
    --------
    >>> network(Settings("linear", "sgd", 0.1), (4,), 3)
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=4, out_features=3, bias=True)
    )
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seeds.init)
        model = ARCHITECTURES[settings.architecture].build(shape, classes, size=settings.size, width=settings.width)
        if settings.init in ("kaiming", "normal"):
            _initialise(model, gain=math.sqrt(2) if settings.init == "kaiming" else 1.0)
    if settings.dropout:
        drop_before_last_layer(model, settings.dropout, settings.seeds.order)
    # Convolutions are faster with channels last: 1.1 to 1.9 times even on one core of a CPU.
    # Any: only some builds of torch annotate this form of `to`.
    movable: Any = model
    return movable.to(memory_format=torch.channels_last)


@torch.no_grad()
def _initialise(model: nn.Module, gain: float) -> None:
    """Draw weights from a normal distribution with standard deviation gain / sqrt(inputs of a unit); biases are 0."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.weight.normal_(0, gain / math.sqrt(layer.weight[0].numel()))
            if layer.bias is not None:
                layer.bias.zero_()
