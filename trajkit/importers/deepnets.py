"""Result files of the code behind Mao et al. (PNAS 121(12), 2024), github.com/grasp-lyrl/low-dimensional-deepnets.

There is one file for each run, named `{JSON of its configuration}.p` and written by `torch.save`. It holds a list with
one dict for each checkpoint, or `{"data": such a list, "configs": ...}`, or a DataFrame with one row for each
checkpoint. `yh` holds the predictions (sample, class) on the training set and `yvh` those on the validation set, as
log-softmax or, in DataFrames, also as probabilities; `f` and `fv` hold the losses of the samples, `t` the number of
optimizer updates.
"""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from trajkit.from_arrays import from_arrays
from trajkit.importers.checks import Hints, as_log_prob, listed, naming, places, refuse_other_shape
from trajkit.importers.pickles import read_pickle
from trajkit.importers.saved_steps import saved_steps
from trajkit.progress_bar import iterate_with_bar
from trajkit.renamed import renamed
from trajkit.schema import SchemaError
from trajkit.storage.atomic import user_path
from trajkit.storage.reading import naming_errors
from trajkit.typing import AnyArray, Labels

_HINTS = Hints(prob="", logits="write `torch.log_softmax(outputs, -1)` into the file instead of raw network outputs")
_SOURCE = "result files of grasp-lyrl/low-dimensional-deepnets"

# Run attributes: name in the files, name in trajkit.
_WORDS = {
    "m": "architecture",
    "opt": "optimizer",
    "lr": "learning_rate",
    "bs": "batch_size",
    "wd": "weight_decay",
    "aug": "augmentation",
    "bn": "batch_norm",
    "drop": "dropout",
    "bseed": "batch_seed",
}
# Values of `m` that stand for references instead of networks.
_REFERENCES = ("geodesic", "true", "ignorance")


class _Split(NamedTuple):
    """Keys of a checkpoint under which a part of the data has its predictions and its losses."""

    prediction: str
    loss: str


_SPLITS = {"train": _Split("yh", "f"), "test": _Split("yvh", "fv")}

# For each part of the data: indices, a mask or a slice.
Probe = Mapping[str, Any]


class _Run(NamedTuple):
    log_prob: NDArray[np.float32]
    loss: NDArray[np.float32] | None
    step: Labels
    sample: list[str]
    split: list[str]


