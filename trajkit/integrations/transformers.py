"""A callback for the `Trainer` of Hugging Face."""

from __future__ import annotations

from typing import Any

from trajkit.recording.recorder import Recorder, offer


def transformers_callback(record: Recorder | None) -> Any:
    """Make a callback for `transformers.Trainer` that records the model before training and after each update.

    The step is `state.global_step`. The probe's inputs are a dict of arrays by the names that the model takes; of its
    output, `.logits` are recorded. A causal language model predicts the next token at each position: `text_probe` makes
    the probe that asks for it.

    Parameters
    ----------
    record
        An open recorder; its `at=` selects the steps. If several processes train together, pass the recorder in one of
        them and None in the others.

    Returns
    -------
    transformers.TrainerCallback
        For `Trainer(..., callbacks=[...])`.

    Raises
    ------
    ImportError
        If transformers is not installed (`pip install "trajkit[transformers]"`).

    Examples
    --------
    >>> import tempfile, torch, trajkit as tk
    >>> from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
    >>> size = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    >>> model = BertForSequenceClassification(BertConfig(vocab_size=9, max_position_embeddings=4, num_labels=2, **size))
    >>> tokens, label = torch.tensor([[1, 2], [3, 4]]), torch.arange(2)
    >>> data = [{"input_ids": t, "labels": y} for t, y in zip(tokens, label)]
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +ELLIPSIS
    ...     with tk.Recorder(f"{folder}/runs", tk.Probe({"input_ids": tokens}, label), run="bert") as record:
    ...         arguments = TrainingArguments(
    ...             folder, max_steps=2, use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
    ...             logging_strategy="no",
    ...         )
    ...         callbacks = [tk.integrations.transformers_callback(record)]
    ...         _ = Trainer(model, arguments, train_dataset=data, callbacks=callbacks).train()
    ...     tk.load(f"{folder}/runs").step.values
    {'train_runtime': ...}
    array([[0, 1, 2]])
    """
    from transformers import TrainerCallback

    class RecordCallback(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
            offer(record, model, state.global_step, state.epoch)

        on_step_end = on_train_begin

    return RecordCallback()
