"""Training several seeds of a small network at once, which is faster than one after the other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from itertools import islice

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional as F

from trajkit.zoo.augment import Crops, augment
from trajkit.zoo.divergence import Diverged, Losses, nan_unless_finite
from trajkit.zoo.settings import CORNERS, Settings
from trajkit.zoo.training import Batch, batches, learning_rate, optimizer_of, precision, steps, updates_per_epoch

# Measured on one core, together against one after the other. With 64 inputs, four seeds of fc are 1.1 to 1.4 times as
# fast, eight 1.5 to 1.7 times, linear up to 2.7 times; two or three seeds gain nothing. With 3072 inputs, four seeds
# take twice as long: a batched matrix product reads the weights more slowly than a plain one. Convolutions gain little.
ARCHITECTURES_TOGETHER = ("linear", "fc")
MOST_FEATURES = 256
FEWEST_SEEDS = 4


def can_train_together(settings: Settings, features: int) -> bool:
    """Whether training seeds of these settings together is faster: small networks without a corner or dropout."""
    few = features <= MOST_FEATURES and settings.architecture in ARCHITECTURES_TOGETHER
    return few and settings.init not in CORNERS and not settings.dropout


def train_seeds_together(
    models: Sequence[nn.Module],
    inputs: Tensor,
    labels: Tensor,
    settings: Sequence[Settings],
    *,
    check_at: Container[int] = (),
) -> Iterator[tuple[int, list[nn.Module | Diverged]]]:
    """Train networks whose settings differ only in their seed, each as `train_network` would.

    Yields the step and the networks; a `Diverged` stands for a network whose loss is not finite any more, from the next
    look at the losses on. The parameters become views of one stack, which one optimizer updates.

    Examples
    --------
    >>> from trajkit.zoo.training import network
    >>> settings = [Settings("linear", "sgd", 0.1, seed=seed, epochs=1, batch_size=4) for seed in range(3)]
    >>> models = [network(s, (4,), 2) for s in settings]
    >>> [step for step, _ in train_seeds_together(models, torch.eye(8, 4), torch.arange(8) % 2, settings)]
    [0, 1, 2]
    """
    first = settings[0]
    randoms = [torch.Generator().manual_seed(s.seeds.order) for s in settings]
    orders = zip(*(batches(inputs, first.batch_size, first.augmentation, random) for random in randoms), strict=True)
    forward, parameters = _stacked(models)
    optimizer = optimizer_of(parameters, first)
    losses = Losses(updates_per_epoch(first, len(inputs)), check_at)
    last = steps(first, len(inputs))
    yield 0, list(models)
    for step, several in enumerate(islice(orders, last), start=1):
        optimizer.param_groups[0]["lr"] = learning_rate(first, (step - 1) / last)
        batch = _joined(several)
        images = augment(inputs[batch.samples], batch.crops).view(len(models), -1, *inputs.shape[1:])
        with precision(images.device):
            logits = forward(images)
        loss = F.cross_entropy(
            logits.flatten(0, 1), labels[batch.samples], reduction="none", label_smoothing=first.label_smoothing,
        ).view(len(models), -1).mean(1)  # fmt: skip
        optimizer.zero_grad()
        # The loss of a network depends on its own parameters only, so the sum has the gradient of each.
        loss.backward(gradient=nan_unless_finite(loss))  # type: ignore[no-untyped-call]  # torch leaves it so
        optimizer.step()
        diverged = losses.after(step, loss, is_last=step == last)
        yield step, [error or model for error, model in zip(diverged, models, strict=True)]


def _joined(several: Sequence[Batch]) -> Batch:
    """Join the batches of all seeds."""
    samples, crops = zip(*several, strict=True)
    return Batch(torch.cat(samples), crops[0] and Crops(*map(torch.cat, zip(*crops, strict=True))))


def _stacked(models: Sequence[nn.Module]) -> tuple[Callable[[Tensor], Tensor], list[Tensor]]:
    """Make the parameters and buffers of the models views of stacks; return the forward pass and the parameters."""
    for model in models:
        model.train()
    parameters, buffers = stack_module_state(list(models))
    for i, model in enumerate(models):
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            tensor.data = (parameters | buffers)[name].detach()[i]
    skeleton = copy.deepcopy(models[0]).to("meta")

    def forward(parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
        return functional_call(skeleton, (parameters, buffers), (images,))

    return partial(torch.vmap(forward), parameters, buffers), list(parameters.values())
