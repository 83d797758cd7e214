"""Laws of the callback for the `Trainer` of Hugging Face: it records each update, and training is not changed."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from noted_predictions import CLASSES, LABEL, SAMPLES, Noted, assert_recorded
from trainings import by_hand
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

import trajkit as tk

TOKENS = np.random.default_rng(0).integers(1, 20, (SAMPLES, 5))
MASK = np.ones_like(TOKENS)
MASK[::3, 3:] = 0
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SIZES |= {"vocab_size": 20, "max_position_embeddings": 5, "num_labels": CLASSES}
QUIET: dict[str, Any] = {"use_cpu": True, "report_to": [], "disable_tqdm": True}
QUIET |= dict.fromkeys(("save_strategy", "logging_strategy"), "no")


class ByHand(TrainerCallback):  # type: ignore[misc]
    """Notes predictions of a copy of the model, before training and after each update."""

    def __init__(self, noted: Noted) -> None:
        self.noted = noted

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        self.noted[state.global_step] = by_hand(model, input_ids=TOKENS[::2], attention_mask=MASK[::2])

    on_step_end = on_train_begin


def train(folder: Path, noted: Noted, *, recording: bool = True, **options: Any) -> torch.nn.Module:
    set_seed(0)
    model = BertForSequenceClassification(BertConfig(**SIZES))
    data = [
        {"input_ids": torch.from_numpy(t), "attention_mask": torch.from_numpy(m), "labels": int(y)}
        for t, m, y in zip(TOKENS, MASK, LABEL, strict=True)
    ]
    options = QUIET | {"per_device_train_batch_size": 4, "learning_rate": 0.01, "num_train_epochs": 2} | options
    arguments = TrainingArguments(str(folder / "trainer"), **options)
    probe = tk.Probe({"input_ids": TOKENS[::2], "attention_mask": MASK[::2]}, LABEL[::2])
    store = folder / f"runs-{recording}"
    with tk.Recorder(store, probe, run="bert") as record:
        callbacks = [tk.integrations.transformers_callback(record), ByHand(noted)] if recording else []
        Trainer(model, arguments, train_dataset=data, callbacks=callbacks).train()
    return model


def test_transformers__records_each_update_and_leaves_training_as_it_is(tmp_path: Path) -> None:
    noted: Noted = {}
    recorded = train(tmp_path, noted).state_dict()
    assert list(noted) == list(range(7))
    assert_recorded(tk.load(tmp_path / "runs-True"), noted, epochs=[k / 3 for k in range(7)])
    alone = train(tmp_path, {}, recording=False).state_dict()
    assert all(torch.equal(weight, alone[name]) for name, weight in recorded.items())


def test_transformers__counts_updates_and_not_batches(tmp_path: Path) -> None:
    noted: Noted = {}
    train(tmp_path, noted, gradient_accumulation_steps=3)
    assert_recorded(tk.load(tmp_path / "runs-True"), noted, epochs=[0, 1, 2])


def test_transformers__record_next_tokens_of_a_causal_language_model(tmp_path: Path) -> None:
    """Each position with a next token is a sample, also in texts that are filled up."""
    set_seed(0)
    sizes = {"vocab_size": 20, "n_positions": 5, "n_embd": 8, "n_layer": 1, "n_head": 1}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
    label = np.where(MASK[:, 1:] == 1, TOKENS[:, 1:], -100)
    probe = tk.Probe({"input_ids": TOKENS, "attention_mask": MASK}, label, classes=20)
    with tk.Recorder(
        tmp_path, probe, run="gpt", predict=lambda model, inputs: model(**inputs).logits[:, :-1], batch_size=5
    ) as record:
        record(model, 0)
    with torch.no_grad():
        alone = [model.eval()(torch.from_numpy(t[None, : m.sum()])) for t, m in zip(TOKENS, MASK, strict=True)]
    wanted = torch.cat([output.logits[0, :-1].log_softmax(-1) for output in alone])
    np.testing.assert_allclose(tk.load(tmp_path).log_prob[0, 0], wanted, atol=1e-5)
    assert tk.load(tmp_path).sample.values[:5].tolist() == ["0:0", "0:1", "1:0", "1:1", "1:2"]
