"""Laws of the Keras callback: it records each update, and training is not changed."""

import os
from pathlib import Path
from typing import Any

import torch
from noted_predictions import CLASSES, INPUTS, LABEL, PROBE, Noted, assert_recorded

import trajkit as tk

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras


class ByHand(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, noted: Noted) -> None:
        super().__init__()
        self.noted = noted

    def on_train_begin(self, logs: Any = None) -> None:
        step = int(self.model.optimizer.iterations)
        if step not in self.noted:
            self.noted[step] = torch.log(self.model(PROBE.inputs, training=False)).detach().numpy()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.on_train_begin()


def train(folder: Path, noted: Noted, *, recording: bool = True, fits: Any = (), **options: Any) -> list[torch.Tensor]:
    """Train, and return the weights."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.BatchNormalization()]
    layers += [keras.layers.Dropout(0.5), keras.layers.Dense(CLASSES, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.05, **options), "sparse_categorical_crossentropy")
    with tk.Recorder(folder, PROBE, run=f"keras-{recording}", output="prob") as record:
        callbacks = [tk.integrations.keras_callback(record), ByHand(noted)] if recording else []
        for fit in fits or ({"epochs": 2},):
            model.fit(INPUTS, LABEL, batch_size=4, verbose=0, callbacks=callbacks, **fit)
    return [weight.value.detach() for weight in model.weights]


def test_keras__records_each_update_and_leaves_training_as_it_is(tmp_path: Path) -> None:
    noted: Noted = {}
    recorded = train(tmp_path / "store", noted)
    assert list(noted) == list(range(7))
    assert_recorded(tk.load(tmp_path / "store"), noted, epochs=[k / 3 for k in range(7)])
    alone = train(tmp_path / "other", {}, recording=False)
    assert all(torch.equal(a, b) for a, b in zip(recorded, alone, strict=True))


def test_keras__counts_updates_and_not_batches(tmp_path: Path) -> None:
    noted: Noted = {}
    train(tmp_path, noted, gradient_accumulation_steps=3)
    assert list(noted) == [0, 1, 2]
    assert tk.load(tmp_path).step.values.tolist() == [[0, 1, 2]]


def test_keras__goes_on_when_fit_is_called_again(tmp_path: Path) -> None:
    noted: Noted = {}
    train(tmp_path, noted, fits=[{"epochs": 1}, {"epochs": 2, "initial_epoch": 1}])
    assert_recorded(tk.load(tmp_path), noted, epochs=[k / 3 for k in range(7)])
