"""From a model of any library to log-probabilities on the probe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trajkit.probabilities import row_problem, row_sums, to_log_prob
from trajkit.storage import Probe
from trajkit.storage.probe import as_numpy
from trajkit.typing import AnyArray, Array

Predict = Callable[[Any, Any], Any]
FORMS = ("logits", "log_prob", "prob")


class Predictor:
    """Ask a model for its predictions on the probe, in such a way that the model does not notice.

    Modules of torch are asked in eval mode, without gradients and in batches; anything else once for the whole probe.
    """

    def __init__(self, probe: Probe, predict: Predict | None, output: str, batch_size: int) -> None:
        if output not in FORMS:
            raise ValueError(f"output: wanted one of {list(FORMS)}, got {output!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size: wanted at least 1, got {batch_size}")
        self._probe, self._predict, self._output, self._batch_size = probe, predict or _call, output, batch_size

    def __call__(self, model: Any) -> NDArray[np.float32]:
        """Return log-probabilities (sample, class), with NaN where the model gives none."""
        if _is_module(model):
            from trajkit.recording.torch_modules import predict_in_batches

            values = predict_in_batches(model, self._probe.inputs, self._predict, self._batch_size)
        else:
            values = as_numpy(self._predict(model, self._probe.inputs))
        return self._log_prob(values)

    def wait_for(self, model: Any) -> None:
        """Wait for what an accelerator has yet to do for the training, so that it is not counted as recording."""
        if _is_module(model):
            from trajkit.recording.torch_modules import synchronize

            synchronize(model)

    def _log_prob(self, values: AnyArray) -> NDArray[np.float32]:
        wanted = (len(self._probe), len(self._probe.classes))
        if values.shape != wanted:
            raise ValueError(
                f"the model gives predictions of shape {values.shape}, but the probe has {wanted[0]} samples and "
                f"{wanted[1]} classes: wanted {wanted} (a model with one output per sample needs predict=)"
            )
        raw = values.astype(np.float64)
        if not np.isnan(raw).any() and (problem := _problem(raw, self._output)):
            raise ValueError(problem)
        # Infinite logits: their softmax is NaN, which says that the model diverged.
        with np.errstate(invalid="ignore"):
            return to_log_prob(raw, self._output).astype(np.float32)


def _problem(raw: Array, form: str) -> str | None:
    """Say why these numbers are not what they are said to be; no softmax is to hide a mistake."""
    if form == "logits":
        alike = (raw >= 0).all() and np.abs(raw.sum(-1) - 1).max() < 1e-5
        return 'these "logits" are probabilities: pass output="prob"' if alike else None
    if form == "prob" and (raw < 0).any():
        return 'output="prob" holds negative numbers: pass output="logits" for raw outputs'
    total = raw.sum(-1) if form == "prob" else row_sums(raw)
    return row_problem(total, hint='pass output="logits" for raw outputs')


def _call(model: Any, inputs: Any) -> Any:
    if not callable(model):
        raise TypeError(
            f"{type(model).__name__} cannot be called on the inputs: pass predict=, a function of the model and the "
            'inputs, such as predict=lambda model, inputs: model.predict_proba(inputs) with output="prob"'
        )
    return model(inputs)


def _is_module(model: Any) -> bool:
    """Say whether it is a module of torch, without importing torch: who has a module has done so."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)
