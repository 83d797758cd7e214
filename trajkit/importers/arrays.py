"""Trajectories in a folder of `.npy` and `.npz` files, one for each run.

| file | holds |
|---|---|
| `NAME.npy` | a run: predictions (checkpoint, sample, class) |
| `NAME.npz` | a run: the same as `logits`, `log_prob` or `prob`; if known `step`, `epoch`, arrays of `probe.npz` |
| `NAME/*.npy` | a run: one checkpoint (sample, class) in each file; the last number of the file's name is the step |
| `probe.npz` | for all runs, if known: `label`, `split`, `sample` (sample,) and `classes` (class,) |
| `runs.csv` | columns `file` (name of the file or folder), `run` (identity); other columns are run attributes |
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.from_arrays import from_arrays
from trajkit.importers.array_files import Arrays, read_file
from trajkit.importers.checks import (
    FORM_HINTS,
    as_log_prob,
    listed,
    naming,
    places,
    refuse_nan,
    refuse_other_shape,
    with_epochs,
)
from trajkit.importers.csv_tables import read_csv, refuse_loss, write_csv
from trajkit.probabilities import FORMS, Form, form_of
from trajkit.progress_bar import iterate_with_bar
from trajkit.renamed import renamed
from trajkit.schema import SchemaError, run_attributes, run_table, validated
from trajkit.storable import kind_of
from trajkit.storage.atomic import atomic_write, user_path
from trajkit.typing import AnyArray, Labels

_PROBE = ("label", "split", "sample", "classes")
# Columns of runs.csv that are always text.
_TEXT = ("file", "run")


@renamed(progress="progress_bar")
def read_arrays(
    folder: str | os.PathLike[str],
    *,
    label: ArrayLike | None = None,
    runs: pd.DataFrame | Mapping[str, Any] | None = None,
    split: ArrayLike | str | None = None,
    sample: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    form: Form | None = None,
    source: str = "",
    progress_bar: bool | None = None,
) -> xr.Dataset:
    """Read a folder of `.npy` and `.npz` files, one for each run, in the layout of `trajkit.importers.arrays`.

    Arguments override what `probe.npz` and `runs.csv` hold. A run that names its samples is put in the order of
    `sample` (or of the first run); a run without names must have that order.

    Parameters
    ----------
    folder
        A folder with files `run.npy` or `run.npz`, or folders `run/` with one file for each checkpoint.
    label
        Index of the true class of each sample.
    runs
        Run attributes, one row for each run, in the order of the names of the runs.
    split
        "train" or "test" for each sample, or one for all. The default is "test".
    sample
        Identities of the inputs.
    classes
        Names of the classes.
    form
        Form of the predictions in `.npy` files: "logits", "log_prob" or "prob". By default they are logits, and a run
        whose rows are all probability distributions is refused; "logits" insists on logits.
    source
        Origin of the data, in a few words.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset (run, checkpoint, sample, class).

    Raises
    ------
    FileNotFoundError
        If the folder does not exist or holds no runs.
    SchemaError
        If arrays have the wrong shape, runs differ in samples or classes, labels are unknown, or predictions are NaN.
    ValueError
        If a file does not hold arrays, is cut short, or holds objects, which are never unpickled.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import trajkit as tk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/sgd.npy", np.zeros((4, 2, 3)))
    ...     ds = tk.importers.read_arrays(folder, label=[0, 2])
    >>> dict(ds.sizes), ds.run.values
    ({'run': 1, 'checkpoint': 4, 'sample': 2, 'class': 3}, array(['sgd'], dtype='<U3'))
    """
    form = form_of(form, "form:")
    folder = user_path(folder)
    files, table = _runs(folder)
    given = {"label": label, "split": split, "sample": sample, "classes": classes}
    probe = _probe(folder) | {name: np.asarray(value) for name, value in given.items() if value is not None}
    read: list[Arrays] = []
    for file in iterate_with_bar(files, "reading", progress_bar):
        run = _one_run(file, form)
        # A run completes what is still unknown of the probe; later runs are compared with it.
        probe = {name: run[name] for name in _PROBE if name in run} | probe
        read.append(_on_probe(run, probe, read[0] if read else run, file))
    if "label" not in probe:
        raise SchemaError([f"{folder}: the true classes are unknown; pass `label=`, or put `label` into probe.npz"])
    split = probe.get("split")
    with naming(str(folder)):
        ds = from_arrays(
            log_prob=[run["log_prob"] for run in read],
            label=probe["label"],
            runs=table if runs is None else pd.DataFrame(runs).reset_index(drop=True).assign(run=table["run"]),
            step=[run["step"] for run in read],
            classes=[str(c) for c in probe["classes"]] if "classes" in probe else None,
            split=str(split) if split is not None and split.ndim == 0 else split,
            sample=probe.get("sample"),
            source=source or f"folder {folder.name}",
        )
    epochs = _epochs(read, files)
    return ds if epochs is None else with_epochs(ds, epochs)


@renamed(progress="progress_bar")
def write_arrays(
    ds: xr.Dataset, folder: str | os.PathLike[str], *, overwrite: bool = False, progress_bar: bool | None = None
) -> Path:
    """Write trajectories as a folder of `.npz` files; `read_arrays` gives them back to the precision of float32.

    The files hold log-probabilities, steps, epochs, the probe and run attributes. Other variables, the metadata and
    gaps between checkpoints are left out.

    Parameters
    ----------
    ds
        A trajectory dataset.
    folder
        The folder to make. Its parent folder must exist.
    overwrite
        Whether to replace an existing folder. It must hold only files that this function writes.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset, or `runs.csv` would not give an attribute back, such as the text "01".
    FileExistsError
        If `folder` exists and `overwrite` is False, or it holds files that this function does not write.

    Examples
    --------
    >>> import tempfile
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = tk.importers.write_arrays(ds, f"{folder}/runs")
    ...     again = tk.importers.read_arrays(path)
    >>> bool(abs(again.log_prob - ds.log_prob).max() < 1e-6)
    True
    """
    folder = user_path(folder)
    ds = validated(ds)
    if "file" in run_attributes(ds):
        raise SchemaError(["the run attribute 'file' has the name of a column of runs.csv: rename it"])
    if overwrite and folder.is_dir() and (foreign := listed(p.name for p in folder.iterdir() if not _is_ours(p))):
        raise FileExistsError(f"{folder} holds {foreign}, which this function did not write: choose another folder")
    # The name of a run may hold characters that a file name cannot; so `runs.csv` links files to runs.
    names = [f"run-{i:04d}.npz" for i in range(ds.sizes["run"])]
    with atomic_write(folder, overwrite=overwrite) as part:
        part.mkdir()
        probe = {"label": ds["label"], "split": ds["split"], "sample": ds["sample"], "classes": ds["class"]}
        _save(part / "probe.npz", probe)
        table = run_table(ds)[run_attributes(ds)].reset_index().assign(file=names)
        refuse_loss(table, part, text=_TEXT)
        write_csv(table, part / "runs.csv")
        for i, name in enumerate(iterate_with_bar(names, "writing", progress_bar)):
            run = ds.isel(run=i, checkpoint=np.flatnonzero(ds["step"].values[i] >= 0))
            _save(part / name, {key: run[key] for key in ("log_prob", "step", "epoch") if key in run})
    return folder


def _is_ours(path: Path) -> bool:
    return re.fullmatch(r"run-\d+\.npz|probe\.npz|runs\.csv", path.name) is not None


def _save(path: Path, arrays: Mapping[str, xr.DataArray]) -> None:
    # Long text is held as objects, which would be pickled here; `allow_pickle=` came with numpy 2.3.
    text = {name: array.values.astype(str) for name, array in arrays.items() if kind_of(array.dtype) == "U"}
    values: dict[str, Any] = {name: array.values for name, array in arrays.items()} | text
    np.savez_compressed(path, **values)


def _runs(folder: Path) -> tuple[list[Path], pd.DataFrame]:
    """List the files or folders of the runs, and the table of `runs.csv`."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: wanted a folder with a file for each run")
    found = {p.name: p for p in sorted(folder.iterdir()) if _is_run(p)}
    if not found:
        raise FileNotFoundError(f"no runs in {folder}: wanted run.npy, run.npz, or folders run/ of .npy files")
    if not (csv := folder / "runs.csv").is_file():
        return list(found.values()), pd.DataFrame({"run": [p.name.removesuffix(p.suffix) for p in found.values()]})
    table = read_csv(csv, text=_TEXT)
    if "file" not in table or table["file"].duplicated().any() or set(table["file"]) != set(found):
        raise SchemaError(
            [
                f"{csv}: wanted a column 'file' that names each of {listed(found)} once; "
                f"got {listed(table.get('file', []))}"
            ]
        )
    files = [found[name] for name in table.pop("file")]
    if "run" not in table:
        table.insert(0, "run", [p.name.removesuffix(p.suffix) for p in files])
    return files, table


