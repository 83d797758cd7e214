"""Recording one run in memory."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from trajkit.from_arrays import from_arrays
from trajkit.recording.identify import identify
from trajkit.recording.predictor import Predictor, warn_diverged
from trajkit.recording.typing import Predict
from trajkit.storage import Probe


def record(
    stream: Iterable[tuple[int, Any]],
    probe: Probe,
    *,
    at: Container[int] | None = None,
    run: Mapping[str, Any] | str = "run",
    predict: Predict | None = None,
    output: str | None = None,
    batch_size: int = 512,
) -> xr.Dataset:
    """Run a training to its end and keep its trajectory in memory.

    Parameters
    ----------
    stream
        The training: an iterable of (step, model), first with step 0 before training, then after each optimizer
        update.
    probe, at, run, predict, output, batch_size
        As for `Recorder`.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset (run, checkpoint, sample, class) of one run. If predictions become NaN, the recording
        stops there, and the run attribute `diverged_at` holds that step.

    Raises
    ------
    ValueError
        If the stream ends, or the model diverges, before the first checkpoint.

    Warns
    -----
    RuntimeWarning
        If predictions are NaN: the run diverged.

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
    name, attributes = identify(run)
    recorded: dict[int, NDArray[np.float32]] = {}
    for step, model in stream:
        if at is not None and step not in at:
            continue
        log_prob = predictor(model, stacklevel=2)
        if np.isnan(log_prob).any():
            warn_diverged(name, step, log_prob, stacklevel=2)
            attributes["diverged_at"] = float(step)
            break
        recorded[step] = log_prob
    if not recorded:
        raise ValueError(
            "nothing was recorded: the training ended, or diverged, before the first of the steps in `at`; choose "
            "earlier steps, such as at=tk.RecordAt([0])"
        )
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
    # `from_arrays` normalises a second time, which changes last digits; a Recorder stores the first result.
    ds = ds.assign(log_prob=ds["log_prob"].copy(data=log_prob))
    return ds.assign_coords({name: held for name, held in probe.coordinates().items() if name not in ds.coords})