@renamed(progress="progress_bar")
def read_deepnets(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    label: Mapping[str, ArrayLike] | None = None,
    probe: Probe | None = None,
    step: Callable[[dict[str, Any]], ArrayLike] | None = None,
    diverged: Literal["refuse", "cut"] = "refuse",
    classes: Sequence[str] | None = None,
    progress_bar: bool | None = None,
) -> xr.Dataset:
    """Read result files of the code behind "The training process of many deep networks ...".

    The files are pickles. They are read without running anything in them, and without torch or the version of pandas
    that wrote them. Their samples have no identities: they keep the order of the files, which is that of the data set,
    and are named "train-0", "train-1", ..., "test-0", ...

    Parameters
    ----------
    path
        A folder, of which the files named `*}.p` are read; or a file, or a list of files.
    label
        Index of the true class of each sample of the data set, `{"train": ..., "test": ...}`. By default labels are
        inferred from the recorded losses: the label is the class whose -log p is the loss at every checkpoint.
    probe
        Samples to keep, `{"train": indices or slice, "test": ...}`; a part that is not named is left out. By default
        all samples are kept: CIFAR-10 then takes 2.4 MB for each checkpoint.
    step
        Function from the run's configuration to the number of optimizer updates at each checkpoint. By default the
        column `t` is used, or without it the schedule by which that code saves (see `saved_steps`), if its length fits.
    diverged
        What to do with a run that has NaN predictions: "refuse" it, or "cut" it before the first of them.
    classes
        Names of the classes; "0", "1", ... otherwise.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset (run, checkpoint, sample, class). Run attributes come from the file names: `m` becomes
        `architecture`, `opt` becomes `optimizer`, and so on.

    Raises
    ------
    UnsafePickleError
        If a file requests more than arrays, tensors, tables and plain containers.
    SchemaError
        If files disagree in samples, classes or labels, lack predictions, or hold NaN.
    ValueError
        If a file is cut short or damaged.
    FileNotFoundError
        If a file does not exist, or the folder holds no such files.

    Examples
    --------
    >>> import pickle, tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import trajkit as tk
    >>> log_prob = np.log([[0.7, 0.3], [0.4, 0.6]])
    >>> rows = [{"t": 0, "yvh": log_prob, "fv": -log_prob[[0, 1], [0, 1]]}]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, '{"m":"allcnn","opt":"sgd","seed":42}.p').write_bytes(pickle.dumps(rows))
    ...     ds = tk.importers.read_deepnets(folder, probe={"test": slice(None)})
    >>> ds.architecture.item(), ds.label.values
    ('allcnn', array([0, 1]))
    """
    if diverged not in ("refuse", "cut"):
        raise ValueError(f"diverged: wanted 'refuse' or 'cut', got {diverged!r}")
    kept = {name: slice(None) for name in _SPLITS} if probe is None else probe
    if not kept or set(kept) - set(_SPLITS):
        raise ValueError(f"probe: wanted samples of 'train', 'test' or both, got {sorted(kept)}")
    files = _files(path)
    runs, attributes = [], []
    for file in iterate_with_bar(files, "reading", progress_bar):
        configuration = _configuration(file)
        runs.append(_read_run(file, configuration, kept, step, diverged))
        attributes.append(_attributes(file, configuration))
        _same_probe(runs[0], runs[-1], file)
    with naming(listed(files)):
        return from_arrays(
            log_prob=[run.log_prob for run in runs],
            label=_labels(runs) if label is None else _given_labels(label, kept),
            runs=pd.DataFrame(attributes).astype(object),
            step=[run.step for run in runs],
            sample=runs[0].sample,
            split=runs[0].split,
            classes=classes,
            source=_SOURCE,
        )


