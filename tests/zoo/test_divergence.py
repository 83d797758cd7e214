"""Laws of trainings that diverge: it is known at which step, and the network never looks healthy after it."""

import copy
from dataclasses import replace
from itertools import islice

import pytest
import torch
from small_trainings import SHORT, fit
from torch import nn

from trajkit.zoo import Settings
from trajkit.zoo.divergence import Diverged
from trajkit.zoo.training import train_network


def test_diverging_training_says_at_which_step():
    # Plain SGD on this loss makes weights of 1e30, whose outputs overflow float32 within a few steps.
    with pytest.raises(Diverged, match="the loss became") as caught:
        fit(Settings("fc", "sgd", 1e30, epochs=1))
    assert 1 <= caught.value.step <= 5


def infinite_loss():
    """A linear network, one sample and settings: the first loss is infinite, and its gradient is finite."""
    model = nn.Linear(1, 2, bias=False)
    nn.init.constant_(model.weight, 3e38)
    with torch.no_grad():
        model.weight[1] *= -1
    return model, torch.ones(8, 1), torch.ones(8, dtype=torch.long), replace(SHORT, batch_size=2)


def test_diverging_training__is_noticed_at_the_next_look_with_its_exact_step():
    *where, settings = infinite_loss()
    for check_at, seen in (((), [0, 1, 2, 3]), ((3,), [0, 1, 2])):
        steps_seen = []
        with pytest.raises(Diverged, match="the loss became inf after step 0") as caught:
            steps_seen += (step for step, _ in train_network(*copy.deepcopy(where), settings, check_at=check_at))
        assert caught.value.step == 1
        assert steps_seen == seen


def test_diverging_training__predicts_nan_until_it_is_noticed():
    for step, model in islice(train_network(*infinite_loss()), 4):
        assert bool(model(torch.ones(1, 1)).isnan().all()) == (step > 0)
