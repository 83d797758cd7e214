"""Laws of integrations: what was recorded is what the model gave at those steps, and the training never noticed.

Each library trains here for real; its predictions are noted a second time, by hand, with the library's own means.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray
from torch.nn import functional

os.environ.setdefault("KERAS_BACKEND", "torch")

import trajkit as tk
from trajkit.integrations import (
    keras_callback,
    lightning_callback,
    predict_proba,
    stages,
    transformers_callback,
)
from trajkit.probabilities import normalize

SAMPLES, CLASSES = 12, 3
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.standard_normal((SAMPLES, 4)).astype("f4")
LABEL = np.arange(SAMPLES) % CLASSES
PROBE = tk.Probe(INPUTS[::2], LABEL[::2], classes=CLASSES)

Noted = dict[int, NDArray[Any]]


def assert_recorded(ds: xr.Dataset, noted: Noted, *, epochs: list[float] | None = None) -> None:
    """Demand one run with the noted log-probabilities at the noted steps."""
    assert ds.step.values.tolist() == [list(noted)]
    np.testing.assert_allclose(ds.log_prob[0], list(noted.values()), rtol=1e-5, atol=1e-6)
    if epochs is not None:
        np.testing.assert_allclose(ds.epoch[0], epochs)
    # A trajectory that moves, so that a callback that is late by one step would be found out.
    assert (np.abs(np.diff(ds.log_prob[0], axis=0)).max((1, 2)) > 1e-4).all()


def with_and_without(train: Callable[[bool], torch.nn.Module]) -> None:
    """Demand that recording leaves the trained weights as they are, bit by bit."""
    with_recorder, without = (train(recording).state_dict() for recording in (True, False))
    assert all(torch.equal(weight, without[name]) for name, weight in with_recorder.items())


class Net(torch.nn.Module):
    """Dropout and batch normalisation tell training from evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, CLASSES)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(x)
        return logits


def by_hand(model: torch.nn.Module, inputs: Any = PROBE.inputs) -> NDArray[Any]:
    """Predict with a copy, in eval mode."""
    with torch.no_grad():
        return torch.log_softmax(deepcopy(model).eval()(torch.from_numpy(inputs)), 1).numpy()


def test_integrations__load_no_library_until_asked() -> None:
    code = "import sys, trajkit as tk; tk.integrations.__all__; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "lightning", "transformers", "keras", "sklearn"} & set(loaded.stdout.split())


def test_callbacks__of_processes_that_do_not_record_do_nothing() -> None:
    lightning_callback(None).on_train_start(SimpleNamespace(global_step=0, current_epoch=0), Net())
    transformers_callback(None).on_train_begin(None, SimpleNamespace(global_step=0, epoch=0.0), None, model=Net())


# --- PyTorch ------------------------------------------------------------------------------------------------------


def test_torch__records_in_a_plain_loop(tmp_path: Path) -> None:
    noted: Noted = {}

    def train(recording: bool) -> torch.nn.Module:
        torch.manual_seed(0)
        model, label = Net(), torch.from_numpy(LABEL)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        with tk.Recorder(tmp_path / f"{recording}", PROBE, run={"seed": 0}) as record:
            for step in range(6):
                if recording:
                    record(model, step, epoch=step)
                    noted[step] = by_hand(model)
                optimizer.zero_grad()
                functional.cross_entropy(model(torch.from_numpy(INPUTS)), label).backward()
                optimizer.step()
        return model

    with_and_without(train)
    assert_recorded(tk.load(tmp_path / "True"), noted, epochs=list(range(6)))


# --- Lightning ----------------------------------------------------------------------------------------------------


def lightning_training(record: tk.Recorder, noted: Noted, *, recording: bool = True, **options: Any) -> torch.nn.Module:
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.net(x)
            return logits

        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            # Predictions before the update are those after the one before.
            if self.global_step not in noted:
                noted[self.global_step] = by_hand(self.net)
            return functional.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=0.05)

    lightning.seed_everything(1, verbose=False)
    module = Module()
    data = torch.utils.data.TensorDataset(torch.from_numpy(INPUTS), torch.from_numpy(LABEL))
    loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)
    trainer = lightning.Trainer(
        callbacks=[lightning_callback(record)] if recording else [],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        **{"max_epochs": 2} | options,
    )
    trainer.fit(module, loader)
    noted[trainer.global_step] = by_hand(module.net)
    return module


def test_lightning__records_each_update(tmp_path: Path) -> None:
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run="lightning") as record:
        lightning_training(record, noted)
    assert list(noted) == list(range(7))
    assert_recorded(tk.load(tmp_path), noted, epochs=[k / 3 for k in range(7)])


def test_lightning__training_does_not_notice(tmp_path: Path) -> None:
    with tk.Recorder(tmp_path, PROBE, run="lightning") as record:
        with_and_without(lambda recording: lightning_training(record, {}, recording=recording))


