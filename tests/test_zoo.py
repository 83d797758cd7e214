"""Laws of the training zoo: what is recorded is what was trained, and nothing is lost or hidden."""

import contextlib
import gzip
import io
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

import trajkit as tk
from trajkit.zoo import DataSettings, Grid, GridError, Settings, pack, read_grid, summary, train
from trajkit.zoo import run_job as runs_module
from trajkit.zoo.__main__ import main
from trajkit.zoo.architectures import ARCHITECTURES
from trajkit.zoo.augment import augment
from trajkit.zoo.data import load_data, noisy_labels, stratified_order
from trajkit.zoo.data.folder import folder
from trajkit.zoo.data.sloppy import decayed, sloppy
from trajkit.zoo.data.torchvision import CIFAR, MNIST, cifar, mnist
from trajkit.zoo.grid import GRIDS
from trajkit.zoo.outcomes import read_outcomes
from trajkit.zoo.pool import in_processes
from trajkit.zoo.run_job import error, record_at
from trajkit.zoo.settings import OPTIMIZERS
from trajkit.zoo.train import divide, prepare
from trajkit.zoo.train_seeds_together import train_seeds_together
from trajkit.zoo.training import Diverged, learning_rate, network, steps, train_network

ROOT = Path(__file__).parents[1]
DIGITS = DataSettings("digits", probe_train=20, probe_test=20)
SHORT = Settings("linear", "sgd", 0.1, epochs=1)
# Plain SGD on this loss makes weights of 1e30, whose outputs overflow float32 within a few steps.
DIVERGING = Settings("fc", "sgd", 1e30, epochs=1)
RATES = {"sgd": 0.1, "nesterov": 0.03, "adam": 0.003}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Train as the workers do: sums in another order would change the last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def fit(settings, model=None):
    """Train on digits without recording; returns the model."""
    data = load_data(DIGITS)
    model = network(settings, data.shape, 10) if model is None else model
    for _ in train_network(model, data.train, data.train_label, settings):
        pass
    return model


def weights(model):
    return torch.cat([value.double().flatten() for value in model.state_dict().values()])


# Architectures


def wide_resnet_parameters(width, depth, widening, classes):
    """Count what the layers of a wide residual network hold, block by block."""
    total, channels = 3 * width * 9, width
    for stage in range(3):
        out = width * widening * 2**stage
        for _ in range((depth - 4) // 6):
            total += 9 * channels * out + 9 * out * out + (channels * out + out if channels != out else 0)
            channels = out
    return total + channels * classes + classes


PAPER_PARAMETERS = {
    "linear": 3072 * 10 + 10,
    "fc": sum(a * b + b for a, b in pairwise([3072, 1024, 512, 256, 128, 10])),
    "allcnn": sum(9 * a * b + 3 * b for a, b in pairwise([3, 96, 96, 144, 144])) + 144 * 10 + 10,
    "convmixer": 594_186,
    "vit": 9_523_722,
    "wide_resnet": wide_resnet_parameters(8, 10, 4, 10),
    "wide_resnet_16": wide_resnet_parameters(64, 16, 4, 10),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures__have_as_many_parameters_as_published(name):
    with torch.device("meta"):
        model = ARCHITECTURES[name].build((3, 32, 32), 10, size="paper")
    assert sum(p.numel() for p in model.parameters()) == PAPER_PARAMETERS[name]


def test_architectures__known_counts():
    assert PAPER_PARAMETERS["fc"] == 3_837_066
    assert PAPER_PARAMETERS["wide_resnet"] == 300_226
    # ConvMixer: patches and their norm, then eight times both convolutions and both norms, then the head.
    assert PAPER_PARAMETERS["convmixer"] == 3328 + 512 + 8 * (256 * 26 + 256 * 257 + 2 * 512) + 2570
    # ViT: patches, token and positions, then six blocks, then the head.
    block = 512 * 1536 + 3 * (512 * 512 + 512) + 2 * 1024
    assert PAPER_PARAMETERS["vit"] == 49 * 512 + 66 * 512 + 6 * block + 1024 + 5130


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures__take_images_of_every_source(name, shape):
    model = ARCHITECTURES[name].build(shape, 7, size="small")
    assert model(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "linear"])
def test_architectures__twice_the_width_has_up_to_four_times_the_parameters(name):
    def parameters(width):
        model = ARCHITECTURES[name].build((1, 8, 8), 10, size="small", width=width)
        return sum(p.numel() for p in model.parameters())

    assert 1.9 < parameters(32) / parameters(16) < 4.1


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("linear", {"width": 3}, "no hidden units"),
        ("vit", {"width": 30}, "4 heads can share"),
        ("vit", {"shape": (1, 30, 30)}, "patches of 4 pixels fill"),
    ],
)
def test_architectures__what_cannot_be_built_is_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        ARCHITECTURES[name].build(**{"shape": (1, 8, 8), "classes": 10, "size": "small"} | arguments)


@pytest.mark.parametrize(
    ("architecture", "optimizer"),
    [*((a, "adam") for a in ARCHITECTURES if a != "wide_resnet_16"), ("fc", "sgd"), ("allcnn", "nesterov")],
)
def test_every_architecture_and_every_optimizer_learns(architecture, optimizer):
    rate = 0.001 if architecture == "vit" else RATES[optimizer]
    model = fit(Settings(architecture, optimizer, rate, epochs=6))
    data = load_data(DIGITS)
    assert error(model, data.test, data.test_label) < 0.45


