"""Training dynamics that dataset cartography logs (Swayamdipta et al., EMNLP 2020, github.com/allenai/cartography).

A folder `training_dynamics` holds one file for each epoch: `dynamics_epoch_0.jsonl`, ... A file has one line for each
training sample: `{"guid": identity, "logits_epoch_0": [...], "gold": index of the true class}`, in the shuffled order
of that epoch. The logits were logged batch by batch during the epoch, in train mode.
"""

from __future__ import annotations

import json
import os
import re
import reprlib
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.from_arrays import from_arrays
from trajkit.importers.checks import FORM_HINTS, as_log_prob, listed, naming, places, refuse_nan, refuse_other_shape
from trajkit.probabilities import Form, form_of
from trajkit.progress_bar import iterate_with_bar
from trajkit.renamed import renamed
from trajkit.schema import SchemaError
from trajkit.storable import identities
from trajkit.storage.atomic import user_path
from trajkit.storage.reading import reading
from trajkit.typing import AnyArray, Array, Labels

# Bytes; room for a million classes.
_LONGEST_LINE = 2**26


class _Epoch(NamedTuple):
    sample: AnyArray
    label: Labels
    logits: Array


@renamed(progress="progress_bar")
def read_cartography(
    folder: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]],
    *,
    runs: pd.DataFrame | Mapping[str, Any] | None = None,
    steps_per_epoch: int = 1,
    classes: Sequence[str] | None = None,
    form: Form | None = None,
    progress_bar: bool | None = None,
) -> xr.Dataset:
    r"""Read training dynamics that dataset cartography logged.

    Each epoch lists the samples in another order. They are aligned by their `guid`, in the order of the first epoch.
    A checkpoint here is not one model: its rows were predicted at different steps of the epoch, while the network was
    trained.

    Parameters
    ----------
    folder
        A folder with the files `dynamics_epoch_0.jsonl`, ..., or with a folder `training_dynamics` that holds them; or
        a dict from the name of each run to its folder.
    runs
        Run attributes, one row for each run, in the order of `folder`.
    steps_per_epoch
        Number of optimizer updates in an epoch: epoch k becomes the step k * steps_per_epoch.
    classes
        Names of the classes; "0", "1", ... otherwise.
    form
        Form of the predictions: "logits", "log_prob" or "prob". By default they are logits, and a run whose rows are
        all probability distributions is refused; "logits" insists on logits.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset (run, checkpoint, sample, class). All samples are in the split "train", since only these
        are logged.

    Raises
    ------
    FileNotFoundError
        If the folder holds no such files, or the file of an epoch is missing.
    SchemaError
        If a line is not a valid record, samples repeat or are missing in an epoch or a run, or their labels change.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> import trajkit as tk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for epoch, order in enumerate([["a", "b"], ["b", "a"]]):
    ...         lines = [json.dumps({"guid": g, f"logits_epoch_{epoch}": [0.0, epoch], "gold": 1}) for g in order]
    ...         _ = Path(folder, f"dynamics_epoch_{epoch}.jsonl").write_text("\n".join(lines))
    ...     ds = tk.importers.read_cartography(folder)
    >>> ds.sample.values, ds.step.values
    (array(['a', 'b'], dtype='<U1'), array([[0, 1]]))
    """
    form = form_of(form, "form:")
    if steps_per_epoch < 1:
        raise ValueError(f"steps_per_epoch: wanted a whole number above 0, got {steps_per_epoch}")
    folders = dict(folder) if isinstance(folder, Mapping) else {Path(folder).name: folder}
    table = pd.DataFrame(
        {"run": list(folders)} | ({} if runs is None else dict(pd.DataFrame(runs).reset_index(drop=True)))
    )
    files = {run: _files(user_path(where)) for run, where in folders.items()}
    first: _Epoch | None = None
    logits: dict[str, list[Array]] = {run: [] for run in folders}
    epochs = [(run, *numbered) for run, found in files.items() for numbered in enumerate(found)]
    for run, epoch, file in iterate_with_bar(epochs, "reading", progress_bar):
        read = _read_epoch(file, epoch)
        first = first or read
        logits[run].append(_aligned(read, first, file))
    assert first is not None
    epochs_done = [np.arange(len(values)) for values in logits.values()]
    with naming(listed(folders.values())):
        return from_arrays(
            log_prob=[
                as_log_prob(np.stack(values), form or "logits", FORM_HINTS, where=run, insists=form is not None)
                for run, values in logits.items()
            ],
            label=first.label,
            runs=table,
            step=[epoch * steps_per_epoch for epoch in epochs_done],
            epoch=epochs_done,
            classes=classes,
            split="train",
            sample=first.sample,
            source="training dynamics of dataset cartography",
        )


