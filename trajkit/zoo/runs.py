"""Many training runs on the cores of one machine: kept as they finish, resumed after a kill, failures named."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from trajkit.zoo.training import Settings

Task = Callable[[Settings], NDArray[Any]]


def kept_file(folder: Path, settings: Settings, *also: object) -> Path:
    """Name the file in which the result of one run is kept.

    The name depends on all that the result depends on: the settings, `also`, the version of torch and the zoo's own
    source, so that a result of other settings or of an older program is never taken for this one.

    Examples
    --------
    >>> settings = Settings("linear", "sgd", 0.1, seed=0)
    >>> kept_file(Path("runs"), settings) == kept_file(Path("runs"), Settings("linear", "sgd", 0.1, seed=0, epochs=1))
    False
    """
    program = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
    key = hashlib.sha256(repr((settings, also, torch.__version__)).encode() + program).hexdigest()
    return folder / f"{settings.run}-{key[:16]}.npy"


def finish(task: Task, files: Mapping[Settings, Path], *, workers: int) -> dict[str, str]:
    """Carry out `task` for all settings whose file is not there yet, in `workers` processes of one thread each.

    A file appears under its name only once it is whole, so that whatever was killed goes on where it stopped. A run
    that raises, or whose process dies, does not stop the others.

    Parameters
    ----------
    task
        Makes the result of one run; a function that processes can import.
    files
        The settings of each run and where its result is kept.
    workers
        Number of processes.

    Returns
    -------
    dict
        The runs that failed and why; all others have their files.

    Raises
    ------
    RuntimeError
        If no process can be started, as from a script without the guard `if __name__ == "__main__":`.
    """
    failed: dict[str, str] = {}
    with tqdm(total=len(files), desc="training", unit="run") as bar:
        pending = [settings for settings, path in files.items() if not path.exists()]
        bar.update(len(files) - len(pending))
        for settings, reason in _outcomes(task, pending, files, workers):
            if reason is not None:
                failed[settings.run] = reason
            bar.set_postfix(failed=len(failed), refresh=False)
            bar.update()
    return failed


def _outcomes(
    task: Task, pending: list[Settings], files: Mapping[Settings, Path], workers: int
) -> Iterator[tuple[Settings, str | None]]:
    """Yield each run as it ends, with the reason if it failed.

    A process that dies (killed for memory, say) takes its whole pool with it and does not say which run it was at.
    It was one of the first that are unfinished: these are tried again, each alone, before the rest goes on together.
    """
    while pending:
        ended = set()
        for settings, future in _in_pool(task, pending, files, workers):
            if not isinstance(future.exception(), BrokenProcessPool):
                ended.add(settings)
                yield settings, _reason(future)
        unfinished = [settings for settings in pending if settings not in ended]
        suspects, pending = unfinished[:workers], unfinished[workers:]
        for suspect in suspects:
            for settings, future in _in_pool(task, [suspect], files, 1):
                yield settings, _reason(future)


def _in_pool(
    task: Task, pending: list[Settings], files: Mapping[Settings, Path], workers: int
) -> Iterator[tuple[Settings, Future[None]]]:
    # spawn: a forked process inherits locks held by torch's threads, and may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(pending)), mp_context=context, initializer=_start_worker)
    try:
        # The first task does nothing: if even that breaks the pool, it is not for a run's sake.
        start = pool.submit(os.getpid)
        futures = {pool.submit(_keep, task, settings, files[settings]): settings for settings in pending}
        if isinstance(start.exception(), BrokenProcessPool):
            raise RuntimeError(
                "no process could be started; a script that trains needs the guard `if __name__ == '__main__':`, "
                "because every process imports it first"
            )
        for future in as_completed(futures):
            yield futures[future], future
    finally:
        pool.shutdown(cancel_futures=True)


def _reason(future: Future[None]) -> str | None:
    error = future.exception()
    if error is None:
        return None
    if isinstance(error, BrokenProcessPool):
        return "its process died: killed, perhaps for want of memory"
    return f"{type(error).__name__}: {error}"


def _keep(task: Task, settings: Settings, path: Path) -> None:
    """Carry out one run, in a worker; its file is written under another name and then renamed."""
    result = task(settings)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        np.save(file, result)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _start_worker() -> None:
    # One thread: the processes share the cores, and sums in another order would change the last digits.
    torch.set_num_threads(1)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """End this process when its parent does: a pool whose parent was killed waits for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