# How they train


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
def test_train__same_seed_same_weights_whatever_others_draw(augmentation):
    settings = Settings("allcnn", "adam", 0.003, epochs=1, width=4, augmentation=augmentation)
    first = fit(settings)
    torch.manual_seed(99)
    assert torch.equal(weights(first), weights(fit(settings)))
    assert not torch.equal(weights(first), weights(fit(replace(settings, seed=1))))


def test_network__random_numbers_of_the_caller_stay():
    before = torch.get_rng_state()
    network(SHORT, (1, 8, 8), 10)
    assert torch.equal(before, torch.get_rng_state())


class Noisy(nn.Module):
    """A network that has all a recorder could disturb: running means, dropout, and noise that eval mode leaves on."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 10)
        )

    def forward(self, images):
        return self.layers(images) + 0.1 * torch.randn(len(images), 10)


@pytest.mark.parametrize("at", [[0], [5], range(23)])
def test_recording_does_not_change_training(at):
    def final(recorded):
        data = load_data(DIGITS)
        torch.manual_seed(0)
        model = Noisy()
        stream = train_network(model, data.train, data.train_label, SHORT)
        if recorded:
            tk.record(stream, data.probe, at=at)
        else:
            for _ in stream:
                pass
        return weights(model)

    assert torch.equal(final(False), final(True))


def test_learning_rate__falls_as_a_cosine_or_stays():
    rates = [learning_rate(SHORT, progress) for progress in (0, 0.5, 1)]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0], atol=1e-12)
    assert learning_rate(replace(SHORT, schedule="constant"), 0.7) == 0.1


def test_weight_decay__makes_weights_smaller():
    free, decaying = (fit(replace(SHORT, weight_decay=decay)) for decay in (0.0, 1.0))
    assert decaying[1].weight.norm() < 0.8 * free[1].weight.norm()


@pytest.mark.parametrize(("init", "expected"), [("kaiming", np.sqrt(2 / 64)), ("normal", np.sqrt(1 / 64))])
def test_init__scales_weights_by_their_inputs(init, expected):
    model = network(Settings("fc", "sgd", 0.1, init=init, width=512), (1, 8, 8), 10)
    assert model[1].weight.std().item() == pytest.approx(expected, rel=0.02)
    assert not model[1].bias.any()


def test_diverging_training_says_at_which_step():
    with pytest.raises(Diverged, match="the loss became") as caught:
        fit(DIVERGING)
    assert 1 <= caught.value.step <= 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "transformer"}, "wanted one of .*'linear'"),
        ({"optimizer": "lion"}, "wanted one of .*'sgd'"),
        ({"augmentation": "cutout"}, "wanted one of .*'simple'"),
        ({"init": "corner-3"}, "wanted one of .*'corner-200'"),
        ({"init": "corner-200"}, "a corner needs steps"),
        ({"corner_steps": 5}, "a corner needs steps"),
        ({"size": "large"}, "wanted one of .*'paper'"),
        ({"epochs": 0}, "at least 1"),
        ({"batch_size": 0}, "at least 1"),
        ({"learning_rate": float("nan")}, "more than 0"),
        ({"learning_rate": "0.1"}, "more than 0"),
        ({"label_noise": 2.0}, "at most 1"),
        ({"optimizer": "lion", "epochs": 0}, "lion.*epochs"),
    ],
)
def test_settings__that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SHORT, **change)


@pytest.mark.parametrize("change", [{"epochs": 2}, {"batch_size": 32}, {"weight_decay": 1e-3}, {"decay": 0.5}])
def test_settings__what_differs_makes_another_name(change):
    assert replace(SHORT, **change).run.startswith(SHORT.run[:-9])
    assert replace(SHORT, **change).run != SHORT.run


# Corners


@pytest.fixture(scope="module")
def corner():
    """Digits from a corner of random labels: trained and recorded."""
    data = load_data(DIGITS)
    settings = Settings("fc", "adam", 0.003, init="corner-random", corner_steps=300, epochs=8, width=128)
    at = record_at(settings, len(data.train), 12)
    stream = train_network(network(settings, data.shape, 10), data.train, data.train_label, settings)
    return settings, tk.record(stream, data.probe, at=at)


def test_corner__training_starts_far_from_ignorance_and_truth(corner):
    settings, ds = corner
    start = ds.isel(run=0).swap_dims(checkpoint="step").sel(step=settings.corner_steps).log_prob
    untrained = ds.log_prob.isel(run=0, checkpoint=0)
    assert tk.bhattacharyya(start, tk.ignorance(ds)) > 10 * tk.bhattacharyya(untrained, tk.ignorance(ds))
    assert (start.argmax("class") != ds.label).mean() > 0.75
    assert tk.loss(ds).isel(run=0, checkpoint=-1) < 0.5


def test_corner__both_phases_are_recorded(corner):
    settings, ds = corner
    recorded = ds.step.isel(run=0).values
    last = steps(settings, 1437)
    assert (recorded[0], recorded[-1]) == (0, last) == (0, 300 + 8 * 22)
    assert settings.corner_steps in recorded
    assert (recorded < 300).sum() >= 3
    assert len(recorded) == 12


def test_corner__of_a_subset_fits_it():
    settings = Settings("fc", "adam", 0.003, init="corner-200", corner_steps=60, epochs=1)
    data = load_data(DIGITS)
    few = torch.from_numpy(stratified_order(data.train_label.numpy(), settings.seed)[:200])
    assert torch.bincount(data.train_label[few]).tolist() == [20] * 10
    for step, model in train_network(network(settings, data.shape, 10), data.train, data.train_label, settings):
        if step == settings.corner_steps:
            assert error(model, data.train[few], data.train_label[few]) == 0
            assert error(model, data.test, data.test_label) > 0
            return
    pytest.fail("the corner was never left")


# Augmentation


def test_augment__every_image_is_a_crop_of_its_padded_self_perhaps_mirrored():
    images = torch.randn(40, 2, 16, 16, generator=torch.Generator().manual_seed(1))
    augmented = augment(images, "simple", torch.Generator().manual_seed(0))
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    found = Counter()
    for image, result in zip(padded, augmented, strict=True):
        views = [
            (r, c, f) for r in range(5) for c in range(5) for f in (False, True) if _is_view(image, result, r, c, f)
        ]
        assert len(views) == 1
        found[views[0]] += 1
    assert len(found) > 20
    assert {flipped for _, _, flipped in found} == {True, False}


def _is_view(padded, result, row, column, flipped):
    view = padded[:, row : row + 16, column : column + 16]
    return torch.equal(view.flip(-1) if flipped else view, result)


def test_augment__none_changes_nothing_and_equal_generators_give_equal_images():
    images = torch.randn(4, 1, 8, 8)
    assert augment(images, "none", torch.Generator()) is images
    first, again = (augment(images, "simple", torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)


# Seeds together


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
    settings = [
        Settings(architecture, optimizer, 0.01, seed=seed, epochs=1, augmentation=augmentation) for seed in range(3)
    ]
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
    for _, alive in islice(train_seeds_together(models, inputs, label, settings), UPDATES + 1):
        last = alive
    assert [model is None for model in last] == [False, True, False]
    torch.testing.assert_close(weights(models[2]), trained_alone(settings[2]), rtol=1e-9, atol=1e-9)


def test_divide__small_networks_of_several_seeds_are_one_job():
    runs = [Settings(a, "sgd", 0.1, seed=seed) for a in ("fc", "allcnn") for seed in range(4)]
    runs += [Settings("fc", "sgd", 0.1, seed=seed, init="corner-200", corner_steps=9) for seed in range(4)]
    assert sorted(map(len, divide(runs, features=64))) == [1] * 8 + [4]
    assert sorted(map(len, divide(runs, features=3072))) == [1] * 12
    assert sorted(map(len, divide(runs[:3], features=64))) == [1] * 3


# Data


def test_stratified_order__deals_classes_out_in_turn():
    label = np.repeat([0, 1, 2], [50, 30, 5])
    order = stratified_order(label, seed=0)
    assert sorted(order) == list(range(85))
    assert np.bincount(label[order[:15]]).tolist() == [5, 5, 5]
    assert np.bincount(label[order[:45]]).tolist() == [20, 20, 5]
    assert not np.array_equal(order, stratified_order(label, seed=1))


def test_digits__split_and_probe_are_stratified_and_disjoint():
    data = load_data(DataSettings("digits"))
    assert (len(data.train), len(data.test)) == (1437, 360)
    probe = data.probe
    assert len(set(probe.sample.tolist())) == 200
    for split in ("train", "test"):
        assert np.bincount(probe.label[probe.split == split]).tolist() == [10] * 10
    assert data.train.mean().item() == pytest.approx(0, abs=1e-6)
    assert data.train.std().item() == pytest.approx(1, abs=1e-3)
    pixels, label = load_digits(return_X_y=True)
    np.testing.assert_array_equal(label[probe.sample], probe.label)
    raw = torch.from_numpy(pixels[probe.sample]).float().view(200, 1, 8, 8)
    assert np.corrcoef(raw.flatten(), probe.inputs.flatten())[0, 1] == pytest.approx(1, abs=1e-6)


def test_data__a_subset_is_stratified_and_the_probe_its_beginning():
    data = load_data(DataSettings("digits", train_size=100, test_size=60, probe_train=50, probe_test=60))
    assert torch.bincount(data.train_label).tolist() == [10] * 10
    assert torch.equal(data.probe.inputs[:50], data.train[:50])
    assert torch.equal(data.probe.inputs[50:], data.test)


def test_data__more_samples_than_there_are_is_refused():
    with pytest.raises(ValueError, match="wanted 2000 train samples, but digits has 1437"):
        load_data(DataSettings("digits", train_size=2000))


def test_sloppy__eigenvalues_fall_exponentially_and_labels_stay():
    source = sloppy("")
    white = source.read("train", np.arange(5000))
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(decayed(white, 0.1).T)))[::-1]
    slope = np.polyfit(np.arange(100), np.log(eigenvalues[:100]), 1)[0]
    assert slope == pytest.approx(-0.1, abs=0.005)
    assert (decayed(white, 0.5) ** 2).mean() == pytest.approx(1, abs=0.05)
    data = load_data(DataSettings("sloppy"))
    shrunk = data.with_decay(0.3)
    assert shrunk.probe.identity == data.probe.identity
    assert not torch.equal(shrunk.train, data.train)
    torch.testing.assert_close(shrunk.probe.inputs[:100], shrunk.train[:100])


def test_noisy_labels__share_and_permutation():
    label = torch.arange(10).repeat(500)
    noisy = noisy_labels(label, 0.4, shuffle=False)
    assert (noisy != label).float().mean().item() == pytest.approx(0.36, abs=0.03)
    assert torch.equal(noisy, noisy_labels(label, 0.4, shuffle=False))
    shuffled = noisy_labels(label, 0.0, shuffle=True)
    assert torch.equal(shuffled.bincount(), label.bincount())
    assert (shuffled == label).float().mean().item() == pytest.approx(0.1, abs=0.03)


def write_cifar(root, name, random):
    """Write files of the format of CIFAR, of 8 images each; returns all train images and labels."""
    files = CIFAR[name]
    target = root / files.folder
    target.mkdir()
    key = b"labels" if name == "cifar10" else b"fine_labels"
    images, labels = [], []
    for file in (*files.train, *files.test):
        images.append(random.integers(256, size=(8, 3072), dtype=np.uint8))
        labels.append(random.integers(10, size=8).tolist())
        (target / file).write_bytes(pickle.dumps({b"data": images[-1], key: labels[-1]}, protocol=2))
    meta = {"label_names" if name == "cifar10" else "fine_label_names": [f"class {c}" for c in range(10)]}
    (target / ("batches.meta" if name == "cifar10" else "meta")).write_bytes(pickle.dumps(meta, protocol=2))
    return np.concatenate(images[:-1]), np.concatenate(labels[:-1])


@pytest.mark.parametrize("name", CIFAR)
def test_cifar__files_of_torchvision_are_read(name, tmp_path):
    images, labels = write_cifar(tmp_path, name, np.random.default_rng(0))
    source = cifar(str(tmp_path), name=name)
    np.testing.assert_array_equal(source.label["train"], labels)
    np.testing.assert_array_equal(source.read("train", np.array([3]))[0].ravel(), images[3])
    assert source.read("train", np.array([3])).shape == (1, 3, 32, 32)
    assert source.classes[2] == "class 2"
    assert len(set(source.sample["train"]) | set(source.sample["test"])) == len(labels) + 8


def test_cifar__a_pickle_that_runs_something_is_refused(tmp_path):
    write_cifar(tmp_path, "cifar10", np.random.default_rng(0))

    class Deed:
        def __reduce__(self):
            return os.system, ("true",)

    (tmp_path / CIFAR["cifar10"].folder / "test_batch").write_bytes(pickle.dumps({"data": Deed()}))
    with pytest.raises(pickle.UnpicklingError, match="arrays, numbers and text alone"):
        cifar(str(tmp_path), name="cifar10")


@pytest.mark.parametrize(("name", "compressed"), [("mnist", True), ("fashion-mnist", False)])
def test_mnist__files_of_torchvision_are_read(name, compressed, tmp_path):
    random = np.random.default_rng(0)
    raw = tmp_path / MNIST[name].folder
    raw.mkdir(parents=True)
    written = {}
    for file in (*MNIST[name].train, *MNIST[name].test):
        shape = (12, 28, 28) if "images" in file else (12,)
        written[file] = random.integers(10, size=shape, dtype=np.uint8)
        content = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + written[file].tobytes()
        path = raw / (f"{file}.gz" if compressed else file)
        path.write_bytes(gzip.compress(content) if compressed else content)
    source = mnist(str(tmp_path), name=name)
    images, labels = (written[file] for file in MNIST[name].train)
    np.testing.assert_array_equal(source.read("train", np.arange(12))[:, 0], images)
    np.testing.assert_array_equal(source.label["train"], labels)


def test_torchvision__downloads_files_that_are_missing(tmp_path, monkeypatch):
    datasets = ModuleType("torchvision.datasets")
    datasets.CIFAR10 = lambda root, download: write_cifar(Path(root), "cifar10", np.random.default_rng(0))
    torchvision = ModuleType("torchvision")
    torchvision.datasets = datasets
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    data = load_data(DataSettings("cifar10", str(tmp_path), train_size=20, probe_train=3, probe_test=3))
    assert data.train.shape == (20, 3, 32, 32)
    assert data.description.startswith("CIFAR10")


def test_torchvision__files_that_are_missing_without_it_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(FileNotFoundError, match="cifar-10-batches-py: unpack CIFAR10 there, or install torchvision"):
        cifar(str(tmp_path), name="cifar10")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of 24 train and 12 test images of two classes: dark cats and bright dogs."""
    root = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 6)):
        for name, brightness in (("cat", 60), ("dog", 190)):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = random.integers(brightness - 50, brightness + 50, size=(16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i:04}.png")
    return root


def test_folder__images_are_read_as_they_were_written(images):
    source = folder(str(images))
    assert source.classes == ["cat", "dog"]
    assert source.sample["train"][13] == "train/dog/0001.png"
    with Image.open(images / "train" / "dog" / "0001.png") as image:
        np.testing.assert_array_equal(source.read("train", np.array([13]))[0].transpose(1, 2, 0), np.asarray(image))
    data = load_data(DataSettings("folder", str(images), train_size=10, probe_train=4, probe_test=4))
    assert data.train.shape == (10, 3, 16, 16)
    np.testing.assert_allclose(data.train.mean((0, 2, 3)), 0, atol=1e-5)
    assert data.probe.classes.tolist() == ["cat", "dog"]


def test_folder__what_cannot_be_read_is_named(images, tmp_path):
    with pytest.raises(OSError, match=r"no images in .*train: wanted"):
        folder(str(tmp_path))
    copy = Path(shutil.copytree(images, tmp_path / "copy"))
    Image.new("RGB", (8, 8)).save(copy / "train" / "cat" / "0003.png")
    with pytest.raises(OSError, match=r"images of one size, got .*0003\.png"):
        load_data(DataSettings("folder", str(copy), probe_train=4, probe_test=4))
    (copy / "test" / "cat").rename(copy / "test" / "cow")
    with pytest.raises(OSError, match=r"classes that train has not: \['cow'\]"):
        folder(str(copy))


# Grids


@pytest.mark.parametrize("path", sorted(GRIDS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_grids__are_valid_and_name_each_run_once(path):
    grid = read_grid(path, data="somewhere")
    assert len({s.run for s in grid.runs}) == len(grid.runs) > 50


def test_shipped_grids__cifar10_small_holds_every_factor():
    runs = read_grid("cifar10-small", data="somewhere").runs
    six = set(ARCHITECTURES) - {"wide_resnet_16"}
    plain = [s for s in runs if s.init == "default"]
    assert {s.architecture for s in runs} == six
    for architecture in six:
        for optimizer in OPTIMIZERS:
            assert len({s.seed for s in plain if (s.architecture, s.optimizer) == (architecture, optimizer)}) >= 3
    widths = {a: len({s.width for s in runs if s.architecture == a}) for a in six}
    assert sum(count >= 2 for count in widths.values()) >= 3
    assert len({s.architecture for s in runs if s.corner_steps}) >= 2
    for factor in ("learning_rate", "batch_size", "weight_decay", "augmentation"):
        assert len({getattr(s, factor) for s in runs}) >= 2


def grid_file(folder, text):
    path = folder / "mine.toml"
    path.write_text(text)
    return path


RUNS = '[[runs]]\narchitecture = ["fc", "linear"]\noptimizer = "sgd"\nlearning_rate = [0.1, 0.2]\nseed = [0, 1]\n'


def test_read_grid__takes_every_combination_once(tmp_path):
    text = f'[data]\nname = "digits"\n[defaults]\nepochs = 3\n{RUNS}{RUNS}'
    grid = read_grid(grid_file(tmp_path, text))
    assert grid.name == "mine"
    assert len(grid.runs) == 8
    assert {s.epochs for s in grid.runs} == {3}
    assert {s.width for s in read_grid(grid_file(tmp_path, text), size="paper").runs} == {0, 1024}
    wide = text.replace('"fc", "linear"', '"fc"').replace("seed = [0, 1]", "width_factor = [0.5, 2]")
    assert {s.width for s in read_grid(grid_file(tmp_path, wide)).runs} == {128, 512}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("checkpoint = 3", "unknown name 'checkpoint': wanted one of .*'checkpoints'"),
        ('[data]\nname = "imagenet"', "'imagenet': wanted one of .*'cifar10'"),
        ('[data]\nname = "folder"', "needs a path"),
        ('[data]\nnames = "digits"', "unknown name 'names'"),
        ("checkpoints = 1", "at least 6"),
        ("[defaults]\nlr = 0.1", "defaults: unknown name 'lr': wanted one of .*'learning_rate'"),
        ('[[runs]]\narchitecture = "resnet"\noptimizer = "sgd"\nlearning_rate = 0.1', "runs 1: .*'wide_resnet'"),
        ('[[runs]]\narchitecture = "fc"', "runs 1: optimizer, learning_rate missing"),
        ("", "no runs"),
        ("= 3", "no TOML"),
    ],
)
def test_read_grid__mistakes_are_named(text, message, tmp_path):
    with pytest.raises(GridError, match=message):
        read_grid(grid_file(tmp_path, text))


def test_read_grid__a_grid_that_is_not_there_lists_those_that_are():
    with pytest.raises(FileNotFoundError, match=r"wanted a TOML file or one of .*'cifar10-small'"):
        read_grid("nowhere.toml")


@pytest.mark.parametrize(
    ("data", "change", "message"),
    [
        (DIGITS, {"batch_size": 2000}, "batch_size 2000 is more than the 1437 train samples"),
        (DIGITS, {"init": "corner-2000", "corner_steps": 5}, "more than the 1437 train samples"),
        (DIGITS, {"decay": 0.1}, "decay is of sloppy inputs"),
        (DIGITS, {"architecture": "vit", "width": 30}, "4 heads can share"),
        (DataSettings("sloppy"), {"architecture": "allcnn"}, "needs images"),
        (DataSettings("sloppy"), {"augmentation": "simple"}, "needs images"),
    ],
)
def test_train__impossible_combinations_are_refused_before_training(data, change, message, tmp_path):
    with pytest.raises(GridError, match=message):
        train(Grid("g", data, (SHORT, replace(SHORT, seed=5, **{"width": None} | change))), out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_train__without_room_or_gpu_is_refused_before_training(tmp_path, monkeypatch):
    grid = Grid("g", DIGITS, (SHORT,))
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="finds no GPU"):
            train(grid, out=tmp_path, device="cuda")
    with pytest.raises(ValueError, match="wanted 'cpu' or 'cuda'"):
        train(grid, out=tmp_path, device="tpu")
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    with pytest.raises(OSError, match="but 0 MB are free: make room"):
        train(grid, out=tmp_path / "new" / "folder")
    assert not list(tmp_path.iterdir())


# Running them

PROGRAM_GRID = """
checkpoints = 6
[data]
name = "digits"
probe_train = 20
probe_test = 20
[defaults]
epochs = 1
[[runs]]
architecture = "linear"
optimizer = "sgd"
learning_rate = 0.1
seed = [0, 1, 2, 3]
[[runs]]
architecture = "allcnn"
optimizer = ["sgd", "adam"]
learning_rate = 0.01
batch_size = 128
[[runs]]
architecture = "fc"
optimizer = "sgd"
learning_rate = 1e30
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program on a small grid with one run that diverges: its folder, exit status and output."""
    root = tmp_path_factory.mktemp("program")
    path = grid_file(root, PROGRAM_GRID)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = main([str(path), "--out", str(root / "runs"), "--workers", "1", "--pack", str(root / "mine.nc")])
    return root, status, output.getvalue()


DIVERGED = "fc-256-sgd-1e+30-0-epochs=1"


def test_program__trains_all_runs_and_says_which_diverged(program):
    root, status, output = program
    assert status == 0
    total = next(line for line in output.splitlines() if line.startswith("all "))
    assert total.split()[1:5] == ["7", "6", "1", "0"]
    assert f"{DIVERGED}: not finite at step" in output
    table = tk.Store(root / "runs").table()
    assert table.loc[DIVERGED, "state"] == "diverged"
    assert (table.drop(DIVERGED)["state"] == "complete").all()


def test_program__packs_runs_with_their_errors_and_where_they_come_from(program):
    root, _, _ = program
    ds = tk.load(root / "mine.nc")
    tk.validate(ds)
    metadata = json.loads(ds.attrs["metadata"])
    assert metadata["grid"] == "mine"
    assert re.fullmatch(r"[0-9a-f]{40}( with changes)?|trajkit [\d.]+", metadata["commit"])
    assert list(metadata["failed_runs"]) == [DIVERGED]
    assert ds.sizes == {"run": 6, "checkpoint": 6, "sample": 40, "class": 10}
    assert ((ds.train_error > 0) & (ds.train_error < 1)).all()
    assert set(ds.parameters.values.tolist()) == {650, 45_034}
    assert not [value for value in map(str, metadata.values()) if str(root) in value]


def test_program__a_recorded_run_is_what_training_gives(program):
    root, _, _ = program
    for settings in (replace(SHORT, seed=2), Settings("allcnn", "adam", 0.01, epochs=1, batch_size=128)):
        data = load_data(DIGITS)
        at = record_at(settings, len(data.train), 6)
        stream = train_network(network(settings, data.shape, 10), data.train, data.train_label, settings)
        again = tk.record(stream, data.probe, at=at)
        stored = tk.load(root / "runs").sel(run=[settings.run])
        np.testing.assert_array_equal(stored.step.values, again.step.values)
        np.testing.assert_allclose(np.exp(stored.log_prob.values), np.exp(again.log_prob.values), atol=1e-3)


def test_program__finished_and_diverged_runs_are_skipped(program, capsys):
    root, _, _ = program
    before = {path: path.stat().st_mtime_ns for path in (root / "runs").rglob("*.json")}
    arguments = [str(root / "mine.toml"), "--out", str(root / "runs"), "--workers", "0"]
    assert main([*arguments, "--dry-run"]) == 0
    assert "0 runs to train" in capsys.readouterr().out
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in (root / "runs").rglob("*.json")} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("checkpoints = 6", "checkpoints = 7"), "of other checkpoints: choose another folder"),
        (("probe_train = 20", "probe_train = 30"), "of other data: choose another folder"),
    ],
)
def test_program__a_folder_of_other_runs_is_refused(program, change, message, tmp_path, capsys):
    path = grid_file(tmp_path, PROGRAM_GRID.replace(*change))
    with pytest.raises(SystemExit, match="2"):
        main([str(path), "--out", str(program[0] / "runs")])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.toml"], "no grid"),
        (["digits", "--pack", "{root}/mine.nc"], "exists"),
        (["digits", "--pack", "{root}/mine.zarr"], "ends in .nc"),
        (["digits", "--pack", "{root}/nowhere/mine.nc"], "no folder"),
        (["digits", "--workers", "-1"], "at least 0"),
        (["cifar10-small"], "needs a path"),
    ],
)
def test_program__what_cannot_end_well_is_refused_before_training(program, arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([*(a.format(root=program[0]) for a in arguments), "--out", str(tmp_path / "out")])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pack__a_file_too_large_leaves_the_old_one(program):
    root, _, _ = program
    before = (root / "mine.nc").read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        pack(root / "runs", root / "mine.nc")
    with pytest.raises(ValueError, match=r"6 runs take 0\.1 MB, wanted at most 0\.001"):
        pack(root / "runs", root / "mine.nc", overwrite=True, max_megabytes=0.001)
    assert (root / "mine.nc").read_bytes() == before
    assert not [path for path in root.iterdir() if path.name.startswith(".")]


def test_crash__is_kept_with_its_traceback_and_tried_again(tmp_path, monkeypatch):
    grid = Grid("g", DIGITS, (SHORT, replace(SHORT, architecture="allcnn", width=4)), 6)

    def broken(settings, *rest):
        if settings.architecture == "allcnn":
            raise ZeroDivisionError("as if")
        return network(settings, *rest)

    monkeypatch.setattr(runs_module, "network", broken)
    table = train(grid, out=tmp_path, workers=0, progress_bar=False)
    assert table.state.tolist() == ["trained", "crashed"]
    assert "ZeroDivisionError: as if" in table.reason.iloc[1]
    assert "in broken" in table.reason.iloc[1]
    assert summary(table).loc["all"].tolist()[:4] == [2, 1, 0, 1]
    monkeypatch.undo()
    assert train(grid, out=tmp_path, workers=0, progress_bar=False).state.tolist() == ["trained", "trained"]


def test_crash__an_interrupt_is_none(tmp_path, monkeypatch):
    def interrupted(*rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs_module, "network", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(Grid("g", DIGITS, (SHORT,), 6), out=tmp_path, workers=0, progress_bar=False)
    assert not read_outcomes(tmp_path)


def test_without_a_single_success_there_is_nothing_to_pack(tmp_path, capsys):
    text = PROGRAM_GRID[: PROGRAM_GRID.index("[[runs]]")] + PROGRAM_GRID[PROGRAM_GRID.rindex("[[runs]]") :]
    path = grid_file(tmp_path, text)
    assert main([str(path), "--out", str(tmp_path / "runs"), "--workers", "0"]) == 1
    with pytest.raises(ValueError, match="nothing to pack"):
        pack(tmp_path / "runs", tmp_path / "mine.nc")


def test_a_killed_computation_resumes_to_the_identical_result_and_leaves_no_process(tmp_path):
    text = '[data]\nname = "digits"\nprobe_train = 20\nprobe_test = 20\n'
    text += '[[runs]]\narchitecture = ["linear", "fc", "allcnn"]\n'
    path = grid_file(
        tmp_path, f'checkpoints = 6\n[defaults]\nepochs = 6\n{text}optimizer = "sgd"\nlearning_rate = 0.1\n'
    )
    out = tmp_path / "runs"
    command = [sys.executable, "-m", "trajkit.zoo", str(path), "--out", str(out), "--workers", "1"]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        until(lambda: list(out.glob("outcomes/[!.]*.json")), 60)
        process.send_signal(signal.SIGKILL)
    until(lambda: not group_lives(process.pid), 20)
    finished = {file: file.stat().st_mtime_ns for file in out.glob("*.run") if _outcome(file).exists()}
    assert 1 <= len(finished) < 3
    # What a process leaves that is killed while it trains: some checkpoints, and no word of how it ended.
    rest = [s for s in read_grid(path).runs if s.run not in read_outcomes(out)]
    (out / f"{rest[0].run}.run").write_bytes(next(iter(finished)).read_bytes()[:3000])

    table = train(path, out=out, workers=0, progress_bar=False)
    assert (table.state == "trained").all()
    assert all(file.stat().st_mtime_ns == written for file, written in finished.items())
    train(path, out=tmp_path / "again", workers=0, progress_bar=False)
    assert tk.load(out).equals(tk.load(tmp_path / "again"))


def _outcome(file):
    return file.parent / "outcomes" / f"{file.stem}.json"


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def group_lives(leader):
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_that_dies_is_reported_and_the_others_survive(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text("import os\ndef task(job):\n    return 10 * job if job != 1 else os._exit(9)\n")
    monkeypatch.syspath_prepend(tmp_path)
    from deadly import task

    ended = dict(in_processes(task, range(3), workers=1))
    assert isinstance(ended.pop(1), BaseException)
    assert ended == {0: 0, 2: 20}


def test_a_dask_client_trains_as_processes_do(tmp_path):
    distributed = pytest.importorskip("distributed")
    grid = Grid("g", DIGITS, (SHORT, replace(SHORT, seed=1)), 6)
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        table = train(grid, out=tmp_path / "dask", client=client, progress_bar=False)
    assert (table.state == "trained").all()
    train(grid, out=tmp_path / "here", workers=0, progress_bar=False)
    assert tk.load(tmp_path / "dask").equals(tk.load(tmp_path / "here"))


def test_train__runs_with_several_decays_share_one_probe(tmp_path):
    runs = tuple(Settings("fc", "sgd", 0.1, seed=s, epochs=3, width=32, decay=c) for c in (0.0, 0.3) for s in range(4))
    train(Grid("g", DataSettings("sloppy"), runs, 6), out=tmp_path, workers=0, progress_bar=False)
    ds = tk.load(tmp_path)
    assert dict(ds.sizes) == {"run": 8, "checkpoint": 6, "sample": 200, "class": 5}
    assert sorted(ds.decay.values.tolist()) == [0.0] * 4 + [0.3] * 4
    assert tk.loss(ds).isel(checkpoint=-1).max() < 1.5


def test_prepare__a_folder_of_runs_on_other_samples_is_refused(images, tmp_path):
    copy = Path(shutil.copytree(images, tmp_path / "copy"))
    grid = Grid("g", DataSettings("folder", str(copy), probe_train=4, probe_test=4), (replace(SHORT, batch_size=8),), 6)
    train(grid, out=tmp_path / "runs", workers=0, progress_bar=False)
    for file in (copy / "train" / "cat").iterdir():
        Image.new("RGB", (16, 16)).save(file)
    load_data.cache_clear()
    with pytest.raises(tk.SchemaError, match="runs on another probe"):
        prepare(grid, out=tmp_path / "runs")


def test_prepare__runs_that_another_process_records_are_refused(tmp_path):
    data = load_data(DIGITS)
    with tk.Recorder(tmp_path, data.probe, run="other") as recorder:
        recorder(network(SHORT, data.shape, 10), 0)
        with pytest.raises(GridError, match="another process trains"):
            prepare(Grid("g", DIGITS, (SHORT,), 6), out=tmp_path)


# Shipped data

# Megabytes at most, samples of each split, and how many of the runs at least fit their training set.
SHIPPED = {"digits": (12, 100, 0.95), "cifar10": (25, 300, 0.5), "sloppy": (12, 100, 0.5)}


@pytest.fixture(scope="module", params=SHIPPED)
def shipped(request):
    ds = tk.sample_data(request.param)
    ds.attrs["name"] = request.param
    return ds


def file_of(name):
    return ROOT / "data" / f"{name}.nc"


def test_shipped__all_files_are_named_valid_and_small():
    assert set(tk.sample_data()) == set(SHIPPED)
    assert sorted(p.name for p in (ROOT / "data").iterdir()) == sorted(f"{name}.nc" for name in SHIPPED)
    assert sum(file_of(name).stat().st_size for name in SHIPPED) <= 40e6


def test_shipped__comes_from_the_grid_of_its_name(shipped):
    tk.validate(shipped)
    name = shipped.attrs["name"]
    assert file_of(name).stat().st_size <= SHIPPED[name][0] * 1e6
    assert shipped.attrs["source"] == "trajkit.zoo"
    metadata = json.loads(shipped.attrs["metadata"])
    assert re.fullmatch("[0-9a-f]{40}", metadata["commit"])
    grid = read_grid(metadata["grid"], data="anywhere" if name == "cifar10" else None)
    assert metadata["grid"].startswith(name)
    trained = set(shipped.run.values.tolist())
    assert trained | set(metadata["failed_runs"]) == {s.run for s in grid.runs}
    assert not trained & set(metadata["failed_runs"])


def test_shipped__probe_is_balanced_in_both_splits(shipped):
    size = SHIPPED[shipped.attrs["name"]][1]
    for split in ("train", "test"):
        counts = np.bincount(shipped.label[shipped.split == split], minlength=shipped.sizes["class"])
        assert counts.sum() == size
        if shipped.attrs["name"] != "sloppy":  # a teacher's classes are not equally frequent
            assert np.ptp(counts) == 0


def test_shipped__networks_learn_and_most_fit_their_training_set(shipped):
    last = tk.select(shipped, split="train").isel(checkpoint=[-1])
    assert (tk.loss(shipped).isel(checkpoint=0) > 0.85 * np.log(shipped.sizes["class"])).mean() > 0.9
    assert float((shipped.train_error < 0.1).mean()) >= SHIPPED[shipped.attrs["name"]][2]
    # The errors in the table are those of all samples: the probe's are near them.
    assert float(abs(tk.error(last).isel(checkpoint=0) - shipped.train_error).max()) < 0.12


def factors(ds, **fixed):
    table = tk.run_table(ds)
    for name, value in fixed.items():
        table = table[table[name] == value]
    return table


@pytest.mark.parametrize("name", ["digits", "cifar10"])
def test_shipped__has_every_architecture_with_every_optimizer_and_three_seeds(name):
    ds = tk.sample_data(name)
    table = factors(ds, init="default")
    seeds = table.groupby(["architecture", "optimizer"])["seed"].nunique()
    assert len(seeds) == 18
    assert seeds.min() >= 3
    widths = table.groupby("architecture")["width"].nunique()
    assert (widths >= (3 if name == "digits" else 2)).sum() >= 3
    for attribute in ("learning_rate", "batch_size", "weight_decay", "augmentation"):
        assert table[attribute].nunique() >= 2
    corners = factors(ds)[lambda t: t["init"].str.startswith("corner")]
    assert corners["architecture"].nunique() >= 2
    assert 25 <= ds.sizes["checkpoint"] <= 40


def test_shipped__sloppy_has_several_decays():
    table = factors(tk.sample_data("sloppy"))
    assert table["decay"].nunique() >= 5
    assert table["architecture"].nunique() >= 2


def test_shipped__probe_of_digits_is_of_the_digits():
    ds = tk.sample_data("digits")
    _, label = load_digits(return_X_y=True)
    np.testing.assert_array_equal(label[ds.sample], ds.label)
    assert ds["class"].values.tolist() == [str(c) for c in range(10)]


def test_zoo__needs_no_torchvision_and_trajkit_no_torch():
    program = (
        "import sys, trajkit; assert not {'torch', 'sklearn'} & set(sys.modules)\n"
        "import trajkit.zoo; assert 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
