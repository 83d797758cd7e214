"""Recording one run into a store."""

from __future__ import annotations

import json
import operator
import os
import threading
import time
from collections.abc import Container, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from trajkit.recording.identify import identify
from trajkit.recording.predictor import Predictor, warn_diverged
from trajkit.recording.typing import Listener, Predict
from trajkit.storage import Probe, Store
from trajkit.storage.run_file import CHECKPOINT, DIVERGED, END


class Overhead(NamedTuple):
    """Time spent on recording: in seconds, and as a share of the time since the recorder was made."""

    seconds: float
    share: float


class Recorder:
    """Record the trajectory of one training into a store, checkpoint by checkpoint.

    A checkpoint is on disk when the call that records it returns. A process that is killed loses at most the
    checkpoint that it is writing. Recording does not change the training: models are asked in their mode for
    evaluation, without gradients; then all that they hold and the random numbers are restored. This holds for modules
    of torch and Flax NNX and models of Keras, also if the model is a function that calls one. A warning names what
    cannot be restored. Modules that wait for their first call are initialised, as training would do.

    Parameters
    ----------
    path
        Folder of the store; it is made if it does not exist.
    probe
        The inputs on which the model is asked for predictions. All runs of a store share one probe.
    run
        Attributes of the run: text, numbers or booleans, such as `dict(architecture="MLP", seed=0)`. An entry `run` is
        the run's identity. Without it, the identity is the values joined by "-" ("MLP-0").
    at
        Steps at which to record, such as a `RecordAt`; other steps are skipped. None records at each call.
    predict
        A function of the model and the probe's inputs. By default the model is called on the inputs; a torch module
        gets a dict by name if its `forward` has these parameters. Torch modules get batches of tensors on their own
        device. Text, lists of different lengths and matrices of scipy stay what they are; None or a loader comes in one
        piece. Any other model gets the inputs unchanged. Of an output of transformers, `.logits` are taken.
    output
        Form of the predictions (sample, class): "logits", "log_prob" (natural logs) or "prob". By default they are
        logits, and rows that are all probability distributions are refused; "logits" insists on logits.
    batch_size
        Number of inputs in a batch, for torch modules.
    resume
        Whether to continue a run that has checkpoints in the store. The first checkpoint that is offered decides from
        where: checkpoints beyond it came from a training that was abandoned, unless the training gives the same again.
        They stay in the file but are no longer part of the run, and a warning says so.
    listeners
        Functions that are called after each checkpoint with run, step, epoch (or None) and log_prob (sample, class).
        If a listener has a method `check_probe`, it is called with the probe first, and may raise.

    Attributes
    ----------
    run : str
        Identity of the run.
    step : int
        Step of the last checkpoint in the store; -1 without any.
    diverged_at : int or None
        Step at which the predictions held NaN. These predictions are stored, but not as a checkpoint; the run is
        marked as diverged, and nothing more is recorded of it.

    Raises
    ------
    SchemaError
        If the store was recorded on another probe, or an attribute has a type that cannot be stored or a reserved name.
    FileExistsError
        If the store has checkpoints of this run and `resume` is False, or of another run of that name.
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
        output: str | None = None,
        batch_size: int = 512,
        resume: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._started, self._seconds = time.perf_counter(), 0.0
        self._predictor = Predictor(probe, predict, output, batch_size)
        self.run, attributes = identify(run)
        self._probe, self._at, self._listeners = probe, at, tuple(listeners)
        # A listener may refuse the probe; this comes before the store so that a refusal leaves no folder behind.
        for listener in self._listeners:
            if (check := getattr(listener, "check_probe", None)) is not None:
                check(probe)
        self._writer = Store.create(path, probe).writer(self.run, attributes, resume=resume)
        checkpoints = self._writer.run.checkpoints
        self.step = int(checkpoints["step"][-1]) if len(checkpoints) else -1
        self.diverged_at: int | None = None
        # The first checkpoint that is offered says from where the training goes on. A training that is repeated gives
        # what the run holds: `_reached` is the last step up to which it did.
        self._is_resuming = self.step >= 0
        self._reached: int | None = None
        # Several threads may call one recorder; a listener may call it again.
        self._lock = threading.RLock()

    def __call__(self, model: Any, step: int, epoch: float | None = None) -> None:
        """Record the predictions of `model` after `step` optimizer updates, if `at` holds this step.

        Raises
        ------
        ValueError
            If the step does not come after the last one, or the predictions do not have the shape of the probe or the
            form `output`.
        OSError
            If writing fails, for example on a full disk. Earlier checkpoints are intact, and the call can be repeated.

        Warns
        -----
        RuntimeWarning
            If predictions are NaN: the run diverged. If checkpoints of an abandoned training are set apart (`resume`).
            If the model has state that cannot be restored.
        """
        # Unlike int(step), this refuses 5.5, which may be an epoch.
        step = operator.index(step)
        # Before the lock: in a forked process nobody may release it.
        self._writer.check_open()
        with self._lock:
            self._call(model, step, epoch)

    def _call(self, model: Any, step: int, epoch: float | None) -> None:
        if not (self._at is None or step in self._at) or self.diverged_at is not None:
            return
        if self._is_resuming and step == self._reached:
            return
        last = self.step if not self._is_resuming else -1 if self._reached is None else self._reached
        if not last < step < 2**63:
            raise ValueError(f"got step {step} after step {self.step}: wanted steps that increase, from 0 on")
        self._predictor.wait_for(model)
        start = time.perf_counter()
        try:
            self._record(model, step, epoch)
        finally:
            self._seconds += time.perf_counter() - start

    @property
    def is_resuming(self) -> bool:
        """Whether the run has checkpoints, and none was offered yet that says where the training goes on."""
        return self._is_resuming

    @property
    def overhead(self) -> Overhead:
        """Seconds spent on recording so far, listeners included, and their share of the time since the start."""
        return Overhead(self._seconds, self._seconds / (time.perf_counter() - self._started))

    def close(self, *, complete: bool = True) -> None:
        """End the recording; if `complete` is False, the store shows the run as interrupted."""
        if not self._writer.is_open:
            return
        with self._lock:
            try:
                if complete and self._is_resuming and self._reached is not None:
                    self.step = self._writer.return_to(self._reached + 1)
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
        log_prob = self._predictor(model, stacklevel=3)
        fields = {"step": step, "epoch": np.nan if epoch is None else float(epoch)}
        payload = log_prob.astype("<f4", copy=False).tobytes()
        if self._is_resuming:
            if self._writer.holds(step, payload, after=self._reached):
                self._reached, self._is_resuming = step, step < self.step
                return
            self.step = self._writer.return_to(step if self._reached is None else self._reached + 1)
            self._is_resuming = False
        if np.isnan(log_prob).any():
            self._writer.append(DIVERGED, payload, **fields)
            self.diverged_at = step
            warn_diverged(self.run, step, log_prob, stacklevel=4)
            return
        self._writer.append(CHECKPOINT, payload, losses=_losses(log_prob, self._probe), **fields)
        self.step = step
        # All listeners get this one array: none of them may change it for the others.
        log_prob.flags.writeable = False
        for listener in self._listeners:
            listener(self.run, step, epoch, log_prob)


def offer(record: Recorder | None, model: Any, step: int, epoch: float | None) -> None:
    """Record `step` unless it is recorded already; with None as the recorder, do nothing.

    For callbacks of trainers, which call more than once at a step: between batches whose gradients are accumulated,
    or when `fit` is called again.
    """
    if record is not None and (step > record.step or record.is_resuming):
        record(model, step, epoch)


def _losses(log_prob: NDArray[np.float32], probe: Probe) -> tuple[float, float]:
    """Mean of -log p(label) over the train and over the test samples, in nats; NaN where there are none."""
    loss = -log_prob[np.arange(len(probe)), probe.label].astype(np.float64)
    train, test = (loss[probe.split == split] for split in ("train", "test"))
    return (float(train.mean()) if len(train) else np.nan, float(test.mean()) if len(test) else np.nan)
