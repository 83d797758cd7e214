"""Recording trajectories from saved weights, after the training."""

from __future__ import annotations

import glob
import os
import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from trajkit.progress_bar import open_bar
from trajkit.recording.identify import identify
from trajkit.recording.recorder import Recorder
from trajkit.recording.typing import Predict
from trajkit.storage import Probe, Store
from trajkit.storage.atomic import user_path
from trajkit.storage.run_file import Run

# A place of saved weights: a file, a folder, or a name that the loader understands, such as a revision.
Place = str | os.PathLike[str]
Attributes = Mapping[str, Any] | str

RECORDED, HELD, SKIPPED, DIVERGED = "recorded", "held", "skipped", "diverged"


def step_in_name(path: Place) -> int:
    """Read the step of a checkpoint: the last whole number in its name, without the suffix.

    Examples
    --------
    >>> [step_in_name(name) for name in ("runs/checkpoint-500", "epoch=3-step=0400.ckpt", "model_12.pt", "step1000")]
    [500, 400, 12, 1000]
    """
    name = os.path.basename(os.path.normpath(os.fspath(path)))
    numbers = re.findall(r"\d+", re.sub(r"\.[A-Za-z]\w*$", "", name))
    if not numbers:
        raise ValueError(f"no number in the name {name!r}: pass step=, a function of a path that gives its step")
    return int(numbers[-1])


def record_checkpoints(
    paths: Place | Iterable[Place],
    load: Callable[[Any], Any],
    probe: Probe,
    into: str | os.PathLike[str],
    *,
    run: Attributes | Callable[[Any], Attributes],
    step: Callable[[Any], int] = step_in_name,
    predict: Predict | None = None,
    output: str | None = None,
    batch_size: int = 512,
    workers: int = 0,
    skip_unreadable: bool = False,
    progress_bar: bool | None = None,
) -> pd.DataFrame:
    """Record the trajectories of trainings from the checkpoints that they saved.

    Checkpoints are sorted by step, as numbers. Those that the store holds are not loaded again, so a call that was
    interrupted goes on where it stopped, and checkpoints saved since then are added.

    Parameters
    ----------
    paths
        Saved checkpoints, in any order: files, folders, or names such as revisions of a repository. A text with "*" or
        "?" is a pattern; a single folder stands for all that is in it.
    load
        A function that gets one of `paths` and gives the model, such as `tk.integrations.TorchWeights(build)` or
        `keras.models.load_model`.
    probe
        The inputs on which the model is asked for predictions. All runs of a store share one probe.
    into
        Folder of the store; it is made if it does not exist.
    run
        Attributes of the run as for `Recorder`, or a function of a path that gives them: paths with the same
        attributes are checkpoints of one run.
    step
        A function of a path that gives its step. By default the step is the last whole number in its name.
    predict, output, batch_size
        As for `Recorder`.
    workers
        Number of processes, each of which records one run at a time; 0 records in this process. Other processes import
        `load`, `run` and `predict`: they must be functions of a module, not of a notebook.
    skip_unreadable
        Whether to leave out checkpoints for which `load` fails. By default that is an error.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    pandas.DataFrame
        One row for each checkpoint, by run and step: `path`, `state` ("recorded", "held" by the store already,
        "diverged" from the first checkpoint whose predictions are NaN on, or "skipped") and the `reason`.

    Raises
    ------
    FileNotFoundError
        If a pattern or a folder has no checkpoints.
    ValueError
        Before anything is loaded: if a name holds no step, two checkpoints of a run have the same step, or the store
        holds later steps of the run than a checkpoint that it lacks; also if `load` cannot be sent to other processes.
    RuntimeError
        If `load` fails. Checkpoints recorded before are kept.

    Examples
    --------
    >>> import tempfile, numpy as np, trajkit as tk
    >>> probe = tk.Probe(np.eye(2), label=[0, 1])
    >>> def load(path):
    ...     weights = np.load(path)
    ...     return lambda inputs: inputs @ weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for step in (0, 5, 10):
    ...         np.save(f"{folder}/step{step}.npy", step * np.eye(2))
    ...     table = tk.record_checkpoints(f"{folder}/*.npy", load, probe, f"{folder}/store", run=dict(seed=0))
    ...     steps = tk.load(f"{folder}/store").step.values
    >>> steps, table.state.tolist()
    (array([[ 0,  5, 10]]), ['recorded', 'recorded', 'recorded'])
    """
    jobs = _jobs(_places(paths), run, step, {one.name: one for one in Store.create(into, probe).runs()})
    how = _How(load, probe, into, predict, output, batch_size, skip_unreadable)
    rows: list[tuple[str, int, str, str, str]] = []
    with open_bar(sum(len(job.pending) for job in jobs), "checkpoints", progress_bar) as bar:
        for job, states in _carry_out(how, jobs, workers, bar.update):
            rows += [(job.name, step, os.fspath(path), *states.get(step, (HELD, ""))) for step, path in job.places]
    table = pd.DataFrame(rows, columns=["run", "step", "path", "state", "reason"])
    return table.set_index(["run", "step"]).sort_index()


