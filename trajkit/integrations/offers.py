"""What the callbacks of all libraries share."""

from __future__ import annotations

from typing import Any

from trajkit.recording import Recorder


def offer(record: Recorder | None, model: Any, step: int, epoch: float | None) -> None:
    """Record a step that is new.

    Trainers come by more than once at a step: between the batches whose gradients they accumulate, or when `fit` is
    called again.
    """
    if record is not None and step > record.step:
        record(model, step, epoch)