def test_lightning__counts_updates_and_not_batches(tmp_path: Path) -> None:
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run="lightning") as record:
        lightning_training(record, noted, accumulate_grad_batches=2, max_epochs=3)
    # Three batches an epoch: an update after the second, and after the last.
    assert list(noted) == list(range(7))
    assert_recorded(tk.load(tmp_path), noted)


def test_lightning__records_at_chosen_steps_and_goes_on_where_it_was(tmp_path: Path) -> None:
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run="lightning", at=tk.RecordAt(every=2)) as record:
        lightning_training(record, {}, max_epochs=1)
    assert tk.load(tmp_path).step.values.tolist() == [[0, 2]]
    with tk.Recorder(tmp_path, PROBE, run="lightning", at=tk.RecordAt(every=2), resume=True) as record:
        lightning_training(record, noted, max_epochs=2)
    assert_recorded(tk.load(tmp_path), {step: noted[step] for step in (0, 2, 4, 6)})


# --- Hugging Face -------------------------------------------------------------------------------------------------

TOKENS = RANDOM.integers(1, 20, (SAMPLES, 5))
MASK = np.ones_like(TOKENS)
MASK[::3, 3:] = 0


def transformers_training(folder: Path, noted: Noted, *, recording: bool = True, **options: Any) -> torch.nn.Module:
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        Trainer,
        TrainerCallback,
        TrainingArguments,
        set_seed,
    )

    class ByHand(TrainerCallback):  # type: ignore[misc]
        """Notes with a copy of the model, before and after each update."""

        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
            tokens, mask = torch.from_numpy(TOKENS[::2]), torch.from_numpy(MASK[::2])
            with torch.no_grad():
                logits = deepcopy(model).eval()(input_ids=tokens, attention_mask=mask).logits
            noted[state.global_step] = torch.log_softmax(logits, 1).numpy()

        on_step_end = on_train_begin

    config = BertConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=5,
        num_labels=CLASSES,
    )
    set_seed(0)
    model = BertForSequenceClassification(config)
    data = [
        {"input_ids": torch.from_numpy(t), "attention_mask": torch.from_numpy(m), "labels": int(y)}
        for t, m, y in zip(TOKENS, MASK, LABEL, strict=True)
    ]
    arguments = TrainingArguments(
        str(folder / "trainer"),
        per_device_train_batch_size=4,
        learning_rate=0.01,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        **{"num_train_epochs": 2} | options,
    )
    probe = tk.Probe({"input_ids": TOKENS[::2], "attention_mask": MASK[::2]}, LABEL[::2])
    with tk.Recorder(
        folder / f"runs-{recording}", probe, run="bert", predict=lambda model, inputs: model(**inputs).logits
    ) as record:
        callbacks = [transformers_callback(record), ByHand()] if recording else []
        Trainer(model, arguments, train_dataset=data, callbacks=callbacks).train()
    return model  # type: ignore[no-any-return]


def test_transformers__records_each_update(tmp_path: Path) -> None:
    noted: Noted = {}
    transformers_training(tmp_path, noted)
    assert list(noted) == list(range(7))
    assert_recorded(tk.load(tmp_path / "runs-True"), noted, epochs=[k / 3 for k in range(7)])


def test_transformers__training_does_not_notice(tmp_path: Path) -> None:
    with_and_without(lambda recording: transformers_training(tmp_path, {}, recording=recording))


def test_transformers__counts_updates_and_not_batches(tmp_path: Path) -> None:
    noted: Noted = {}
    transformers_training(tmp_path, noted, gradient_accumulation_steps=3)
    assert_recorded(tk.load(tmp_path / "runs-True"), noted, epochs=[0, 1, 2])


# --- Keras --------------------------------------------------------------------------------------------------------


def keras_training(record: tk.Recorder, noted: Noted, *, recording: bool = True, fits: Any = (), **options: Any) -> Any:
    import keras

    class ByHand(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            step = int(self.model.optimizer.iterations)
            if step not in noted:
                noted[step] = torch.log(self.model(PROBE.inputs, training=False)).detach().numpy()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.on_train_begin()

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05, **options), "sparse_categorical_crossentropy")
    callbacks = [keras_callback(record), ByHand()] if recording else []
    for fit in fits or ({"epochs": 2},):
        model.fit(INPUTS, LABEL, batch_size=4, verbose=0, callbacks=callbacks, **fit)
    return model


def test_keras__records_each_update(tmp_path: Path) -> None:
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run="keras", output="prob") as record:
        keras_training(record, noted)
    assert list(noted) == list(range(7))
    assert_recorded(tk.load(tmp_path), noted, epochs=[k / 3 for k in range(7)])