def _files(path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    if not isinstance(path, (str, os.PathLike)):
        files = [user_path(p) for p in path]
    elif (folder := user_path(path)).is_dir():
        files = sorted(folder.glob("*}.p"))
    else:
        files = [folder]
    if absent := listed(file for file in files if not file.is_file()):
        raise FileNotFoundError(f"no file {absent}: wanted result files, {{JSON of the configuration}}.p")
    if not files:
        raise FileNotFoundError(f"no result files in {path}: wanted files named {{JSON of the configuration}}.p")
    return files


def _configuration(file: Path) -> dict[str, Any]:
    """Read the JSON between the first and the last brace of the name."""
    text = file.name[file.name.find("{") : file.name.rfind("}") + 1]
    try:
        return dict(json.loads(text))
    except (ValueError, RecursionError):
        raise SchemaError(
            [f'{file.name}: wanted a name with the JSON of the run\'s configuration, such as {{"m":"allcnn"}}.p']
        ) from None


def _attributes(file: Path, configuration: Mapping[str, Any]) -> dict[str, Any]:
    run = file.name[file.name.find("{") + 1 : file.name.rfind("}")].replace('"', "")
    named = {_WORDS.get(key, key): None if value == "na" else value for key, value in configuration.items()}
    kind = "reference" if configuration.get("m") in _REFERENCES else "network"
    return {"run": run, "kind": kind, **named}


def _read_run(
    file: Path,
    configuration: dict[str, Any],
    probe: Probe,
    step: Callable[[dict[str, Any]], ArrayLike] | None,
    diverged: str,
) -> _Run:
    rows, settings = _rows(read_pickle(file), file)
    with naming_errors(file, "checkpoints with arrays of numbers"):
        parts = {split: _predictions(rows, split, probe[split], file) for split in probe}
    normalised = [_normalised(part, f"{file.name}, {_SPLITS[s].prediction!r}") for s, (_, part, _) in parts.items()]
    log_prob = np.concatenate(normalised, axis=1)
    losses = [loss for _, _, loss in parts.values() if loss is not None]
    whole = _count_whole(log_prob, diverged, file)
    steps = _steps(rows, {**settings, **configuration}, step, file)
    return _Run(
        log_prob[:whole],
        np.concatenate(losses, axis=1)[:whole] if len(losses) == len(parts) else None,
        steps[:whole],
        [f"{split}-{i}" for split, (places, _, _) in parts.items() for i in places],
        [split for split, (places, _, _) in parts.items() for _ in places],
    )


def _rows(read: Any, file: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the checkpoints, and the settings of the training if the file holds them."""
    settings: Any = {}
    if isinstance(read, dict) and "data" in read:
        read, settings = read["data"], read.get("configs") or {}
    if isinstance(read, pd.DataFrame):
        read = read.to_dict("records")
    if not (isinstance(read, list) and read and all(isinstance(row, dict) for row in read)):
        got = f"{type(read).__name__} of {len(read)}" if hasattr(read, "__len__") else type(read).__name__
        raise SchemaError([f"{file.name}: wanted a list of checkpoints (dicts with yh, yvh) or a DataFrame, got {got}"])
    return read, settings if isinstance(settings, dict) else {}


def _predictions(
    rows: list[dict[str, Any]], split: str, keep: Any, file: Path
) -> tuple[list[int], NDArray[np.float32], NDArray[np.float32] | None]:
    """Return indices, predictions (checkpoint, sample, class) and losses (checkpoint, sample) of a split."""
    name, loss = _SPLITS[split]
    if lacking := listed(k for k, row in enumerate(rows) if name not in row):
        raise SchemaError(
            [
                f"{file.name}: checkpoints {lacking} lack {name!r}, the predictions on {split} data; "
                "leave them out with `probe=`"
            ]
        )
    shapes = sorted({np.shape(row[name]) for row in rows})
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise SchemaError([f"{file.name}: {name!r} has the shapes {shapes}: wanted one shape (sample, class)"])
    places = np.arange(shapes[0][0])[keep]
    values = np.stack([np.asarray(row[name])[places] for row in rows]).astype(np.float32)
    losses = None
    if all(loss in row for row in rows):
        losses = np.stack([np.asarray(row[loss]).reshape(-1)[places] for row in rows]).astype(np.float32)
    return places.tolist(), values, losses


def _normalised(values: NDArray[np.float32], where: str) -> NDArray[np.float32]:
    """Turn the checkpoints before the first NaN into log-probabilities; only logarithms are negative.

    The code that wrote the files decides in the same way.
    """
    broken = np.isnan(values).any(axis=(1, 2))
    whole = int(broken.argmax()) if broken.any() else len(values)
    out = np.full(values.shape, np.nan, np.float32)
    out[:whole] = as_log_prob(
        values[:whole].astype(np.float64), "log_prob" if (values < 0).any() else "prob", _HINTS, where=where
    )
    return out


def _count_whole(log_prob: NDArray[np.float32], diverged: str, file: Path) -> int:
    """Count the checkpoints before the first NaN."""
    broken = np.flatnonzero(np.isnan(log_prob).any(axis=(1, 2)))
    if not len(broken):
        return len(log_prob)
    if diverged == "refuse" or broken[0] == 0:
        cut = "" if broken[0] == 0 else "; diverged='cut' keeps the checkpoints before"
        raise SchemaError([f"{file.name}: NaN predictions from checkpoint {broken[0]} on: leave the file out{cut}"])
    return int(broken[0])


def _steps(
    rows: list[dict[str, Any]],
    settings: dict[str, Any],
    step: Callable[[dict[str, Any]], ArrayLike] | None,
    file: Path,
) -> Labels:
    if step is not None:
        given, origin = step(settings), "step(configuration) gives"
    elif all("t" in row for row in rows):
        given, origin = [row["t"] for row in rows], "column 't' holds"
    else:
        given, origin = _scheduled(rows, settings, file), "the code's schedule gives"
    # As floats first: int64 would silently cut fractions such as epochs.
    with naming_errors(file, f"numbers of optimizer updates; {origin} others"):
        steps = np.asarray(given, dtype=np.float64)
    # From 2**53 on, floats skip integers.
    if steps.shape != (len(rows),) or not ((steps == np.round(steps)) & (abs(steps) < 2**53)).all():
        raise SchemaError(
            [
                f"{file.name}: {origin} {steps.size} steps, {listed(steps.ravel())}: wanted {len(rows)} whole numbers "
                "of optimizer updates, one for each checkpoint; pass `step=`, as in `lambda configuration: range(...)`"
            ]
        )
    return steps.astype(np.int64)


def _scheduled(rows: list[dict[str, Any]], settings: dict[str, Any], file: Path) -> Labels:
    used = {key: settings[key] for key in ("bs", "epochs", "save_init", "save_freq") if key in settings}
    if "bs" not in used or "yh" not in rows[0]:
        raise SchemaError(
            [
                f"{file.name}: the steps are unknown without a column 't', or a batch size ('bs') and predictions on "
                "the training set ('yh'); pass `step=`"
            ]
        )
    # A checkpoint at least after every 15th epoch.
    most = 15 * (len(rows) + 1)
    if not all(isinstance(v, int) and v > 0 for v in used.values()) or used.get("epochs", 1) > most:
        raise SchemaError(
            [
                f"{file.name}: the code's schedule has no {len(rows)} checkpoints for {reprlib.repr(used)}: wanted "
                "whole numbers above 0; pass `step=`"
            ]
        )
    return saved_steps(used.pop("bs"), used.pop("epochs", 200), len(rows[0]["yh"]), **used)


def _same_probe(first: _Run, run: _Run, file: Path) -> None:
    refuse_other_shape(run.log_prob.shape[1:], first.log_prob.shape[1:], where=file.name)
    # Other sizes of train and test may add up to the same number of samples.
    if run.sample != first.sample:
        places(np.asarray(run.sample), np.asarray(first.sample), where=file.name)


def _given_labels(label: Mapping[str, ArrayLike], probe: Probe) -> AnyArray:
    if lacking := sorted(set(probe) - set(label)):
        raise ValueError(f"label: wanted labels of {sorted(probe)}, got none of {lacking}")
    return np.concatenate([np.asarray(label[split])[keep] for split, keep in probe.items()])


def _labels(runs: list[_Run]) -> Labels:
    """Return the class of each sample whose -log p is the recorded loss at every checkpoint of every run."""
    if not any(run.loss is not None for run in runs):
        raise SchemaError(
            ["the files hold no losses ('f', 'fv') to find labels from: pass label={'train': ..., 'test': ...}"]
        )
    off = np.zeros(runs[0].log_prob.shape[1:])
    for run in runs:
        if run.loss is not None:
            loss = run.loss[..., None]
            # Where both are infinite, the difference is NaN, and the comparison gives 0 in its place.
            with np.errstate(invalid="ignore"):
                gap = np.where(run.log_prob == -loss, 0, np.abs(run.log_prob + loss) / (1 + np.abs(loss)))
            off = np.maximum(off, gap.max(axis=0))
    # Half precision rounds a loss by up to 5e-4 of itself.
    fits = off < 2e-3
    if unclear := listed(runs[0].sample[i] for i in np.flatnonzero(fits.sum(-1) != 1)):
        raise SchemaError(
            [
                f"the losses fit no class, or several, for the samples {unclear}: "
                "pass label={'train': ..., 'test': ...}"
            ]
        )
    return fits.argmax(-1).astype(np.int64)