def _is_run(path: Path) -> bool:
    if path.is_dir():
        return any(path.glob("*.npy"))
    return path.suffix in (".npy", ".npz") and path.name != "probe.npz"


def _probe(folder: Path) -> Arrays:
    path = folder / "probe.npz"
    probe = read_file(path) if path.is_file() else {}
    if strange := listed(set(probe) - set(_PROBE)):
        raise SchemaError([f"{path} holds {strange}: wanted only {', '.join(_PROBE)}; rename or remove the others"])
    _check_probe(probe, path)
    return probe


def _check_probe(arrays: Arrays, file: Path) -> None:
    """Check what a file says of samples, classes and checkpoints."""
    known = {name: arrays[name] for name in _PROBE if name in arrays}
    problems = [
        f"{file}: {name} has shape {array.shape}: wanted one for each {'class' if name == 'classes' else 'sample'}"
        for name, array in known.items()
        if array.ndim != 1 and not (name == "split" and array.ndim == 0)
    ]
    kinds = {"label": "iu", "step": "iuf", "epoch": "iuf"}
    problems += [
        f"{file}: {name} is {arrays[name].dtype}: wanted numbers"
        for name, kind in kinds.items()
        if name in arrays and arrays[name].dtype.kind not in kind
    ]
    if problems:
        raise SchemaError(problems)


