"""Laws of a job: an error in one run is kept and ends no other."""

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
from trajkit.zoo.outcomes import read_outcomes
from trajkit.zoo.run_job import record_at
from trajkit.zoo.training import network, train_network


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


@pytest.mark.parametrize("settings", [SHORT, Settings("allcnn", "adam", 0.01, epochs=1, width=4)])
def test_run_job__a_run_is_recorded_as_any_other_training(settings, tmp_path):
    train(Grid("g", DIGITS, (settings,), 6), out=tmp_path, workers=0, progress_bar=False)
    data = load_data(DIGITS)
    stream = train_network(network(settings, data.shape, 10), data.train, data.train_label, settings)
    again = tk.record(stream, data.probe, at=record_at(settings, len(data.train), 6))
    stored = tk.load(tmp_path)
    np.testing.assert_array_equal(stored.step.values, again.step.values)
    np.testing.assert_array_equal(stored.log_prob.values, again.log_prob.values)
