"""From a model of any library to log-probabilities on the probe."""

from __future__ import annotations

import sys
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trajkit.probabilities import Form, form_of, form_problem, looks_like_distributions, to_log_prob
from trajkit.recording.outputs import as_array, rows_of_samples, shape_problem
from trajkit.recording.typing import Predict
from trajkit.recording.untouched import untouched
from trajkit.storage import Probe
from trajkit.typing import AnyArray


class Predictor:
    """Ask a model for its predictions on the probe, without any effect on the model.

    A torch module is asked in batches. Any other model gets the whole probe at once. `untouched` says what becomes of
    the state of a model.
    """

    def __init__(self, probe: Probe, predict: Predict | None, output: str | None, batch_size: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: wanted at least 1, got {batch_size}")
        self._probe, self._predict, self._batch_size = probe, predict or _call, batch_size
        self._output = form_of(output, "output:")
        self._warned = False

    def __call__(self, model: Any, stacklevel: int = 2) -> NDArray[np.float32]:
        """Return log-probabilities (sample, class); a sample for which the model gives none is NaN.

        `stacklevel` means what it means in `warnings.warn`, seen from the caller.
        """
        with untouched(model, self._predict) as lost:
            if lost and not self._warned:
                self._warned = True
                warn(_cannot_put_back(model, lost), RuntimeWarning, stacklevel=stacklevel + 1)
            values = self._ask(model)
        return self._log_prob(values)

    def _ask(self, model: Any) -> AnyArray:
        inputs, pieces = self._probe.inputs, []
        if not _is_module(model):
            return self._rows(self._predict(model, inputs), slice(None))
        # Imported here: recording from other libraries must not need torch.
        from trajkit.recording.torch_batches import in_batches

        for piece, batch in in_batches(model, inputs, self._batch_size):
            pieces.append(self._rows(self._predict(model, batch), piece))
        return np.concatenate(pieces)

    def _rows(self, values: Any, piece: slice) -> AnyArray:
        """Return the predictions of some inputs, at the positions that are samples if an input has several."""
        array = as_array(_in_class_order(values, self._probe.classes.tolist()), self._output)
        scored = self._probe.scored
        return array if scored is None or array.ndim != 3 else rows_of_samples(array, scored[piece])

    def wait_for(self, model: Any) -> None:
        """Wait until the accelerator has finished the training's work, so that it is not timed as recording."""
        if _is_module(model):
            from trajkit.recording.torch_modules import synchronize

            synchronize(model)

    def _log_prob(self, values: AnyArray) -> NDArray[np.float32]:
        wanted = (len(self._probe), len(self._probe.classes))
        if values.shape != wanted:
            raise ValueError(shape_problem(values.shape, wanted))
        # In float64: the softmax of float32 logits loses the last digits of a loss near zero.
        raw = values.astype(np.float64)
        if self._output is None and looks_like_distributions(raw):
            raise ValueError(
                'the rows of these predictions are probability distributions: pass output="prob". If they are logits '
                'all the same, pass output="logits"'
            )
        form: Form = self._output or "logits"
        # A model that gives NaN, or logits of +inf, diverged: that is recorded.
        is_whole = form != "logits" and not np.isnan(raw).any()
        if is_whole and (problem := form_problem(raw, form, 'pass output="logits" for raw outputs')):
            raise ValueError(f'output="{form}": {problem}')
        # The softmax of a logit of +inf is NaN, which marks the model as diverged: no warning is needed.
        with np.errstate(invalid="ignore"):
            return to_log_prob(raw, form).astype(np.float32)


def warn_diverged(run: str, step: int, log_prob: NDArray[np.float32], stacklevel: int) -> None:
    """Warn that predictions are NaN; `stacklevel` means what it means in `warnings.warn`, seen from the caller."""
    wrong = int(np.isnan(log_prob).any(-1).sum())
    warn(
        f"run {run!r} diverged: at step {step} the predictions of {wrong} of {len(log_prob)} samples are NaN. The run "
        "is marked (diverged_at), and nothing more is recorded of it",
        RuntimeWarning,
        stacklevel=stacklevel + 1,
    )


def _cannot_put_back(model: Any, lost: set[str]) -> str:
    return (
        f"{type(model).__name__} holds {', '.join(sorted(lost))}, which trajkit cannot put back: what a prediction "
        "changes there stays changed, and the training with it. Record a copy: predict=lambda model, inputs: "
        "copy.deepcopy(model)(inputs), switched to evaluation if it has dropout or batch normalisation"
    )


def _in_class_order(values: Any, classes: list[str]) -> Any:
    """Put the columns of a table in the order of the probe's classes: they bear their indices or their names."""
    if not isinstance(values, pd.DataFrame):
        return values
    names = [str(name) for name in values.columns]
    # Also False and True, which equal 0 and 1.
    are_indices = np.array_equal(values.columns, np.arange(len(names)))
    if sorted(names) != sorted(classes):
        if are_indices:
            return values
        raise ValueError(
            f"the model has the classes {names[:5]}, the probe {classes[:5]}: wanted the same names, or the indices "
            f"0, 1, ...; train on one of these as labels (pass all `classes=` to the first partial_fit), or name the "
            "classes of tk.Probe(..., classes=...)"
        )
    if are_indices and names != classes:
        raise ValueError(
            f"the model has the classes {names[:5]}, which can be the names or the indices of the probe's classes "
            f"{classes[:5]}: give the probe other names"
        )
    return values.iloc[:, [names.index(name) for name in classes]]


def _call(model: Any, inputs: Any) -> Any:
    if not callable(model):
        raise TypeError(
            f"{type(model).__name__} cannot be called on the inputs: pass predict=, a function of the model and the "
            'inputs, such as predict=lambda model, inputs: model.predict_proba(inputs) with output="prob"'
        )
    if not _is_module(model):
        return model(inputs)
    from trajkit.recording.torch_batches import call_module

    return call_module(model, inputs)


def _is_module(model: Any) -> bool:
    """Say whether `model` is a torch module. Nobody has one without having imported torch, so this does not."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)
