"""Small networks and their training, for the tests of recording and of integrations."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from noted_predictions import CLASSES, PROBE
from torch import nn

import trajkit as tk

IMAGES = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 1, 6, 6)).astype(np.float32))
LABELS = torch.arange(40) % 3
LOGITS = np.random.default_rng(5).standard_normal((40, 3)) * 4


def probe(**changes: Any) -> tk.Probe:
    return tk.Probe(**({"inputs": IMAGES, "label": LABELS, "classes": 3, "split": ["train", "test"] * 20} | changes))


def network() -> nn.Module:
    """A network with every layer that differs between training and evaluation, and a part frozen in eval mode."""
    torch.manual_seed(0)
    frozen = nn.Sequential(nn.BatchNorm1d(16), nn.Dropout(0.5)).eval()
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.3), nn.Flatten(),
        nn.Linear(64, 16), frozen, nn.utils.parametrizations.spectral_norm(nn.Linear(16, 16)), nn.Dropout(0.5),
        nn.Linear(16, 3),
    )  # fmt: skip


def train(model: nn.Module, steps: int = 12, learning_rate: float = 0.1) -> Iterator[tuple[int, nn.Module]]:
    """Train with dropout, batch normalisation, shuffled data and noise, so that every random number counts."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(IMAGES, LABELS), batch_size=7, shuffle=True)
    step = 0
    yield step, model
    while step < steps:
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images + 0.1 * torch.randn_like(images)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            yield step, model


def state(model: nn.Module) -> dict[str, bytes]:
    """Return everything that a training changes, bit by bit."""
    held = {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}
    modes = {f"mode of {name}": bytes([layer.training]) for name, layer in model.named_modules()}
    return held | modes | {"random numbers": torch.get_rng_state().numpy().tobytes()}


class Net(nn.Module):
    """A network in which dropout and batch normalisation tell training from evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def by_hand(model: nn.Module, **named: np.ndarray) -> np.ndarray:
    """Predict log-probabilities on the probe with a copy of the model in eval mode."""
    inputs = {name: torch.from_numpy(values) for name, values in named.items()}
    with torch.no_grad():
        copy = deepcopy(model).eval()
        return torch.log_softmax(copy(**inputs).logits if named else copy(torch.from_numpy(PROBE.inputs)), 1).numpy()
