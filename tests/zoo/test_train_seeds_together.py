"""Laws of seeds trained together: each network is the one that is trained alone."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from small_trainings import DIGITS, SHORT, weights
from torch import nn

from trajkit.zoo import Settings
from trajkit.zoo.data import load_data
from trajkit.zoo.divergence import Diverged
from trajkit.zoo.train_seeds_together import train_seeds_together
from trajkit.zoo.training import network, steps, train_network

# Compared in float64 after few updates: rounding grows while training, and by how much depends on the processor. In
# float32 the logits of fc differed by 0.17 after 44 updates on a processor without AVX-512.
UPDATES = 4


def in_double(settings):
    """Give digits and the untrained networks of these settings in float64."""
    data = load_data(DIGITS)
    models = [network(s, data.shape, 10).double() for s in settings]
    return models, data.train.double(), data.train_label


def trained_alone(settings):
    """Train one network in float64 for a few updates; returns its weights."""
    [model], inputs, label = in_double([settings])
    for _ in islice(train_network(model, inputs, label, settings), UPDATES + 1):
        pass
    return weights(model)


@pytest.mark.parametrize("architecture", ["fc", "linear"])
@pytest.mark.parametrize(("optimizer", "augmentation"), [("adam", "none"), ("nesterov", "simple"), ("sgd", "none")])
def test_train_seeds_together__gives_the_networks_trained_alone(architecture, optimizer, augmentation):
    one = Settings(architecture, optimizer, 0.01, epochs=1, augmentation=augmentation)
    settings = [replace(one, seed=seed) for seed in range(3)]
    models, inputs, label = in_double(settings)
    untrained = [weights(model) for model in models]
    stream = islice(train_seeds_together(models, inputs, label, settings), UPDATES + 1)
    assert [step for step, _ in stream] == list(range(UPDATES + 1))
    for s, model, before in zip(settings, models, untrained, strict=True):
        torch.testing.assert_close(weights(model), trained_alone(s), rtol=1e-9, atol=1e-9)
        assert (weights(model) - before).abs().max() > 1e-3


def test_train_seeds_together__takes_as_many_updates_as_training_alone():
    settings = [replace(SHORT, seed=seed, epochs=2) for seed in range(2)]
    models, inputs, label = in_double(settings)
    together = [step for step, _ in train_seeds_together(models, inputs, label, settings)]
    assert together == list(range(steps(settings[0], len(label)) + 1)) == list(range(2 * 22 + 1))


def test_train_seeds_together__one_that_diverges_leaves_the_others_as_they_are():
    settings = [replace(SHORT, seed=seed) for seed in range(3)]
    models, inputs, label = in_double(settings)
    nn.init.constant_(models[1][1].weight, torch.inf)
    stream = train_seeds_together(models, inputs, label, settings, check_at=[UPDATES])
    for step, networks in islice(stream, UPDATES + 1):
        found = [(network.step if isinstance(network, Diverged) else None) for network in networks]
        assert found == ([None, 1, None] if step == UPDATES else [None] * 3)
    torch.testing.assert_close(weights(models[2]), trained_alone(settings[2]), rtol=1e-9, atol=1e-9)


def test_train_seeds_together__reads_nothing_from_the_device_between_the_ends_of_epochs(monkeypatch):
    settings = [Settings("fc", "adam", 0.01, epochs=2, batch_size=4, seed=seed) for seed in range(2)]
    models = [network(s, (4,), 2) for s in settings]
    reads = []
    for name in ("__bool__", "__float__", "__int__", "cpu", "item", "numpy", "tolist"):
        monkeypatch.setattr(torch.Tensor, name, reading(getattr(torch.Tensor, name), reads))
    stream = train_seeds_together(models, torch.eye(12, 4), torch.arange(12) % 2, settings)
    counts = [len(reads) for _ in stream]
    assert counts == [counts[0]] * 3 + [counts[0] + 1] * 3 + [counts[0] + 2]


def reading(method, reads):
    def noted(tensor, *arguments):
        reads.append(method.__name__)
        return method(tensor, *arguments)

    return noted
