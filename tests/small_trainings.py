"""Short trainings on digits for the tests of the zoo."""

from pathlib import Path

import torch
from torch import Tensor, nn

from trajkit.zoo import DataSettings, Settings
from trajkit.zoo.data import load_data
from trajkit.zoo.training import network, train_network

DIGITS = DataSettings("digits", probe_train=20, probe_test=20)
SHORT = Settings("linear", "sgd", 0.1, epochs=1)


def fit(settings: Settings) -> nn.Module:
    """Train on digits without recording."""
    data = load_data(DIGITS)
    model = network(settings, data.shape, 10)
    for _ in train_network(model, data.train, data.train_label, settings):
        pass
    return model


def weights(model: nn.Module) -> Tensor:
    """All parameters and buffers in one vector."""
    return torch.cat([value.double().flatten() for value in model.state_dict().values()])


def grid_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path
