"""Training all runs of a grid: checked before it starts, resumed after an interruption, summed up in a table."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from tqdm.auto import tqdm

from trajkit.renamed import renamed
from trajkit.storage import Store
from trajkit.storage.atomic import user_path
from trajkit.storage.store import PROBE_FILE
from trajkit.zoo.data import Data, load_data
from trajkit.zoo.grid import Grid, GridError, check, read_grid
from trajkit.zoo.outcomes import STATES, Outcome, Plan, read_outcomes, write_outcome
from trajkit.zoo.pool import in_client, in_processes
from trajkit.zoo.run_job import record_at, run_job
from trajkit.zoo.settings import Settings
from trajkit.zoo.train_seeds_together import FEWEST_SEEDS, can_train_together

# A run fits its training set if its error there is below this.
FITTED = 0.1


@renamed(progress="progress_bar")
def train(
    grid: Grid | str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    workers: int | None = None,
    device: str = "cpu",
    size: str | None = None,
    data: str | os.PathLike[str] | None = None,
    client: Any = None,
    progress_bar: bool = True,
) -> pd.DataFrame:
    """Train the networks of a grid and record their trajectories.

    Finished runs are skipped, including those that diverged; a run that was killed or that crashed begins again. The
    folder is a store that `tk.load` reads, with the outcome of each run in `outcomes`.

    Parameters
    ----------
    grid
        A TOML file, the name of a grid that comes with trajkit, or a `Grid`.
    out
        Folder of the runs, made if it does not exist.
    workers
        Number of processes of one thread each; 0 trains in this process. By default one for each core, or one on a GPU.
    device
        "cpu" or "cuda".
    size
        "paper" or "small"; by default the size that the grid names. Not for a `Grid`.
    data
        Folder of the files of the data. Not for a `Grid`.
    client
        A `dask.distributed.Client` whose workers train instead; they must have access to `out` and `data`.
    progress_bar
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row for each run of the grid: its settings, `state`, `train_error`, `test_error`, `seconds` and `reason`.

    Raises
    ------
    GridError
        Before training, if a name is unknown, a combination is impossible, or the folder holds other runs.
    SchemaError
        Before training, if the folder holds runs on other samples.
    OSError
        Before training, if the disk has no room for the recordings.
    RuntimeError
        If `device` is "cuda" and there is no GPU, or no process can be started.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> from trajkit.zoo import DataSettings
    >>> settings = tuple(Settings("linear", "sgd", 0.1, seed=seed, epochs=1) for seed in range(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = train(Grid("two", DataSettings("digits"), settings, 5), out=folder, workers=0, progress_bar=False)
    ...     sizes = dict(tk.load(folder).sizes)
    >>> table.state.tolist(), sizes
    (['trained', 'trained'], {'run': 2, 'checkpoint': 5, 'sample': 200, 'class': 10})
    """
    grid, plan, jobs = prepare(grid, out=out, device=device, size=size, data=data)
    finished = len(grid.runs) - sum(map(len, jobs))
    if client is not None:
        carry_out = partial(in_client, executor=client.get_executor(pure=False))
    else:
        carry_out = partial(in_processes, workers=workers if workers is not None else _workers(device))
    with tqdm(
        total=len(grid.runs), initial=finished, desc=grid.name, unit="run", smoothing=0, disable=not progress_bar,
    ) as bar:  # fmt: skip
        failed = 0
        for job, outcomes in carry_out(partial(run_job, plan=plan), jobs):
            if isinstance(outcomes, BaseException):
                outcomes = _died(job, plan, outcomes)
            failed += sum(outcome["state"] != "trained" for outcome in outcomes)
            bar.set_postfix(failed=failed, refresh=False)
            bar.update(len(job))
    return run_outcomes(grid, plan)


def prepare(
    grid: Grid | str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    device: str = "cpu",
    size: str | None = None,
    data: str | os.PathLike[str] | None = None,
) -> tuple[Grid, Plan, list[tuple[Settings, ...]]]:
    """Read the grid, check all that can be checked before training, and divide the unfinished runs into jobs."""
    if not isinstance(grid, Grid):
        grid = read_grid(grid, size=size, data=data)
    elif size or data:
        raise TypeError("size and data belong to a file: pass them to read_grid, or pass the name of a grid to train")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device {device!r}: wanted 'cpu' or 'cuda'")
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device 'cuda': torch finds no GPU: install torch with CUDA, or choose device 'cpu'")
    held = load_data(grid.data, device)
    check(grid, held)
    plan = Plan(
        grid.name, replace(grid.data, description=held.description), grid.checkpoints, str(user_path(out)), device,
        grid.follows,
    )  # fmt: skip
    pending = _pending(grid, plan, held)
    _check_space(pending, plan, held)
    return grid, plan, divide(pending, prod(held.shape))


def divide(runs: Sequence[Settings], features: int) -> list[tuple[Settings, ...]]:
    """Divide runs into jobs: seeds that are trained together are one job.

    The order of the jobs is random, so that the time left can be estimated from those done: slow and fast jobs mix.

    Examples
    --------
    >>> runs = [Settings(a, "sgd", 0.1, seed=seed) for a in ("fc", "vit") for seed in range(4)]
    >>> sorted(len(job) for job in divide(runs, features=64))
    [1, 1, 1, 1, 4]
    """
    jobs: list[tuple[Settings, ...]] = []
    for _, group in groupby(sorted(runs, key=_but_seed), key=_but_seed):
        seeds = tuple(group)
        together = len(seeds) >= FEWEST_SEEDS and can_train_together(seeds[0], features)
        jobs += [seeds] if together else [(s,) for s in seeds]
    random.Random(0).shuffle(jobs)
    return jobs


def run_outcomes(grid: Grid, plan: Plan) -> pd.DataFrame:
    """List the outcome of each run of the grid; the state of a run that has not ended is "pending"."""
    outcomes = read_outcomes(Path(plan.out))
    columns = {"state": "pending", "train_error": None, "test_error": None, "seconds": None, "reason": ""}
    rows = [
        {"run": s.run, **asdict(s)}
        | {name: outcomes.get(s.run, {}).get(name, missing) for name, missing in columns.items()}
        for s in grid.runs
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(("train_error", "test_error", "seconds"), float)).set_index("run")


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Count the runs of each architecture by state, and those that fit their training set (error below 0.1).

    Parameters
    ----------
    table
        The table of runs that `train` returns.

    Returns
    -------
    pandas.DataFrame
        One row for each architecture and one for all.

    Examples
    --------
    >>> table = pd.DataFrame({"architecture": ["fc", "fc"], "state": ["trained", "crashed"], "train_error": [0.0, None],
    ...                       "seconds": [3.0, 1.0]})
    >>> summary(table)
                  runs  trained  diverged  crashed  fitted  minutes
    architecture
    fc               2        1         0        1       1      0.1
    all              2        1         0        1       1      0.1
    """
    columns = {"runs": pd.Series(1, table.index)}
    columns |= {state: (table.state == state).astype(int) for state in STATES}
    columns |= {"fitted": (table.train_error < FITTED).astype(int), "minutes": table.seconds.fillna(0) / 60}
    counts = pd.DataFrame(columns).groupby(table.architecture).sum()
    counts.loc["all"] = counts.sum()
    return counts.astype(dict.fromkeys(["runs", *STATES, "fitted"], int)).round({"minutes": 1})


def _pending(grid: Grid, plan: Plan, data: Data) -> list[Settings]:
    """List the unfinished runs; refuse a folder with other runs, or one into which another process trains."""
    out = Path(plan.out)
    outcomes = read_outcomes(out)
    wanted = {s.run: {"settings": asdict(s), **plan.describe()} for s in grid.runs}
    problems = []
    for name, want in wanted.items():
        held = outcomes.get(name, {})
        if other := [key for key, value in want.items() if held and held.get(key) != value]:
            problems.append(f"{out} holds a run {name!r} with other {', '.join(other)}: choose another folder")
    if problems:
        raise GridError(problems)
    # `create` refuses another probe: better here once than in every run.
    if (out / PROBE_FILE).exists() and "recording" in set(Store.create(out, data.probe).table()["state"]):
        raise GridError([f"another process trains into {out}: wait for it, or choose another folder"])
    return [s for s in grid.runs if outcomes.get(s.run, {}).get("state") not in ("trained", "diverged")]


def _check_space(pending: Sequence[Settings], plan: Plan, data: Data) -> None:
    checkpoints = sum(len(record_at(s, len(data.train), plan.checkpoints).steps) for s in pending)
    needed = checkpoints * len(data.probe) * len(data.probe.classes) * 4 + 20_000 * len(pending)
    folder = Path(plan.out).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{len(pending)} runs need {needed / 1e6:.0f} MB in {plan.out}, but {free / 1e6:.0f} MB are free: "
            "make room, or choose another folder, fewer checkpoints or a smaller probe"
        )


def _died(job: Sequence[Settings], plan: Plan, error: BaseException) -> list[Outcome]:
    """Write the outcome of runs whose process died before it could."""
    outcome: Outcome = {
        "state": "crashed",
        "reason": f"its process died ({type(error).__name__}: {error}): it may have been killed for lack of memory",
    }
    for settings in job:
        write_outcome(settings, plan, outcome)
    return [outcome] * len(job)


def _but_seed(settings: Settings) -> str:
    return replace(settings, seed=0, init_seed=None, order_seed=None).run


def _workers(device: str) -> int:
    return 1 if device == "cuda" else os.cpu_count() or 1