@dataclass(frozen=True)
class _Job:
    """The checkpoints of one run, by step, and those that the store lacks."""

    name: str
    attributes: Attributes
    places: list[tuple[int, Place]]
    pending: list[tuple[int, Place]]


@dataclass(frozen=True)
class _How:
    """What all runs share."""

    load: Callable[[Any], Any]
    probe: Probe
    into: str | os.PathLike[str]
    predict: Predict | None
    output: str | None
    batch_size: int
    skip_unreadable: bool


def _places(paths: Place | Iterable[Place]) -> list[Place]:
    if not isinstance(paths, str | os.PathLike):
        return list(paths)
    text = str(user_path(paths))
    if glob.has_magic(text):
        found = sorted(glob.glob(text))
    elif Path(text).is_dir():
        found = sorted(str(path) for path in Path(text).iterdir() if not path.name.startswith("."))
    else:
        return [paths]
    if not found:
        raise FileNotFoundError(f"no checkpoints in {text}: wanted a folder or a pattern such as 'runs/*.pt'")
    return list(found)


def _jobs(
    places: list[Place],
    run: Attributes | Callable[[Any], Attributes],
    step: Callable[[Any], int],
    held: Mapping[str, Run],
) -> list[_Job]:
    """Sort the checkpoints of each run by step; list all problems at once."""
    problems: list[str] = []
    runs: dict[str, tuple[Attributes, dict[int, Place]]] = {}
    for place in places:
        attributes = run(place) if callable(run) else run
        name, _ = identify(attributes)
        _, steps = runs.setdefault(name, (attributes, {}))
        try:
            at = int(step(place))
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if at < 0:
            problems.append(f"{place}: step {at}: wanted steps from 0 on")
        if at in steps:
            problems.append(f"run {name!r}: {steps[at]} and {place} both have step {at}: pass step= or run=")
        steps[at] = place
    jobs = []
    for name, (attributes, steps) in runs.items():
        known = set(held[name].checkpoints["step"].tolist()) if name in held else set()
        # Nothing is recorded of a run after it diverged.
        end = held[name].diverged_at if name in held else None
        ordered = sorted(steps.items())
        pending = [(at, place) for at, place in ordered if at not in known and (end is None or at < end)]
        if late := [at for at, _ in pending if at < max(known, default=-1)]:
            problems.append(
                f"run {name!r}: the store holds steps up to {max(known)} but not {late[:5]}, and steps cannot be put "
                "between: record into another folder"
            )
        jobs.append(_Job(name, attributes, ordered, pending))
    if problems:
        raise ValueError("record_checkpoints: " + "; ".join(problems))
    return jobs


States = dict[int, tuple[str, str]]


def _carry_out(how: _How, jobs: list[_Job], workers: int, done: Callable[[int], Any]) -> Iterator[tuple[_Job, States]]:
    if not workers:
        for job in jobs:
            yield job, _record(how, job, done)
        return
    try:
        pickle.dumps((how.load, how.predict))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"load and predict cannot be sent to other processes ({error}): use functions of a module, or workers=0"
        ) from error
    # Not fork: a forked process inherits the locks of torch's threads, and may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [(job, pool.submit(_record, how, job)) for job in jobs]
        try:
            for job, future in futures:
                yield job, future.result()
                done(len(job.pending))
        finally:
            # After an error or Ctrl-C, runs that have not begun do not begin.
            pool.shutdown(cancel_futures=True)


def _record(how: _How, job: _Job, done: Callable[[int], Any] = lambda _: None) -> States:
    """Record the checkpoints of one run that the store lacks."""
    states: States = {}
    if not job.pending:
        return states
    options = {"predict": how.predict, "output": how.output, "batch_size": how.batch_size}
    with Recorder(how.into, how.probe, job.attributes, resume=True, **options) as record:  # type: ignore[arg-type]
        for step, path in job.pending:
            done(1)
            if record.diverged_at is not None:
                states[step] = DIVERGED, f"the run diverged at step {record.diverged_at}"
                continue
            try:
                model = how.load(path)
            # The loader is the user's: whatever it raises is about this checkpoint, which the message names.
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                if not how.skip_unreadable:
                    raise RuntimeError(f"{path}: load failed with {reason}") from error
                states[step] = SKIPPED, reason
            else:
                record(model, step)
                states[step] = (RECORDED, "") if record.diverged_at is None else (DIVERGED, "predictions are NaN")
    return states