def test_keras__training_does_not_notice(tmp_path: Path) -> None:
    weights = []
    for recording in (True, False):
        with tk.Recorder(tmp_path / f"{recording}", PROBE, run="keras", output="prob") as record:
            weights.append(keras_training(record, {}, recording=recording).weights)
    assert all(torch.equal(a.value, b.value) for a, b in zip(*weights, strict=True))


def test_keras__counts_updates_and_not_batches(tmp_path: Path) -> None:
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run="keras", output="prob") as record:
        keras_training(record, noted, gradient_accumulation_steps=3)
    assert list(noted) == [0, 1, 2]
    assert tk.load(tmp_path).step.values.tolist() == [[0, 1, 2]]


def test_keras__goes_on_when_fit_is_called_again(tmp_path: Path) -> None:
    noted: Noted = {}
    with tk.Recorder(tmp_path, PROBE, run="keras", output="prob") as record:
        keras_training(record, noted, fits=[{"epochs": 1}, {"epochs": 2, "initial_epoch": 1}])
    assert_recorded(tk.load(tmp_path), noted, epochs=[k / 3 for k in range(7)])


# --- scikit-learn -------------------------------------------------------------------------------------------------


def test_scikit_learn__records_partial_fit(tmp_path: Path) -> None:
    from sklearn.neural_network import MLPClassifier

    model, noted = MLPClassifier((8,), random_state=0, learning_rate_init=0.05), {}
    with tk.Recorder(tmp_path, PROBE, run={"seed": 0}, predict=predict_proba, output="prob") as record:
        for step in range(1, 5):
            model.partial_fit(INPUTS, LABEL, classes=range(CLASSES))
            record(model, step)
            noted[step] = np.log(model.predict_proba(PROBE.inputs))
    assert_recorded(tk.load(tmp_path), noted)


@pytest.mark.parametrize("name", ["GradientBoostingClassifier", "HistGradientBoostingClassifier", "AdaBoostClassifier"])
def test_scikit_learn__records_the_stages_of_boosting(name: str, tmp_path: Path) -> None:
    from sklearn import ensemble

    boosting = getattr(ensemble, name)
    options = {"min_samples_leaf": 1} if name.startswith("Hist") else {}
    many = {"max_iter" if options else "n_estimators": 5}
    model = boosting(random_state=0, **options, **many).fit(INPUTS, LABEL)
    with tk.Recorder(tmp_path, PROBE, run=name, predict=predict_proba, output="prob") as record:
        for step, stage in stages(model, PROBE.inputs):
            record(stage, step)
    ds = tk.load(tmp_path)
    assert ds.step.values.tolist() == [[1, 2, 3, 4, 5]]
    np.testing.assert_allclose(np.exp(ds.log_prob[0, -1]), model.predict_proba(PROBE.inputs), atol=1e-6)
    if name == "GradientBoostingClassifier":
        # The first iterations of a longer training are a shorter training.
        short = boosting(random_state=0, n_estimators=2).fit(INPUTS, LABEL)
        np.testing.assert_allclose(np.exp(ds.log_prob[0, 1]), short.predict_proba(PROBE.inputs), atol=1e-6)


def test_scikit_learn__refuses_classes_that_are_not_those_of_the_probe() -> None:
    from sklearn.linear_model import LogisticRegression

    named = LogisticRegression().fit(INPUTS, np.array(["a", "b", "c"])[LABEL])
    with pytest.raises(ValueError, match=r"has the classes \['a', 'b', 'c'\]: wanted 0, 1"):
        predict_proba(named, PROBE.inputs)
    with pytest.raises(TypeError, match="LogisticRegression has no staged_predict_proba"):
        next(stages(named, PROBE.inputs))


def test_scikit_learn__knows_stages_on_their_own_inputs_alone() -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(n_estimators=2).fit(INPUTS, LABEL)
    _, stage = next(stages(model, PROBE.inputs))
    with pytest.raises(ValueError, match=r"pass `probe\.inputs`"):
        predict_proba(stage, INPUTS)


def test_log_prob__of_a_recorder_is_normalised() -> None:
    # What `by_hand` gives is what the schema calls normalised, so that the comparisons above compare like with like.
    logits = RANDOM.standard_normal((5, 3))
    np.testing.assert_allclose(normalize(logits), torch.log_softmax(torch.from_numpy(logits), 1))


# --- the notebook -------------------------------------------------------------------------------------------------

WITHOUT = """
import builtins, importlib.util, json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "sklearn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in ("torch", "sklearn") else found(name)
builtins.display = print
names = {}
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), names)
"""


def test_notebook__runs_without_scikit_learn_and_torch_and_says_so() -> None:
    notebook = Path(__file__).parents[1] / "notebooks" / "06_record_your_own.ipynb"
    done = subprocess.run([sys.executable, "-c", WITHOUT, str(notebook)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Skipped: sklearn is not installed" in done.stdout
