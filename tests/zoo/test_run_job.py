"""Laws of a job: an error in one run, or the death of its process, is kept and ends no other."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import prod

import numpy as np
import pytest
from small_trainings import DIGITS, SHORT
from torch import nn

import trajkit as tk
from trajkit.zoo import Grid, Settings, summary, train
from trajkit.zoo.architectures import ARCHITECTURES, Architecture
from trajkit.zoo.data import load_data
from trajkit.zoo.divergence import Diverged
from trajkit.zoo.outcomes import Plan, read_outcomes
from trajkit.zoo.pool import in_client, in_processes
from trajkit.zoo.run_job import record_at, run_job
from trajkit.zoo.training import BFLOAT16, network, train_network


class Faulty(nn.Sequential):
    """Softmax regression that raises `fault`, if there is one, instead of predicting."""

    fault: BaseException | None = None

    def forward(self, inputs):
        if self.fault is not None:
            raise self.fault
        return super().forward(inputs)


def faulty(shape, classes, *, width):
    return Faulty(nn.Flatten(), nn.Linear(prod(shape), classes))


@pytest.fixture
def grid(monkeypatch):
    """Two runs, of which one has an architecture that fails."""
    sizes = {"paper": {"width": 0}, "small": {"width": 0}}
    monkeypatch.setitem(ARCHITECTURES, "faulty", Architecture(faulty, sizes, needs_images=False))
    return Grid("g", DIGITS, (SHORT, replace(SHORT, architecture="faulty")), 6)


def test_crash__is_kept_with_its_traceback_and_tried_again(grid, tmp_path, monkeypatch):
    monkeypatch.setattr(Faulty, "fault", ZeroDivisionError("as if"))
    table = train(grid, out=tmp_path, workers=0, progress_bar=False)
    assert table.state.tolist() == ["trained", "crashed"]
    assert "ZeroDivisionError: as if" in table.reason.iloc[1]
    assert "in forward" in table.reason.iloc[1]
    assert summary(table).loc["all"].tolist()[:4] == [2, 1, 0, 1]
    monkeypatch.setattr(Faulty, "fault", None)
    assert train(grid, out=tmp_path, workers=0, progress_bar=False).state.tolist() == ["trained", "trained"]


def test_crash__an_interrupt_is_none(grid, tmp_path, monkeypatch):
    monkeypatch.setattr(Faulty, "fault", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        train(replace(grid, runs=grid.runs[1:]), out=tmp_path, workers=0, progress_bar=False)
    assert not read_outcomes(tmp_path)


@pytest.mark.parametrize("settings", [SHORT, Settings("allcnn", "adam", 0.01, epochs=1, width_factor=1 / 8)])
def test_run_job__a_run_is_recorded_as_any_other_training(settings, tmp_path):
    train(Grid("g", DIGITS, (settings,), 6), out=tmp_path, workers=0, progress_bar=False)
    data = load_data(DIGITS)
    stream = train_network(network(settings, data.shape, 10), data.train, data.train_label, settings)
    again = tk.record(stream, data.probe, at=record_at(settings, len(data.train), 6))
    stored = tk.load(tmp_path)
    np.testing.assert_array_equal(stored.step.values, again.step.values)
    np.testing.assert_array_equal(stored.log_prob.values, again.log_prob.values)


def test_a_process_that_dies_is_reported_and_the_others_survive(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text("import os\ndef task(job):\n    return 10 * job if job != 1 else os._exit(9)\n")
    monkeypatch.syspath_prepend(tmp_path)
    from deadly import task

    ended = dict(in_processes(task, range(3), workers=1))
    assert isinstance(ended.pop(1), BaseException)
    assert ended == {0: 0, 2: 20}


def test_run_job__at_the_time_limit_leaves_no_trace(tmp_path):
    plan = Plan("g", DIGITS, 6, str(tmp_path), end=time.time() - 1)
    assert run_job([SHORT], plan) is None
    together = [replace(SHORT, seed=seed) for seed in range(4)]
    assert run_job(together, plan) is None
    assert not read_outcomes(tmp_path)
    assert not list(tmp_path.glob("*.run"))
    assert [outcome["state"] for outcome in run_job(together, replace(plan, end=math.inf))] == ["trained"] * 4


def test_run_job__a_network_that_diverges_between_checkpoints_is_marked_at_that_step(tmp_path):
    settings = replace(SHORT, architecture="fc", learning_rate=1e30)
    [outcome] = run_job([settings], Plan("g", DIGITS, 6, str(tmp_path)))
    data = load_data(DIGITS)
    with pytest.raises(Diverged) as caught:
        for _ in train_network(network(settings, data.shape, 10), data.train, data.train_label, settings):
            pass
    assert outcome["reason"] == f"not finite at step {caught.value.step}"
    [run] = tk.Store(tmp_path).runs()
    assert run.diverged_at == caught.value.step
    assert run.checkpoints["step"].max() < caught.value.step


def test_run_job__in_bfloat16_predictions_are_whole_and_nearly_those_of_float32(tmp_path, monkeypatch):
    # What a GPU does; seeds of linear are trained together, allcnn alone.
    together = [replace(SHORT, seed=seed) for seed in range(4)]
    alone = Settings("allcnn", "adam", 0.01, epochs=1)
    for enabled in (False, True):
        monkeypatch.setitem(BFLOAT16, "cpu", lambda enabled=enabled: enabled)
        for job in (together, [alone]):
            assert {o["state"] for o in run_job(job, Plan("g", DIGITS, 6, str(tmp_path / str(enabled))))} == {"trained"}
    exact, rounded = (tk.load(tmp_path / name) for name in ("False", "True"))
    distance = tk.bhattacharyya(exact.log_prob, rounded.log_prob)
    assert 0 < distance.max() < 0.01
    assert distance.isel(checkpoint=0).max() < 1e-5


def test_in_processes__asks_for_each_job_when_it_would_start():
    events = []

    def task(job):
        events.append(("done", job))
        return job

    def may_start(job):
        events.append(("asked", job))
        return job != 1

    with ThreadPoolExecutor() as threads:
        assert dict(in_client(task, range(4), threads, workers=1, may_start=may_start)) == {0: 0, 2: 2, 3: 3}
    order = [("asked", 0), ("done", 0), ("asked", 1), ("asked", 2), ("done", 2), ("asked", 3), ("done", 3)]
    assert events == order
    events.clear()
    assert dict(in_processes(task, range(4), workers=0, may_start=may_start)) == {0: 0, 2: 2, 3: 3}
    assert events == order
