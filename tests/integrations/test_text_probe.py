"""Laws of probes from texts: a causal language model is recorded as if each text were asked by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

import trajkit as tk

TEXTS = ["the cat sat on the mat", "a dog", "the dog sat on a cat and the cat ran"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    made = Tokenizer(models.WordLevel(unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(TEXTS, trainers.WordLevelTrainer(special_tokens=["?"]))
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="?")


def network(vocabulary: int) -> GPT2LMHeadModel:
    set_seed(0)
    sizes = {"vocab_size": vocabulary, "n_positions": 12, "n_embd": 8, "n_layer": 1, "n_head": 1}
    return GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))


def by_hand(model: GPT2LMHeadModel, tokenizer: Any) -> np.ndarray:
    """Ask for each text by itself."""
    rows = []
    with torch.no_grad():
        for text in TEXTS:
            ids = torch.tensor([tokenizer(text)["input_ids"]])
            rows.append(model.eval()(ids).logits[0, :-1].log_softmax(-1))
    return torch.cat(rows).numpy()


@pytest.mark.parametrize("more", [0, 7])
def test_text_probe__each_text_is_predicted_as_by_itself(tokenizer: Any, tmp_path: Path, more: int) -> None:
    count = len(tokenizer) + more
    model, probe = network(count), tk.integrations.text_probe(TEXTS, tokenizer, classes=count)
    ds = tk.record([(0, model)], probe)
    np.testing.assert_allclose(ds.log_prob.values[0, 0], by_hand(model, tokenizer), atol=1e-5)
    words = [word for text in TEXTS for word in text.split()[1:]]
    assert ds["class"].values[ds.label].tolist() == words
    assert ds.document.values.tolist() == [0] * 5 + [1] + [2] * 9


def test_text_probe__a_trainer_records_in_three_lines(tokenizer: Any, tmp_path: Path) -> None:
    model = network(len(tokenizer))
    data = [{"input_ids": torch.arange(6), "labels": torch.arange(6)}] * 4
    quiet: dict[str, Any] = {"use_cpu": True, "report_to": [], "disable_tqdm": True, "max_steps": 3}
    arguments = TrainingArguments(str(tmp_path), save_strategy="no", logging_strategy="no", **quiet)
    probe = tk.integrations.text_probe(TEXTS, tokenizer)
    with tk.Recorder(tmp_path / "runs", probe, run="gpt2") as record:
        Trainer(model, arguments, train_dataset=data, callbacks=[tk.integrations.transformers_callback(record)]).train()
    ds = tk.load(tmp_path / "runs")
    assert ds.step.values.tolist() == [[0, 1, 2, 3]]
    np.testing.assert_allclose(ds.log_prob.values[0, -1], by_hand(model, tokenizer), atol=1e-5)


def test_text_probe__a_plain_module_takes_the_ids(tokenizer: Any) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(len(tokenizer), 4), torch.nn.Linear(4, len(tokenizer)))
    ds = tk.record([(0, model)], tk.integrations.text_probe(TEXTS, tokenizer, only_ids=True))
    assert ds.sizes["sample"] == 15


def test_text_probe__length_and_positions_bound_the_samples(tokenizer: Any) -> None:
    short = tk.integrations.text_probe(TEXTS, tokenizer, length=4)
    assert short.sample.tolist() == ["0:0", "0:1", "0:2", "1:0", "2:0", "2:1", "2:2"]
    few, again, other = (tk.integrations.text_probe(TEXTS, tokenizer, positions=2, seed=s) for s in (0, 0, 1))
    every = tk.integrations.text_probe(TEXTS, tokenizer)
    assert len(few) == 5
    assert set(few.sample) <= set(every.sample)
    assert few.sample.tolist() == again.sample.tolist() != other.sample.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"texts": []}, "at least one text"),
        ({"texts": ["the cat", "dog"]}, r"texts \[1\] have fewer than two tokens"),
        ({"length": 1}, "length: wanted at least 2, got 1"),
        ({"positions": 0}, "positions: wanted at least 1, got 0"),
        ({"classes": 3}, "outside the 3 classes: pass classes=, .*the tokenizer that belongs to it"),
    ],
)
def test_text_probe__bad_input_is_named(tokenizer: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.integrations.text_probe(**{"texts": TEXTS, "tokenizer": tokenizer} | change)


def test_text_probe__of_another_tokenizer_is_another_probe(tokenizer: Any, tmp_path: Path) -> None:
    made = Tokenizer(models.WordLevel({"?": 0, "the": 1, "cat": 2}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    other = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="?")
    tk.Store.create(tmp_path, tk.integrations.text_probe(TEXTS, tokenizer))
    with pytest.raises(tk.SchemaError, match="runs on another probe"):
        tk.Store.create(tmp_path, tk.integrations.text_probe(TEXTS, other))
