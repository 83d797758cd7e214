"""Training all runs of a grid: checked before it starts, resumed after an interruption, summed up in a table."""

from __future__ import annotations

import math
import os
import random
import shutil
import time
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
from trajkit.zoo.time_limit import TimeLimit
from trajkit.zoo.train_seeds_together import FEWEST_SEEDS, can_train_together

_NUMBERS = ("train_error", "test_error", "seconds", "images")
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
    minutes: float | None = None,
    compile: bool = False,
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
        Number of processes of one thread each; 0 trains in this process. By default one for each core; on a GPU four,
        which share it: a small network uses a small part of a GPU, and waits for the launches of its kernels.
    device
        "cpu" or "cuda".
    size
        "paper" or "small"; by default the size that the grid names. Not for a `Grid`.
    data
        Folder of the files of the data. Not for a `Grid`.
    client
        A `dask.distributed.Client` whose workers train instead; they must have access to `out` and `data`.
    minutes
        When to stop, counted from the call. No job starts that would not end in time, and what is not finished then
        stays pending. Runs are trained in the order of the grid, and without `minutes` in a random order.
    compile
        Whether `torch.compile` makes the passes of networks that are trained alone. It takes up to minutes for each
        network, and pays for long trainings on a GPU.
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
    end = math.inf if minutes is None else time.time() + 60 * minutes
    grid, plan, jobs = prepare(grid, out=out, device=device, size=size, data=data, compile=compile, end=end)
    finished = len(grid.runs) - sum(map(len, jobs))
    limit = TimeLimit(len(load_data(grid.data, device).train), end)
    if client is not None:
        threads = sum(client.nthreads().values())
        carry_out = partial(in_client, executor=client.get_executor(pure=False), workers=threads)
    else:
        carry_out = partial(in_processes, workers=workers if workers is not None else _workers(device))
    with tqdm(
        total=len(grid.runs), initial=finished, desc=grid.name, unit="run", smoothing=0, disable=not progress_bar,
    ) as bar:  # fmt: skip
        failed = 0
        for job, outcomes in carry_out(partial(run_job, plan=plan), jobs, may_start=limit.allows):
            if isinstance(outcomes, BaseException):
                outcomes = _died(job, plan, outcomes)
            if outcomes is None:
                continue
            limit.learn(job, sum(outcome.get("seconds", 0) for outcome in outcomes))
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
    compile: bool = False,
    end: float = math.inf,
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
        grid.follows, compile, end,
    )  # fmt: skip
    pending = _pending(grid, plan, held)
    _check_space(pending, plan, held)
    return grid, plan, divide(pending, prod(held.shape), in_order=end < math.inf)


def divide(runs: Sequence[Settings], features: int, *, in_order: bool = False) -> list[tuple[Settings, ...]]:
    """Divide runs into jobs: seeds that are trained together are one job.

    The order of the jobs is random, so that the time left can be estimated from those done: slow and fast jobs mix. Or
    it is that of the runs, so that what has been trained at any time is the beginning of the grid.

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
    if in_order:
        place = {settings: number for number, settings in enumerate(runs)}
        return sorted(jobs, key=lambda job: place[job[0]])
    random.Random(0).shuffle(jobs)
    return jobs


def run_outcomes(grid: Grid, plan: Plan) -> pd.DataFrame:
    """List the outcome of each run of the grid; the state of a run that has not ended is "pending"."""
    outcomes = read_outcomes(Path(plan.out))
    columns = dict.fromkeys(_NUMBERS) | {"state": "pending", "reason": ""}
    rows = [
        {"run": s.run, **asdict(s)}
        | {name: outcomes.get(s.run, {}).get(name, missing) for name, missing in columns.items()}
        for s in grid.runs
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(_NUMBERS, float)).set_index("run")


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Count the runs of each architecture by state, and those that fit their training set (error below 0.1).

    Parameters
    ----------
    table
        The table of runs that `train` returns.

    Returns
    -------
    pandas.DataFrame
        One row for each architecture and one for all. The errors are means over the runs that were trained, and
        `images_per_second` is the rate at which one process trains, recording included.

    Examples
    --------
    >>> table = pd.DataFrame({"architecture": ["fc", "fc"], "state": ["trained", "crashed"], "train_error": [0.0, None],
    ...                       "test_error": [0.1, None], "seconds": [3.0, 1.0], "images": [6000, None]})
    >>> summary(table).T
    architecture           fc     all
    runs                  2.0     2.0
    trained               1.0     1.0
    diverged              0.0     0.0
    crashed               1.0     1.0
    fitted                1.0     1.0
    minutes               0.1     0.1
    train_error           0.0     0.0
    test_error            0.1     0.1
    images_per_second  2000.0  2000.0
    """
    rows = {name: _summed_up(runs) for name, runs in table.groupby("architecture")} | {"all": _summed_up(table)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("architecture")


def _summed_up(runs: pd.DataFrame) -> dict[str, int | float]:
    trained = runs[runs.state == "trained"]
    timed = trained[trained.images.notna()]  # trajkit 0.1 did not note how many images a run saw
    return {
        "runs": len(runs),
        **{state: int((runs.state == state).sum()) for state in STATES},
        "fitted": int((runs.train_error < FITTED).sum()),
        "minutes": round(runs.seconds.sum() / 60, 1),
        "train_error": round(trained.train_error.mean(), 3),
        "test_error": round(trained.test_error.mean(), 3),
        "images_per_second": round(timed.images.sum() / timed.seconds.sum(), 0) if len(timed) else math.nan,
    }


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
    return 4 if device == "cuda" else os.cpu_count() or 1