def _one_run(file: Path, form: Form | None) -> Arrays:
    """Read a run: `log_prob`, `step`, and what the file says of epochs and samples."""
    if file.is_dir():
        steps, values = _checkpoints(file)
        run: Arrays = {form or "logits": values, "step": steps}
    else:
        run = read_file(file)
        run = {form or "logits": run[""]} if "" in run else run
    forms = [name for name in FORMS if name in run]
    optional = (*_PROBE, "step", "epoch")
    if len(forms) != 1 or set(run) - {*FORMS, *optional}:
        raise SchemaError(
            [f"{file} holds {listed(run)}: wanted one of {listed(FORMS)}, and besides only {listed(optional, 9)}"]
        )
    _check_probe(run, file)
    values = run.pop(forms[0])
    if values.ndim != 3 or values.dtype.kind not in "fiu":
        raise SchemaError(
            [f"{file}: {forms[0]} is {values.dtype} {values.shape}: wanted numbers (checkpoint, sample, class)"]
        )
    raw = values.astype(np.float64)
    for checkpoint, rows in enumerate(raw):
        refuse_nan(rows, where=f"{file}, checkpoint {checkpoint}")
    run["log_prob"] = as_log_prob(raw, forms[0], FORM_HINTS, where=str(file), insists=form is not None)
    run.setdefault("step", np.arange(len(values)))
    axes = {"step": 0, "epoch": 0, "label": 1, "split": 1, "sample": 1, "classes": 2}
    for name, axis in axes.items():
        if name in run and (run[name].ndim or name != "split") and run[name].shape != (values.shape[axis],):
            one = ("checkpoint", "sample", "class")[axis]
            raise SchemaError(
                [f"{file}: {name} has shape {run[name].shape}: wanted {(values.shape[axis],)}, one for each {one}"]
            )
    return run


def _checkpoints(folder: Path) -> tuple[Labels, AnyArray]:
    """Stack the arrays of a folder in the order of their steps."""
    steps: dict[int, Path] = {}
    # By number: in the order of names, step 100 would come before step 20.
    for file in sorted(folder.glob("*.npy")):
        numbers = re.findall(r"\d+", file.stem)
        if not numbers or int(numbers[-1]) in steps or int(numbers[-1]) >= 2**63:
            raise SchemaError(
                [
                    f"{file}: wanted a file name whose last number is the step, below 2**63, and each step once; "
                    "rename the file"
                ]
            )
        steps[int(numbers[-1])] = file
    arrays = {step: read_file(steps[step])[""] for step in sorted(steps)}
    if len(shapes := {array.shape for array in arrays.values()}) > 1:
        raise SchemaError([f"{folder}: checkpoints of the shapes {sorted(shapes)}: wanted one shape (sample, class)"])
    return np.array(list(arrays)), np.stack(list(arrays.values()))


def _on_probe(run: Arrays, probe: Arrays, first: Arrays, file: Path) -> Arrays:
    """Put the samples of a run in the order of the probe, and compare what the run says of them with the probe."""
    refuse_other_shape(run["log_prob"].shape[1:], first["log_prob"].shape[1:], where=str(file))
    if "sample" in run:
        at = places(run["sample"], probe["sample"], where=str(file))
        run = run | {name: run[name][at] for name in ("label", "split", "sample") if name in run}
        run["log_prob"] = run["log_prob"][:, at]
    for name in _PROBE:
        if name in run and not _equal(run[name], probe[name]):
            raise SchemaError(
                [f"{file}: its {name} differs from that of the probe; all runs share one probe: read them separately"]
            )
    return run


def _equal(mine: AnyArray, theirs: AnyArray) -> bool:
    # A split of shape () applies to all samples.
    return np.array_equal(mine, theirs) or (theirs.ndim == 0 and bool((mine == theirs).all()))


def _epochs(read: list[Arrays], files: list[Path]) -> list[AnyArray] | None:
    lacking = [file.name for run, file in zip(read, files, strict=True) if "epoch" not in run]
    if lacking and len(lacking) < len(read):
        raise SchemaError(
            [f"{listed(lacking)} lack 'epoch', which other runs have; wanted it in all of them or in none"]
        )
    return None if lacking else [run["epoch"] for run in read]