def _files(folder: Path) -> list[Path]:
    """List the files of all epochs, from 0 on."""
    inner = folder / "training_dynamics"
    folder = inner if inner.is_dir() else folder
    # By number: in the order of names, epoch 10 would come before epoch 2.
    numbered = [
        (int(m[1]), f)
        for f in sorted(folder.glob("dynamics_epoch_*.jsonl"))
        if (m := re.search(r"_(\d+)\.jsonl$", f.name))
    ]
    if not numbered:
        raise FileNotFoundError(f"no training dynamics in {folder}: wanted files dynamics_epoch_0.jsonl, ...")
    found = dict(numbered)
    if repeated := listed(f.name for epoch, f in numbered if found[epoch] != f):
        raise SchemaError([f"{folder}: {repeated} have the number of another file: wanted one file for each epoch"])
    last = max(found)
    # Not by a set of all epochs up to the last, whose number may be anything.
    if count := last + 1 - len(found):
        few = listed(islice((epoch for epoch in range(last) if epoch not in found), 5))
        raise FileNotFoundError(
            f"{folder} lacks the epochs {few}{f' and {count - 5} more' if count > 5 else ''} of 0 to {last} "
            f"({found[last].name}); wanted a file for each epoch"
        )
    return [found[epoch] for epoch in sorted(found)]


def _read_epoch(file: Path, epoch: int) -> _Epoch:
    with reading(file, "lines of JSON in UTF-8") as lines:
        rows = [
            _record(line, f"{file}, line {n}", epoch)
            for n, line in enumerate(iter(lambda: lines.readline(_LONGEST_LINE), b""), 1)
            if line.strip()
        ]
    if not rows:
        raise SchemaError([f"{file} is empty: wanted one line for each sample; copy the file again"])
    sample, logits, label = zip(*rows, strict=True)
    if len(kinds := {type(guid).__name__ for guid in sample}) > 1:
        raise SchemaError([f"{file}: 'guid' holds {sorted(kinds)}: wanted identities of one type in all lines"])
    if len(counts := {len(row) for row in logits}) > 1:
        raise SchemaError(
            [f"{file}: rows of {sorted(counts)} logits: wanted the same number, one for each class, in all rows"]
        )
    try:
        # numpy would make floats of integers on both sides of 2^63.
        names = identities(sample)
    except ValueError as error:
        raise SchemaError([f"{file}: 'guid': {error}"]) from None
    return _Epoch(names, np.asarray(label), np.asarray(logits, dtype=np.float64))


def _record(line: bytes, where: str, epoch: int) -> tuple[int | str, list[float], int]:
    wanted = f'wanted {{"guid": ..., "logits_epoch_{epoch}": [numbers], "gold": class index}}'
    # Not by pandas.read_json(lines=True): it makes the number 7 of the identity "007", and its errors name no line.
    try:
        record = json.loads(line.decode())
        guid, logits, gold = (record[key] for key in ("guid", f"logits_epoch_{epoch}", "gold"))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        got = line[:80].decode(errors="replace")
        raise SchemaError([f"{where}: {wanted}, got {got!r} ({type(error).__name__}: {error})"]) from None
    numbers = isinstance(logits, list) and logits and all(isinstance(z, (int, float)) for z in logits)
    # JSON has integers of any length; numpy has not.
    finite = numbers and all(isinstance(z, float) or abs(z) < 2**1023 for z in logits)
    if finite and isinstance(guid, (int, str)) and isinstance(gold, int) and abs(gold) < 2**63:
        return guid, [float(z) for z in logits], gold
    got = ", ".join(f"{name} {reprlib.repr(v)}" for name, v in (("guid", guid), ("logits", logits), ("gold", gold)))
    raise SchemaError([f"{where}: {wanted}, got {got}"])


def _aligned(read: _Epoch, first: _Epoch, file: Path) -> Array:
    at = places(read.sample, first.sample, where=str(file))
    if changed := listed(first.sample[read.label[at] != first.label]):
        raise SchemaError(
            [
                f"{file}: the label ('gold') of the samples {changed} differs from that in the first epoch; "
                "all runs and epochs share one probe"
            ]
        )
    refuse_other_shape(read.logits.shape, first.logits.shape, where=str(file))
    refuse_nan(read.logits, where=str(file))
    return read.logits[at]
