"""Laws of the training zoo: what is recorded is what was trained, and nothing is lost or hidden."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import trajkit as tk
from trajkit.zoo import digits as zoo
from trajkit.zoo.architectures import ARCHITECTURES
from trajkit.zoo.runs import finish, kept_file
from trajkit.zoo.training import OPTIMIZERS, Diverged, Settings, log_spaced, record, train

DATA = Path(__file__).parent.parent / "data" / "digits.nc"
SHORT = Settings("linear", "sgd", 0.1, seed=0, epochs=1)
# Plain SGD on this loss makes weights of 1e30, whose outputs overflow float32 within a few steps.
DIVERGING = replace(SHORT, architecture="mlp-deep", learning_rate=1e30)


@pytest.fixture(autouse=True)
def one_thread():
    """Train as the workers do: sums in another order would change the last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Noisy(nn.Module):
    """A network that has all a recorder could disturb: running means, dropout, and noise that eval mode leaves on."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 10)
        )

    def forward(self, images):
        return self.layers(images) + 0.1 * torch.randn(len(images), 10)


def final_weights(recorded_at):
    data = zoo.digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Noisy()
        stream = train(model, data.images[data.train], data.labels[data.train], SHORT)
        if recorded_at is None:
            for _ in stream:
                pass
        else:
            record(stream, data.images[data.probe], at=recorded_at)
    return model.state_dict()


@pytest.mark.parametrize("at", [[0], [5], range(24)])
def test_recording_does_not_change_training(at):
    untouched, recorded = final_weights(None), final_weights(at)
    assert all(torch.equal(untouched[name], recorded[name]) for name in untouched)


def test_record__a_frozen_layer_stays_frozen():
    model = Noisy()
    model.train()
    model.layers[2].eval()
    modes = [layer.training for layer in model.modules()]
    record([(0, model)], torch.ones(2, 1, 8, 8), at=[0])
    assert [layer.training for layer in model.modules()] == modes


def test_record__steps_that_never_come_are_named():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with pytest.raises(ValueError, match=r"never came to steps \[7\]"):
        record([(0, model), (1, model)], torch.ones(2, 1, 8, 8), at=[0, 7])


def test_record__predictions_that_are_not_finite_diverge():
    model = nn.Linear(1, 2)
    nn.init.constant_(model.weight, torch.nan)
    with pytest.raises(Diverged, match="step 3"):
        record([(3, model)], torch.ones(4, 1), at=[3])


def test_record__log_probabilities_keep_the_small_distance_from_certainty():
    class Certain(nn.Module):
        def forward(self, images):
            return torch.tensor([[20.0, 0.0]]).expand(len(images), 2)

    log_prob = record([(0, Certain())], torch.ones(1, 1), at=[0])
    np.testing.assert_allclose(log_prob[0, 0], [-np.exp(-20.0), -20.0], rtol=1e-5)


def test_train__yields_the_untrained_model_first_and_once_per_update():
    data = zoo.digits()
    model = ARCHITECTURES["linear"].build((1, 8, 8), 10)
    before = [p.detach().clone() for p in model.parameters()]
    stream = train(model, data.images[data.train], data.labels[data.train], SHORT)
    step, first = next(stream)
    assert step == 0
    assert all(torch.equal(a, b) for a, b in zip(before, first.parameters(), strict=True))
    assert [step for step, _ in stream] == list(range(1, 24))  # 1437 samples in batches of 64
    assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_train__every_sample_is_seen_once_in_an_epoch():
    seen = []

    class Witness(nn.Linear):
        def forward(self, images):
            seen.extend(images[:, 0].tolist())
            return super().forward(images)

    settings = replace(SHORT, batch_size=4, epochs=2, learning_rate=1e-6)
    for _ in train(Witness(1, 2), torch.arange(10.0)[:, None], torch.zeros(10, dtype=torch.long), settings):
        pass
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_learns_with_every_optimizer(architecture, optimizer):
    rate = max(zoo.LEARNING_RATES[optimizer])
    settings = Settings(architecture, optimizer, rate, seed=0, epochs=5)
    data = zoo.digits()
    label = data.labels[data.probe].numpy()
    log_prob = zoo.trajectory(settings)
    loss = -log_prob[:, np.arange(len(label)), label].mean(-1)
    assert loss[0] == pytest.approx(np.log(10), abs=0.5)
    assert loss[-1] < 0.6 * loss[0]


def test_same_seed_same_trajectory():
    first, again = zoo.trajectory(SHORT), zoo.trajectory(SHORT)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - zoo.trajectory(replace(SHORT, seed=1))).max() > 0.1


def test_trajectory__random_numbers_of_the_caller_stay():
    before = torch.get_rng_state()
    zoo.trajectory(SHORT)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("last", "n"), [(920, 29), (23, 29), (1, 2), (5, 3), (10_000, 50)])
def test_log_spaced__starts_at_0_ends_at_last_and_increases(last, n):
    steps = log_spaced(last, n)
    assert steps[0] == 0
    assert steps[-1] == last
    assert (np.diff(steps) > 0).all()
    assert len(steps) <= n


def test_grid__has_29_checkpoints_at_the_same_steps_for_all_runs():
    assert {len(zoo.recorded_steps(settings)) for settings in zoo.grid()} == {29}
    assert len({tuple(zoo.recorded_steps(settings)) for settings in zoo.grid()}) == 1


def test_split__is_stratified_and_covers_all_images():
    data = zoo.digits()
    assert sorted([*data.train, *data.test]) == list(range(1797))
    label = data.labels.numpy()
    share = np.bincount(label[data.test]) / np.bincount(label)
    np.testing.assert_allclose(share, 360 / 1797, atol=0.01)


def test_probe__holds_10_of_each_class_and_split():
    data = zoo.digits()
    label = data.labels.numpy()[data.probe]
    assert len(set(data.probe)) == 200
    for part, labels in ((data.train, label[:100]), (data.test, label[100:])):
        assert np.isin(data.probe, part).sum() == 100
        assert np.bincount(labels).tolist() == [10] * 10
    assert np.isin(data.probe[:100], data.train).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "transformer"}, "wanted one of .*'linear'"),
        ({"optimizer": "lion"}, "wanted one of .*'sgd'"),
        ({"epochs": 0}, "at least 1"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_settings__that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SHORT, **change)


def test_trajectories__runs_of_different_epochs_are_refused():
    with pytest.raises(ValueError, match=r"agree in epochs, got \[1, 2\]"):
        zoo.trajectories([SHORT, replace(SHORT, seed=1, epochs=2)])


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "mlp-wide"},
        {"optimizer": "adam"},
        {"learning_rate": 0.2},
        {"seed": 1},
        {"epochs": 2},
        {"batch_size": 32},
        {"weight_decay": 1e-3},
    ],
)
def test_kept_file__of_other_settings_has_another_name(change, tmp_path):
    assert kept_file(tmp_path, SHORT) == kept_file(tmp_path, replace(SHORT))
    assert kept_file(tmp_path, SHORT) != kept_file(tmp_path, replace(SHORT, **change))
    assert kept_file(tmp_path, SHORT, [0, 1]) != kept_file(tmp_path, SHORT, [0, 2])


@pytest.fixture(scope="module")
def computation(tmp_path_factory):
    """The program on a small grid with one run that diverges: its file, exit status and output."""
    path = tmp_path_factory.mktemp("computation") / "out.nc"
    other = replace(SHORT, architecture="cnn-narrow", optimizer="adam", batch_size=128, weight_decay=1e-3)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as output:
        patch.setattr(zoo, "grid", lambda epochs: [SHORT, DIVERGING, other])
        status = zoo.main([str(path), "--workers", "1", "--epochs", "1"])
    return path, status, output.getvalue()


def test_a_diverging_run_is_reported_and_the_others_survive(computation):
    path, status, output = computation
    ds = tk.load(path)
    assert status == 0
    assert ds.run.values.tolist() == [SHORT.run, "cnn-narrow-adam-0.1-0-batch_size-128-weight_decay-0.001"]
    failed = json.loads(ds.attrs["metadata"])["failed_runs"]
    assert list(failed) == [DIVERGING.run]
    assert failed[DIVERGING.run].startswith("Diverged: ")
    assert f"{DIVERGING.run}  {failed[DIVERGING.run]}" in output


def test_main__leaves_nothing_but_the_file(computation):
    path, _, _ = computation
    assert list(path.parent.iterdir()) == [path]


def test_main__a_trajectory_is_what_training_gives(computation):
    path, _, _ = computation
    stored = tk.load(path).log_prob.sel(run=SHORT.run).dropna("checkpoint").values
    np.testing.assert_allclose(stored, zoo.trajectory(SHORT), rtol=2.0 ** -(zoo.BITS + 1), atol=1e-6)


def test_main__runs_of_another_batch_size_have_their_own_steps(computation):
    ds = tk.load(computation[0])
    assert ds.step.max("checkpoint").values.tolist() == [23, 12]
    assert ds.epoch.max("checkpoint").values.tolist() == [1.0, 1.0]
    assert (ds.step.isel(checkpoint=0) == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{file}"], "exists"),
        (["{folder}/new.zarr"], "ends in .nc"),
        (["{folder}/nowhere/new.nc"], "no folder"),
        (["{folder}/new.nc", "--epochs", "0"], "at least 1"),
        (["{folder}/new.nc", "--workers", "0"], "at least 1"),
    ],
)
def test_main__what_cannot_end_well_is_refused_before_training(computation, arguments, message, capsys):
    path = computation[0]
    with pytest.raises(SystemExit, match="2"):
        zoo.main([a.format(file=path, folder=path.parent) for a in arguments])
    assert message in capsys.readouterr().err


def test_main__without_a_single_success_says_why_and_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoo, "grid", lambda epochs: [DIVERGING])
    assert zoo.main([str(tmp_path / "out.nc"), "--workers", "1"]) == 1
    assert f"{DIVERGING.run}  Diverged: " in capsys.readouterr().out
    assert not (tmp_path / "out.nc").exists()


def test_a_killed_computation_resumes_to_the_identical_result_and_leaves_no_process(tmp_path):
    settings = [replace(SHORT, architecture=a, epochs=8) for a in ("linear", "cnn-wide", "mlp-deep")]
    program = (
        "import sys; from pathlib import Path; from trajkit.zoo.digits import Settings, trajectories\n"
        "trajectories(eval(sys.argv[1]), workers=1, runs_folder=Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, repr(settings), str(tmp_path)]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        until(lambda: list(tmp_path.glob("linear*.npy")), 60)
        process.send_signal(signal.SIGKILL)
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")}
    assert len(finished) < len(settings)
    until(lambda: not group_lives(process.pid), 20)
    # What a process leaves that is killed while it writes.
    unfinished = kept_file(tmp_path, settings[-1], zoo.recorded_steps(settings[-1]))
    unfinished.with_name(f".{unfinished.name}.1").write_bytes(b"\x93NUMPY")

    ds = zoo.trajectories(settings, workers=1, runs_folder=tmp_path)
    assert all(path.stat().st_mtime_ns == written for path, written in finished.items())
    assert ds.equals(zoo.dataset({s: zoo.trajectory(s) for s in settings}, failed={}))


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
    (tmp_path / "deadly.py").write_text(
        "import os\ndef task(settings):\n    return [settings.seed] if settings.seed != 1 else os._exit(9)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from deadly import task

    files = {s: tmp_path / f"{s.seed}.npy" for s in (replace(SHORT, seed=seed) for seed in range(4))}
    failed = finish(task, files, workers=1)
    assert list(failed) == [replace(SHORT, seed=1).run]
    assert "died" in failed[replace(SHORT, seed=1).run]
    assert [np.load(tmp_path / f"{seed}.npy").item() for seed in (0, 2, 3)] == [0, 2, 3]


@pytest.fixture(scope="module")
def shipped():
    return tk.load(DATA)


def test_shipped__is_complete_and_small(shipped):
    tk.validate(shipped)
    metadata = json.loads(shipped.attrs["metadata"])
    assert {*shipped.run.values, *metadata["failed_runs"]} == {s.run for s in zoo.grid()}
    assert shipped.sizes["run"] == 144
    assert DATA.stat().st_size <= 15e6
    assert shipped.attrs["source"] == "trajkit.zoo.digits"
    assert metadata["epochs"] == 40
    assert (metadata["train_size"], metadata["test_size"]) == (1437, 360)
    assert metadata["torch"]


def test_shipped__runs_have_their_attributes(shipped):
    table = tk.run_table(shipped)
    constant = {"kind": "network", "batch_size": 64, "weight_decay": 0, "augmentation": "none", "init": "default"}
    assert all((table[name] == value).all() for name, value in constant.items())
    counts = {"architecture": 6, "optimizer": 3, "learning_rate": 6, "seed": 4, "width": 5, "depth": 4, "parameters": 6}
    assert table[list(counts)].nunique().to_dict() == counts
    assert (table["checkpoints"] == 29).all()


def test_shipped__probe_is_the_program_s(shipped):
    data = zoo.digits()
    np.testing.assert_array_equal(shipped.sample, data.probe)
    np.testing.assert_array_equal(shipped.label, data.labels.numpy()[data.probe])
    np.testing.assert_array_equal(shipped.split == "train", np.isin(data.probe, data.train))
    assert shipped["class"].values.tolist() == [str(c) for c in range(10)]


def test_shipped__is_what_the_program_makes(shipped):
    for settings in (Settings("linear", "nesterov", 0.03, seed=2), Settings("mlp-wide", "adam", 0.001, seed=1)):
        stored = shipped.sel(run=settings.run)
        assert stored.step.values.tolist() == zoo.recorded_steps(settings)
        made, kept = np.exp(zoo.trajectory(settings)), np.exp(stored.log_prob.values)
        # Other processors add in other orders, and training amplifies the difference in the last digit step by step.
        np.testing.assert_allclose(kept[:10], made[:10], atol=1e-3)
        np.testing.assert_allclose(kept, made, atol=0.05)


def test_shipped__networks_learn(shipped):
    last = shipped.isel(checkpoint=[-1])
    train_loss, test_error = tk.loss(tk.select(last, split="train")), tk.error(tk.select(last, split="test"))
    assert train_loss.max() < 0.3
    assert train_loss.median() < 0.02
    assert test_error.max() < 0.1
    assert tk.loss(shipped).isel(checkpoint=0).min() > 2


def test_zoo__needs_no_torchvision_and_trajkit_no_torch():
    program = (
        "import sys, trajkit; assert not {'torch', 'sklearn'} & set(sys.modules)\n"
        "import trajkit.zoo.digits; assert 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
