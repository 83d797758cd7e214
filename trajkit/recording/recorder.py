"""Recording one run: into a store, or in memory."""

from __future__ import annotations

import json
import operator
import os
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self
from warnings import warn

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from trajkit.from_arrays import from_arrays, run_columns
from trajkit.recording.predictions import Predict, Predictor
from trajkit.schema import SchemaError
from trajkit.storage import Probe, Store
from trajkit.storage.run_file import CHECKPOINT, DIVERGED, END
from trajkit.storage.store import COLUMNS

Listener = Callable[[str, int, float | None, NDArray[np.float32]], object]


class Overhead(NamedTuple):
    """Time spent on recording: in seconds, and as a share of the time since the recorder was made."""

    seconds: float
    share: float


class Recorder:
    """Record the trajectory of one training into a store, checkpoint by checkpoint.

    A checkpoint is on disk when the call that records it returns; a process that is killed loses at most the one that
    it is writing. Recording leaves the training as it is: modules of torch are asked in eval mode, without gradients;
    then their modes, their buffers and torch's random numbers are put back.

    Parameters
    ----------
    path
        Folder of the store, made if there is none.
    probe
        The inputs on which the model is asked for predictions: the same for all runs of a store.
    run
        Attributes of the run: text, numbers or booleans, such as `dict(architecture="MLP", seed=0)`. An entry `run` is
        its identity; otherwise the values joined by "-" are ("MLP-0").
    at
        Steps at which to record, such as a `RecordAt`; others are skipped. None records at each call.
    predict
        A function of the model and the probe's inputs; by default the model is called on the inputs. Modules of torch
        are given batches as tensors on their own device, anything else the inputs as they are.
    output
        What the predictions (sample, class) are: "logits", "log_prob" (natural logs) or "prob".
    batch_size
        Samples in a batch for modules of torch.
    resume
        Continue a run of which the store has checkpoints: steps that it holds are skipped.
    listeners
        Functions that are called after each checkpoint with run, step, epoch (or None) and log_prob (sample, class).
        One that has a method `check_probe` is shown the probe first, and may raise.

    Attributes
    ----------
    run : str
        Identity of the run.
    step : int
        Step of the last checkpoint in the store; -1 without any.
    diverged_at : int or None
        Step at which the predictions held NaN. They are kept apart from the checkpoints, the run is marked, and
        nothing more is recorded of it.

    Raises
    ------
    SchemaError
        If the store was recorded on another probe, or an attribute is no text, number or boolean or has a name in use.
    FileExistsError
        If the store has checkpoints of this run and `resume` was not asked for, or of another run of that name.
    BlockingIOError
        If this or another process is recording the run.
    OSError
        If the folder cannot be written to.

    Examples
    --------
    >>> import tempfile, numpy as np, trajkit as tk
    >>> probe = tk.Probe(np.eye(2), label=[0, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tk.Recorder(folder, probe, run=dict(architecture="linear", seed=0)) as record:
    ...         for step in range(100):
    ...             weights = step * np.eye(2)
    ...             if step % 10 == 0:
    ...                 record(lambda inputs: inputs @ weights, step)
    ...     tk.load(folder).step.values[0, -3:], record.run
    (array([70, 80, 90]), 'linear-0')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        probe: Probe,
        run: Mapping[str, Any] | str,
        *,
        at: Container[int] | None = None,
        predict: Predict | None = None,
        output: str = "logits",
        batch_size: int = 512,
        resume: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._started, self._seconds = time.perf_counter(), 0.0
        self._predictor = Predictor(probe, predict, output, batch_size)
        self.run, attributes = _identify(run)
        self._probe, self._at, self._listeners = probe, at, tuple(listeners)
        for listener in self._listeners:
            if (check := getattr(listener, "check_probe", None)) is not None:
                check(probe)
        self._writer = Store.create(path, probe).writer(self.run, attributes, resume=resume)
        checkpoints = self._writer.run.checkpoints
        self.step = int(checkpoints["step"][-1]) if len(checkpoints) else -1
        self.diverged_at: int | None = None
        self._resumed_at = self.step

    def __call__(self, model: Any, step: int, epoch: float | None = None) -> None:
        """Record the predictions of `model` after `step` optimizer updates, if this step is due.

        Raises
        ------
        ValueError
            If the step is not beyond the last, or the predictions are not of the probe's shape or not as `output` says.
        OSError
            If writing fails, on a full disk for example; earlier checkpoints are intact, and the call may be repeated.

        Warns
        -----
        RuntimeWarning
            If predictions are NaN: the run diverged.
        """
        step = operator.index(step)
        if not (self._at is None or step in self._at) or 0 <= step <= self._resumed_at or self.diverged_at is not None:
            return
        if step <= self.step:
            raise ValueError(f"step {step} comes after step {self.step}: wanted steps that increase, from 0 on")
        self._predictor.wait_for(model)
        start = time.perf_counter()
        try:
            self._record(model, step, epoch)
        finally:
            self._seconds += time.perf_counter() - start

    @property
    def overhead(self) -> Overhead:
        """Seconds spent on recording so far, listeners included, and their share of the time since the start."""
        return Overhead(self._seconds, self._seconds / (time.perf_counter() - self._started))

    def close(self, *, complete: bool = True) -> None:
        """End the recording; unless `complete`, the store shows the run as interrupted."""
        if self._writer.is_open:
            try:
                if complete:
                    self._writer.append(END, json.dumps(self.overhead._asdict()).encode())
            finally:
                self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(complete=kind is None)

    def __repr__(self) -> str:
        return f"Recorder({self.run!r} into {str(self._writer.path.parent)!r}, at step {self.step})"

    def _record(self, model: Any, step: int, epoch: float | None) -> None:
        log_prob = self._predictor(model)
        fields = {"step": step, "epoch": np.nan if epoch is None else float(epoch)}
        payload = log_prob.astype("<f4", copy=False).tobytes()
        if np.isnan(log_prob).any():
            self._writer.append(DIVERGED, payload, **fields)
            self.diverged_at = step
            _warn_diverged(self.run, step, log_prob)
            return
        self._writer.append(CHECKPOINT, payload, losses=_losses(log_prob, self._probe), **fields)
        self.step = step
        log_prob.flags.writeable = False
        for listener in self._listeners:
            listener(self.run, step, epoch, log_prob)


def record(
    stream: Iterable[tuple[int, Any]],
    probe: Probe,
    *,
    at: Container[int] | None = None,
    run: Mapping[str, Any] | str = "run",
    predict: Predict | None = None,
    output: str = "logits",
    batch_size: int = 512,
) -> xr.Dataset:
    """Run a training to its end and keep its trajectory in memory.

    Parameters
    ----------
    stream
        The training: yields (step, model) after each optimizer update, and before the first as step 0.
    probe, at, run, predict, output, batch_size
        As for `Recorder`.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset of one run. A training whose predictions become NaN is not followed further; the
        attribute `diverged_at` is the step at which they did.

    Raises
    ------
    ValueError
        If the stream ends, or the model diverges, before anything was recorded.

    Warns
    -----
    RuntimeWarning
        If predictions are NaN.

    Examples
    --------
    >>> import numpy as np, trajkit as tk
    >>> def training():
    ...     weights = np.zeros((2, 2))
    ...     for step in range(100):
    ...         yield step, lambda inputs: inputs @ weights
    ...         weights += 0.1 * np.eye(2)
    >>> ds = tk.record(training(), tk.Probe(np.eye(2), label=[0, 1]), at=tk.RecordAt(every=25))
    >>> ds.step.values, tk.loss(ds).values.round(2)
    (array([[ 0, 25, 50, 75]]), array([[0.69, 0.08, 0.01, 0.  ]]))
    """
    predictor = Predictor(probe, predict, output, batch_size)
    name, attributes = _identify(run)
    recorded: dict[int, NDArray[np.float32]] = {}
    for step, model in stream:
        if at is not None and step not in at:
            continue
        log_prob = predictor(model)
        if np.isnan(log_prob).any():
            _warn_diverged(name, step, log_prob)
            attributes["diverged_at"] = float(step)
            break
        recorded[step] = log_prob
    if not recorded:
        raise ValueError("nothing was recorded: the training ended, or diverged, before the first of the steps `at`")
    log_prob = np.stack(list(recorded.values()))[None]
    ds = from_arrays(
        log_prob=log_prob,
        step=[list(recorded)],
        label=probe.label,
        classes=probe.classes.tolist(),
        split=probe.split,
        sample=probe.sample,
        runs=pd.DataFrame([{"run": name, **attributes}], dtype=object),
        source="trajkit.record",
    )
    # Bit for bit what a recorder keeps: normalising once more would change last digits.
    return ds.assign(log_prob=ds["log_prob"].copy(data=log_prob))


def _identify(run: Mapping[str, Any] | str) -> tuple[str, dict[str, Any]]:
    """Split `run` into its identity and its attributes, as values that JSON holds."""
    attributes = {"run": run} if isinstance(run, str) else dict(run)
    values = {str(k): v.item() if isinstance(v, np.generic) else v for k, v in attributes.items()}
    name = values.pop("run", None)
    _, _, problems = run_columns(pd.DataFrame([values], dtype=object))
    problems += [f"run attribute {k!r}: the name is reserved, choose another" for k in values if k in COLUMNS]
    name = "-".join(str(v) for v in values.values()) if name is None else str(name)
    if not name:
        problems.append("the run has no name: pass run=dict(architecture=..., seed=...), or run=dict(run=...)")
    if problems:
        raise SchemaError(list(dict.fromkeys(problems)))
    return name, values


def _losses(log_prob: NDArray[np.float32], probe: Probe) -> tuple[float, float]:
    """Mean of -log p(label) over train and over test, in nats; NaN where there are no samples."""
    loss = -log_prob[np.arange(len(probe)), probe.label].astype(np.float64)
    train, test = (loss[probe.split == split] for split in ("train", "test"))
    return (float(train.mean()) if len(train) else np.nan, float(test.mean()) if len(test) else np.nan)


def _warn_diverged(run: str, step: int, log_prob: NDArray[np.float32]) -> None:
    wrong = int(np.isnan(log_prob).any(-1).sum())
    warn(
        f"run {run!r} diverged: at step {step} the predictions of {wrong} of {len(log_prob)} samples are NaN. The run "
        "is marked (diverged_at), and nothing more is recorded of it",
        RuntimeWarning,
        stacklevel=4,
    )
