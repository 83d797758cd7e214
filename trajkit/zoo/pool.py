"""Many tasks on the cores of one machine, or on a dask cluster: one that dies does not take the others with it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import torch

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(
    task: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result | BaseException]]:
    """Carry out `task` for all jobs in `workers` processes of one thread each, yielding each as it ends.

    A process that dies (killed for memory, say) takes its whole pool with it and does not say which job it was at. It
    was one of the first that are unfinished: these are tried again, each alone, before the rest goes on together.

    Parameters
    ----------
    task
        A function that processes can import; an exception that it raises is yielded in place of its result.
    jobs, workers
        What to do, and the number of processes; 0 does it in this one.

    Raises
    ------
    RuntimeError
        If no process can be started, as from a script without the guard `if __name__ == "__main__":`.
    """
    if not workers:
        yield from _here(task, jobs)
        return
    pending = list(jobs)
    while pending:
        unfinished = []
        for job, outcome in _in_pool(task, pending, workers):
            if isinstance(outcome, BrokenProcessPool):
                unfinished.append(job)
            else:
                yield job, outcome
        unfinished.sort(key=pending.index)
        suspects, pending = unfinished[:workers], unfinished[workers:]
        for suspect in suspects:
            yield from _in_pool(task, [suspect], 1)


def in_client(
    task: Callable[[Job], Result], jobs: Sequence[Job], executor: Executor
) -> Iterator[tuple[Job, Result | BaseException]]:
    """Carry out `task` for all jobs on the workers of a `dask.distributed` client, given as `client.get_executor()`."""
    yield from _submitted(task, jobs, executor)


def _here(task: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for job in jobs:
            yield job, task(job)
    finally:
        torch.set_num_threads(threads)


def _in_pool(
    task: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result | BaseException]]:
    # spawn: a forked process inherits locks held by torch's threads, and may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_start_worker)
    try:
        # The first task does nothing: if even that breaks the pool, it is not for a job's sake.
        if isinstance(pool.submit(os.getpid).exception(), BrokenProcessPool):
            raise RuntimeError(
                "no process could be started; a script that trains needs the guard `if __name__ == '__main__':`, "
                "because every process imports it first"
            )
        yield from _submitted(task, jobs, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _submitted(
    task: Callable[[Job], Result], jobs: Sequence[Job], executor: Executor
) -> Iterator[tuple[Job, Result | BaseException]]:
    futures: dict[Future[Result], Job] = {}
    for job in jobs:
        try:
            futures[executor.submit(task, job)] = job
        except BrokenProcessPool as error:  # it broke while we were still handing out jobs
            yield job, error
    for future in as_completed(futures):
        yield futures[future], future.exception() or future.result()


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
