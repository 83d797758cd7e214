"""A callback for Lightning."""

from __future__ import annotations

import math
from typing import Any

from trajkit.recording.recorder import Recorder, offer


def lightning_callback(record: Recorder | None) -> Any:
    """Make a Lightning callback that records the module before training and after each optimizer update.

    The step is `trainer.global_step`. The module's `forward` is called on the probe's inputs; if it needs other
    arguments, give the recorder a `predict=`.

    Parameters
    ----------
    record
        An open recorder; its `at=` selects the steps. If several processes train together, pass the recorder in one of
        them and None in the others.

    Returns
    -------
    lightning.pytorch.callbacks.Callback
        For `Trainer(callbacks=[...])`.

    Raises
    ------
    ImportError
        If Lightning is not installed (`pip install "trajkit[lightning]"`).

    Examples
    --------
    >>> import tempfile, lightning, torch, trajkit as tk
    >>> class Linear(lightning.LightningModule):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = torch.nn.Linear(2, 2)
    ...     def forward(self, x):
    ...         return self.layer(x)
    ...     def training_step(self, batch, _):
    ...         return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])
    ...     def configure_optimizers(self):
    ...         return torch.optim.SGD(self.parameters(), lr=0.1)
    >>> inputs, label = torch.eye(2), torch.arange(2)
    >>> loader = torch.utils.data.DataLoader(list(zip(inputs, label)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tk.Recorder(folder, tk.Probe(inputs, label), run="linear", at=tk.RecordAt(every=3)) as record:
    ...         trainer = lightning.Trainer(
    ...             max_epochs=3, callbacks=[tk.integrations.lightning_callback(record)], accelerator="cpu",
    ...             logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ...         )
    ...         trainer.fit(Linear(), loader)
    ...     tk.load(folder).step.values
    array([[0, 3, 6]])
    """
    from lightning.pytorch.callbacks import LambdaCallback

    def start(trainer: Any, module: Any) -> None:
        offer(record, module, trainer.global_step, float(trainer.current_epoch))

    def update(trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        # Infinite for a stream of data whose length is not known.
        batches = trainer.num_training_batches
        epoch = trainer.current_epoch + (index + 1) / batches if math.isfinite(batches) else None
        offer(record, module, trainer.global_step, epoch)

    return LambdaCallback(on_train_start=start, on_train_batch_end=update)
