"""Networks trained on scikit-learn's digits, and their trajectories: the program that makes `data/digits.nc`.

    python -m trajkit.zoo.digits digits.nc

Six architectures, three optimizers with two learning rates each and four seeds learn to read 1437 images of handwritten
digits, 8x8 pixels each; their predictions on 200 images are recorded at 29 steps.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from trajkit.schema import from_arrays
from trajkit.storage import save
from trajkit.zoo.architectures import ARCHITECTURES
from trajkit.zoo.runs import finish, kept_file
from trajkit.zoo.training import Settings, log_spaced, record, train

SHAPE = (1, 8, 8)
CLASSES = 10
TEST_SIZE = 360
PROBE_PER_CLASS = 10
CHECKPOINTS = 29

# The learning rates with which every architecture learns within 40 epochs and none diverges. Nesterov's momentum of 0.9
# makes steps ten times as long, so its rates are a tenth of plain SGD's.
LEARNING_RATES = {"sgd": (0.1, 0.3), "nesterov": (0.01, 0.03), "adam": (0.001, 0.003)}
SEEDS = range(4)

# Of the 23 bits of the mantissa of log_prob, the most that leave the file of 144 runs below 15 MB (14.7; 13 give 15.5).
# Rounding changes no Bhattacharyya distance between two of its points by more than 2e-5, where the median is 0.2. Each
# bit less doubles that, and with 9 or fewer some probabilities no longer sum to 1 within the schema's tolerance.
BITS = 12


class NoRunSucceededError(RuntimeError):
    """All runs of a computation failed; the message says why each did."""


class Digits(NamedTuple):
    """The images and how they are divided; `train`, `test` and `probe` index the 1797 images of `load_digits`."""

    images: Tensor
    labels: Tensor
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    probe: NDArray[np.int64]


@cache
def digits() -> Digits:
    """Load the images, divide them into train and test set, and choose the probe: the same for all runs.

    The split is stratified. The probe holds 10 images of each class from the train set, then as many from the test set.
    Pixels are shifted and scaled to mean 0 and standard deviation 1 over the train set.

    Examples
    --------
    >>> data = digits()
    >>> len(data.train), len(data.test), len(data.probe)
    (1437, 360, 200)
    """
    pixels, label = load_digits(return_X_y=True)
    train, test = train_test_split(np.arange(len(label)), test_size=TEST_SIZE, stratify=label, random_state=0)
    images = torch.from_numpy(pixels).float().reshape(-1, *SHAPE)
    images = (images - images[train].mean()) / images[train].std()
    probe = [part[label[part] == c][:PROBE_PER_CLASS] for part in (train, test) for c in range(CLASSES)]
    return Digits(images, torch.from_numpy(label), train, test, np.concatenate(probe))


def grid(epochs: int = Settings.epochs) -> list[Settings]:
    """List the settings of the shipped runs.

    Examples
    --------
    >>> len(grid())
    144
    >>> grid()[0].run, grid()[-1].run
    ('linear-sgd-0.1-0', 'cnn-wide-adam-0.003-3')
    """
    rates = [(optimizer, rate) for optimizer, two in LEARNING_RATES.items() for rate in two]
    return [
        Settings(architecture, optimizer, rate, seed, epochs=epochs)
        for architecture, (optimizer, rate), seed in product(ARCHITECTURES, rates, SEEDS)
    ]


def updates_per_epoch(settings: Settings) -> int:
    """Count the optimizer updates of one pass over the train set; the last, smaller batch is one of them."""
    return -(-len(digits().train) // settings.batch_size)


def recorded_steps(settings: Settings) -> list[int]:
    """List the steps at which a run is recorded.

    Examples
    --------
    >>> recorded_steps(Settings("linear", "sgd", 0.1, seed=0))[-4:]
    [550, 653, 775, 920]
    """
    return log_spaced(settings.epochs * updates_per_epoch(settings), CHECKPOINTS)


def trajectory(settings: Settings) -> NDArray[np.float32]:
    """Train one network and return its log-probabilities on the probe, (checkpoint, sample, class).

    One seed decides the initial weights and the order of the samples; torch's global random numbers are put back.

    Raises
    ------
    Diverged
        If loss or predictions are no longer finite.

    Examples
    --------
    >>> trajectory(Settings("linear", "sgd", 0.1, seed=0, epochs=1)).shape
    (22, 200, 10)
    """
    data = digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = ARCHITECTURES[settings.architecture].build(SHAPE, CLASSES)
        stream = train(model, data.images[data.train], data.labels[data.train], settings)
        return record(stream, data.images[data.probe], at=recorded_steps(settings))


def trajectories(
    settings: Sequence[Settings], *, workers: int | None = None, runs_folder: Path | None = None
) -> xr.Dataset:
    """Train networks on digits and record their trajectories.

    Parameters
    ----------
    settings
        One for each run; all train for the same number of epochs.
    workers
        Number of processes; as many as there are cores otherwise.
    runs_folder
        Where finished runs are kept, so that the same call after a kill computes only the others. None keeps nothing.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset of the runs that succeeded; the others are named in its metadata, under "failed_runs".

    Raises
    ------
    ValueError
        If settings repeat or differ in epochs.
    NoRunSucceededError
        If all runs failed.

    Examples
    --------
    >>> trajectories([Settings("linear", "sgd", 0.1, seed=0, epochs=1)] * 2)
    Traceback (most recent call last):
        ...
    ValueError: wanted different settings for each run, got linear-sgd-0.1-0 more than once
    """
    names = [s.run for s in settings]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"wanted different settings for each run, got {', '.join(repeated)} more than once")
    if len(epochs := {s.epochs for s in settings}) != 1:
        raise ValueError(f"wanted settings that agree in epochs, got {sorted(epochs)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if runs_folder is None else runs_folder
        folder.mkdir(parents=True, exist_ok=True)
        files = {s: kept_file(folder, s, recorded_steps(s)) for s in settings}
        failed = finish(trajectory, files, workers=workers or os.cpu_count() or 1)
        log_prob = {s: np.load(path) for s, path in files.items() if s.run not in failed}
    if not log_prob:
        raise NoRunSucceededError("no run succeeded\n" + _table(failed))
    return dataset(log_prob, failed)


def dataset(log_prob: Mapping[Settings, NDArray[np.float32]], failed: Mapping[str, str]) -> xr.Dataset:
    """Make a trajectory dataset of what `trajectory` returned for each settings; name the runs that failed and why."""
    data = digits()
    steps = [np.array(recorded_steps(s)) for s in log_prob]
    return from_arrays(
        log_prob=list(log_prob.values()),
        step=steps,
        epoch=[step / updates_per_epoch(s) for s, step in zip(log_prob, steps, strict=True)],
        label=data.labels[data.probe].numpy(),
        classes=[str(c) for c in range(CLASSES)],
        split=np.where(np.isin(data.probe, data.train), "train", "test"),
        sample=data.probe,
        runs=pd.DataFrame([_attributes(s) for s in log_prob]),
        source="trajkit.zoo.digits",
        metadata={
            "data": "handwritten digits, 8x8 pixels (sklearn.datasets.load_digits)",
            "train_size": len(data.train),
            "test_size": len(data.test),
            "epochs": next(iter(log_prob)).epochs,
            "probe": f"{PROBE_PER_CLASS} images of each class from the train set and as many from the test set; "
            "`sample` is the index of the image in load_digits",
            "torch": torch.__version__,
            "failed_runs": dict(failed),
        },
    )


def _attributes(settings: Settings) -> dict[str, str | int | float]:
    architecture = ARCHITECTURES[settings.architecture]
    with torch.device("meta"):  # shapes without numbers: enough to count them
        model = architecture.build(SHAPE, CLASSES)
    return {
        "run": settings.run,
        "architecture": settings.architecture,
        "optimizer": settings.optimizer,
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch_size,
        "weight_decay": settings.weight_decay,
        "augmentation": "none",
        "init": "default",
        "seed": settings.seed,
        "width": architecture.width,
        "depth": architecture.depth,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def _table(failed: dict[str, str]) -> str:
    """Lay out failed runs and their reasons in two columns."""
    width = max(len(run) for run in failed)
    return "\n".join(f"{run:{width}}  {reason}" for run, reason in failed.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit status is 1 if no run succeeded."""
    parser = argparse.ArgumentParser(prog="python -m trajkit.zoo.digits", description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="the netCDF file to make, ending in .nc")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="number of processes (default: %(default)s)"
    )
    parser.add_argument(
        "--epochs", type=int, default=Settings.epochs, help="passes over the data (default: %(default)s)"
    )
    parser.add_argument(
        "--runs-folder",
        type=Path,
        help="where finished runs are kept, so that a killed computation resumes; one that is named here stays "
        "(default: a hidden folder beside the file, removed at the end)",
    )
    options = parser.parse_args(arguments)
    path: Path = options.path
    # All this would also come to light when the file is saved: after the computation.
    if path.suffix != ".nc":
        parser.error(f"{path}: wanted a name that ends in .nc")
    if not path.parent.is_dir():
        parser.error(f"there is no folder {path.parent}")
    if path.exists() and not options.overwrite:
        parser.error(f"{path} exists: choose another name, or replace it with --overwrite")
    if options.workers < 1 or options.epochs < 1:
        parser.error("wanted at least 1 worker and 1 epoch")
    folder = options.runs_folder or path.with_name(f".{path.stem}-runs")
    try:
        ds = trajectories(grid(options.epochs), workers=options.workers, runs_folder=folder)
    except NoRunSucceededError as error:
        print(error)
        return 1
    save(ds, path, overwrite=options.overwrite, bits=BITS)
    if options.runs_folder is None:
        shutil.rmtree(folder)
    print(f"{path}: {ds.sizes['run']} runs, {path.stat().st_size / 1e6:.1f} MB")
    if failed := json.loads(ds.attrs["metadata"])["failed_runs"]:
        print(f"{len(failed)} runs failed\n{_table(failed)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
