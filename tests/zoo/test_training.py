"""Laws of one training: its order is fixed by the settings, and who looks on changes nothing."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from small_trainings import DIGITS, SHORT, fit, weights
from torch import nn
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import DataDependentOutputException

import trajkit as tk
from trajkit.zoo import Settings
from trajkit.zoo.architectures import ARCHITECTURES
from trajkit.zoo.data import load_data, stratified_order
from trajkit.zoo.run_job import attributes, error, record_at
from trajkit.zoo.settings import OPTIMIZERS
from trajkit.zoo.training import (
    BFLOAT16,
    batches,
    learning_rate,
    network,
    optimizer_of,
    precision,
    steps,
    train_network,
)

LEARNING = [("fc", "sgd", 0.1), ("allcnn", "nesterov", 0.03)]
OF_IMAGES = [a for a in ARCHITECTURES if not ARCHITECTURES[a].needs_tokens and a != "wide_resnet_16"]
LEARNING += [(a, "adam", 0.001 if a == "vit" else 0.003) for a in OF_IMAGES]


@pytest.mark.parametrize(("architecture", "optimizer", "rate"), LEARNING)
def test_every_architecture_and_every_optimizer_learns(architecture, optimizer, rate):
    model = fit(Settings(architecture, optimizer, rate, epochs=6))
    data = load_data(DIGITS)
    assert error(model, data.test, data.test_label) < 0.45


def test_train__yields_the_untrained_model_first_and_once_per_update():
    data = load_data(DIGITS)
    model = network(SHORT, data.shape, 10)
    before = weights(model)
    stream = train_network(model, data.train, data.train_label, SHORT)
    step, first = next(stream)
    assert step == 0
    assert torch.equal(weights(first), before)
    assert [step for step, _ in stream] == list(range(1, 23))  # 1437 samples in whole batches of 64
    assert not torch.equal(weights(model), before)


def test_train__no_sample_comes_twice_in_an_epoch():
    seen = []

    class Witness(nn.Linear):
        def forward(self, inputs):
            seen.extend(inputs[:, 0].tolist())
            return super().forward(inputs)

    settings = replace(SHORT, batch_size=4, epochs=2, learning_rate=1e-6)
    for _ in train_network(Witness(1, 2), torch.arange(10.0)[:, None], torch.zeros(10, dtype=torch.long), settings):
        pass
    assert len(seen) == 16
    assert len(set(seen[:8])) == len(set(seen[8:])) == 8
    assert seen[:8] != seen[8:]


@pytest.mark.parametrize("augmentation", ["none", "simple"])
def test_batches__lie_on_the_device_and_take_the_same_random_numbers_for_every_device(augmentation):
    def drawn(device):
        """States of the generator after each batch of two epochs, and the devices of what the batches hold."""
        random = torch.Generator().manual_seed(5)
        stream = islice(batches(torch.zeros(10, 1, 8, 8, device=device), 4, augmentation, random), 4)
        held = [(batch, random.get_state()) for batch in stream]
        return [state for _, state in held], {t.device.type for b, _ in held for t in (b.samples, *(b.crops or ()))}

    (states, devices), (others, other_devices) = drawn("cpu"), drawn("meta")
    assert (devices, other_devices) == ({"cpu"}, {"meta"})
    assert all(torch.equal(state, other) for state, other in zip(states, others, strict=True))
    assert torch.equal(states[0], states[1])  # Once per epoch: nothing is drawn for its second batch.
    assert not torch.equal(states[1], states[2])


@pytest.mark.parametrize("augmentation", ["none", "simple"])
def test_train__same_seed_same_weights_whatever_others_draw(augmentation):
    settings = Settings("allcnn", "adam", 0.003, epochs=1, width_factor=1 / 8, augmentation=augmentation)
    first = fit(settings)
    torch.manual_seed(99)
    assert torch.equal(weights(first), weights(fit(settings)))
    assert not torch.equal(weights(first), weights(fit(replace(settings, seed=1))))


def test_network__random_numbers_of_the_caller_stay():
    before = torch.get_rng_state()
    network(SHORT, (1, 8, 8), 10)
    assert torch.equal(before, torch.get_rng_state())


def test_learning_rate__falls_as_a_cosine_or_stays():
    rates = [learning_rate(SHORT, progress) for progress in (0, 0.5, 1)]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0], atol=1e-12)
    assert learning_rate(replace(SHORT, schedule="constant"), 0.7) == 0.1


def test_weight_decay__makes_weights_smaller():
    free, decaying = (fit(replace(SHORT, weight_decay=decay)) for decay in (0.0, 1.0))
    assert decaying[1].weight.norm() < 0.8 * free[1].weight.norm()


def test_train__initial_weights_and_order_of_samples_have_seeds_of_their_own():
    one, two = SHORT.seeds, replace(SHORT, seed=1).seeds
    assert one.init != two.init
    assert one.order != two.order
    first = fit(SHORT)
    assert torch.equal(weights(first), weights(fit(replace(SHORT, seed=1, init_seed=one.init, order_seed=one.order))))
    assert not torch.equal(weights(first), weights(fit(replace(SHORT, init_seed=two.init))))
    assert not torch.equal(weights(first), weights(fit(replace(SHORT, order_seed=two.order))))


def test_label_smoothing__keeps_predictions_from_certainty():
    data = load_data(DIGITS)
    plain, smoothed = (fit(replace(SHORT, epochs=4, label_smoothing=share)) for share in (0.0, 0.5))
    assert smoothed(data.train).softmax(1).amax(1).mean() < 0.8 * plain(data.train).softmax(1).amax(1).mean()


@pytest.mark.parametrize("architecture", ["linear", "allcnn", "vit"])
def test_dropout__is_drawn_from_the_seed_of_the_order_and_silent_in_evaluation(architecture):
    settings = Settings(architecture, "sgd", 0.01, epochs=1, dropout=0.5)
    first = fit(settings)
    torch.manual_seed(99)
    assert torch.equal(weights(first), weights(fit(settings)))
    assert not torch.equal(weights(first), weights(fit(replace(settings, dropout=0.0))))
    data = load_data(DIGITS)
    assert not torch.equal(first(data.test), first(data.test))
    assert torch.equal(first.eval()(data.test), first(data.test))


@pytest.mark.parametrize(("init", "expected"), [("kaiming", np.sqrt(2 / 64)), ("normal", np.sqrt(1 / 64))])
def test_init__scales_weights_by_their_inputs(init, expected):
    model = network(Settings("fc", "sgd", 0.1, init=init, width_factor=2), (1, 8, 8), 10)
    assert model[1].weight.std().item() == pytest.approx(expected, rel=0.02)
    assert not model[1].bias.any()


def test_train__reads_nothing_from_the_device_between_the_ends_of_epochs():
    # Fake tensors have shapes and a device but no numbers: whoever wants to know a number, and would wait for it on a
    # GPU, gets this error.
    settings = Settings("allcnn", "adam", 0.003, epochs=2, batch_size=4, augmentation="simple")
    seen = []
    with FakeTensorMode():
        model = ARCHITECTURES["allcnn"].build((1, 8, 8), 10, size="small", width=4)
        images, label = torch.zeros(12, 1, 8, 8), torch.zeros(12, dtype=torch.long)
        with pytest.raises(DataDependentOutputException):
            seen += (step for step, _ in train_network(model, images, label, settings))
        with pytest.raises(DataDependentOutputException):
            seen += (step for step, _ in train_network(model, images, label, settings, check_at=[2]))
    assert seen == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers__update_all_parameters_in_one_kernel(optimizer):
    model = nn.Linear(2, 2)
    assert optimizer_of(model.parameters(), replace(SHORT, optimizer=optimizer)).defaults["fused"]


def test_compile__is_used_only_if_asked_and_the_network_itself_is_yielded(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model, mode: compiled.append(model) or model)
    data = load_data(DIGITS)
    model = network(SHORT, data.shape, 10)
    for compile in (False, True):
        for _, yielded in islice(train_network(model, data.train, data.train_label, SHORT, compile=compile), 2):
            assert yielded is model
        assert compiled == [model] * compile


@pytest.mark.slow
def test_compile__gives_the_same_network():
    data = load_data(DIGITS)
    models = [network(SHORT, data.shape, 10) for _ in range(2)]
    for model, compile in zip(models, (False, True), strict=True):
        for _ in train_network(model, data.train, data.train_label, SHORT, compile=compile):
            pass
    torch.testing.assert_close(weights(models[1]), weights(models[0]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("architecture", "optimizer", "rate"), [("fc", "adam", 0.003), ("allcnn", "nesterov", 0.03)])
def test_bfloat16__learns_too(architecture, optimizer, rate, monkeypatch):
    monkeypatch.setitem(BFLOAT16, "cpu", lambda: True)
    model = fit(Settings(architecture, optimizer, rate, epochs=6))
    data = load_data(DIGITS)
    assert error(model, data.test, data.test_label) < 0.45
    with precision(data.test.device):
        assert model(data.test[:2]).dtype == torch.bfloat16


@pytest.fixture(scope="module")
def corner():
    """Digits from a corner of random labels: trained and recorded."""
    data = load_data(DIGITS)
    settings = Settings("fc", "adam", 0.003, init="corner-random", corner_steps=300, epochs=8, width_factor=0.5)
    at = record_at(settings, len(data.train), 12)
    stream = train_network(network(settings, data.shape, 10), data.train, data.train_label, settings)
    return settings, tk.record(stream, data.probe, at=at)


def test_corner__training_starts_far_from_ignorance_and_truth(corner):
    settings, ds = corner
    start = ds.log_prob.isel(run=0, checkpoint=0)
    data = load_data(DIGITS)
    untrained = tk.record([(0, network(settings, data.shape, 10))], data.probe).log_prob.isel(run=0, checkpoint=0)
    assert tk.bhattacharyya(start, tk.ignorance(ds)) > 5 * tk.bhattacharyya(untrained, tk.ignorance(ds))
    assert (start.argmax("class") != ds.label).mean() > 0.75
    assert tk.loss(ds).isel(run=0, checkpoint=-1) < 0.5


def test_corner__is_the_first_checkpoint(corner):
    settings, ds = corner
    recorded = ds.step.isel(run=0).values
    assert len(recorded) == 12
    assert (recorded[0], recorded[-1]) == (300, steps(settings, 1437)) == (300, 300 + 8 * 22)
    assert attributes(settings, load_data(DIGITS))["start_step"] == 300


def test_corner__of_a_subset_fits_it():
    settings = Settings("fc", "adam", 0.003, init="corner-200", corner_steps=60, epochs=1)
    data = load_data(DIGITS)
    few = torch.from_numpy(stratified_order(data.train_label.numpy(), settings.seeds.order)[:200])
    assert torch.bincount(data.train_label[few]).tolist() == [20] * 10
    for step, model in train_network(network(settings, data.shape, 10), data.train, data.train_label, settings):
        if step == settings.corner_steps:
            assert error(model, data.train[few], data.train_label[few]) == 0
            assert error(model, data.test, data.test_label) > 0
            return
    pytest.fail("the corner was never left")
