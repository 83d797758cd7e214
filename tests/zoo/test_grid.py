"""Laws of grids and settings: every combination once, and mistakes named before training."""

from dataclasses import replace

import pytest
from small_trainings import DIGITS, SHORT, grid_file

from trajkit.zoo import DataSettings, Grid, GridError, Settings, read_grid, train
from trajkit.zoo.grid import GRIDS


@pytest.mark.parametrize("path", sorted(GRIDS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_grids__are_valid_and_name_each_run_once(path):
    grid = read_grid(path, data="somewhere")
    assert len({s.run for s in grid.runs}) == len(grid.runs) > 50


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


TUNED = "[tuned.fc]\nsgd = {256 = 0.2, 128 = 0.4}\n[tuned.linear]\nsgd = 0.01\n"
FC = '[[runs]]\narchitecture = "fc"\noptimizer = "sgd"\n'


def test_read_grid__the_tuned_rate_is_that_of_architecture_optimizer_and_width(tmp_path):
    text = f'[data]\nname = "digits"\n{TUNED}{FC}width_factor = [0.5, 1]\nlearning_rate_factor = [0.25, 1]\n'
    text += FC.replace("fc", "linear")
    runs = read_grid(grid_file(tmp_path, text)).runs
    rates = {(s.architecture, s.width, s.learning_rate_factor): s.learning_rate for s in runs}
    fc = {("fc", 128, 0.25): 0.1, ("fc", 128, 1): 0.4, ("fc", 256, 0.25): 0.05, ("fc", 256, 1): 0.2}
    assert rates == fc | {("linear", 0, 1): 0.01}


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
        ('[[runs]]\narchitecture = "fc"', "runs 1: optimizer missing"),
        (f"{TUNED}{FC}width_factor = 2", "tuned.fc has none for sgd at width 512"),
        (f"{TUNED}{FC.replace('sgd', 'adam')}", "tuned.fc has none for adam at width 256"),
        (f"{TUNED}{FC}learning_rate = 1\nlearning_rate_factor = 1", "both given"),
        (f"{TUNED}{FC}width = 512", "unknown name 'width': wanted one of .*'width_factor'"),
        (f'follows = ["epoch"]\n{TUNED}{FC}', "follows: unknown name 'epoch': wanted one of .*'epochs'"),
        ("", "no runs"),
        ("= 3", "not a TOML file"),
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
        (DIGITS, {"decay": 0.1}, "decay needs the data 'sloppy'"),
        (DIGITS, {"architecture": "vit", "width_factor": 30 / 64}, "4 heads can share"),
        (DataSettings("sloppy"), {"architecture": "allcnn"}, "needs images"),
        (DataSettings("sloppy"), {"augmentation": "simple"}, "needs images"),
    ],
)
def test_train__impossible_combinations_are_refused_before_training(data, change, message, tmp_path):
    with pytest.raises(GridError, match=message):
        train(Grid("g", data, (SHORT, replace(SHORT, seed=5, **change))), out=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "perceptron"}, "wanted one of .*'linear'"),
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
        ({"label_noise": 2.0}, "label_noise.*at most 1"),
        ({"label_smoothing": 1.5}, "label_smoothing.*at most 1"),
        ({"dropout": 2}, "dropout.*at most 1"),
        ({"width_factor": 0}, "width_factor.*more than 0"),
        ({"init_seed": -1}, "whole number"),
        ({"order_seed": 0.5}, "whole number"),
        ({"optimizer": "lion", "epochs": 0}, "lion.*epochs"),
    ],
)
def test_settings__that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SHORT, **change)


def test_settings__no_two_runs_share_a_seed_unless_it_is_given():
    grid = read_grid("digits")
    seeds = [seed for s in grid.runs for seed in s.seeds]
    assert len(set(seeds)) == len(seeds) == 2 * len(grid.runs)
    same = [replace(s, init_seed=7) for s in grid.runs[:3]]
    assert [s.seeds.init for s in same] == [7, 7, 7]
    assert [s.seeds.order for s in same] == [s.seeds.order for s in grid.runs[:3]]


def test_settings__a_new_setting_leaves_the_seeds_of_old_runs():
    # They are drawn from the name of the run, which leaves out what has its default.
    assert Settings("fc", "adam", 0.001, label_smoothing=0.0).seeds == Settings("fc", "adam", 0.001).seeds
    assert Settings("fc", "adam", 0.001, label_smoothing=0.1).seeds != Settings("fc", "adam", 0.001).seeds


@pytest.mark.parametrize("change", [{"epochs": 2}, {"batch_size": 32}, {"weight_decay": 1e-3}, {"decay": 0.5}])
def test_settings__what_differs_makes_another_name(change):
    assert replace(SHORT, **change).run.startswith(SHORT.run[:-9])
    assert replace(SHORT, **change).run != SHORT.run


def test_grid__seeds_change_last_in_each_table(tmp_path):
    text = 'data = {name = "digits"}\ndefaults = {optimizer = "sgd", learning_rate = 0.1}\n'
    text += 'runs = [{architecture = ["fc", "vit"], seed = [0, 1], epochs = [1, 2]}, '
    text += '{architecture = "linear", seed = [5, 4]}]'
    runs = read_grid(grid_file(tmp_path, text)).runs
    assert [(s.architecture, s.epochs, s.seed) for s in runs[:8]] == [
        (a, epochs, seed) for seed in (0, 1) for a in ("fc", "vit") for epochs in (1, 2)
    ]
    assert [s.seed for s in runs[8:]] == [5, 4]


def test_cifar10_gpu__what_is_finished_at_any_time_is_balanced():
    runs = read_grid("cifar10-gpu", data="anywhere").runs
    kinds = [(s.architecture, s.optimizer, s.augmentation) for s in runs[:60]]
    assert len(set(kinds[:30])) == 30
    assert kinds[30:] == kinds[:30]
    assert {s.width_factor for s in runs[:60]} == {1.0}
    for start in range(0, 60, 5):
        assert len({kind[0] for kind in kinds[start : start + 5]}) == 5
