"""Laws of settings: those without sense are refused, and those that differ have different names."""

from dataclasses import replace

import pytest
from small_trainings import SHORT


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
